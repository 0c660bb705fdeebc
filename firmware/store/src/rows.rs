//! Rows as octets: a version, then postcard. A later version may append fields; an older reader
//! then leaves them out of account. Any other change of a row is a new version that
//! [`Row::decode`] tells apart.

use crate::StoreError;
use proto::ask::SpecialUse;
use proto::types::{
    AccountId, Address, BlobId, Flags, MailboxId, ModSeq, QueueId, RecipientWishes, ReversePath, Structure,
    SystemFlag, Timestamp, Uid, UidValidity, Wishes,
};
use redb::ReadableTable;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A stored row.
pub(crate) trait Row: Serialize + DeserializeOwned {
    /// Written in front.
    const VERSION: u8 = 1;

    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        postcard::to_extend(self, vec![Self::VERSION])
            .map_err(|e| StoreError::Internal(format!("encoding: {e}")))
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        decode(bytes)
    }
}

// A row of its own version, or of a later one that appended to it.
fn decode<R: DeserializeOwned>(bytes: &[u8]) -> Result<R, StoreError> {
    let damaged = |why: String| StoreError::Internal(format!("a row cannot be read: {why}"));
    match bytes.split_first() {
        Some((0, _)) | None => Err(damaged("no version".to_owned())),
        Some((_, row)) => postcard::take_from_bytes(row)
            .map(|(row, _)| row)
            .map_err(|e| damaged(e.to_string())),
    }
}

/// The row under a number, if there is one.
pub(crate) fn get<R: Row>(
    table: &impl ReadableTable<u64, &'static [u8]>,
    key: u64,
) -> Result<Option<R>, StoreError> {
    table.get(key)?.map(|bytes| R::decode(bytes.value())).transpose()
}

/// A mailbox with the counters that LIST-STATUS shows; `check` proves them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailboxRow {
    pub account: AccountId,
    pub name: String,
    pub subscribed: bool,
    pub special: Option<SpecialUse>,
    pub messages: u32,
    pub unseen: u32,
    pub deleted: u32,
    pub size: u64,
    pub uid_next: Uid,
    pub uid_validity: UidValidity,
    pub modseq: ModSeq,
}

impl Row for MailboxRow {}

impl MailboxRow {
    /// Counts a message in.
    pub(crate) fn add(&mut self, message: &MessageRow) {
        self.messages = self.messages.saturating_add(1);
        self.unseen = self
            .unseen
            .saturating_add(u32::from(!message.flags.has(SystemFlag::Seen)));
        self.deleted = self
            .deleted
            .saturating_add(u32::from(message.flags.has(SystemFlag::Deleted)));
        self.size = self.size.saturating_add(message.size);
    }

    /// Counts a message out.
    pub(crate) fn take(&mut self, message: &MessageRow) {
        self.messages = self.messages.saturating_sub(1);
        self.unseen = self
            .unseen
            .saturating_sub(u32::from(!message.flags.has(SystemFlag::Seen)));
        self.deleted = self
            .deleted
            .saturating_sub(u32::from(message.flags.has(SystemFlag::Deleted)));
        self.size = self.size.saturating_sub(message.size);
    }

    /// The mod-sequence of a change that is being made.
    pub(crate) fn next_modseq(&mut self) -> ModSeq {
        self.modseq = ModSeq(self.modseq.0.saturating_add(1));
        self.modseq
    }

    /// As LIST and STATUS see it.
    pub(crate) fn show(self, id: MailboxId) -> proto::ask::Mailbox {
        proto::ask::Mailbox {
            id,
            name: self.name,
            subscribed: self.subscribed,
            special_use: self.special,
            messages: self.messages,
            unseen: self.unseen,
            deleted: self.deleted,
            size: self.size,
            uid_next: self.uid_next,
            uid_validity: self.uid_validity,
            highest_modseq: self.modseq,
        }
    }
}

/// A message in a mailbox. `size` is the blob's, which never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MessageRow {
    pub blob: BlobId,
    pub modseq: ModSeq,
    pub flags: Flags,
    pub size: u64,
    pub date: Timestamp,
}

impl Row for MessageRow {}

/// The structure beside a blob. Its parts nest, so appending a field to a part is a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StructureRow(pub Structure);

impl Row for StructureRow {}

