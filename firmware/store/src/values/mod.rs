//! Plain values that go in and come out.

mod account;
mod body;
mod delivery;
mod event;
mod filter;
mod guard;
pub(crate) mod link;
mod names;
mod printer;
mod queue;
mod verdict;

pub use account::{Account, AccountCounts, AccountState, NewAccount};
pub use body::Body;
pub use delivery::{Delivered, Delivery, MailCopy, Outgoing, Place, Submission};
pub use event::{Event, EventKind, KeyStep, NameChange};
pub use filter::{BayesState, GreyAnswer, GreyRow, GreyState, Lesson, SenderEntry, SenderList, TokenCount};
pub use guard::{Acquaintance, Counter, Freeze, FreezeOutcome, GuardAction, SourceClass, Trip};
pub use link::{FileHash, Link, LinkChange, LinkId, NewLink};
pub use names::{Alias, DomainRules, LocalDomain};
pub use printer::{NewPrinter, Printer, Terms};
pub use queue::{
    DomainHold, HeldDomain, QueueChange, QueueChanged, QueueItem, QueueOrder, QueueReach, Settlement,
};
pub use verdict::{Placement, Points, Reason, Verdict};
