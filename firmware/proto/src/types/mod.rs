//! Values that every room shares. They cannot hold a wrong value: parse once, at the door.

mod address;
mod flags;
mod ids;
mod protocol;
mod secret;
mod structure;
mod time;
mod wishes;

pub use address::{Address, AddressError, Domain, ReversePath};
pub use flags::{Flags, SystemFlag};
pub use ids::{AccountId, BlobId, MailboxId, ModSeq, QueueId, Uid, UidValidity};
pub use protocol::{Mechanism, Protocol};
pub use secret::Secret;
pub use structure::{Envelope, Params, Part, PartBody, Span, Structure};
pub use time::Timestamp;
pub use wishes::{
    BodyKind, EnvelopeId, Hold, Notify, OriginalRecipient, RecipientWishes, Returned, TlsWish, Wishes,
    to_unitext,
};
