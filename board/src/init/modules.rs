//! Kernel modules, in the order the image's builder worked out.

use super::journal;
use crate::layout;
use nix::kmod::{ModuleInitFlags, finit_module};
use std::ffi::CString;
use std::fs::File;
use std::path::{Path, PathBuf};

/// `MODULE_INIT_COMPRESSED_FILE` of linux/module.h: the kernel unpacks it.
const COMPRESSED: u32 = 4;

/// One line of the list.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    path: PathBuf,
    options: CString,
}

/// Loads every module of the list. A driver without its device is normal, since one image fits
/// several boards; anything else is logged and passed over.
pub(super) fn load_all() {
    let list = match std::fs::read_to_string(layout::MODULES) {
        Ok(list) => list,
        Err(error) => return journal::warn(format!("{}: {error}", layout::MODULES)),
    };
    let release = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default();
    let folder = Path::new("/lib/modules").join(release);
    let entries = parse(&list, &folder);
    let loaded = entries.iter().filter(|entry| load(entry)).count();
    journal::note(format!("{loaded} of {} kernel modules loaded", entries.len()));
}

fn parse(list: &str, folder: &Path) -> Vec<Entry> {
    list.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| {
            let (path, options) = line.split_once(' ').unwrap_or((line, ""));
            // Joining an absolute path leaves it as it is.
            Some(Entry {
                path: folder.join(path),
                options: CString::new(options.trim()).ok()?,
            })
        })
        .collect()
}

fn load(entry: &Entry) -> bool {
    let packed = entry.path.extension().is_none_or(|end| end != "ko");
    let flags = ModuleInitFlags::from_bits_retain(if packed { COMPRESSED } else { 0 });
    let file = match File::open(&entry.path) {
        Ok(file) => file,
        Err(error) => {
            journal::warn(format!("module {}: {error}", entry.path.display()));
            return false;
        }
    };
    match finit_module(&file, &entry.options, flags) {
        Ok(()) | Err(nix::Error::EEXIST) => true,
        Err(nix::Error::ENODEV | nix::Error::ENXIO) => false,
        Err(error) => {
            journal::warn(format!("module {}: {error}", entry.path.display()));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_has_paths_options_and_comments() {
        let list = "# made at build\nkernel/fs/ext4.ko.xz\n\n/lib/x.ko  a=1 b=2\n";
        let entry = |path: &str, options: &str| Entry {
            path: path.into(),
            options: CString::new(options).unwrap(),
        };
        assert_eq!(
            parse(list, Path::new("/lib/modules/6.12")),
            [
                entry("/lib/modules/6.12/kernel/fs/ext4.ko.xz", ""),
                entry("/lib/x.ko", "a=1 b=2")
            ]
        );
    }
}
