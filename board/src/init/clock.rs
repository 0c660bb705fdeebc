//! The board has no battery: at start the clock is set to the latest time that is known to be past.

use super::journal;
use crate::layout;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use std::fs;
use std::path::Path;

/// The year 2200: what is said to be later is damage or a slip, not time.
const BEYOND: i64 = 7_258_118_400;

/// Sets the clock to the time the image was built or the time last saved, if either is later.
pub(super) fn start() {
    let known = [layout::BUILT, layout::SAVED_CLOCK]
        .into_iter()
        .filter_map(|path| read(Path::new(path)))
        .max();
    let (Some(known), Ok(now)) = (known, clock_gettime(ClockId::CLOCK_REALTIME)) else {
        return;
    };
    if known > now.tv_sec()
        && let Err(error) = clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::new(known, 0))
    {
        journal::warn(format!("setting the clock: {error}"));
    }
}

/// Sets the clock to what a person says.
///
/// # Errors
/// That cannot be, or the kernel refuses, in words.
pub(super) fn set(at: i64) -> Result<(), String> {
    let built = read(Path::new(layout::BUILT)).unwrap_or(0);
    if !(built..BEYOND).contains(&at) {
        return Err(format!("{at} cannot be the time"));
    }
    clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::new(at, 0)).map_err(|error| error.to_string())
}

fn read(path: &Path) -> Option<i64> {
    fs::read_to_string(path)
        .ok()?
        .trim()
        .parse()
        .ok()
        .filter(|seconds| (0..BEYOND).contains(seconds))
}

/// Keeps the time for the next start. Called only while the clock is known.
pub(super) fn save() {
    let write = || -> std::io::Result<()> {
        let now = clock_gettime(ClockId::CLOCK_REALTIME)?.tv_sec();
        let new = format!("{}.new", layout::SAVED_CLOCK);
        fs::write(&new, format!("{now}\n"))?;
        fs::rename(new, layout::SAVED_CLOCK)
    };
    if let Err(error) = write() {
        journal::warn(format!("saving the time: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_set_the_clock_to_what_cannot_be() {
        for at in [-1, BEYOND, i64::MAX] {
            assert!(set(at).is_err(), "{at}");
        }
    }

    #[test]
    fn only_plausible_times_are_believed() {
        let dir = std::env::temp_dir().join(format!("pillarbox-clock-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        for (text, time) in [
            ("1790000000\n", Some(1_790_000_000)),
            ("", None),
            ("-5", None),
            ("99999999999999", None),
        ] {
            fs::write(dir.join("clock"), text).unwrap();
            assert_eq!(read(&dir.join("clock")), time, "{text:?}");
        }
        assert_eq!(read(&dir.join("missing")), None);
        fs::remove_dir_all(dir).unwrap();
    }
}
