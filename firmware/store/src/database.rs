//! The open file: how it is opened without harm, and opened again after the card failed.

use crate::schema::{self, META, ROOM_TAKEN, VERSION};
use crate::trial::Trial;
use crate::{OpenError, Options, StoreError, migrate};
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageBackend, StorageError};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

const FILE: &str = "pillarbox.redb";
/// Octets that deliveries leave free, so that flags, expunging and the queue still work when mail
/// no longer fits.
const RESERVE: u64 = 16 * 1024 * 1024;
/// The file while it is made: a crash then leaves no half-made file under the real name.
const UNFINISHED: &str = "pillarbox.redb.new";

/// The database, shared by the writer and the readers.
pub(crate) struct Shared {
    /// `None`: a write failed and opening again failed too.
    current: RwLock<Option<Database>>,
    /// How to open it again; only a folder can be.
    folder: Option<(PathBuf, Options)>,
}

impl Shared {
    /// Opens, or makes, the file in a folder.
    pub(crate) fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let file = dir.join(FILE);
        make(dir, &file, options)?;
        let database = open_file(&file, options)?;
        Ok(Self {
            current: RwLock::new(Some(database)),
            folder: Some((dir.to_owned(), options.clone())),
        })
    }

    /// Opens, or makes, a database in a backend.
    pub(crate) fn open_backend(backend: impl StorageBackend, options: &Options) -> Result<Self, OpenError> {
        let database = open_backend(Path::new("the data"), backend, options)?;
        Ok(Self {
            current: RwLock::new(Some(database)),
            folder: None,
        })
    }

    /// A folder's file, behind a backend that fails.
    #[cfg(test)]
    pub(crate) fn open_wrapped<B: StorageBackend>(dir: &Path, wrap: impl FnOnce(FileBackend) -> B) -> Self {
        let path = dir.join(FILE);
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let options = Options::default();
        let database = open_backend(&path, wrap(backend(&path, file).unwrap()), &options).unwrap();
        Self {
            current: RwLock::new(Some(database)),
            folder: Some((dir.to_owned(), options)),
        }
    }

    /// A read transaction on the newest state.
    pub(crate) fn read(&self) -> Result<ReadTransaction, StoreError> {
        Ok(self.lock().as_ref().ok_or_else(gone)?.begin_read()?)
    }

    /// Lets `work` use the database for writing.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(self.lock().as_ref().ok_or_else(gone)?)
    }

    /// Opens the file again after a failure, since redb refuses everything after a failed write.
    /// Snapshots of before can then read what is cached, and fail otherwise.
    pub(crate) fn reopen(&self) {
        let Some((dir, options)) = &self.folder else {
            return;
        };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = None;
        match open_file(&dir.join(FILE), options) {
            Ok(database) => *current = Some(database),
            Err(error) => tracing::error!(%error, "the data file cannot be opened again"),
        }
    }

    /// Whether bodies of that many octets fit, where that can be known.
    pub(crate) fn has_room(&self, octets: u64) -> Result<bool, StoreError> {
        let Some((dir, _)) = &self.folder else {
            return Ok(true);
        };
        let needed = octets.saturating_mul(2).saturating_add(RESERVE);
        let Ok(partition) = nix::sys::statvfs::statvfs(dir) else {
            return Ok(true);
        };
        let free = partition
            .blocks_available()
            .saturating_mul(partition.fragment_size());
        if free >= needed {
            return Ok(true);
        }
        // The partition is nearly full, but the file may have room inside: it never shrinks, and
        // what was deleted is used again.
        let held = fs::metadata(dir.join(FILE))
            .map_err(StoreError::Io)?
            .blocks()
            .saturating_mul(512);
        let taken = self
            .read()?
            .open_table(META)?
            .get(ROOM_TAKEN)?
            .map_or(0, |n| n.value());
        Ok(free.saturating_add(held.saturating_sub(taken)) >= needed)
    }

    fn lock(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gone() -> StoreError {
    StoreError::Io(io::Error::other("the data file could not be opened again"))
}

/// Makes folder and file where they are missing.
fn make(dir: &Path, file: &Path, options: &Options) -> Result<(), OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    if file.try_exists().map_err(failed(file))? {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed(dir))?;
    let folder = File::open(dir).map_err(failed(dir))?;
    // One maker at a time: without the lock a second one could put its empty file over the first's.
    folder.try_lock().map_err(|_| OpenError::InUse {
        path: file.to_owned(),
    })?;
    if file.try_exists().map_err(failed(file))? {
        return Ok(());
    }
    let unfinished = dir.join(UNFINISHED);
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(true).mode(0o600);
    let made = how.open(&unfinished).map_err(failed(&unfinished))?;
    drop(open_backend(&unfinished, backend(&unfinished, made)?, options)?);
    fs::rename(&unfinished, file).map_err(failed(file))?;
    folder.sync_all().map_err(failed(dir))
}

fn backend(path: &Path, file: File) -> Result<FileBackend, OpenError> {
    FileBackend::new(file).map_err(|error| open_error(path, error))
}

fn open_file(path: &Path, options: &Options) -> Result<Database, OpenError> {
    let failed = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(failed)?;
    if file.metadata().map_err(failed)?.len() == 0 {
        // redb would make a new database of it, but we never leave an empty file behind.
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            why: "it is empty".to_owned(),
        });
    }
    open_backend(path, backend(path, file)?, options)
}