/// See [`crate::QueueItem`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueRow {
    pub blob: BlobId,
    pub owner: Option<AccountId>,
    pub from: ReversePath,
    pub to: Address,
    pub created: Timestamp,
    pub next_attempt: Timestamp,
    pub attempts: u32,
    pub last_words: Option<String>,
    pub held: bool,
    pub wishes: Wishes,
    pub asked: RecipientWishes,
    pub told: Option<Timestamp>,
    pub held_by_admin: bool,
}

impl Row for QueueRow {
    const VERSION: u8 = 3;

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        match bytes.first() {
            Some(1) => QueueRowV1::decode(bytes).map(QueueRowV1::raise),
            // It ended before `held_by_admin`: an octet 0 says that nobody holds it.
            Some(2) => decode(&[bytes, &[0]].concat()),
            _ => decode(bytes),
        }
    }
}

/// What version 1 knew: nothing of what the sender asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct QueueRowV1 {
    blob: BlobId,
    owner: Option<AccountId>,
    from: ReversePath,
    to: Address,
    created: Timestamp,
    next_attempt: Timestamp,
    attempts: u32,
    last_words: Option<String>,
    held: bool,
}

impl Row for QueueRowV1 {}

impl QueueRowV1 {
    fn raise(self) -> QueueRow {
        QueueRow {
            blob: self.blob,
            owner: self.owner,
            from: self.from,
            to: self.to,
            created: self.created,
            next_attempt: self.next_attempt,
            attempts: self.attempts,
            last_words: self.last_words,
            held: self.held,
            wishes: Wishes::default(),
            asked: RecipientWishes::default(),
            told: None,
            held_by_admin: false,
        }
    }
}

impl QueueRow {
    /// Whether somebody's decision keeps it here.
    pub(crate) const fn is_held(&self) -> bool {
        self.held || self.held_by_admin
    }

    /// As the queue's callers see it.
    pub(crate) fn show(self, id: QueueId) -> crate::QueueItem {
        crate::QueueItem {
            id,
            blob: self.blob,
            owner: self.owner,
            from: self.from,
            to: self.to,
            created: self.created,
            next_attempt: self.next_attempt,
            attempts: self.attempts,
            last_words: self.last_words,
            held: self.held,
            wishes: self.wishes,
            asked: self.asked,
            told: self.told,
            held_by_admin: self.held_by_admin,
        }
    }
}

/// See [`crate::Link`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkRow {
    pub token: [u8; 32],
    pub file: [u8; 32],
    pub size: u64,
    pub sha256: [u8; 32],
    pub name: String,
    pub media_type: String,
    pub message: String,
    pub account: AccountId,
    pub recipient: Address,
    pub created: Timestamp,
    pub expires: Timestamp,
    pub revoked: Option<Timestamp>,
    pub gone: Option<Timestamp>,
    pub password_hash: Option<String>,
    pub downloads: u64,
    pub last_download: Option<Timestamp>,
}

impl Row for LinkRow {}

impl LinkRow {
    /// A link that nobody has used.
    pub(crate) fn new(link: &crate::NewLink) -> Self {
        let link = link.clone();
        Self {
            token: link.token,
            file: link.file,
            size: link.size,
            sha256: link.sha256,
            name: link.name,
            media_type: link.media_type,
            message: link.message,
            account: link.account,
            recipient: link.recipient,
            created: link.created,
            expires: link.expires,
            revoked: None,
            gone: None,
            password_hash: None,
            downloads: 0,
            last_download: None,
        }
    }

    /// As callers see it.
    pub(crate) fn show(self, id: crate::LinkId) -> crate::Link {
        crate::Link {
            id,
            file: self.file,
            size: self.size,
            sha256: self.sha256,
            name: self.name,
            media_type: self.media_type,
            message: self.message,
            account: self.account,
            recipient: self.recipient,
            created: self.created,
            expires: self.expires,
            revoked: self.revoked,
            gone: self.gone,
            password_hash: self.password_hash,
            downloads: self.downloads,
            last_download: self.last_download,
        }
    }
}

/// An account, as JSON: accounts are few, and their states will grow.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    pub address: Address,
    #[serde(flatten)]
    pub state: crate::AccountState,
    pub admin: bool,
    pub password_hash: String,
    pub created: Timestamp,
    #[serde(default)]
    pub unfrozen_at: Option<Timestamp>,
    #[serde(default)]
    pub freeze_seen: bool,
    #[serde(default)]
    pub printer: Option<crate::Printer>,
}

