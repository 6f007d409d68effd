//! Reads what a component is made of before it is compiled: the size class of its memories is an
//! input of the compiler, so it has to be known first.
//!
//! Bytes in, [`Geometry`] out, or a sentence that says what the bytes are instead. The engine's own
//! count ([`wasmtime::component::Component::resources_required`]) is compared afterwards.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentTypeRef, Encoding, Parser,
    Payload, TypeRef,
};

use crate::direct::Shape;
use crate::error::HostError;

/// Bytes of a page where a memory does not say otherwise.
const PAGE: u64 = 64 << 10;

/// What a component is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Geometry {
    /// Core modules defined in it, nested ones included.
    pub modules: u32,
    /// Memories defined by those modules.
    pub memories: u32,
    /// Bytes of the largest memory at its beginning.
    pub memory_initial: u64,
    /// Bytes the largest memory may grow to; `None` when one says no maximum.
    pub memory_maximum: Option<u64>,
    /// Some memory may grow.
    pub memory_grows: bool,
    /// Tables defined by those modules.
    pub tables: u32,
    /// Elements of the largest table at its beginning.
    pub table_initial: u64,
    /// Some table may grow.
    pub table_grows: bool,
    /// Some module runs code when it is instantiated.
    pub runs_code_at_start: bool,
    /// The export `handle` frees its result before the caller can look at it.
    pub handle_has_post_return: bool,
    /// Names of the imports.
    pub imports: Vec<String>,
    /// Names of the exports.
    pub exports: Vec<String>,
    /// What it is called by where it is one core module and nothing else.
    pub(crate) shape: Option<Shape>,
}

impl Geometry {
    /// Reads a component.
    ///
    /// # Errors
    /// [`HostError::ComponentInvalid`] with what was found instead.
    pub fn read(bytes: &[u8]) -> Result<Self, HostError> {
        check_header(bytes)?;
        let mut scan = Scan::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(|error| scan.broken(bytes, &error))?;
            scan.take(payload).map_err(|error| scan.broken(bytes, &error))?;
        }
        let mut found = scan.finish()?;
        if found.modules == 1 && found.imports.is_empty() {
            found.shape = Shape::of(bytes);
        }
        Ok(found)
    }
}

/// Tells apart what people pass by mistake.
fn check_header(bytes: &[u8]) -> Result<(), HostError> {
    if bytes.is_empty() {
        return Err(HostError::invalid("the file is empty; a WebAssembly component was expected"));
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(HostError::invalid(format!(
            "not WebAssembly: the bytes begin with {}, a component begins with 00 61 73 6d (\\0asm)",
            hex_prefix(bytes)
        )));
    }
    if bytes.len() < 8 {
        return Err(HostError::invalid(format!("truncated: only {} bytes of a WebAssembly file", bytes.len())));
    }
    if Parser::is_core_wasm(bytes) {
        return Err(HostError::invalid(
            "this is a core WebAssembly module, not a component; wrap it with `wasm-tools component new`",
        ));
    }
    if !Parser::is_component(bytes) {
        return Err(HostError::invalid("this WebAssembly file is of a version that is not known"));
    }
    Ok(())
}

fn hex_prefix(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    shown.join(" ")
}

#[derive(Default)]
struct Scan {
    out: Geometry,
    /// How deep in nested components and modules the reader is; zero is the component itself.
    depth: u32,
    /// For each function of the component itself: whether it has a post-return, if that is known.
    funcs: Vec<Option<bool>>,
    any_post_return: bool,
    has_handle: bool,
    memory_unbounded: bool,
    memory_maximum: u64,
}

impl Scan {
    fn broken(&self, bytes: &[u8], error: &wasmparser::BinaryReaderError) -> HostError {
        let text = error.message();
        if text.contains("unexpected end") {
            HostError::invalid(format!(
                "truncated: the component ends after {} bytes in the middle of a section",
                bytes.len()
            ))
        } else {
            HostError::invalid(format!("not a valid component: {text} at byte {}", error.offset()))
        }
    }

    fn take(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => self.out.modules += 1,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.depth += 1,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::StartSection { .. } | Payload::ComponentStartSection { .. } => self.out.runs_code_at_start = true,
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memory(&memory?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.table(&table?.ty);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    // An imported memory or table is another module's; it is counted there.
                    let _: TypeRef = import?.ty;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    self.canonical(&function?);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(&alias?);
                }
            }
            Payload::ComponentImportSection(section) if self.depth == 0 => {
                for import in section {
                    let import = import?;
                    if matches!(import.ty, ComponentTypeRef::Func(_)) {
                        self.funcs.push(None);
                    }
                    self.out.imports.push(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if self.depth == 0 => {
                for export in section {
                    let export = export?;
                    self.export(export.name.name, export.kind, export.index);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn memory(&mut self, memory: &wasmparser::MemoryType) {
        let page = memory.page_size_log2.map_or(PAGE, |log| 1u64.checked_shl(log).unwrap_or(PAGE));
        let initial = memory.initial.saturating_mul(page);
        self.out.memories += 1;
        self.out.memory_initial = self.out.memory_initial.max(initial);
        match memory.maximum {
            Some(maximum) => {
                let maximum = maximum.saturating_mul(page);
                self.out.memory_grows |= maximum > initial;
                self.memory_maximum = self.memory_maximum.max(maximum);
            }
            None => {
                self.out.memory_grows = true;
                self.memory_unbounded = true;
            }
        }
    }

    fn table(&mut self, table: &wasmparser::TableType) {
        self.out.tables += 1;
        self.out.table_initial = self.out.table_initial.max(table.initial);
        self.out.table_grows |= table.maximum.is_none_or(|maximum| maximum > table.initial);
    }

    fn canonical(&mut self, function: &CanonicalFunction) {
        if let CanonicalFunction::Lift { options, .. } = function {
            let post_return = options.iter().any(|option| matches!(option, CanonicalOption::PostReturn(_)));
            self.any_post_return |= post_return;
            if self.depth == 0 {
                self.funcs.push(Some(post_return));
            }
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        if let ComponentAlias::InstanceExport { kind: ComponentExternalKind::Func, .. } = alias
            && self.depth == 0
        {
            self.funcs.push(None);
        }
    }

    fn export(&mut self, name: &str, kind: ComponentExternalKind, index: u32) {
        self.out.exports.push(name.to_owned());
        if kind != ComponentExternalKind::Func {
            return;
        }
        let known = self.funcs.get(index as usize).copied().flatten();
        if name == "handle" {
            self.has_handle = true;
            // What cannot be traced is taken for the dangerous case.
            self.out.handle_has_post_return = known.unwrap_or(self.any_post_return);
        }
        self.funcs.push(known);
    }

    fn finish(mut self) -> Result<Geometry, HostError> {
        if !self.has_handle {
            let found = if self.out.exports.is_empty() {
                "nothing".to_owned()
            } else {
                format!("`{}`", self.out.exports.join("`, `"))
            };
            return Err(HostError::invalid(format!(
                "the component does not export `handle: func(turn: list<u8>) -> list<u8>`; it exports {found}"
            )));
        }
        if !self.memory_unbounded {
            self.out.memory_maximum = Some(self.memory_maximum);
        }
        Ok(self.out)
    }
}
