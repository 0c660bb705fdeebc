//! The one thread that writes. Operations that wait share a commit, because on an SD card the
//! commit is what costs; each is still all or nothing.

use crate::database::Shared;
use crate::write::{Recent, Write};
use crate::{Change, StoreError};
use redb::{Database, Durability};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Most operations that wait; further callers wait for a place.
pub(crate) const WAITING: usize = 256;
/// Most operations in one commit.
const GROUP_OPERATIONS: usize = 128;
/// A commit takes no further operation once its bodies have this many octets.
const GROUP_OCTETS: u64 = 4 * 1024 * 1024;
/// Longest wait for operations to share a commit; a fraction of what a commit takes.
const PATIENCE: Duration = Duration::from_millis(1);

/// An operation with its caller.
pub(crate) trait Job: Send {
    /// Octets that it will add, roughly.
    fn octets(&self) -> u64;
    /// Does it, perhaps again after a group failed. `Err`: what it wrote must not be committed.
    fn run(&mut self, write: &mut Write<'_>) -> Result<(), StoreError>;
    /// Answers the caller with the outcome of the last run, now committed.
    fn finish(self: Box<Self>);
    /// Answers the caller that nothing was done.
    fn fail(self: Box<Self>, error: StoreError);
}

/// The only job: a function, the outcome of its last run, and who waits for it.
pub(crate) struct Operation<T, F> {
    octets: u64,
    work: F,
    outcome: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Operation<T, F> {
    pub(crate) fn new(octets: u64, work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (caller, answer) = oneshot::channel();
        (
            Self {
                octets,
                work,
                outcome: None,
                caller,
            },
            answer,
        )
    }
}

impl<T, F> Job for Operation<T, F>
where
    T: Send,
    F: FnMut(&mut Write<'_>) -> Result<T, StoreError> + Send,
{
    fn octets(&self) -> u64 {
        self.octets
    }

    fn run(&mut self, write: &mut Write<'_>) -> Result<(), StoreError> {
        match (self.work)(write) {
            // A "no" that came before any change leaves the others' work in the transaction alone.
            Err(error) if error.is_failure() || write.is_changed() => Err(error),
            outcome => {
                self.outcome = Some(outcome);
                Ok(())
            }
        }
    }

    fn finish(self: Box<Self>) {
        let lost = || Err(StoreError::Internal("the operation did not run".to_owned()));
        // A caller that no longer waits has its answer all the same: it is in the store.
        let _ = self.caller.send(self.outcome.unwrap_or_else(lost));
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.caller.send(Err(error));
    }
}

/// Why a transaction did not end well.
enum Failure {
    /// Nothing of it is on the card, so its jobs may run again.
    Undone(StoreError),
    /// The commit failed: all of it may be on the card or nothing. Running a job again could do
    /// twice what it did, so its caller must look.
    Unknown(StoreError),
}

impl<E: Into<StoreError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Undone(error.into())
    }
}

/// The writer thread's state.
pub(crate) struct Writer {
    database: Arc<Shared>,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    changes: broadcast::Sender<Change>,
    /// Operations in the last commit.
    last_group: usize,
    recent: Recent,
}

impl Writer {
    pub(crate) fn new(
        database: Arc<Shared>,
        jobs: mpsc::Receiver<Box<dyn Job>>,
        changes: broadcast::Sender<Change>,
    ) -> Self {
        Self {
            database,
            jobs,
            changes,
            last_group: 0,
            recent: Recent::default(),
        }
    }