impl AccountRow {
    /// As callers see it.
    pub(crate) fn show(self, id: AccountId) -> crate::Account {
        crate::Account {
            id,
            address: self.address,
            state: self.state,
            admin: self.admin,
            password_hash: self.password_hash,
            created: self.created,
            unfrozen_at: self.unfrozen_at,
            freeze_seen: self.freeze_seen,
            printer: self.printer,
        }
    }
}

/// A value as JSON.
pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|e| StoreError::Internal(format!("encoding: {e}")))
}

/// A value from JSON.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|e| StoreError::Internal(format!("a row cannot be read: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_fields_that_a_later_version_appended_is_still_read() {
        let row = MessageRow {
            blob: BlobId(300),
            modseq: ModSeq(7),
            flags: Flags::new().with(SystemFlag::Seen),
            size: 1 << 40,
            date: Timestamp(-1),
        };
        let mut bytes = row.encode().unwrap();
        assert_eq!(MessageRow::decode(&bytes).unwrap(), row);
        bytes.extend_from_slice(b"more");
        bytes[0] = 2;
        assert_eq!(MessageRow::decode(&bytes).unwrap(), row);
    }

    #[test]
    fn older_queue_rows_are_read_and_new_ones_are_read_by_version_1() {
        let old = QueueRowV1 {
            blob: BlobId(3),
            owner: Some(AccountId(1)),
            from: None,
            to: Address::parse("a@b.example").unwrap(),
            created: Timestamp(5),
            next_attempt: Timestamp(6),
            attempts: 2,
            last_words: Some("no".to_owned()),
            held: true,
        };
        let bytes = old.encode().unwrap();
        assert_eq!(bytes.first(), Some(&1));
        let mut row = QueueRow::decode(&bytes).unwrap();
        assert_eq!(row, old.clone().raise());
        row.wishes.utf8 = true;
        row.told = Some(Timestamp(9));
        let bytes = row.encode().unwrap();
        assert_eq!(bytes.first(), Some(&3));
        assert_eq!(QueueRow::decode(&bytes).unwrap(), row);
        assert_eq!(QueueRowV1::decode(&bytes).unwrap(), old);
        let mut second = bytes.clone();
        second[0] = 2;
        assert_eq!(second.pop(), Some(0), "what version 2 did not have");
        assert_eq!(QueueRow::decode(&second).unwrap(), row);
        row.held_by_admin = true;
        assert_eq!(QueueRow::decode(&row.encode().unwrap()).unwrap(), row);
    }

    #[test]
    fn octets_that_are_no_row_are_an_error() {
        for bytes in [
            &b""[..],
            b"\0\x01\x02",
            b"\x01",
            b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert!(MessageRow::decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn accounts_and_events_of_a_later_version_are_read_as_far_as_they_are_known() {
        let json = br#"{"address":"a@b.example","state":"frozen","since":5,"reason":"x","admin":true,
            "password_hash":"h","created":1,"colour":"red"}"#;
        let account = from_json::<AccountRow>(json).unwrap().show(AccountId(1));
        assert!(account.state.holds_mail() && account.admin);
        assert_eq!(
            to_json(&from_json::<AccountRow>(json).unwrap())
                .map(|j| j.len() > 50)
                .ok(),
            Some(true)
        );

        let later = br#"{"at":5,"kind":"teleported","to":{"x":1}}"#;
        let event = from_json::<crate::Event>(later).unwrap();
        assert_eq!((event.at, event.kind), (Timestamp(5), crate::EventKind::Unknown));
        let known = crate::Event {
            at: Timestamp(9),
            kind: crate::EventKind::LoginFailed {
                protocol: proto::types::Protocol::Imap,
                ip: "2001:db8::1".parse().unwrap(),
                login: "ann".to_owned(),
                account: None,
                mechanism: proto::types::Mechanism::Plain,
                tls: true,
                reason: "no".to_owned(),
                count: 3,
                client: String::new(),
                last: None,
            },
        };
        assert_eq!(
            from_json::<crate::Event>(&to_json(&known).unwrap()).unwrap(),
            known
        );
    }
}
