//! Folders that cannot be used stay as they are, and say what to do.

use crate::office::{assert_sound, office, person, to_inbox, wait};
use redb::TableDefinition;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use store::{OpenError, Options, Store, StoreError};
use tempfile::TempDir;

const FILE: &str = "pillarbox.redb";

/// Every file with its octets, mode and time of change.
fn picture(dir: &Path) -> BTreeMap<String, (Vec<u8>, u32, std::time::SystemTime)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        (
            name,
            (
                fs::read(entry.path()).unwrap(),
                meta.permissions().mode(),
                meta.modified().unwrap(),
            ),
        )
    });
    entries.collect()
}

/// A folder with an account and a hundred messages, closed.
fn used_folder() -> TempDir {
    let (dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let mail = (0..100).map(|n| to_inbox(format!("\r\n{n}").repeat(2000).as_bytes(), account));
    wait(store.deliver(mail.collect())).unwrap();
    dir
}

fn refused(dir: &Path) -> OpenError {
    let before = picture(dir);
    let error = Store::open(dir, &Options::default()).expect_err("must not open");
    assert_eq!(picture(dir), before, "the folder was changed: {error}");
    error
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    type Damage = fn(&mut Vec<u8>);
    let damages: &[(&str, Damage)] = &[
        ("emptied", Vec::clear),
        ("garbage", |file| file.fill(0x5a)),
        ("zeros", |file| file.fill(0)),
        ("another magic", |file| file[0] ^= 1),
        ("cut in half", |file| file.truncate(file.len() / 2)),
        ("cut to a few octets", |file| file.truncate(5)),
        ("cut after the header", |file| file.truncate(320)),
        ("a wiped header", |file| file[9..320].fill(0)),
    ];
    for (name, damage) in damages {
        let dir = used_folder();
        let path = dir.path().join(FILE);
        let mut file = fs::read(&path).unwrap();
        damage(&mut file);
        fs::write(&path, file).unwrap();
        let error = refused(dir.path());
        assert!(matches!(error, OpenError::Damaged { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains("Restore"), "{error}");
    }
}

#[test]
fn flipped_octets_anywhere_are_found_by_the_folder_check_which_changes_nothing() {
    let dir = used_folder();
    let path = dir.path().join(FILE);
    let sound = fs::read(&path).unwrap();
    let before = picture(dir.path());
    let report = Store::check_folder(dir.path(), &Options::default()).unwrap();
    assert_eq!((report.messages, report.faults), (100, Vec::new()));
    assert_eq!(picture(dir.path()), before);

    // Every page that is in use holds octets of our messages or of the trees above them.
    let mut found = 0;
    for page in (4096..sound.len()).step_by(4096 * 7) {
        let mut file = sound.clone();
        let at = page + 40;
        if file[at..at + 8] == [0; 8] {
            continue;
        }
        file[at] ^= 0x10;
        fs::write(&path, &file).unwrap();
        let before = picture(dir.path());
        let clean = matches!(Store::check_folder(dir.path(), &Options::default()), Ok(r) if r.is_clean());
        found += usize::from(!clean);
        assert_eq!(picture(dir.path()), before, "page at {page}");
    }
    assert!(found >= 10, "{found}");
}

#[test]
fn a_newer_file_is_refused_and_left_as_it_is_unless_it_says_that_we_can_read_it() {
    let meta: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
    let dir = used_folder();
    let set = |key: &str, value: u64| {
        let database = redb::Database::open(dir.path().join(FILE)).unwrap();
        let write = database.begin_write().unwrap();
        write.open_table(meta).unwrap().insert(key, value).unwrap();
        write.commit().unwrap();
    };
    set("version", 99);
    set("oldest_reader", 98);
    let error = refused(dir.path());
    assert!(
        matches!(
            error,
            OpenError::NewerVersion {
                found: 99,
                known: 3,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("newer version"), "{error}");
    // An update that was rolled back: the later version promised that this one can go on.
    set("oldest_reader", 1);
    let store = Store::open(dir.path(), &Options::default()).unwrap();
    assert_eq!(store.check().unwrap().messages, 100);
}

#[test]
fn a_foreign_database_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let database = redb::Database::create(dir.path().join(FILE)).unwrap();
    let write = database.begin_write().unwrap();
    write
        .open_table(TableDefinition::<u64, u64>::new("theirs"))
        .unwrap()
        .insert(1, 2)
        .unwrap();
    write.commit().unwrap();
    drop(database);
    assert!(matches!(refused(dir.path()), OpenError::Damaged { .. }));
}

#[test]
fn a_folder_is_opened_once_at_a_time_and_again_after_the_last_store_is_gone() {
    let (dir, store) = office();
    let second = store.clone();
    assert!(matches!(
        Store::open(dir.path(), &Options::default()),
        Err(OpenError::InUse { .. })
    ));
    drop(store);
    assert!(matches!(
        Store::open(dir.path(), &Options::default()),
        Err(OpenError::InUse { .. })
    ));
    drop(second);
    Store::open(dir.path(), &Options::default()).unwrap();
}

#[test]
fn folder_and_file_are_the_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("deep/data");
    let _store = Store::open(&dir, &Options::default()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join(FILE))), (0o700, 0o600));
    assert_eq!(
        fs::read_dir(&dir).unwrap().count(),
        1,
        "nothing half-made is left"
    );
}

#[test]
fn a_file_that_was_never_closed_opens_with_everything_acknowledged() {
    let (dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    for n in 0..20 {
        wait(store.deliver(vec![to_inbox(format!("\r\n{n}").as_bytes(), account)])).unwrap();
    }
    // What kill -9 leaves: the file as it is while the store is open.
    let copy = tempfile::tempdir().unwrap();
    fs::copy(dir.path().join(FILE), copy.path().join(FILE)).unwrap();
    let again = Store::open(copy.path(), &Options::default()).unwrap();
    assert_eq!(again.check().unwrap().messages, 20);
    assert_sound(&again);
}

#[test]
fn an_unfinished_file_of_a_crashed_first_start_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("pillarbox.redb.new"), b"half").unwrap();
    let store = Store::open(dir.path(), &Options::default()).unwrap();
    assert!(matches!(
        wait(store.set_password(proto::types::AccountId(1), String::new())),
        Err(StoreError::NotFound)
    ));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
