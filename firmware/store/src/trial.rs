//! A backend on trial: until it is accepted, what redb writes is kept in memory, so that a folder
//! that turns out to be damaged, or newer than this program, stays exactly as it was.

use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Wraps a backend; clones are handles to the same one.
#[derive(Debug, Clone)]
pub(crate) struct Trial(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Box<dyn StorageBackend>,
    accepted: AtomicBool,
    log: Mutex<Log>,
}

/// What was written, in order: replaying it in this order, syncs included, keeps what redb's crash
/// safety is built on. Short: opening writes little.
#[derive(Debug, Default)]
struct Log {
    actions: Vec<Action>,
    /// The length as redb sees it, once it changed it.
    length: Option<u64>,
}

#[derive(Debug)]
enum Action {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

impl Trial {
    pub(crate) fn new(backend: impl StorageBackend) -> Self {
        let (accepted, log) = (AtomicBool::new(false), Mutex::default());
        Self(Arc::new(Inner {
            backend: Box::new(backend),
            accepted,
            log,
        }))
    }

    /// Writes what was kept back; from now on everything goes straight through.
    pub(crate) fn accept(&self) -> io::Result<()> {
        let mut log = self.log();
        for action in log.actions.drain(..) {
            match action {
                Action::Write(offset, data) => self.0.backend.write(offset, &data)?,
                Action::SetLen(length) => self.0.backend.set_len(length)?,
                Action::Sync => self.0.backend.sync_data()?,
            }
        }
        self.0.accepted.store(true, Ordering::Release);
        Ok(())
    }

    fn is_accepted(&self) -> bool {
        self.0.accepted.load(Ordering::Acquire)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Trial {
    fn len(&self) -> io::Result<u64> {
        if self.is_accepted() {
            return self.0.backend.len();
        }
        let length = self.log().length;
        length.map_or_else(|| self.0.backend.len(), Ok)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.is_accepted() {
            return self.0.backend.read(offset, out);
        }
        let end = offset.saturating_add(out.len() as u64);
        let log = self.log();
        let real = self.0.backend.len()?;
        if end > log.length.unwrap_or(real) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // What lies beyond the real end reads as zeros until it is written.
        out.fill(0);
        let present = usize::try_from(real.saturating_sub(offset))
            .unwrap_or(usize::MAX)
            .min(out.len());
        if let Some(part) = out.get_mut(..present).filter(|part| !part.is_empty()) {
            self.0.backend.read(offset, part)?;
        }
        for action in &log.actions {
            match action {
                Action::Write(at, data) => overlay(out, offset, data, *at),
                Action::SetLen(length) => {
                    let kept = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
                    if let Some(cut) = out.get_mut(kept..) {
                        cut.fill(0);
                    }
                }
                Action::Sync => {}
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.is_accepted() {
            return self.0.backend.set_len(len);
        }
        let mut log = self.log();
        log.length = Some(len);
        log.actions.push(Action::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.is_accepted() {
            return self.0.backend.sync_data();
        }
        self.log().actions.push(Action::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.is_accepted() {
            return self.0.backend.write(offset, data);
        }
        self.log().actions.push(Action::Write(offset, data.to_vec()));
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.0.backend.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.backend.query_lock_range(start, end)
    }
}

/// Lays `data`, which stands at `at`, over `out`, which stands at `offset`.
fn overlay(out: &mut [u8], offset: u64, data: &[u8], at: u64) {
    let start = at.max(offset);
    let end = (at.saturating_add(data.len() as u64)).min(offset.saturating_add(out.len() as u64));
    if start >= end {
        return;
    }
    let within = |from: u64| {
        let first = usize::try_from(start - from).ok()?;
        Some(first..usize::try_from(end - from).ok()?)
    };
    let target = within(offset).and_then(|range| out.get_mut(range));
    let source = within(at).and_then(|range| data.get(range));
    if let (Some(target), Some(source)) = (target, source) {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    /// A backend of six octets, and a handle to look at it.
    fn six() -> (Trial, Trial) {
        let base = Trial::new(InMemoryBackend::new());
        base.accept().unwrap();
        base.set_len(6).unwrap();
        base.write(0, b"abcdef").unwrap();
        (base.clone(), Trial::new(base))
    }

    fn all(backend: &Trial) -> Vec<u8> {
        let mut octets = vec![0; usize::try_from(backend.len().unwrap()).unwrap()];
        backend.read(0, &mut octets).unwrap();
        octets
    }

    #[test]
    fn what_is_written_on_trial_is_read_but_reaches_the_backend_only_when_accepted() {
        let (base, trial) = six();
        trial.write(1, b"XY").unwrap();
        trial.set_len(9).unwrap();
        trial.write(7, b"Z").unwrap();
        trial.sync_data().unwrap();
        trial.set_len(8).unwrap();
        assert_eq!(all(&trial), b"aXYdef\0Z");
        let mut middle = [0; 3];
        trial.read(2, &mut middle).unwrap();
        assert_eq!(&middle, b"Yde");
        assert!(trial.read(6, &mut middle).is_err());
        assert_eq!(all(&base), b"abcdef");
        trial.accept().unwrap();
        assert_eq!(
            (all(&base), all(&trial)),
            (b"aXYdef\0Z".to_vec(), b"aXYdef\0Z".to_vec())
        );
        trial.write(0, b"!").unwrap();
        assert_eq!(all(&base), b"!XYdef\0Z");
    }

    #[test]
    fn what_was_cut_off_reads_as_zeros_when_it_grows_back() {
        let (base, trial) = six();
        trial.set_len(2).unwrap();
        trial.set_len(4).unwrap();
        assert_eq!(all(&trial), b"ab\0\0");
        trial.accept().unwrap();
        assert_eq!(all(&base), b"ab\0\0");
    }
}
