//! Attachments that stayed here, and the links to them.

use proto::types::{AccountId, Address, Timestamp};

/// Most links that there are, those included whose files are gone.
pub(crate) const MOST_LINKS: u64 = 200_000;

/// BLAKE3 of a file's octets: its name in the attachment folder.
pub type FileHash = [u8; 32];

/// A link's number; not its token, which only the recipient has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A link to be made. Its file has to be on the card with its name before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct NewLink {
    /// BLAKE3 of the token that the recipient gets.
    pub token: [u8; 32],
    pub file: FileHash,
    /// Octets of the file.
    pub size: u64,
    /// SHA-256 of the file, shown to people.
    pub sha256: [u8; 32],
    pub name: String,
    pub media_type: String,
    /// Our name of the message.
    pub message: String,
    /// Who sent it.
    pub account: AccountId,
    pub recipient: Address,
    pub created: Timestamp,
    pub expires: Timestamp,
}

/// A link as stored.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Link {
    pub id: LinkId,
    pub file: FileHash,
    pub size: u64,
    pub sha256: [u8; 32],
    pub name: String,
    pub media_type: String,
    pub message: String,
    pub account: AccountId,
    pub recipient: Address,
    pub created: Timestamp,
    pub expires: Timestamp,
    /// Withdrawn by its sender or an admin.
    pub revoked: Option<Timestamp>,
    /// When its file was let go: the link cannot work any more.
    pub gone: Option<Timestamp>,
    /// PHC string; never shown.
    pub password_hash: Option<String>,
    pub downloads: u64,
    pub last_download: Option<Timestamp>,
}

impl Link {
    /// Whether somebody who has the token gets the file at `now`.
    #[must_use]
    pub fn works(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.gone.is_none() && self.expires > now
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("recipient", &self.recipient)
            .field("expires", &self.expires)
            .field("revoked", &self.revoked)
            .field("gone", &self.gone)
            .finish_non_exhaustive()
    }
}

/// What may be changed about a link.
#[derive(Clone, PartialEq, Eq)]
pub enum LinkChange {
    /// It works until then; a withdrawn one works again.
    Extend(Timestamp),
    /// It works no more since then.
    Revoke(Timestamp),
    /// It asks for a password (PHC string), or no longer.
    Password(Option<String>),
}

impl std::fmt::Debug for LinkChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Extend(at) => write!(f, "Extend({at:?})"),
            Self::Revoke(at) => write!(f, "Revoke({at:?})"),
            Self::Password(hash) => write!(f, "Password(set: {})", hash.is_some()),
        }
    }
}
