//! Work that waits for the card, done without holding up other connections.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs `work` here, having moved other tasks off this thread where the runtime can.
pub fn blocking<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// As [`blocking`] if the work `waits`; else it is done at once: moving the others away costs more than
/// a look at what is in memory.
pub fn blocking_if<R>(waits: bool, work: impl FnOnce() -> R) -> R {
    if waits { blocking(work) } else { work() }
}
