//! Plain values that go in and come out.

mod account;
mod body;
mod delivery;
mod event;
mod filter;
mod guard;
mod queue;

pub use account::{Account, AccountCounts, AccountState, NewAccount};
pub use body::Body;
pub use delivery::{Delivered, Delivery, MailCopy, Outgoing, Place};
pub use event::{Event, EventKind};
pub use filter::{BayesState, GreyAnswer, GreyRow, GreyState, Lesson, SenderEntry, SenderList, TokenCount};
pub use guard::{Acquaintance, Counter, Freeze, FreezeOutcome, GuardAction, SourceClass, Trip};
pub use queue::{QueueItem, Settlement};
