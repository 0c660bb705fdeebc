//! Which kernel modules go into the initramfs and in which order they are loaded.
//!
//! Debian runs `depmod` when a kernel is installed, so the package has no `modules.dep`: what a
//! module needs is read from the module itself.

use crate::tool;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const WANTED: &str = include_str!("../modules.list");

/// The modules of one kernel package.
pub struct Modules {
    /// `lib/modules/<release>` in the unpacked package.
    folder: PathBuf,
    /// Name, with `_` for `-`, to path below `folder`.
    loadable: BTreeMap<String, PathBuf>,
    built_in: BTreeSet<String>,
}

impl Modules {
    /// Lists what is there.
    pub fn find(folder: &Path) -> Result<Modules> {
        let list = std::fs::read_to_string(folder.join("modules.builtin"))
            .with_context(|| format!("no kernel modules in {}", folder.display()))?;
        let built_in = list.lines().map(|line| name(Path::new(line))).collect();
        let mut loadable = BTreeMap::new();
        let mut folders = vec![folder.join("kernel")];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.to_string_lossy().ends_with(".ko.xz") {
                    loadable.insert(name(&path), path.strip_prefix(folder)?.to_path_buf());
                }
            }
        }
        Ok(Modules {
            folder: folder.to_path_buf(),
            loadable,
            built_in,
        })
    }

    /// The paths of the wanted modules and of all they need, each after what it needs.
    pub fn ordered(&self) -> Result<Vec<PathBuf>> {
        let names = in_order(&wanted(), |name| self.needs(name))?;
        Ok(names
            .iter()
            .filter_map(|name| self.loadable.get(name))
            .cloned()
            .collect())
    }

    /// A module's octets, as packed.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let path = self.folder.join(path);
        std::fs::read(&path).with_context(|| path.display().to_string())
    }

    fn needs(&self, name: &str) -> Result<Vec<String>> {
        let Some(path) = self.loadable.get(name) else {
            if self.built_in.contains(name) {
                return Ok(Vec::new());
            }
            bail!("this kernel has no module {name}");
        };
        let module = tool::output(Command::new("xz").arg("-dc").arg(self.folder.join(path)))?;
        depends(&module).with_context(|| format!("{name} does not say what it depends on"))
    }
}

/// The list, without its comments.
fn wanted() -> Vec<String> {
    WANTED
        .lines()
        .filter_map(|line| line.split('#').next())
        .map(|line| line.trim().replace('-', "_"))
        .filter(|line| !line.is_empty())
        .collect()
}

/// The wanted names and what they need, each once and after what it needs.
fn in_order(wanted: &[String], needs: impl Fn(&str) -> Result<Vec<String>>) -> Result<Vec<String>> {
    enum Step {
        Enter(String),
        Leave(String),
    }
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    let mut steps: Vec<Step> = wanted.iter().rev().cloned().map(Step::Enter).collect();
    while let Some(step) = steps.pop() {
        match step {
            Step::Leave(name) => order.push(name),
            Step::Enter(name) => {
                if seen.insert(name.clone()) {
                    let needed = needs(&name)?;
                    steps.push(Step::Leave(name));
                    steps.extend(needed.into_iter().map(Step::Enter));
                }
            }
        }
    }
    Ok(order)
}

/// `depends=` of a module's `.modinfo` section: NUL-ended strings, names parted by commas.
fn depends(module: &[u8]) -> Option<Vec<String>> {
    const KEY: &[u8] = b"\0depends=";
    let at = module.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let list = module.get(at..)?.split(|octet| *octet == 0).next()?;
    let list = std::str::from_utf8(list).ok()?;
    Some(
        list.split(',')
            .filter(|name| !name.is_empty())
            .map(|name| name.replace('-', "_"))
            .collect(),
    )
}

/// `kernel/fs/ext4/ext4.ko.xz` is `ext4`; `-` and `_` are the same to the kernel.
fn name(path: &Path) -> String {
    let file = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    file.split('.').next().unwrap_or_default().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(wanted: &[&str]) -> Vec<String> {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        in_order(&wanted, |name| {
            let needs: &[&str] = match name {
                "ext4" => &["jbd2", "mbcache"],
                "jbd2" => &["crc16"],
                "loop" => &["back"],
                "back" => &["loop"],
                "absent" => bail!("absent"),
                _ => &[],
            };
            Ok(needs.iter().map(|name| (*name).to_owned()).collect())
        })
        .unwrap()
    }

    #[test]
    fn a_module_comes_after_what_it_needs_and_once() {
        let order = order(&["rng", "ext4", "jbd2", "ext4"]);
        let at = |name: &str| order.iter().position(|other| other == name).unwrap();
        assert_eq!(order.len(), 5);
        assert!(at("rng") < at("crc16") && at("crc16") < at("jbd2"));
        assert!(at("jbd2") < at("ext4") && at("mbcache") < at("ext4"));
    }

    #[test]
    fn a_circle_ends() {
        assert_eq!(order(&["loop"]).len(), 2);
    }

    #[test]
    fn needs_are_read_from_the_module() {
        let module = b"\x7fELF\0license=GPL\0depends=jbd2,crc-itu-t\0name=x\0";
        assert_eq!(depends(module).unwrap(), ["jbd2", "crc_itu_t"]);
        assert!(depends(b"\0license=GPL\0depends=\0").unwrap().is_empty());
        assert_eq!(depends(b"\x7fELF"), None);
    }

    #[test]
    fn the_list_names_the_card_before_its_file_system() {
        let wanted = wanted();
        let at = |name: &str| wanted.iter().position(|other| other == name).unwrap();
        assert!(at("bcm2835") < at("ext4") && at("bcm2835_rng") == 0);
        assert!(wanted.iter().all(|name| !name.contains([' ', '-', '#'])));
    }
}
