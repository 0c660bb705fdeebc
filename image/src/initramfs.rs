//! The first and only root file system: one binary, `e2fsck`, the kernel modules.

use crate::archive::Archive;
use crate::modules::Modules;
use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where init finds the modules' paths, one a line, in the order to load them.
const MODULE_LIST: &str = "etc/pillarbox/modules";
/// Where init finds when the image was built: the board has no clock of its own.
const BUILT: &str = "etc/pillarbox/built";

/// Folders that init mounts on or writes to, with their permissions.
const FOLDERS: [(&str, u32); 11] = [
    ("data", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("etc/pillarbox", 0o755),
    ("lib", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
];

/// Packs them. `release` is the kernel's, as `uname -r` says it; `built` is in Unix seconds. The result
/// is the same for the same input.
pub fn pack(release: &str, modules: &Modules, init: &[u8], e2fsck: &[u8], built: u64) -> Result<Vec<u8>> {
    let ordered = modules.ordered()?;
    let folder = PathBuf::from("lib/modules").join(release);

    let mut archive = Archive::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (path, permissions) in FOLDERS {
        archive.directory(path, permissions)?;
    }
    // Init's own messages, until it has mounted the kernel's /dev over this.
    archive.device("dev/console", 0o600, 5, 1)?;
    archive.file("init", 0o755, init)?;
    archive.file("sbin/e2fsck", 0o755, e2fsck)?;

    let mut parents = BTreeSet::new();
    for path in &ordered {
        parents.extend(
            folder
                .join(path)
                .parent()
                .into_iter()
                .flat_map(Path::ancestors)
                .map(Path::to_path_buf),
        );
    }
    for parent in parents.iter().filter(|path| path.starts_with("lib/modules")) {
        archive.directory(&parent.to_string_lossy(), 0o755)?;
    }
    let mut list = String::new();
    for path in &ordered {
        let inside = folder.join(path);
        archive.file(&inside.to_string_lossy(), 0o644, &modules.read(path)?)?;
        list.push_str(&format!("/{}\n", inside.display()));
    }
    archive.file(BUILT, 0o644, format!("{built}\n").as_bytes())?;
    archive.file(MODULE_LIST, 0o644, list.as_bytes())?;
    Ok(archive.finish()?.finish()?)
}
