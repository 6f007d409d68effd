//! Links the addon, and tells it how it was built: the folder cargo builds into is named after the
//! profile, which `PROFILE` does not tell for profiles of our own.

fn main() {
    napi_build::setup();
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    let profile = std::path::Path::new(&out).ancestors().nth(3).and_then(|folder| folder.file_name());
    let profile = profile.map_or_else(|| "unknown".into(), |name| name.to_string_lossy().into_owned());
    println!("cargo::rustc-env=TROUPE_PROFILE={profile}");
    println!("cargo::rustc-env=TROUPE_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    println!("cargo::rerun-if-changed=build.rs");
}
