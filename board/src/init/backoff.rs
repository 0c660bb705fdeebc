//! How long to wait before a process that ended is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A process that ran so long is not failing at its start; counting begins anew.
const STEADY: Duration = Duration::from_secs(120);

/// Doubles from one second to sixty.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub fn new() -> Backoff {
        Backoff { next: FIRST }
    }

    /// The wait after a process ended that had run for `ran`.
    pub fn after(&mut self, ran: Duration) -> Duration {
        if ran >= STEADY {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (self.next * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_a_steady_run_resets_them() {
        let mut backoff = Backoff::new();
        let mut after = |seconds| backoff.after(Duration::from_secs(seconds)).as_secs();
        let waits: Vec<u64> = (0..8).map(|_| after(3)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(after(120), 1);
        assert_eq!(after(0), 2);
    }
}
