//! Debian's packages for the board: fetched by `apt-get` in an apt root of our own, so that its
//! signature checks apply and the machine's own apt is not touched.

use crate::tool;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// The Debian release the board runs.
const RELEASE: &str = "trixie";
const COMPONENTS: &str = "main non-free-firmware";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// How long the package lists are used before they are fetched again.
const LISTS_FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// A package, as the signed lists describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Debian's name.
    pub name: String,
    /// Debian's version.
    pub version: String,
    /// SHA-256 of the `.deb`, hexadecimal.
    pub sha256: String,
}

/// An apt root with Debian's arm64 packages, and the packages fetched so far.
pub struct Debian {
    folder: PathBuf,
}

impl Debian {
    /// Sets up the apt root in `folder` and fetches the package lists unless they are a day old at
    /// most. When the mirror cannot be reached, lists fetched earlier still do.
    pub fn open(folder: &Path) -> Result<Debian> {
        fs::create_dir_all(folder)?;
        let folder = fs::canonicalize(folder)?;
        for part in [
            "etc",
            "state/lists/partial",
            "cache/archives/partial",
            "packages",
            "unpacked",
        ] {
            fs::create_dir_all(folder.join(part))?;
        }
        let debian = Debian { folder };
        debian.write_configuration()?;
        let stamp = debian.folder.join("lists-fetched");
        let fetched = fs::metadata(&stamp).and_then(|meta| meta.modified()).ok();
        let age = fetched.and_then(|at| SystemTime::now().duration_since(at).ok());
        if age.is_none_or(|age| age > LISTS_FRESH) {
            match tool::output(debian.apt("apt-get").args(["-qq", "update"])) {
                Ok(_) => fs::write(&stamp, "")?,
                Err(error) if fetched.is_some() => {
                    eprintln!("using yesterday's package lists: {error:#}");
                }
                Err(error) => return Err(error.context("fetching Debian's package lists")),
            }
        }
        Ok(debian)
    }

    /// What the lists say of a package; the release's own version, not a backport.
    pub fn describe(&self, name: &str) -> Result<(Package, Vec<String>)> {
        let text = tool::text(self.apt("apt-cache").args(["show", "--no-all-versions", name]))?;
        let field = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
                .map(str::to_owned)
        };
        let needed = |key| field(key).with_context(|| format!("package {name} has no {key}"));
        let depends = field("Depends").unwrap_or_default();
        let depends = depends.split(',').filter_map(|one| one.split_whitespace().next());
        let package = Package {
            name: needed("Package")?,
            version: needed("Version")?,
            sha256: needed("SHA256")?,
        };
        Ok((package, depends.map(str::to_owned).collect()))
    }

    /// Fetches a package unless it is here, checks it against the signed lists and unpacks it. Gives
    /// the folder with its files.
    pub fn fetch(&self, package: &Package) -> Result<PathBuf> {
        let deb = self
            .folder
            .join("packages")
            .join(format!("{}.deb", package.sha256));
        if fs::read(&deb).is_ok_and(|octets| sha256(&octets) == package.sha256) {
            eprintln!("  {} {}", package.name, package.version);
        } else {
            eprintln!("  {} {}, fetching", package.name, package.version);
            self.download(package, &deb)?;
        }
        let to = self.folder.join("unpacked").join(&package.sha256);
        if !to.is_dir() {
            let part = to.with_extension("part");
            drop(fs::remove_dir_all(&part)); // left by a build that was stopped
            tool::output(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&part))?;
            fs::rename(&part, &to)?;
        }
        Ok(to)
    }

    fn download(&self, package: &Package, to: &Path) -> Result<()> {
        let folder = tempfile::tempdir_in(&self.folder)?;
        let wanted = format!("{}={}", package.name, package.version);
        tool::output(
            self.apt("apt-get")
                .args(["-qq", "download", &wanted])
                .current_dir(folder.path()),
        )?;
        let deb = fs::read_dir(folder.path())?
            .next()
            .context("apt-get downloaded nothing")??
            .path();
        let found = sha256(&fs::read(&deb)?);
        if found != package.sha256 {
            bail!(
                "{wanted}: SHA-256 is {found}, the signed list says {}",
                package.sha256
            );
        }
        fs::rename(deb, to)?;
        Ok(())
    }

    fn write_configuration(&self) -> Result<()> {
        let mut sources = String::new();
        for (site, suite) in machine_sources()? {
            sources.push_str(&format!(
                "deb [arch=arm64 signed-by={KEYRING}] {site} {suite} {COMPONENTS}\n"
            ));
        }
        let folder = self.folder.display();
        fs::write(self.folder.join("etc/sources.list"), sources)?;
        fs::write(self.folder.join("status"), "")?;
        let configuration = format!(
            "Dir \"{folder}\";\n\
             Dir::State \"state\";\nDir::State::status \"{folder}/status\";\nDir::Cache \"cache\";\n\
             Dir::Etc \"etc\";\nDir::Etc::sourcelist \"sources.list\";\nDir::Etc::sourceparts \"-\";\n\
             Dir::Etc::parts \"-\";\nDir::Etc::preferencesparts \"-\";\n\
             APT::Architecture \"arm64\";\nAPT::Architectures {{ \"arm64\"; }};\n\
             APT::Sandbox::User \"\";\nAcquire::Languages \"none\";\n"
        );
        fs::write(self.folder.join("apt.conf"), configuration)?;
        Ok(())
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("LC_ALL", "C");
        command
    }
}

/// Mirrors and suites for the board's release: the mirrors are those that this machine's apt uses.
fn machine_sources() -> Result<Vec<(String, String)>> {
    let targets = tool::text(Command::new("apt-get").env("LC_ALL", "C").args([
        "indextargets",
        "--format",
        "$(SITE) $(RELEASE)",
        "Created-By: Packages",
    ]))?;
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let own = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .unwrap_or_default();
    sources_for(&targets, own.trim_matches('"'))
}

/// `targets` has lines of a site and a suite; `own` is this machine's release.
fn sources_for(targets: &str, own: &str) -> Result<Vec<(String, String)>> {
    let site_of = |suite: &str| {
        targets
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|target| target.1 == suite)
    };
    let (main, _) =
        site_of(own).with_context(|| format!("this machine's apt has no Debian mirror for `{own}`"))?;
    let mut sources = vec![
        (main.to_owned(), RELEASE.to_owned()),
        (main.to_owned(), format!("{RELEASE}-updates")),
    ];
    if let Some((security, _)) = site_of(&format!("{own}-security")) {
        sources.push((security.to_owned(), format!("{RELEASE}-security")));
    }
    Ok(sources)
}

/// Hexadecimal SHA-256.
pub fn sha256(octets: &[u8]) -> String {
    Sha256::digest(octets)
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_those_of_the_machine() {
        let targets = "http://elsewhere.test/apt tools\nhttp://m.test/debian bookworm\n\
                       http://m.test/debian bookworm-updates\nhttp://s.test/sec bookworm-security\n";
        let sources = sources_for(targets, "bookworm").unwrap();
        let text: Vec<String> = sources
            .iter()
            .map(|(site, suite)| format!("{site} {suite}"))
            .collect();
        let expected = [
            "http://m.test/debian trixie",
            "http://m.test/debian trixie-updates",
            "http://s.test/sec trixie-security",
        ];
        assert_eq!(text, expected);
        assert!(sources_for(targets, "jammy").is_err());
    }

    #[test]
    fn sums_are_those_of_sha256sum() {
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), sum);
    }
}
