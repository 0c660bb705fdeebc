//! The `newc` cpio archive that the kernel unpacks into its first file system.

use std::io::{self, Write};

/// Writes one archive.
pub struct Archive<W: Write> {
    out: W,
    inode: u32,
    written: u64,
}

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const CHARACTER_DEVICE: u32 = 0o020_000;
const TRAILER: &str = "TRAILER!!!";

impl<W: Write> Archive<W> {
    /// An archive into `out`. Nothing in it depends on the clock or on the builder's files.
    pub fn new(out: W) -> Archive<W> {
        Archive {
            out,
            inode: 1,
            written: 0,
        }
    }

    /// A folder. Folders come before what is in them: the kernel makes no parents.
    pub fn directory(&mut self, path: &str, permissions: u32) -> io::Result<()> {
        self.entry(path, DIRECTORY | permissions, (0, 0), &[])
    }

    /// A regular file.
    pub fn file(&mut self, path: &str, permissions: u32, data: &[u8]) -> io::Result<()> {
        self.entry(path, FILE | permissions, (0, 0), data)
    }

    /// A character device.
    pub fn device(&mut self, path: &str, permissions: u32, major: u32, minor: u32) -> io::Result<()> {
        self.entry(path, CHARACTER_DEVICE | permissions, (major, minor), &[])
    }

    /// Ends the archive and gives the writer back.
    pub fn finish(mut self) -> io::Result<W> {
        self.inode = 0;
        self.entry(TRAILER, 0, (0, 0), &[])?;
        Ok(self.out)
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), data: &[u8]) -> io::Result<()> {
        let size = u32::try_from(data.len()).map_err(|_| io::Error::other("file over 4 GiB"))?;
        let name_size = u32::try_from(path.len() + 1).map_err(|_| io::Error::other("path over 4 GiB"))?;
        let links = if mode & DIRECTORY != 0 { 2 } else { 1 };
        // inode mode uid gid links mtime size dev(2) rdev(2) name-size check
        let fields = [
            self.inode, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0,
        ];
        let mut header = String::from("070701");
        for field in fields {
            header.push_str(&format!("{field:08X}"));
        }
        self.inode += 1;
        self.put(header.as_bytes())?;
        self.put(path.as_bytes())?;
        self.put(&[0])?;
        self.align()?;
        self.put(data)?;
        self.align()
    }

    fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        self.written += octets.len() as u64;
        self.out.write_all(octets)
    }

    fn align(&mut self) -> io::Result<()> {
        while !self.written.is_multiple_of(4) {
            self.put(&[0])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut archive = Archive::new(Vec::new());
        archive.directory("etc", 0o755).unwrap();
        archive.file("etc/a", 0o644, b"hello").unwrap();
        archive.device("console", 0o600, 5, 1).unwrap();
        archive.finish().unwrap()
    }

    /// Reads an archive as the kernel's `init/initramfs.c` does: header, name, padding, data, padding.
    fn read(mut octets: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        loop {
            let field = |n: usize| {
                let text = std::str::from_utf8(&octets[6 + n * 8..14 + n * 8]).unwrap();
                u32::from_str_radix(text, 16).unwrap()
            };
            assert_eq!(&octets[..6], b"070701");
            let (mode, size, name_size) = (field(1), field(6) as usize, field(11) as usize);
            let name = String::from_utf8(octets[110..110 + name_size - 1].to_vec()).unwrap();
            assert_eq!(octets[110 + name_size - 1], 0);
            let data_at = (110 + name_size).next_multiple_of(4);
            if name == TRAILER {
                return found;
            }
            found.push((name, mode, octets[data_at..data_at + size].to_vec()));
            octets = &octets[(data_at + size).next_multiple_of(4)..];
        }
    }

    #[test]
    fn a_reader_finds_what_was_written() {
        let expected = [
            ("etc".to_owned(), 0o040_755, vec![]),
            ("etc/a".to_owned(), 0o100_644, b"hello".to_vec()),
            ("console".to_owned(), 0o020_600, vec![]),
        ];
        assert_eq!(read(&sample()), expected);
    }

    #[test]
    fn the_archive_ends_aligned_and_is_the_same_every_time() {
        assert_eq!(sample().len() % 4, 0);
        assert_eq!(sample(), sample());
    }
}
