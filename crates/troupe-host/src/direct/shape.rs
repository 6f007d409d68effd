//! Recognises components that are one core module behind lifts and nothing else: what hand-written
//! guests and small languages come to.
//!
//! Whatever is not recognised is no mistake: it goes the engine's own way, which has words for mistakes.

use std::ops::Range;

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentDefinedType, ComponentExternalKind, ComponentFuncType,
    ComponentType, ComponentValType, ExternalKind, Instance, Parser, Payload, PrimitiveValType,
};

/// Where the one module of a component lies, and the names of what the component takes from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of the component that are the module.
    pub(crate) module: Range<usize>,
    /// The memory that lists and strings lie in.
    pub(crate) memory: String,
    /// Makes room for what is passed in.
    pub(crate) realloc: String,
    pub(crate) handle: Lift,
    pub(crate) start: Option<Lift>,
    pub(crate) stop: Option<Lift>,
    pub(crate) health: Option<Lift>,
}

/// One exported function: the core function behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lift {
    pub(crate) func: String,
    /// Called with the result's address once the result was read.
    pub(crate) post_return: Option<String>,
}

impl Shape {
    /// The shape of a component, if it is that simple.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let mut scan = Scan::default();
        let mut depth = 0u32;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.ok()?;
            match &payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    scan.modules.push(unchecked_range.clone());
                    depth += 1;
                }
                Payload::ComponentSection { .. } => return None,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ if depth == 0 => scan.take(payload)?,
                _ => {}
            }
        }
        scan.finish()
    }
}

/// The types that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ty {
    Bytes,
    StartResult,
    Handle,
    Start,
    Stop,
    Health,
    Other,
}

/// A lifted function of the component.
#[derive(Clone)]
struct Lifted<'a> {
    ty: Ty,
    func: &'a str,
    memory: Option<&'a str>,
    realloc: Option<&'a str>,
    post_return: Option<&'a str>,
}

/// The component's index spaces, as far as they are known by name.
#[derive(Default)]
struct Scan<'a> {
    modules: Vec<Range<usize>>,
    instances: u32,
    types: Vec<Ty>,
    core_funcs: Vec<&'a str>,
    memories: Vec<&'a str>,
    funcs: Vec<Lifted<'a>>,
    exports: Vec<(&'a str, Lifted<'a>)>,
}

impl<'a> Scan<'a> {
    /// Takes a section of the component itself; `None` when it holds anything out of the ordinary.
    fn take(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::Version { .. } | Payload::CustomSection(_) => {}
            Payload::InstanceSection(section) => {
                for instance in section {
                    match instance.ok()? {
                        Instance::Instantiate { module_index: 0, args } if args.is_empty() => self.instances += 1,
                        _ => return None,
                    }
                }
            }
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    let ty = self.type_of(&ty.ok()?);
                    self.types.push(ty);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(&alias.ok()?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    let lifted = self.lift(&function.ok()?)?;
                    self.funcs.push(lifted);
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    if export.kind != ComponentExternalKind::Func {
                        return None;
                    }
                    let lifted = self.funcs.get(export.index as usize)?.clone();
                    self.exports.push((export.name.name, lifted.clone()));
                    // An export is a function of its own from here on.
                    self.funcs.push(lifted);
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'a>) -> Option<()> {
        let ComponentAlias::CoreInstanceExport { kind, instance_index: 0, name } = alias else { return None };
        match kind {
            ExternalKind::Func => self.core_funcs.push(name),
            ExternalKind::Memory => self.memories.push(name),
            ExternalKind::Table | ExternalKind::Global => {}
            _ => return None,
        }
        Some(())
    }

    fn lift(&self, function: &CanonicalFunction) -> Option<Lifted<'a>> {
        let CanonicalFunction::Lift { core_func_index, type_index, options } = function else { return None };
        let func = *self.core_funcs.get(*core_func_index as usize)?;
        let ty = *self.types.get(*type_index as usize)?;
        let mut lifted = Lifted { ty, func, memory: None, realloc: None, post_return: None };
        for option in options {
            let core = |index: &u32| self.core_funcs.get(*index as usize).copied();
            match option {
                CanonicalOption::UTF8 => {}
                CanonicalOption::Memory(index) => lifted.memory = Some(self.memories.get(*index as usize)?),
                CanonicalOption::Realloc(index) => lifted.realloc = Some(core(index)?),
                CanonicalOption::PostReturn(index) => lifted.post_return = Some(core(index)?),
                _ => return None,
            }
        }
        Some(lifted)
    }

    fn type_of(&self, ty: &ComponentType<'_>) -> Ty {
        match ty {
            ComponentType::Defined(ComponentDefinedType::List(ComponentValType::Primitive(PrimitiveValType::U8))) => {
                Ty::Bytes
            }
            ComponentType::Defined(ComponentDefinedType::Result { ok: None, err: Some(err) })
                if *err == ComponentValType::Primitive(PrimitiveValType::String) =>
            {
                Ty::StartResult
            }
            ComponentType::Func(func) => self.func_of(func),
            _ => Ty::Other,
        }
    }

