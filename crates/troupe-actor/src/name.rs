//! A name where it is looked for: in place as long as it is short, so that to compare it costs no further
//! look into memory.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Names up to this many bytes lie in place.
const SHORT: usize = 22;

/// The bytes of a name.
#[derive(Debug)]
pub(crate) enum Name {
    Short(u8, [u8; SHORT]),
    /// Shared with whoever else holds it.
    Long(Arc<str>),
}

impl Name {
    pub fn new(name: &Arc<str>) -> Self {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..name.len()) {
            Some(place) => {
                place.copy_from_slice(name.as_bytes());
                Self::Short(name.len() as u8, bytes)
            }
            None => Self::Long(Arc::clone(name)),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(name) => name.as_bytes(),
        }
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// As its bytes, which it is looked for by.
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

#[cfg(test)]
mod tests {
    use std::borrow::Borrow;
    use std::hash::{BuildHasher, RandomState};
    use std::sync::Arc;

    use super::{Name, SHORT};

    #[test]
    fn it_is_its_bytes_whatever_their_number() {
        let hasher = RandomState::new();
        for len in [0, 1, SHORT - 1, SHORT, SHORT + 1, 255] {
            let text: Arc<str> = "x".repeat(len).into();
            let name = Name::new(&text);
            let bytes: &[u8] = name.borrow();
            assert_eq!(bytes, text.as_bytes());
            assert_eq!(matches!(name, Name::Short(..)), len <= SHORT);
            assert_eq!(hasher.hash_one(&name), hasher.hash_one(text.as_bytes()), "found by its bytes");
            assert_eq!(name, Name::new(&text));
            assert_ne!(name, Name::new(&"y".repeat(len + 1).into()));
        }
    }
}
