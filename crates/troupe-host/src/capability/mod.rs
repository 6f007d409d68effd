//! What a component may import, one file per group of imports. Closed by default.

pub(crate) mod wasi;