    /// Runs until every sender is gone and the last job is done.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let group = self.gather(first);
            self.commit(group);
        }
    }

    /// What waits, up to the limits. Callers that just got their answer from the last commit are
    /// often about to ask again, so as many as shared that one are waited for, for a moment: else
    /// the first of them would get a commit for itself and the others wait for it to end.
    fn gather(&mut self, first: Box<dyn Job>) -> Vec<Box<dyn Job>> {
        let patience = Instant::now() + PATIENCE;
        let mut octets = first.octets();
        let mut group = vec![first];
        while group.len() < GROUP_OPERATIONS && octets < GROUP_OCTETS {
            if let Ok(next) = self.jobs.try_recv() {
                octets = octets.saturating_add(next.octets());
                group.push(next);
            } else if group.len() < self.last_group && Instant::now() < patience {
                std::thread::sleep(PATIENCE / 20);
            } else {
                break;
            }
        }
        self.last_group = group.len();
        group
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Job>>) {
        match self.attempt(&mut group) {
            Ok(()) => return group.into_iter().for_each(Job::finish),
            Err(Failure::Undone(_)) => {}
            Err(Failure::Unknown(error)) => {
                return group.into_iter().for_each(|job| job.fail(error.repeat()));
            }
        }
        // One of them spoiled it: each for itself.
        for job in group {
            let mut alone = [job];
            let outcome = self.attempt(&mut alone);
            let [job] = alone;
            match outcome {
                Ok(()) => job.finish(),
                Err(Failure::Undone(error) | Failure::Unknown(error)) => {
                    tracing::error!(%error, "a write failed");
                    job.fail(error);
                }
            }
        }
    }

    /// Runs the jobs in one transaction and publishes what changed once that is on the card.
    fn attempt(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        self.room(group.iter().map(|job| job.octets()).sum())
            .map_err(Failure::Undone)?;
        let work = || {
            self.database
                .with(|database| Ok(transact(database, &mut self.recent, group)))
        };
        let panicked = |_| Err(StoreError::Io(std::io::Error::other("the database panicked")));
        let outcome = match catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked) {
            Ok(outcome) => outcome,
            Err(error) => Err(Failure::Unknown(error)),
        };
        match outcome {
            Ok(news) => {
                for change in news {
                    let _ = self.changes.send(change); // nobody may be listening
                }
                Ok(())
            }
            Err(failure) => {
                let (Failure::Undone(error) | Failure::Unknown(error)) = &failure;
                if matches!(error, StoreError::Io(_) | StoreError::NoSpace) {
                    self.database.reopen();
                }
                Err(failure)
            }
        }
    }

    /// A write that finds no room stops redb until it is opened again, so what adds mail is
    /// refused before that.
    fn room(&self, octets: u64) -> Result<(), StoreError> {
        if octets > 0 && !self.database.has_room(octets)? {
            return Err(StoreError::NoSpace);
        }
        Ok(())
    }
}