/// Opens on trial, looks, and only then lets anything be written.
fn open_backend(path: &Path, backend: impl StorageBackend, options: &Options) -> Result<Database, OpenError> {
    let trial = Trial::new(backend);
    let damaged = |why: String| OpenError::Damaged {
        path: path.to_owned(),
        why,
    };
    let opening = || {
        let database = open_trial(path, &trial, options)?;
        inspect(path, &database)?;
        Ok(database)
    };
    // redb checks much, but says itself that it may panic on a file that others altered.
    let database = catch_unwind(AssertUnwindSafe(opening))
        .unwrap_or_else(|_| Err(damaged("reading it failed badly".to_owned())))?;
    trial.accept().map_err(|source| OpenError::Io {
        path: path.to_owned(),
        source,
    })?;
    upgrade(&database).map_err(|error| damaged(format!("bringing it up to date failed: {error}")))?;
    Ok(database)
}

fn open_trial(path: &Path, trial: &Trial, options: &Options) -> Result<Database, OpenError> {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder
        .create_with_backend(trial.clone())
        .map_err(|error| open_error(path, error))
}

/// Whether this is our data and of a version that we can read.
fn inspect(path: &Path, database: &Database) -> Result<(), OpenError> {
    let damaged = |why: String| OpenError::Damaged {
        path: path.to_owned(),
        why,
    };
    let read = database.begin_read().map_err(|e| damaged(e.to_string()))?;
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        // Just made.
        Err(redb::TableError::TableDoesNotExist(_)) => {
            let mut tables = read.list_tables().map_err(|e| damaged(e.to_string()))?;
            return match tables.next() {
                None => Ok(()),
                Some(_) => Err(damaged("it is not Pillarbox's".to_owned())),
            };
        }
        Err(error) => return Err(damaged(error.to_string())),
    };
    let number = |key| {
        meta.get(key)
            .map(|v| v.map(|v| v.value()))
            .map_err(|e| damaged(e.to_string()))
    };
    let found = number("version")?.ok_or_else(|| damaged("it has no version".to_owned()))?;
    let oldest_reader = number("oldest_reader")?.unwrap_or(found);
    if oldest_reader > VERSION {
        return Err(OpenError::NewerVersion {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    if found < VERSION {
        return Ok(()); // the migration makes what is missing
    }
    schema::probe(&read).map_err(|e| damaged(e.to_string()))
}

/// Migrates, unless the data is of this very version.
fn upgrade(database: &Database) -> Result<(), StoreError> {
    let read = database.begin_read()?;
    let found = match read.open_table(META) {
        Ok(meta) => meta.get("version")?.map(|v| v.value()),
        Err(_) => None,
    };
    drop(read);
    if found == Some(VERSION) {
        return Ok(());
    }
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    migrate::migrate(&transaction)?;
    Ok(transaction.commit()?)
}

fn open_error(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => OpenError::InUse { path },
        // redb reports a foreign or cut file as invalid data.
        DatabaseError::Storage(StorageError::Io(source))
            if !matches!(
                source.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            OpenError::Io { path, source }
        }
        other => OpenError::Damaged {
            path,
            why: other.to_string(),
        },
    }
}

/// Reads a closed folder's file through, checksums and all. What the returned database writes is
/// never kept. The second value is whether every checksum and the page allocation were right.
pub(crate) fn verify(dir: &Path, options: &Options) -> Result<(Database, bool), OpenError> {
    let path = dir.join(FILE);
    let failed = |source| OpenError::Io {
        path: path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    let trial = Trial::new(backend(&path, file)?);
    let verifying = || {
        let mut database = open_trial(&path, &trial, options)?;
        inspect(&path, &database)?;
        let sound = database.check_integrity().map_err(|e| open_error(&path, e))?;
        Ok((database, sound))
    };
    let badly = || OpenError::Damaged {
        path: path.clone(),
        why: "reading it failed badly".to_owned(),
    };
    catch_unwind(AssertUnwindSafe(verifying)).unwrap_or_else(|_| Err(badly()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_again_works_while_snapshots_are_alive() {
        let dir = tempfile::tempdir().unwrap();
        let shared = Shared::open(dir.path(), &Options::default()).unwrap();
        let old = shared.read().unwrap();
        shared.reopen();
        let written = shared.with(|database| {
            let write = database.begin_write()?;
            write.open_table(META)?.insert("mark", 5)?;
            Ok(write.commit()?)
        });
        written.unwrap();
        let mark = shared
            .read()
            .unwrap()
            .open_table(META)
            .unwrap()
            .get("mark")
            .unwrap();
        assert_eq!(mark.unwrap().value(), 5);
        drop(old);
    }

    #[test]
    fn a_file_that_cannot_be_opened_again_fails_every_operation_until_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let shared = Shared::open(dir.path(), &Options::default()).unwrap();
        let (file, away) = (dir.path().join(FILE), dir.path().join("away"));
        fs::rename(&file, &away).unwrap();
        shared.reopen();
        assert!(matches!(shared.read(), Err(StoreError::Io(_))));
        fs::rename(&away, &file).unwrap();
        shared.reopen();
        assert!(shared.read().is_ok());
    }
}
