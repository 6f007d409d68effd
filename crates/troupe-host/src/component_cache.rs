//! Compiled components on disk.
//!
//! A file is native code, so nobody else may have been able to write it: the directory and the files
//! must belong to this user and be closed to others, links are refused, and a checksum is compared
//! before the engine sees a byte. What is compared is what is used: the file itself is never mapped,
//! because whoever cuts a mapped file short ends the process. A file that does not fit is made anew; a directory that does not
//! fit is not used, and said so once. The name is a hash over everything that shapes the code, the
//! exact versions included, because a patch release may mend the compiler.

use std::fs::{File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::compile::hex;

/// First bytes of every trailer; the last one is the format's version.
const MAGIC: &[u8; 8] = b"troupe\0\x03";
/// Magic, key, checksum of the code: the end of every file.
const TRAILER: usize = 8 + 32 + size_of::<Checksum>();

/// XXH3 of the XXH3s of the code's blocks, 128 bits: it finds damage, and nothing else is asked of it,
/// because the folder is closed to everybody but its user. A cryptographic hash took a third of the time
/// of a cached load. Blocks, so that two threads can share the work.
type Checksum = [u8; 16];
/// Bytes of a block.
const BLOCK: usize = 1 << 20;
/// Bytes read at once while a checksum is computed: they are still in the processor's cache when they are written.
const CHUNK: usize = 128 << 10;
/// Bytes the directory may hold; the longest unused go first.
const MAX_BYTES: u64 = 1 << 30;
/// Age at which a temporary file was left behind by somebody who died.
const STALE: Duration = Duration::from_secs(3600);
/// Ending of the files.
const ENDING: &str = "cwasm";

/// What a file is found by.
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The key for a component's hash on an engine; `is_module` when its one module was compiled in its place.
    pub(crate) fn of(wasm: &[u8; 32], is_module: bool, engine: &Engine) -> Self {
        let mut hasher = ShaHasher(Sha256::new());
        hasher.write(wasm);
        hasher.write_u8(u8::from(is_module));
        hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.write_u8(0);
        hasher.write(env!("TROUPE_WASMTIME_VERSION").as_bytes());
        hasher.write_u8(0);
        hasher.write(std::env::consts::ARCH.as_bytes());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }
}

/// Feeds whatever is hashable into SHA-256.
struct ShaHasher(Sha256);

impl Hasher for ShaHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
    }
}

/// A private copy of code from the cache.
pub(crate) enum Stored {
    /// In a file of the kernel's that has no name; mapping it costs no copy.
    Memory(File),
    /// Where there are no such files.
    Bytes(Vec<u8>),
}

impl Stored {
    /// Copies the first `length` bytes of `source`; their checksum.
    fn copy_of(source: &File, length: u64) -> io::Result<(Self, Checksum)> {
        match memory_file() {
            Some(file) => {
                let checksum = fill(source, &file, length)?;
                Ok((Self::Memory(file), checksum))
            }
            None => {
                let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
                source.take(length).read_to_end(&mut bytes)?;
                let checksum = checksum(&bytes);
                Ok((Self::Bytes(bytes), checksum))
            }
        }
    }
}

/// The checksum of code.
fn checksum(code: &[u8]) -> Checksum {
    let mut sums = Xxh3::new();
    for block in code.chunks(BLOCK) {
        sums.update(&xxh3_128(block).to_le_bytes());
    }
    sums.digest128().to_le_bytes()
}

/// Copies a file into another, one half on a thread of its own; its checksum.
#[cfg(target_os = "linux")]
fn fill(source: &File, target: &File, length: u64) -> io::Result<Checksum> {
    let middle = (length / 2).next_multiple_of(BLOCK as u64).min(length);
    let (front, back) = if middle == length {
        (fill_part(source, target, 0, length), Ok(Vec::new()))
    } else {
        std::thread::scope(|scope| {
            let other = std::thread::Builder::new()
                .name("troupe-load".to_owned())
                .spawn_scoped(scope, || fill_part(source, target, middle, length));
            let front = fill_part(source, target, 0, middle);
            let back = match other {
                Ok(other) => other.join().unwrap_or_else(|_| Err(io::Error::other("the copying thread panicked"))),
                // Without a thread it takes a little longer.
                Err(_) => fill_part(source, target, middle, length),
            };
            (front, back)
        })
    };
    let mut sums = front?;
    sums.extend_from_slice(&back?);
    Ok(xxh3_128(&sums).to_le_bytes())
}

/// Copies what lies between two offsets, of which the first begins a block; the checksums of its blocks.
#[cfg(target_os = "linux")]
fn fill_part(source: &File, target: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let mut sums = Vec::new();
    let mut chunk = vec![0u8; CHUNK];
    let mut at = start;
    while at < end {
        let block_end = (at + BLOCK as u64).min(end);
        let mut hasher = Xxh3::new();
        while at < block_end {
            let wanted = usize::try_from(block_end - at).unwrap_or(CHUNK).min(CHUNK);
            let part = chunk.get_mut(..wanted).unwrap_or_default();
            source.read_exact_at(part, at)?;
            hasher.update(part);
            target.write_all_at(part, at)?;
            at += wanted as u64;
        }
        sums.extend_from_slice(&hasher.digest128().to_le_bytes());
    }
    Ok(sums)
}

