//! News of what was committed.

use proto::types::{AccountId, MailboxId, ModSeq};

/// Something that is different now. Sent after the commit; changes of one commit are folded.
/// A receiver that lagged must take everything for changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Messages or flags in a mailbox, or the mailbox itself was made, renamed or deleted.
    Mailbox {
        /// Whose.
        account: AccountId,
        /// Which.
        mailbox: MailboxId,
        /// Its state now.
        modseq: ModSeq,
    },
    /// Rows came to or left the queue, or are due at another time.
    Queue,
    /// An account was made, or its state or password changed.
    Account(AccountId),
    /// A setting was put or removed.
    Settings,
    /// Links to attachments were made or changed.
    Links,
    /// Events were recorded.
    Ledger,
}
