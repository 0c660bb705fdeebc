//! From packages and a binary to a card image.

use crate::boot;
use crate::card;
use crate::fat::Files;
use crate::initramfs;
use crate::manifest::{self, Manifest};
use crate::modules::Modules;
use crate::packages::{Debian, Package};
use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What to build from, and where to.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// The appliance's binary, static, for aarch64.
    #[arg(long)]
    pub binary: PathBuf,
    /// The card image to write.
    #[arg(long, default_value = "out/pillarbox.img")]
    pub out: PathBuf,
    /// Keeps Debian's packages from build to build.
    #[arg(long, env = "PILLARBOX_IMAGE_CACHE", default_value = "target/debian")]
    pub cache: PathBuf,
}

const KERNEL: &str = "linux-image-arm64";
const U_BOOT: &str = "u-boot-rpi";
const FIRMWARE: &str = "raspi-firmware";
const FILE_SYSTEM_CHECK: &str = "e2fsck-static";

/// The boards this image starts on: the device trees that go onto the card.
const BOARDS: [&str; 7] = [
    "bcm2711-rpi-4-b.dtb",
    "bcm2711-rpi-400.dtb",
    "bcm2711-rpi-cm4-io.dtb",
    "bcm2837-rpi-3-a-plus.dtb",
    "bcm2837-rpi-3-b-plus.dtb",
    "bcm2837-rpi-3-b.dtb",
    "bcm2837-rpi-zero-2-w.dtb",
];
/// What of the firmware these boards read; the rest is for cameras and debugging.
const FIRMWARE_FILES: [&str; 7] = [
    "bootcode.bin",
    "start.elf",
    "fixup.dat",
    "start_cd.elf",
    "fixup_cd.dat",
    "start4.elf",
    "fixup4.dat",
];

/// What Debian's packages give, unpacked.
struct Parts {
    packages: Vec<Package>,
    kernel: PathBuf,
    release: String,
    u_boot: PathBuf,
    firmware: PathBuf,
    e2fsck: PathBuf,
    licences: Files,
}

/// Builds the card image and says how big it is.
pub fn build(options: &Options) -> Result<()> {
    let binary = fs::read(&options.binary).with_context(|| options.binary.display().to_string())?;
    if !binary.starts_with(b"\x7fELF") || binary.get(18) != Some(&183) {
        bail!("{} is not a program for aarch64", options.binary.display());
    }
    eprintln!("Debian's packages:");
    let parts = gather(&options.cache)?;
    eprintln!("packing");
    let slot = slot_files(&parts, &binary)?;
    let firmware = firmware_files(&parts)?;
    if let Some(folder) = options.out.parent() {
        fs::create_dir_all(folder)?;
    }
    card::write(&options.out, &firmware, &slot)?;
    let octets = |files: &Files| files.values().map(Vec::len).sum::<usize>() >> 20;
    eprintln!(
        "{}: {} MiB; firmware partition holds {} MiB, a slot {} MiB",
        options.out.display(),
        card::size() >> 20,
        octets(&firmware),
        octets(&slot)
    );
    Ok(())
}

/// Compares both slots of a card image with their manifests.
pub fn check(path: &Path) -> Result<()> {
    for number in [2, 3] {
        let mut files = card::read_volume(path, number)?;
        let text = files.remove(manifest::NAME).context("the slot has no manifest")?;
        let manifest: Manifest = serde_json::from_slice(&text)?;
        let differences = manifest.differences(&files);
        if !differences.is_empty() {
            bail!(
                "partition {number} differs from its manifest: {}",
                differences.join(", ")
            );
        }
        eprintln!(
            "partition {number}: Pillarbox {}, kernel {}",
            manifest.pillarbox, manifest.kernel
        );
    }
    Ok(())
}

