use super::*;
use crate::links::place::MARKER;
use proto::message::body::Encoding;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use store::{Options, Store};

struct Trial {
    home: tempfile::TempDir,
    folder: Folder,
    store: Store,
}

impl Trial {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("files");
        fs::create_dir(&path).unwrap();
        let store = Store::open(&home.path().join("store"), &Options::default()).unwrap();
        Self {
            folder: Folder::new(path, Places::default(), Damaged::new()),
            home,
            store,
        }
    }

    fn keep(&self, content: &[u8]) -> io::Result<Kept> {
        self.folder.keep(content, Encoding::Identity)
    }

    /// A disk is plugged in and chosen.
    fn choose(&self, name: &str) -> Place {
        let disk = self.home.path().join(name);
        if !disk.exists() {
            fs::create_dir(&disk).unwrap();
        }
        let place = Place::make(disk, name.to_owned(), None).unwrap();
        let mut places = self.folder.places();
        places.chosen = Some(place.id.clone());
        places.known.push(place.clone());
        self.folder.set_places(places);
        place
    }

    /// The disk goes, or comes back; what is left is its empty mount point.
    fn pull(&self, place: &Place) -> PathBuf {
        let away = self.home.path().join(format!("{}-pulled", place.name));
        fs::rename(&place.within, &away).unwrap();
        fs::create_dir(&place.within).unwrap();
        away
    }

    fn plug(&self, place: &Place, away: &Path) {
        fs::remove_dir(&place.within).unwrap();
        fs::rename(away, &place.within).unwrap();
    }

    /// The file, which has to be `expected`.
    fn finds(&self, expected: &str) -> Result<(), Missing> {
        let mut text = String::new();
        let hash = blake3::hash(expected.as_bytes());
        let mut file = self.folder.open(hash.as_bytes(), expected.len() as u64)?;
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
        Ok(())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_part_is_decoded_into_a_file_named_by_its_content() {
    let trial = Trial::new();
    let folder = &trial.folder;
    let kept = folder
        .keep(&b"aGVsbG8g\r\nd29ybGQ="[..], Encoding::Base64)
        .unwrap();
    assert_eq!(kept.hash, *blake3::hash(b"hello world").as_bytes());
    assert_eq!(kept.sha256, <[u8; 32]>::from(Sha256::digest(b"hello world")));
    assert_eq!(kept.size, 11);
    trial.finds("hello world").unwrap();
    // The same content again is the same file.
    let again = trial.keep(b"hello world").unwrap();
    assert_eq!(again.hash, kept.hash);
    assert_eq!(names(&trial.home.path().join("files")).len(), 1);
}

#[test]
fn only_what_nobody_needs_or_is_about_to_need_is_swept_away() {
    let trial = Trial::new();
    let path = trial.home.path().join("files");
    let (folder, store) = (&trial.folder, &trial.store);
    let (first, second) = (trial.keep(b"hello").unwrap(), trial.keep(b"hello").unwrap());
    fs::write(path.join(".new-crashed"), "half").unwrap();
    fs::write(path.join("README"), "not ours").unwrap();
    assert_eq!(folder.sweep(store, false).unwrap(), 0);
    assert_eq!(folder.sweep(store, true).unwrap(), 1);
    drop(first);
    assert_eq!(folder.sweep(store, true).unwrap(), 0);
    drop(second);
    assert_eq!(folder.sweep(store, true).unwrap(), 1);
    assert_eq!(names(&path), ["README"]);
}

#[test]
fn older_files_stay_where_they_are_and_are_found_there() {
    let trial = Trial::new();
    let old = trial.keep(b"old").unwrap();
    let disk = trial.choose("disk");
    let new = trial.keep(b"new").unwrap();
    assert!(names(&disk.path()).contains(&name(&new.hash)));
    assert!(!names(&disk.path()).contains(&name(&old.hash)));
    trial.choose("second");
    for text in ["old", "new"] {
        trial.finds(text).unwrap();
    }
}

#[test]
fn while_the_disk_is_missing_nothing_is_kept_and_nothing_is_lost() {
    let trial = Trial::new();
    let _own = trial.keep(b"on the data partition").unwrap();
    let disk = trial.choose("disk");
    let kept = trial.keep(b"on the disk").unwrap();
    let away = trial.pull(&disk);
    assert_eq!(trial.folder.state(), FolderState::Missing);
    assert!(trial.keep(b"more").is_err());
    assert_eq!(
        names(&disk.within),
        [""; 0],
        "the mount point was taken for the disk"
    );
    assert!(matches!(trial.finds("on the disk"), Err(Missing::Away)));
    trial.finds("on the data partition").unwrap();
    assert_eq!(trial.folder.free().unwrap(), 0);
    // Nobody needs the file any more, but it waits for the disk.
    drop(kept);
    assert_eq!(trial.folder.sweep(&trial.store, true).unwrap(), 0);
    assert!(trial.folder.forget_empty().is_empty());
    trial.plug(&disk, &away);
    assert_eq!(trial.folder.state(), FolderState::Fine);
    trial.finds("on the disk").unwrap();
    assert_eq!(trial.folder.sweep(&trial.store, true).unwrap(), 1);
    assert!(matches!(
        trial.finds("on the disk"),
        Err(Missing::Damaged(Damage::Gone))
    ));
    trial.keep(b"more").unwrap();
}

#[test]
fn another_disk_in_its_place_is_not_taken_for_it() {
    let trial = Trial::new();
    let disk = trial.choose("disk");
    let _kept = trial.keep(b"content").unwrap();
    trial.pull(&disk);
    // A copy of the folder with another id, and one without any.
    fs::create_dir(disk.path()).unwrap();
    for marker in ["0123456789abcdef\n", "", "\u{fffd}", &"x".repeat(10_000)] {
        fs::write(disk.path().join(MARKER), marker).unwrap();
        assert_eq!(trial.folder.state(), FolderState::Missing, "{marker:.20}");
        assert!(trial.keep(b"more").is_err());
        assert!(matches!(trial.finds("content"), Err(Missing::Away)));
    }
    // Its files are not ours to sweep.
    let theirs = disk.path().join(name(&[7; 32]));
    fs::write(&theirs, "theirs").unwrap();
    assert_eq!(trial.folder.sweep(&trial.store, true).unwrap(), 0);
    assert!(theirs.exists());
}

#[test]
fn a_file_that_is_not_what_it_was_is_not_given_out_until_it_is_kept_again() {
    let trial = Trial::new();
    let disk = trial.choose("disk");
    let kept = trial.keep(b"content").unwrap();
    let path = disk.path().join(name(&kept.hash));
    let damage = || match trial.finds("content") {
        Err(Missing::Damaged(damage)) => damage,
        other => panic!("{other:?}"),
    };
    fs::write(&path, "con").unwrap();
    assert_eq!(damage(), Damage::Short);
    trial.keep(b"content").unwrap();
    trial.finds("content").unwrap();

    // That its octets are others is seen only by who reads them all.
    assert!(trial.folder.note_damage(&kept.hash, Damage::Changed));
    assert!(!trial.folder.note_damage(&kept.hash, Damage::Changed), "known");
    assert_eq!(damage(), Damage::Changed);
    trial.keep(b"content").unwrap();
    trial.finds("content").unwrap();
    assert_eq!(trial.folder.damage(&kept.hash), None);

    // One that was gone and is found again is whole; on a missing disk nobody can say.
    fs::rename(&path, disk.within.join("elsewhere")).unwrap();
    assert_eq!(damage(), Damage::Gone);
    trial.folder.note_damage(&kept.hash, Damage::Gone);
    let away = trial.pull(&disk);
    assert!(matches!(trial.finds("content"), Err(Missing::Away)));
    trial.plug(&disk, &away);
    fs::rename(disk.within.join("elsewhere"), &path).unwrap();
    trial.finds("content").unwrap();
    assert_eq!(trial.folder.damaged(), Damaged::new());

    // What nobody needs any more is forgotten.
    trial.folder.note_damage(&kept.hash, Damage::Gone);
    trial.folder.forget_damage(|hash| *hash == kept.hash);
    assert_eq!(trial.folder.damaged().len(), 1);
    trial.folder.forget_damage(|_| false);
    assert_eq!(trial.folder.damaged(), Damaged::new());
}

#[test]
fn a_place_without_files_is_forgotten_and_one_in_use_is_not() {
    let trial = Trial::new();
    let disk = trial.choose("disk");
    let kept = trial.keep(b"content").unwrap();
    let second = trial.choose("second");
    assert!(trial.folder.forget_empty().is_empty(), "a file is pending");
    drop(kept);
    assert!(trial.folder.forget_empty().is_empty(), "a file is there");
    trial.folder.sweep(&trial.store, true).unwrap();
    fs::write(disk.path().join("notes"), "somebody's own").unwrap();
    assert!(trial.folder.forget_empty().is_empty());
    fs::remove_file(disk.path().join("notes")).unwrap();
    assert_eq!(trial.folder.forget_empty(), std::slice::from_ref(&disk));
    assert_eq!(trial.folder.places().known, [second]);
    disk.remove();
    assert_eq!(names(&disk.within), [""; 0]);
}

#[test]
fn a_disk_that_can_only_be_read_takes_nothing_and_gives_what_it_has() {
    if nix::unistd::geteuid().is_root() {
        return on_a_disk("", |trial, disk| {
            let _kept = trial.keep(b"content").unwrap();
            remount(&disk.within, nix::mount::MsFlags::MS_RDONLY);
            assert!(trial.keep(b"more").is_err());
            assert_eq!(
                trial.folder.state(),
                FolderState::Failing("it can only be read".to_owned())
            );
            trial.finds("content").unwrap();
            remount(&disk.within, nix::mount::MsFlags::empty());
            trial.keep(b"more").unwrap();
            assert_eq!(trial.folder.state(), FolderState::Fine);
        });
    }
    // Not root: a folder that may not be written.
    let trial = Trial::new();
    let disk = trial.choose("disk");
    let _kept = trial.keep(b"content").unwrap();
    fs::set_permissions(disk.path(), fs::Permissions::from_mode(0o500)).unwrap();
    assert!(trial.keep(b"more").is_err());
    assert!(matches!(trial.folder.state(), FolderState::Failing(_)));
    trial.finds("content").unwrap();
    fs::set_permissions(disk.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_full_disk_takes_nothing_and_keeps_no_half_file() {
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("not run: only root can mount a small disk");
    }
    on_a_disk("size=1m", |trial, disk| {
        let kept = trial.keep(&[1; 500_000]).unwrap();
        assert!(trial.keep(&[2; 900_000]).is_err());
        assert!(matches!(trial.folder.state(), FolderState::Failing(_)));
        let mut found = names(&disk.path());
        found.sort();
        assert_eq!(found, [MARKER.to_owned(), name(&kept.hash)]);
        // What fits is taken again, and all is well.
        trial.keep(&[3; 100_000]).unwrap();
        assert_eq!(trial.folder.state(), FolderState::Fine);
    });
}

fn on_a_disk(options: &str, act: impl FnOnce(&Trial, &Place)) {
    let trial = Trial::new();
    let at = trial.home.path().join("disk");
    fs::create_dir(&at).unwrap();
    let none = nix::mount::MsFlags::empty();
    nix::mount::mount(Some("none"), &at, Some("tmpfs"), none, Some(options)).unwrap();
    let disk = trial.choose("disk");
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(&trial, &disk)));
    nix::mount::umount2(&at, nix::mount::MntFlags::MNT_DETACH).unwrap();
    done.unwrap();
}

fn remount(at: &Path, flags: nix::mount::MsFlags) {
    let flags = flags | nix::mount::MsFlags::MS_REMOUNT;
    nix::mount::mount(None::<&str>, at, None::<&str>, flags, None::<&str>).unwrap();
}