fn transact(
    database: &Database,
    recent: &mut Recent,
    group: &mut [Box<dyn Job>],
) -> Result<Vec<Change>, Failure> {
    let mut transaction = database.begin_write()?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(|e| StoreError::Internal(e.to_string()))?;
    // Two-phase commit, and opening after a power cut in milliseconds instead of a walk.
    transaction.set_quick_repair(true);
    let mut write = Write::new(&transaction, recent)?;
    let mut ran = Ok(());
    for job in group {
        write.begin();
        let run = catch_unwind(AssertUnwindSafe(|| job.run(&mut write)));
        ran = run.unwrap_or_else(|_| Err(StoreError::Internal("an operation panicked".to_owned())));
        if ran.is_err() {
            break;
        }
    }
    let (changed, news) = write.end();
    if ran.is_ok() && changed {
        transaction.commit().map_err(|e| Failure::Unknown(e.into()))?;
    } else {
        transaction.abort()?;
        ran?;
    }
    Ok(news)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Snapshot};
    use std::io;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    struct Bench {
        writer: Writer,
        news: broadcast::Receiver<Change>,
        group: Vec<Box<dyn Job>>,
    }

    type Answer = oneshot::Receiver<Result<(), StoreError>>;

    impl Bench {
        fn new() -> Self {
            let backend = redb::backends::InMemoryBackend::new();
            Self::on(Shared::open_backend(backend, &Options::default()).unwrap())
        }

        fn on(database: Shared) -> Self {
            let (changes, news) = broadcast::channel(16);
            let (_, jobs) = mpsc::channel(1);
            Self {
                writer: Writer::new(Arc::new(database), jobs, changes),
                news,
                group: Vec::new(),
            }
        }

        fn add(
            &mut self,
            work: impl FnMut(&mut Write<'_>) -> Result<(), StoreError> + Send + 'static,
        ) -> Answer {
            let (operation, answer) = Operation::new(0, work);
            self.group.push(Box::new(operation));
            answer
        }

        fn commit(&mut self) {
            self.writer.commit(std::mem::take(&mut self.group));
        }

        fn settings(&self) -> Vec<&'static str> {
            let snapshot = Snapshot {
                transaction: self.writer.database.read().unwrap(),
            };
            let keys = ["a", "b", "c", "d"];
            keys.into_iter()
                .filter(|key| snapshot.setting(key).unwrap().is_some())
                .collect()
        }
    }

    fn put(key: &'static str) -> impl FnMut(&mut Write<'_>) -> Result<(), StoreError> {
        move |write| write.put_setting(key, &serde_json::Value::Bool(true))
    }

    #[test]
    fn a_refusal_before_any_change_leaves_the_rest_of_the_group_in_one_commit() {
        let mut bench = Bench::new();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        let mut first = put("a");
        let mut a = bench.add(move |write| {
            counted.fetch_add(1, Ordering::Relaxed);
            first(write)
        });
        let mut refused = bench.add(|_| Err(StoreError::NotFound));
        let mut b = bench.add(put("b"));
        bench.commit();
        assert!(matches!((a.try_recv(), b.try_recv()), (Ok(Ok(())), Ok(Ok(())))));
        assert!(matches!(refused.try_recv(), Ok(Err(StoreError::NotFound))));
        assert_eq!(bench.settings(), ["a", "b"]);
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert_eq!(bench.news.try_recv(), Ok(Change::Settings));
        assert!(bench.news.try_recv().is_err());
    }

    #[test]
    fn an_operation_that_fails_halfway_or_panics_is_undone_and_the_others_are_kept() {
        let mut bench = Bench::new();
        let mut a = bench.add(put("a"));
        let mut halfway = bench.add(|write| put("b")(write).and(Err(StoreError::Exists)));
        let mut panics = bench.add(|write| {
            put("c")(write)?;
            panic!("a bug")
        });
        let mut d = bench.add(put("d"));
        bench.commit();
        assert!(matches!((a.try_recv(), d.try_recv()), (Ok(Ok(())), Ok(Ok(())))));
        assert!(matches!(halfway.try_recv(), Ok(Err(StoreError::Exists))));
        assert!(matches!(panics.try_recv(), Ok(Err(StoreError::Internal(_)))));
        assert_eq!(bench.settings(), ["a", "d"]);
    }

    /// Finds the disk full once it is told so.
    #[derive(Debug)]
    struct Full {
        file: redb::backends::FileBackend,
        full: Arc<AtomicBool>,
    }

    impl redb::StorageBackend for Full {
        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.file.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.file.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.file.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            if self.full.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.file.write(offset, data)
        }
    }

    #[test]
    fn a_commit_that_failed_is_not_done_again_and_the_next_one_works() {
        let dir = tempfile::tempdir().unwrap();
        drop(Shared::open(dir.path(), &Options::default()).unwrap());
        let full = Arc::new(AtomicBool::new(false));
        let wrap = |file| Full {
            file,
            full: full.clone(),
        };
        let mut bench = Bench::on(Shared::open_wrapped(dir.path(), wrap));
        let mut before = bench.add(put("a"));
        bench.commit();
        full.store(true, Ordering::Relaxed);
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        let mut during = bench.add(move |write| {
            counted.fetch_add(1, Ordering::Relaxed);
            put("b")(write)
        });
        let mut with_it = bench.add(put("c"));
        bench.commit();
        let mut after = bench.add(put("d"));
        bench.commit();
        assert!(matches!(
            (before.try_recv(), after.try_recv()),
            (Ok(Ok(())), Ok(Ok(())))
        ));
        for failed in [&mut during, &mut with_it] {
            assert!(matches!(failed.try_recv(), Ok(Err(StoreError::NoSpace))));
        }
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert_eq!(bench.settings(), ["a", "d"]);
    }

    #[test]
    fn a_group_that_changes_nothing_is_answered_without_news() {
        let mut bench = Bench::new();
        let mut nothing = bench.add(|write| write.remove_setting("zz"));
        bench.commit();
        assert!(matches!(nothing.try_recv(), Ok(Ok(()))));
        assert!(bench.news.try_recv().is_err());
    }
}
