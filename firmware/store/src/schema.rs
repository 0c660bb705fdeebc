//! What is in the file. Types of a table never change: a new shape is a new table and a step in
//! `migrate`. Rows carry a version of their own (see `rows`).

use redb::{ReadTransaction, TableDefinition, TableError, WriteTransaction};

/// The version that this code writes.
pub(crate) const VERSION: u64 = 3;
/// The oldest version that can read and write what this code writes. An update that was rolled
/// back must find its data usable, so this is at most `VERSION - 1` once there was a release.
pub(crate) const OLDEST_READER: u64 = 1;

/// Octets of a body in one value. With key and page header just under 64 KiB, so that a full chunk
/// fills its pages.
pub(crate) const CHUNK: usize = 65_000;

type Bytes = &'static [u8];

/// Among the `META`: what all bodies take of the file, roughly (see `write::footprint`).
pub(crate) const ROOM_TAKEN: &str = "room_taken";

/// Among the `META`: how many messages were learnt as spam, and as no spam.
pub(crate) const LEARNT_SPAM: &str = "learnt_spam";
/// See [`LEARNT_SPAM`].
pub(crate) const LEARNT_HAM: &str = "learnt_ham";

/// Among the `META`: how often that changed.
pub(crate) const LEARNT_VERSION: &str = "learnt_version";

/// `version`, `oldest_reader`, `room_taken`, `learnt_spam`, `learnt_ham`, `learnt_version` and the counters (see `write::Counter`).
pub(crate) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// Account -> `AccountRow`, JSON.
pub(crate) const ACCOUNTS: TableDefinition<'static, u64, Bytes> = TableDefinition::new("accounts");
/// `Address::key` -> account.
pub(crate) const ADDRESSES: TableDefinition<'static, &str, u64> = TableDefinition::new("addresses");
/// Mailbox -> `MailboxRow`.
pub(crate) const MAILBOXES: TableDefinition<'static, u64, Bytes> = TableDefinition::new("mailboxes");
/// (Account, mailbox name) -> mailbox.
pub(crate) const MAILBOX_NAMES: TableDefinition<'static, (u64, &str), u64> =
    TableDefinition::new("mailbox_names");
/// (Mailbox, UID) -> `MessageRow`.
pub(crate) const MESSAGES: TableDefinition<'static, (u64, u32), Bytes> = TableDefinition::new("messages");
/// (Mailbox, modseq, UID) -> whether it vanished then. A message that is there has exactly one
/// entry, with its own modseq.
pub(crate) const CHANGES: TableDefinition<'static, (u64, u64, u32), bool> = TableDefinition::new("changes");
/// Blob -> (references, octets, octets of the header, BLAKE3, `StructureRow`).
pub(crate) const BLOBS: TableDefinition<'static, u64, BlobValue> = TableDefinition::new("blobs");
/// (Blob, chunk from 0) -> octets; full chunks, then what is left in pieces (see `write::chunks`).
pub(crate) const CHUNKS: TableDefinition<'static, (u64, u32), Bytes> = TableDefinition::new("chunks");
/// Queue row -> `QueueRow`.
pub(crate) const QUEUE: TableDefinition<'static, u64, Bytes> = TableDefinition::new("queue");
/// (Domain it goes to, next attempt, queue row), for rows that are not held.
pub(crate) const QUEUE_PLACES: TableDefinition<'static, (&str, i64, u64), ()> =
    TableDefinition::new("queue_places");
/// (Next attempt, domain): the first of `QUEUE_PLACES` for each domain, so that what is due is found
/// domain by domain, however much waits for one of them.
pub(crate) const PLACES_DUE: TableDefinition<'static, (i64, &str), ()> = TableDefinition::new("places_due");
/// Domain that an admin holds all mail for -> `DomainHold`, JSON.
pub(crate) const HELD_DOMAINS: TableDefinition<'static, &str, Bytes> = TableDefinition::new("held_domains");
/// Sequence number -> `Event`, JSON.
pub(crate) const EVENTS: TableDefinition<'static, u64, Bytes> = TableDefinition::new("events");
/// (Account, whom or what it knows, see `Acquaintance::key`) -> (first met, last met).
pub(crate) const ACQUAINTANCES: TableDefinition<'static, (u64, &str), (i64, i64)> =
    TableDefinition::new("acquaintances");
/// Key -> JSON.
pub(crate) const SETTINGS: TableDefinition<'static, &str, Bytes> = TableDefinition::new("settings");

/// Domain, as A-labels -> `DomainRules`, JSON: every domain of the office but the main one has a row.
pub(crate) const DOMAINS: TableDefinition<'static, &str, Bytes> = TableDefinition::new("domains");
/// `Address::key` -> `Alias`, JSON.
pub(crate) const ALIASES: TableDefinition<'static, &str, Bytes> = TableDefinition::new("aliases");

/// Hash of a token -> (spam messages with it, other messages with it, day of the last of them).
pub(crate) const TOKENS: TableDefinition<'static, u64, TokenValue> = TableDefinition::new("tokens");
/// BLAKE3 of a message that was learnt -> (as spam, when).
pub(crate) const LEARNT: TableDefinition<'static, &[u8; 32], (bool, i64)> = TableDefinition::new("learnt");
/// Who may have to come again (see `write::greylist`) -> (first seen, last seen, was let in).
pub(crate) const GREYLIST: TableDefinition<'static, &str, (i64, i64, bool)> =
    TableDefinition::new("greylist");
/// Sender on a list -> `SenderEntry`, JSON.
pub(crate) const SENDERS: TableDefinition<'static, &str, Bytes> = TableDefinition::new("senders");

