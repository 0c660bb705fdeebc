//! Builds, checks and boots the SD-card image. A host tool: it runs Debian's `apt-get`, `dpkg-deb`,
//! `mke2fs`, `xz` and QEMU, and needs no privileges.

pub mod archive;
pub mod boot;
pub mod build;
pub mod card;
pub mod emulator;
pub mod fat;
pub mod initramfs;
pub mod manifest;
pub mod modules;
pub mod packages;
pub mod tool;