    fn func_of(&self, func: &ComponentFuncType<'_>) -> Ty {
        if func.async_ {
            return Ty::Other;
        }
        let params: Vec<Ty> = func.params.iter().map(|(_, ty)| self.value(ty)).collect();
        match (params.as_slice(), func.result.as_ref().map(|ty| self.value(ty))) {
            ([Ty::Bytes], Some(Ty::Bytes)) => Ty::Handle,
            ([Ty::Bytes], Some(Ty::StartResult)) => Ty::Start,
            ([], Some(Ty::Bytes)) => Ty::Health,
            ([], None) => Ty::Stop,
            _ => Ty::Other,
        }
    }

    fn value(&self, ty: &ComponentValType) -> Ty {
        match ty {
            ComponentValType::Type(index) => self.types.get(*index as usize).copied().unwrap_or(Ty::Other),
            ComponentValType::Primitive(_) => Ty::Other,
        }
    }

    fn finish(self) -> Option<Shape> {
        let [module] = self.modules.as_slice() else { return None };
        let handle = self.export("handle")?;
        let (memory, realloc) = (handle.memory?, handle.realloc?);
        if self.instances != 1 || handle.ty != Ty::Handle {
            return None;
        }
        let mut found = [None, None, None];
        let wanted = [("start", Ty::Start), ("stop", Ty::Stop), ("health", Ty::Health)];
        for (place, (name, ty)) in found.iter_mut().zip(wanted) {
            let Some(lifted) = self.export(name) else { continue };
            let same = lifted.memory.is_none_or(|found| found == memory)
                && lifted.realloc.is_none_or(|found| found == realloc);
            if lifted.ty != ty || !same {
                return None;
            }
            *place = Some(lifted.named());
        }
        let [start, stop, health] = found;
        Some(Shape {
            module: module.clone(),
            memory: memory.to_owned(),
            realloc: realloc.to_owned(),
            handle: handle.named(),
            start,
            stop,
            health,
        })
    }

    fn export(&self, name: &str) -> Option<&Lifted<'a>> {
        self.exports.iter().find(|(found, _)| *found == name).map(|(_, lifted)| lifted)
    }
}

impl Lifted<'_> {
    fn named(&self) -> Lift {
        Lift { func: self.func.to_owned(), post_return: self.post_return.map(str::to_owned) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lift, Shape};

    fn shape(lines: &str) -> Option<Shape> {
        let text = format!(
            r#"(component
                (core module $m
                    (memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
                    (func (export "turn") (param i32 i32) (result i32) i32.const 0) (func (export "free") (param i32))
                    (func (export "nothing")))
                (core instance $i (instantiate $m))
                {lines})"#
        );
        Shape::of(&wat::parse_str(&text).unwrap_or_default())
    }

    const HANDLE: &str = r#"(func (export "handle") (param "turn" (list u8)) (result (list u8))
        (canon lift (core func $i "turn") (memory $i "memory") (realloc (func $i "realloc"))))"#;

    #[test]
    fn one_module_behind_lifts_is_recognised() {
        let found = shape(HANDLE);
        assert!(found.as_ref().is_some_and(|shape| shape.memory == "memory" && shape.realloc == "realloc"));
        assert_eq!(found.map(|shape| shape.handle), Some(Lift { func: "turn".to_owned(), post_return: None }));
        let lines = r#"(func (export "handle") (param "turn" (list u8)) (result (list u8))
            (canon lift (core func $i "turn") (memory $i "memory") (realloc (func $i "realloc"))
                (post-return (func $i "free"))))
            (func (export "stop") (canon lift (core func $i "nothing")))"#;
        let found = shape(lines);
        assert_eq!(found.as_ref().and_then(|shape| shape.handle.post_return.as_deref()), Some("free"));
        assert_eq!(found.and_then(|shape| shape.stop).map(|stop| stop.func), Some("nothing".to_owned()));
    }

    #[test]
    fn whatever_is_more_than_that_is_left_to_the_engine() {
        let more = [
            // Imports, a second module, a nested component, a wrong type, an encoding that has to be converted.
            r#"(import "x" (func))"#,
            "(core module)",
            "(component)",
            r#"(func (export "start") (param "x" u8) (canon lift (core func $i "free")))"#,
            r#"(func (export "stop") (param "x" (list u8)) (result (list u8))
                (canon lift (core func $i "turn") string-encoding=utf16 (memory $i "memory") (realloc (func $i "realloc"))))"#,
        ];
        for lines in more {
            assert_eq!(shape(&format!("{HANDLE} {lines}")), None, "{lines}");
        }
        assert_eq!(shape(""), None, "no handle");
    }
}