/// See [`TOKENS`].
pub(crate) type TokenValue = (u32, u32, u32);
/// Link -> `LinkRow`.
pub(crate) const LINKS: TableDefinition<'static, u64, Bytes> = TableDefinition::new("links");
/// BLAKE3 of a link's token -> link.
pub(crate) const LINK_TOKENS: TableDefinition<'static, &[u8; 32], u64> = TableDefinition::new("link_tokens");
/// BLAKE3 of a file in the attachment folder -> (links that need it, octets, SHA-256).
pub(crate) const LINK_FILES: TableDefinition<'static, &[u8; 32], (u32, u64, &[u8; 32])> =
    TableDefinition::new("link_files");

/// See [`BLOBS`].
pub(crate) type BlobValue = (u32, u64, u64, &'static [u8; 32], Bytes);

/// Every table, open for writing in one transaction.
#[allow(missing_docs)]
pub(crate) struct Tables<'t> {
    pub meta: redb::Table<'t, &'static str, u64>,
    pub accounts: redb::Table<'t, u64, Bytes>,
    pub addresses: redb::Table<'t, &'static str, u64>,
    pub mailboxes: redb::Table<'t, u64, Bytes>,
    pub mailbox_names: redb::Table<'t, (u64, &'static str), u64>,
    pub messages: redb::Table<'t, (u64, u32), Bytes>,
    pub changes: redb::Table<'t, (u64, u64, u32), bool>,
    pub blobs: redb::Table<'t, u64, BlobValue>,
    pub chunks: redb::Table<'t, (u64, u32), Bytes>,
    pub queue: redb::Table<'t, u64, Bytes>,
    pub queue_places: redb::Table<'t, (&'static str, i64, u64), ()>,
    pub places_due: redb::Table<'t, (i64, &'static str), ()>,
    pub held_domains: redb::Table<'t, &'static str, Bytes>,
    pub events: redb::Table<'t, u64, Bytes>,
    pub acquaintances: redb::Table<'t, (u64, &'static str), (i64, i64)>,
    pub settings: redb::Table<'t, &'static str, Bytes>,
    pub domains: redb::Table<'t, &'static str, Bytes>,
    pub aliases: redb::Table<'t, &'static str, Bytes>,
    pub tokens: redb::Table<'t, u64, TokenValue>,
    pub learnt: redb::Table<'t, &'static [u8; 32], (bool, i64)>,
    pub greylist: redb::Table<'t, &'static str, (i64, i64, bool)>,
    pub senders: redb::Table<'t, &'static str, Bytes>,
    pub links: redb::Table<'t, u64, Bytes>,
    pub link_tokens: redb::Table<'t, &'static [u8; 32], u64>,
    pub link_files: redb::Table<'t, &'static [u8; 32], (u32, u64, &'static [u8; 32])>,
}

impl<'t> Tables<'t> {
    /// Opens them; those that are missing are made.
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, TableError> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            accounts: transaction.open_table(ACCOUNTS)?,
            addresses: transaction.open_table(ADDRESSES)?,
            mailboxes: transaction.open_table(MAILBOXES)?,
            mailbox_names: transaction.open_table(MAILBOX_NAMES)?,
            messages: transaction.open_table(MESSAGES)?,
            changes: transaction.open_table(CHANGES)?,
            blobs: transaction.open_table(BLOBS)?,
            chunks: transaction.open_table(CHUNKS)?,
            queue: transaction.open_table(QUEUE)?,
            queue_places: transaction.open_table(QUEUE_PLACES)?,
            places_due: transaction.open_table(PLACES_DUE)?,
            held_domains: transaction.open_table(HELD_DOMAINS)?,
            events: transaction.open_table(EVENTS)?,
            acquaintances: transaction.open_table(ACQUAINTANCES)?,
            settings: transaction.open_table(SETTINGS)?,
            domains: transaction.open_table(DOMAINS)?,
            aliases: transaction.open_table(ALIASES)?,
            tokens: transaction.open_table(TOKENS)?,
            learnt: transaction.open_table(LEARNT)?,
            greylist: transaction.open_table(GREYLIST)?,
            senders: transaction.open_table(SENDERS)?,
            links: transaction.open_table(LINKS)?,
            link_tokens: transaction.open_table(LINK_TOKENS)?,
            link_files: transaction.open_table(LINK_FILES)?,
        })
    }
}

/// Whether every table is there with the types above.
pub(crate) fn probe(transaction: &ReadTransaction) -> Result<(), TableError> {
    transaction.open_table(META)?;
    transaction.open_table(ACCOUNTS)?;
    transaction.open_table(ADDRESSES)?;
    transaction.open_table(MAILBOXES)?;
    transaction.open_table(MAILBOX_NAMES)?;
    transaction.open_table(MESSAGES)?;
    transaction.open_table(CHANGES)?;
    transaction.open_table(BLOBS)?;
    transaction.open_table(CHUNKS)?;
    transaction.open_table(QUEUE)?;
    transaction.open_table(QUEUE_PLACES)?;
    transaction.open_table(PLACES_DUE)?;
    transaction.open_table(HELD_DOMAINS)?;
    transaction.open_table(EVENTS)?;
    transaction.open_table(ACQUAINTANCES)?;
    transaction.open_table(SETTINGS)?;
    transaction.open_table(DOMAINS)?;
    transaction.open_table(ALIASES)?;
    transaction.open_table(TOKENS)?;
    transaction.open_table(LEARNT)?;
    transaction.open_table(GREYLIST)?;
    transaction.open_table(SENDERS)?;
    transaction.open_table(LINKS)?;
    transaction.open_table(LINK_TOKENS)?;
    transaction.open_table(LINK_FILES)?;
    Ok(())
}
