//! A FAT file system in memory, made without mounting anything.

use anyhow::{Context, Result};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use std::collections::BTreeMap;
use std::io::{Cursor, Write};

/// A folder's files, by path with `/` between its parts.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A FAT32 volume of `size` octets with these files. `label` is at most 11 characters. Nothing in it
/// depends on the clock, so that equal files give an equal volume.
pub fn volume(size: u64, label: &str, files: &Files) -> Result<Vec<u8>> {
    let length = usize::try_from(size).context("a volume that does not fit in memory")?;
    let mut octets = vec![0; length];
    let mut name = [b' '; 11];
    name.iter_mut()
        .zip(label.bytes())
        .for_each(|(to, from)| *to = from);
    // FAT32 wants at least 65525 clusters: the firmware knows FAT16 too, but this is what it is
    // shipped with everywhere.
    let cluster = if size >= 80 << 20 { 1024 } else { 512 };
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(cluster)
        .volume_label(name)
        .volume_id(0x5042_5831);
    fatfs::format_volume(Cursor::new(&mut octets), options).context("formatting a FAT volume")?;

    let system = FileSystem::new(Cursor::new(&mut octets), FsOptions::new())?;
    for (path, data) in files {
        let mut folder = system.root_dir();
        let (parents, file) = path.rsplit_once('/').unwrap_or(("", path));
        for parent in parents.split('/').filter(|part| !part.is_empty()) {
            folder = folder.create_dir(parent).with_context(|| path.clone())?;
        }
        let mut to = folder.create_file(file).with_context(|| path.clone())?;
        to.write_all(data)
            .with_context(|| format!("{path} does not fit"))?;
        to.flush()?;
    }
    system.unmount()?;
    Ok(octets)
}

/// The files of a volume.
pub fn files(volume: &mut [u8]) -> Result<Files> {
    let system = FileSystem::new(Cursor::new(volume), FsOptions::new())?;
    let mut found = Files::new();
    let mut folders = vec![(String::new(), system.root_dir())];
    while let Some((path, folder)) = folders.pop() {
        for entry in folder.iter() {
            let entry = entry?;
            let name = entry.file_name();
            if name == "." || name == ".." {
                continue;
            }
            let path = format!("{path}{name}");
            if entry.is_dir() {
                folders.push((format!("{path}/"), entry.to_dir()));
            } else {
                let mut data = Vec::new();
                std::io::copy(&mut entry.to_file(), &mut data)?;
                found.insert(path, data);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_from_a_volume_as_they_were() {
        let mut wanted = Files::new();
        wanted.insert("config.txt".to_owned(), b"a=1\n".to_vec());
        wanted.insert("dtbs/broadcom/bcm2837-rpi-3-b.dtb".to_owned(), vec![7; 70_000]);
        let mut made = volume(64 << 20, "PILLARBOX", &wanted).unwrap();
        assert_eq!(made, volume(64 << 20, "PILLARBOX", &wanted).unwrap());
        assert_eq!(files(&mut made).unwrap(), wanted);
    }

    #[test]
    fn too_much_for_the_volume_is_an_error() {
        let files = Files::from([("big".to_owned(), vec![0; 65 << 20])]);
        assert!(volume(64 << 20, "PILLARBOX", &files).is_err());
    }
}