/// The two files QEMU is started with in place of the board's own firmware: U-Boot and the device
/// tree. They are the card's own.
pub fn first_stage(card: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut files = card::read_volume(card, 1)?;
    let mut take = |name: &str| {
        files
            .remove(name)
            .with_context(|| format!("no {name} on the card"))
    };
    Ok((take("u-boot.bin")?, take("bcm2837-rpi-3-b.dtb")?))
}

fn gather(cache: &Path) -> Result<Parts> {
    let debian = Debian::open(cache)?;
    // The kernel's name carries its version; what `linux-image-arm64` depends on is the newest.
    let (_, depends) = debian.describe(KERNEL)?;
    let kernel = depends.first().context("linux-image-arm64 names no kernel")?;
    let release = kernel
        .strip_prefix("linux-image-")
        .context("a kernel of an unknown name")?
        .to_owned();
    let mut packages = Vec::new();
    let mut licences = Files::new();
    let mut unpacked = |name: &str| -> Result<PathBuf> {
        let (package, _) = debian.describe(name)?;
        let folder = debian.fetch(&package)?;
        let copyright = folder.join("usr/share/doc").join(name).join("copyright");
        licences.insert(format!("licences/{name}.txt"), read(&copyright)?);
        packages.push(package);
        Ok(folder)
    };
    let kernel = unpacked(kernel)?;
    let u_boot = unpacked(U_BOOT)?;
    let firmware = unpacked(FIRMWARE)?;
    let e2fsck = unpacked(FILE_SYSTEM_CHECK)?;
    Ok(Parts {
        packages,
        kernel,
        release,
        u_boot,
        firmware,
        e2fsck,
        licences,
    })
}

fn slot_files(parts: &Parts, binary: &[u8]) -> Result<Files> {
    let release = &parts.release;
    let modules = Modules::find(&parts.kernel.join("usr/lib/modules").join(release))?;
    let e2fsck = read(&parts.e2fsck.join("usr/sbin/e2fsck.static"))?;
    let mut files = parts.licences.clone();
    let kernel = read(&parts.kernel.join("boot").join(format!("vmlinuz-{release}")))?;
    files.insert("kernel.gz".to_owned(), compressed(&kernel)?);
    files.insert(
        "initramfs.gz".to_owned(),
        initramfs::pack(release, &modules, binary, &e2fsck, built_at()?)?,
    );
    for (name, tree) in device_trees(parts)? {
        files.insert(format!("dtbs/broadcom/{name}"), tree);
    }
    let manifest = Manifest::new(release, &parts.packages, &files).encode()?;
    files.insert(manifest::NAME.to_owned(), manifest);
    Ok(files)
}

/// Now, or what `SOURCE_DATE_EPOCH` says: the one thing that differs from build to build.
fn built_at() -> Result<u64> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => seconds
            .parse()
            .context("SOURCE_DATE_EPOCH is not a number of seconds"),
        Err(_) => Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()),
    }
}

fn firmware_files(parts: &Parts) -> Result<Files> {
    let mut files = parts.licences.clone();
    for name in FIRMWARE_FILES {
        let path = parts.firmware.join("usr/lib/raspi-firmware").join(name);
        files.insert(name.to_owned(), read(&path)?);
    }
    files.extend(device_trees(parts)?);
    let u_boot = parts.u_boot.join("usr/lib/u-boot/rpi_arm64/u-boot.bin");
    files.insert("u-boot.bin".to_owned(), read(&u_boot)?);
    files.insert("config.txt".to_owned(), boot::CONFIG_TXT.as_bytes().to_vec());
    files.insert("boot.scr".to_owned(), boot::script());
    files.insert("uboot.env".to_owned(), boot::environment());
    Ok(files)
}

fn device_trees(parts: &Parts) -> Result<Files> {
    let folder = parts
        .kernel
        .join("usr/lib")
        .join(format!("linux-image-{}/broadcom", parts.release));
    BOARDS
        .iter()
        .map(|name| Ok(((*name).to_owned(), read(&folder.join(name))?)))
        .collect()
}

fn compressed(octets: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(octets)?;
    Ok(encoder.finish()?)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}
