//! Identifiers. Each is its own type so that a UID never stands where a mailbox is meant.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id!(
    /// An account of this office. Never reused.
    AccountId(u64)
);
id!(
    /// A mailbox, unique over all accounts. Never reused, so a renamed mailbox keeps its messages.
    MailboxId(u64)
);
id!(
    /// A message body in the store; copies of a message share one. Never reused.
    BlobId(u64)
);
id!(
    /// One recipient of one outgoing message.
    QueueId(u64)
);
id!(
    /// A message in its mailbox. Strictly ascending, never 0 (RFC 9051 2.3.1.1).
    Uid(u32)
);
id!(
    /// Names one incarnation of a mailbox (RFC 9051 2.3.1.1). Taken from a counter, never the clock.
    UidValidity(u32)
);
id!(
    /// Counts the changes of a mailbox (RFC 7162 3.1). 0 means "before any change".
    ModSeq(u64)
);