#[cfg(not(target_os = "linux"))]
fn fill(_: &File, _: &File, _: u64) -> io::Result<Checksum> {
    Err(io::Error::other("there are no files without a name here"))
}

#[cfg(target_os = "linux")]
fn memory_file() -> Option<File> {
    rustix::fs::memfd_create("troupe-code", rustix::fs::MemfdFlags::CLOEXEC).ok().map(File::from)
}

#[cfg(not(target_os = "linux"))]
fn memory_file() -> Option<File> {
    None
}

/// A directory of compiled components.
pub(crate) struct Cache {
    dir: PathBuf,
    fail_writes: AtomicBool,
}

impl Cache {
    /// Opens a directory, and makes it if it is missing.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        make_private_dir(dir)?;
        check_dir(dir)?;
        Ok(Self { dir: dir.to_owned(), fail_writes: AtomicBool::new(false) })
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Lets writes fail, for tests.
    pub(crate) fn fail_writes(&self) {
        self.fail_writes.store(true, Ordering::Relaxed);
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.dir.join(hex(&key.0)).with_extension(ENDING)
    }

    /// The code under a key, if there is a file that can be trusted.
    pub(crate) fn read(&self, key: &Key) -> Option<Stored> {
        let mut file = open_own_file(&self.path(key)).ok()?;
        let length = file.metadata().ok()?.len().checked_sub(TRAILER as u64)?;
        let (copy, checksum) = Stored::copy_of(&file, length).ok()?;
        let mut found = [0u8; TRAILER];
        file.seek(SeekFrom::Start(length)).ok()?;
        file.read_exact(&mut found).ok()?;
        if found != trailer(key, &checksum) {
            return None;
        }
        // Used just now: the longest unused are dropped first.
        let _ = file.set_modified(SystemTime::now());
        Some(copy)
    }

    /// Puts code under a key; whoever reads sees the old file or the whole new one.
    pub(crate) fn write(&self, key: &Key, body: &[u8]) -> io::Result<()> {
        if self.fail_writes.load(Ordering::Relaxed) {
            return Err(io::Error::other("injected write error"));
        }
        let temporary = temporary(&self.dir);
        write_file(&temporary, body, &trailer(key, &checksum(body)))?;
        let renamed = std::fs::rename(&temporary, self.path(key));
        if renamed.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        renamed?;
        self.prune();
        Ok(())
    }

    /// Keeps the directory below its bound. What cannot be read or removed is left alone.
    fn prune(&self) {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return };
        let mut files = Vec::new();
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(meta) = entry.metadata() else { continue };
            let used = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            match path.extension().and_then(|ending| ending.to_str()) {
                Some(ENDING) => files.push((used, meta.len(), path)),
                Some("tmp") if used.elapsed().is_ok_and(|age| age > STALE) => drop(std::fs::remove_file(path)),
                _ => {}
            }
        }
        files.sort_unstable_by_key(|file| std::cmp::Reverse(file.0));
        let mut total = 0u64;
        for (_, len, path) in files {
            total = total.saturating_add(len);
            if total > MAX_BYTES {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

fn trailer(key: &Key, checksum: &Checksum) -> [u8; TRAILER] {
    let mut trailer = [0u8; TRAILER];
    let parts = MAGIC.iter().chain(&key.0).chain(checksum);
    for (slot, byte) in trailer.iter_mut().zip(parts) {
        *slot = *byte;
    }
    trailer
}

/// A name that nobody else uses: not another thread, not another system of this process, not a
/// process that had the same number and died.
fn temporary(dir: &Path) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    dir.join(format!(".{}-{number}-{now}.tmp", std::process::id()))
}

/// Makes a new file that only its owner may open.
fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a new file; what was written of it is removed when writing fails.
fn write_file(path: &Path, body: &[u8], trailer: &[u8]) -> io::Result<()> {
    let mut file = new_file(path)?;
    let written = file.write_all(body).and_then(|()| file.write_all(trailer)).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn refuse(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, what.to_owned())
}

/// Refuses a directory that somebody else could have written to.
fn check_dir(dir: &Path) -> io::Result<()> {
    let meta = std::fs::symlink_metadata(dir)?;
    if meta.is_symlink() {
        return Err(refuse("it is a symbolic link"));
    }
    if !meta.is_dir() {
        return Err(refuse("it is not a directory"));
    }
    check_owner(&meta)?;
    // A directory that cannot be written is of no use, and better known now than after compiling.
    let probe = temporary(dir);
    new_file(&probe)?;
    let _ = std::fs::remove_file(probe);
    Ok(())
}

#[cfg(unix)]
fn check_owner(meta: &std::fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(refuse("it belongs to another user"));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(refuse("other users may write to it"));
    }
    Ok(())
}

/// On Windows a user's cache folder inherits an access list that is closed to others.
#[cfg(not(unix))]
fn check_owner(_: &std::fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Opens a regular file of our own; never through a link.
fn open_own_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // Without waiting: a pipe in the place of a file would have no end.
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, i32::try_from(flags.bits()).unwrap_or(0));
    }
    let file = options.open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(refuse("it is not a regular file"));
    }
    check_owner(&meta)?;
    Ok(file)
}
