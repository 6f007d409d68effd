//! Limits that contradict each other or the component, and bytes that are no actor.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]

mod common;

use common::{ECHO_MODULE, component, component_with, echo, host, load, ops};
use troupe_host::{HostError, Limits};

fn what(bytes: Vec<u8>) -> String {
    host().load_bytes(bytes).err().expect("must be refused").to_string()
}

#[test]
fn bytes_that_are_no_component_are_named() {
    assert!(what(Vec::new()).contains("empty"));
    assert!(what(b"hello world".to_vec()).contains("68 65 6c 6c"));
    assert!(what(b"\0asm".to_vec()).contains("truncated"));
    let core = wat::parse_str("(module)").unwrap();
    assert!(what(core).contains("core WebAssembly module"));
    assert!(what(b"\0asm\x07\0\0\0".to_vec()).contains("version"));
    let wasm = echo();
    for cut in [9, wasm.len() / 2, wasm.len() - 1] {
        let text = what(wasm[..cut].to_vec());
        assert!(text.contains("truncated") || text.contains("not a valid component"), "{cut}: {text}");
    }
}

#[test]
fn no_corrupted_byte_panics_or_loads_something_else() {
    let host = host();
    let wasm = echo();
    for at in (8..wasm.len()).step_by(7) {
        let mut broken = wasm.clone();
        broken[at] ^= 0x5a;
        match host.load_bytes(broken) {
            Ok(_) | Err(HostError::ComponentInvalid { .. } | HostError::CapabilityDenied { .. }) => {}
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}

#[test]
fn a_component_without_handle_says_what_it_exports() {
    let text = what(wat::parse_str("(component)").unwrap());
    assert!(text.contains("does not export `handle") && text.contains("exports nothing"), "{text}");
    let other = r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func (export "greet") (canon lift (core func $i "f"))))"#;
    assert!(what(wat::parse_str(other).unwrap()).contains("`greet`"));
}

#[test]
fn exports_of_another_type_are_named() {
    let handle = r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func (export "handle") (canon lift (core func $i "f"))))"#;
    assert!(what(wat::parse_str(handle).unwrap()).contains("`handle` is of another type"));
    let module = format!("{ECHO_MODULE} (func (export \"f\"))");
    let text = what(component_with(&module, r#"(func (export "start") (canon lift (core func $i "f")))"#, ""));
    assert!(text.contains("`start` is of another type"), "{text}");
}

#[test]
fn an_import_that_is_not_granted_is_named() {
    let text = |import: &str| {
        let import = format!("(component (import \"{import}\" (instance)))");
        match host().load_bytes(wat::parse_str(&import).unwrap()) {
            Err(HostError::ComponentInvalid { what }) => what,
            Err(error) => error.to_string(),
            Ok(_) => panic!("loaded"),
        }
    };
    // Without `handle` that is said first: such a file is no actor at all.
    assert!(text("acme:db/query@1.0.0").contains("handle"));
    let granted = |import: &str| {
        let lines = format!("(import \"{import}\" (instance))");
        host().load_bytes(component_with(ECHO_MODULE, &lines, ""))
    };
    for import in ["acme:db/query@1.0.0", "wasi:http/types@0.2.0", "wasi:cli/stdout@0.3.0", "troupe:actor/log@0.1.0"] {
        match granted(import) {
            Err(HostError::CapabilityDenied { import: named }) => assert_eq!(named, import),
            other => panic!("{import}: {:?}", other.err()),
        }
    }
    granted("wasi:cli/stdout@0.2.0").unwrap();
}

#[test]
fn limits_are_checked_before_anything_runs() {
    let host = host();
    let refused = |wasm: Vec<u8>, limits: Limits| match host.factory(&load(&host, wasm), limits) {
        Err(HostError::Limits { what }) => what,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    };
    let base = Limits::default;
    assert!(refused(echo(), Limits { message_bytes: 9 << 20, ..base() }).contains("half of limits.memory"));
    assert!(refused(echo(), Limits { memory_bytes: 0, ..base() }).contains("limits.memory"));
    assert!(refused(echo(), Limits { stack_bytes: 1000, ..base() }).contains("limits.stack"));
    assert!(refused(echo(), Limits { stack_bytes: 64 << 20, ..base() }).contains("limits.stack"));
    let small = Limits { memory_bytes: 65_536, message_bytes: 1024, ..base() };
    let big = component(&ECHO_MODULE.replace("1 1", "3"));
    assert!(refused(big, small).contains("begins with 196608 bytes of memory"));
    assert!(refused(ops(), Limits { table_elements: 3, ..base() }).contains("begins with 4 table elements"));
}

#[test]
fn too_many_instances_fail_the_start() {
    let host = host();
    let factory = host.factory(&load(&host, echo()), Limits { instances: 0, ..Limits::default() }).unwrap();
    let error = factory.create().err().unwrap();
    assert!(error.deterministic && error.crash.message.contains("resource limit"), "{error:?}");
}

#[test]
fn a_missing_file_and_a_folder_are_told_apart() {
    let host = host();
    assert!(matches!(host.load_file("/nowhere/a.wasm".as_ref()), Err(HostError::ComponentNotFound { .. })));
    assert!(matches!(host.load_file(&std::env::temp_dir()), Err(HostError::ComponentInvalid { .. })));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("echo.wasm"), echo()).unwrap();
    host.load_file(&dir.path().join("echo.wasm")).unwrap();
}
