//! Compiled components on disk: reused, never trusted blindly, never in the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise"
)]
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use common::{cached, echo, load, turn};
use troupe_host::{HostEvent, Limits};

/// Loads the echo with a cache directory, runs a turn, and tells whether the cache had it.
fn run(dir: &Path) -> (bool, Vec<HostEvent>) {
    let (host, heard) = cached(dir);
    let component = load(&host, echo());
    let mut actor = host.factory(&component, Limits::default()).unwrap().create().unwrap();
    assert_eq!(turn(&mut actor, b"hi"), b"hi");
    (component.info().from_cache, heard.events())
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("cache");
    (parent, dir)
}

fn entry(dir: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn unusable(events: &[HostEvent]) -> &str {
    match events {
        [HostEvent::CacheUnusable { reason, .. }] => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_component_is_compiled_once_and_kept_private() {
    let (_parent, dir) = fresh();
    assert_eq!(run(&dir), (false, Vec::new()));
    assert_eq!(run(&dir), (true, Vec::new()));
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(entry(&dir)).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_broken_entry_is_made_anew() {
    let (_parent, dir) = fresh();
    run(&dir);
    let good = fs::read(entry(&dir)).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bad in [
        Vec::new(),
        good[..50].to_vec(),
        good[..good.len() - 1].to_vec(),
        flipped(3),
        flipped(20),
        flipped(60),
        flipped(good.len() / 2),
    ] {
        fs::write(entry(&dir), bad).unwrap();
        assert_eq!(run(&dir), (false, Vec::new()));
        assert_eq!(fs::read(entry(&dir)).unwrap().len(), good.len());
        assert_eq!(run(&dir), (true, Vec::new()));
    }
}

#[test]
fn an_entry_that_is_cut_short_while_it_is_in_use_harms_nobody() {
    let (_parent, dir) = fresh();
    run(&dir);
    let (host, _) = cached(&dir);
    let component = load(&host, echo());
    assert!(component.info().from_cache);
    fs::write(entry(&dir), "").unwrap();
    let factory = host.factory(&component, Limits::default()).unwrap();
    for _ in 0..100 {
        assert_eq!(turn(&mut factory.create().unwrap(), b"hi"), b"hi");
    }
}

#[test]
fn an_entry_others_could_have_written_is_made_anew() {
    let (_parent, dir) = fresh();
    run(&dir);
    fs::set_permissions(entry(&dir), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(!run(&dir).0);
    assert_eq!(fs::metadata(entry(&dir)).unwrap().mode() & 0o777, 0o600);
    assert!(run(&dir).0);
}

#[test]
fn an_entry_that_is_a_link_is_made_anew() {
    let (parent, dir) = fresh();
    run(&dir);
    let moved = parent.path().join("moved");
    fs::rename(entry(&dir), &moved).unwrap();
    let (_other, fresh_dir) = fresh();
    run(&fresh_dir);
    let name = entry(&fresh_dir).file_name().unwrap().to_owned();
    symlink(&moved, dir.join(&name)).unwrap();
    assert!(!run(&dir).0);
    assert!(!fs::symlink_metadata(entry(&dir)).unwrap().is_symlink());
}

#[test]
fn an_entry_that_is_a_pipe_holds_nobody_up() {
    let (_parent, dir) = fresh();
    run(&dir);
    let name = entry(&dir);
    fs::remove_file(&name).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&name).status().unwrap().success());
    assert!(!run(&dir).0);
    assert!(fs::metadata(entry(&dir)).unwrap().is_file());
}

#[test]
fn a_directory_others_may_write_to_is_not_used() {
    let (_parent, dir) = fresh();
    run(&dir);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    let (from_cache, events) = run(&dir);
    assert!(!from_cache);
    assert!(unusable(&events).contains("other users may write"));
}

#[test]
fn a_linked_directory_is_not_used() {
    let (parent, dir) = fresh();
    run(&dir);
    let link = parent.path().join("link");
    symlink(&dir, &link).unwrap();
    let (from_cache, events) = run(&link);
    assert!(!from_cache);
    assert!(unusable(&events).contains("symbolic link"));
}

#[test]
fn a_path_below_a_file_is_not_used() {
    let (parent, _) = fresh();
    let file = parent.path().join("file");
    fs::write(&file, "x").unwrap();
    let (_, events) = run(&file.join("cache"));
    assert!(!unusable(&events).is_empty());
    let (_, events) = run(&file);
    assert!(!unusable(&events).is_empty());
}

#[test]
fn what_belongs_to_another_user_is_not_used() {
    if !rustix_is_root() {
        return;
    }
    let (_parent, dir) = fresh();
    run(&dir);
    std::os::unix::fs::chown(entry(&dir), Some(12_345), None).unwrap();
    assert!(!run(&dir).0);
    assert!(run(&dir).0);
    std::os::unix::fs::chown(&dir, Some(12_345), None).unwrap();
    let (from_cache, events) = run(&dir);
    assert!(!from_cache);
    assert!(unusable(&events).contains("another user"));
}

fn rustix_is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

#[test]
fn a_write_that_fails_is_said_once_and_harms_nothing() {
    let (_parent, dir) = fresh();
    let (host, heard) = cached(&dir);
    host.fail_cache_writes_for_test();
    for wasm in [echo(), common::ops()] {
        let component = load(&host, wasm);
        let mut actor = host.factory(&component, Limits::default()).unwrap().create().unwrap();
        actor.handle(&[0]).unwrap();
    }
    assert!(unusable(&heard.events()).contains("injected"));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0, "nothing half-written is left");
}

#[test]
fn several_hosts_write_the_same_entry_at_once() {
    for _ in 0..10 {
        let (_parent, dir) = fresh();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(run(&dir).1, Vec::new()));
            }
        });
        assert_eq!(run(&dir), (true, Vec::new()));
        entry(&dir);
    }
}
