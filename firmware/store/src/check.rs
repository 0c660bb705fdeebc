//! Proving the invariants over one snapshot, table by table.

use crate::rows::{LinkRow, MailboxRow, MessageRow, QueueRow, Row, StructureRow};
use crate::schema::{
    ACCOUNTS, ADDRESSES, BLOBS, CHANGES, CHUNK, CHUNKS, EVENTS, GREYLIST, LEARNT, LINK_FILES, LINK_TOKENS,
    LINKS, MAILBOX_NAMES, MAILBOXES, MESSAGES, META, PLACES_DUE, QUEUE, QUEUE_PLACES, ROOM_TAKEN, SENDERS,
    TOKENS,
};
use crate::write::leads_to;
use crate::write::{
    Counter, EVENTS as MOST_EVENTS, MOST_GREY, MOST_HELD_DOMAINS, MOST_LEARNT, MOST_SENDERS, MOST_TOKENS,
    chunks, footprint,
};
use crate::{LocalDomain, Snapshot, StoreError};
use proto::types::AccountId;
use redb::{ReadableTable, ReadableTableMetadata};
use std::collections::BTreeMap;

/// Most faults that a report keeps.
const FAULTS: usize = 100;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct CheckReport {
    pub accounts: u64,
    pub mailboxes: u64,
    pub messages: u64,
    pub blobs: u64,
    pub queued: u64,
    pub links: u64,
    /// What is wrong, in words; at most 100 are kept.
    pub faults: Vec<String>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn fault(&mut self, words: impl FnOnce() -> String) {
        if self.faults.len() < FAULTS {
            self.faults.push(words());
        }
    }

    fn demand(&mut self, holds: bool, words: impl FnOnce() -> String) {
        if !holds {
            self.fault(words);
        }
    }
}

/// Goes through everything. Memory: one number for each blob.
pub(crate) fn check(snapshot: &Snapshot) -> Result<CheckReport, StoreError> {
    let mut report = CheckReport::default();
    let mut references = BTreeMap::new();
    accounts(snapshot, &mut report)?;
    names(snapshot, &mut report)?;
    mailboxes(snapshot, &mut report, &mut references)?;
    queue(snapshot, &mut report, &mut references)?;
    blobs(snapshot, &mut report, &references)?;
    stored_chunks(snapshot, &mut report)?;
    links(snapshot, &mut report)?;
    let events = snapshot.transaction.open_table(EVENTS)?.len()?;
    report.demand(events <= MOST_EVENTS, || {
        format!("the ledger holds {events} events")
    });
    filter(snapshot, &mut report)?;
    Ok(report)
}

/// What is remembered for judging mail: bounded, and no token that no message has.
fn filter(snapshot: &Snapshot, report: &mut CheckReport) -> Result<(), StoreError> {
    let transaction = &snapshot.transaction;
    let tokens = transaction.open_table(TOKENS)?;
    for entry in tokens.iter()? {
        let (token, counts) = entry?;
        let (spam, ham, _) = counts.value();
        report.demand(spam > 0 || ham > 0, || {
            format!("token {:x} is in no message", token.value())
        });
    }
    for (what, there, most) in [
        ("tokens", tokens.len()?, MOST_TOKENS),
        (
            "learnt messages",
            transaction.open_table(LEARNT)?.len()?,
            MOST_LEARNT,
        ),
        (
            "greylisted senders",
            transaction.open_table(GREYLIST)?.len()?,
            MOST_GREY,
        ),
        (
            "listed senders",
            transaction.open_table(SENDERS)?.len()?,
            MOST_SENDERS,
        ),
        (
            "held domains",
            snapshot.held_domains()?.len() as u64,
            MOST_HELD_DOMAINS,
        ),
    ] {
        report.demand(there <= most, || format!("there are {there} {what}"));
    }
    Ok(())
}

type References = BTreeMap<u64, u32>;

fn accounts(snapshot: &Snapshot, report: &mut CheckReport) -> Result<(), StoreError> {
    let newest = last(snapshot, Counter::Account)?;
    let mut printers = 0;
    for account in snapshot.people_and_printers()? {
        let id = account.id;
        report.demand(id.0 <= newest, || {
            format!("account {id} has a number that was not given out")
        });
        if account.printer.is_some() {
            printers += 1;
            report.demand(!account.admin && account.password_hash.is_empty(), || {
                format!("printer {id} could log in")
            });
            continue;
        }
        report.accounts += 1;
        let found = snapshot
            .account_by_address(&account.address)?
            .map(|found| found.id);
        report.demand(found == Some(id), || {
            format!("account {id} is not found by its address")
        });
        let inbox = snapshot.mailbox(id, crate::names::INBOX)?;
        report.demand(inbox.is_some(), || format!("account {id} has no inbox"));
    }
    let addresses = snapshot.transaction.open_table(ADDRESSES)?.len()?;
    let accounts = snapshot.transaction.open_table(ACCOUNTS)?.len()?;
    report.demand(addresses + printers == accounts, || {
        format!("{accounts} accounts, {printers} of them printers, have {addresses} addresses")
    });
    Ok(())
}

/// No address is an account's and an alias, every name is in a domain of ours and leads to somebody
/// who is there, and no alias leads back to itself.
fn names(snapshot: &Snapshot, report: &mut CheckReport) -> Result<(), StoreError> {
    let accounts = snapshot.accounts()?;
    let aliases = snapshot.aliases()?;
    let named = accounts.iter().map(|account| &account.address);
    for address in named.chain(aliases.iter().map(|alias| &alias.address)) {
        report.demand(snapshot.is_local(address.domain())?, || {
            format!("{address} is in no domain of the office")
        });
    }
    for alias in &aliases {
        let address = &alias.address;
        let found = snapshot.alias(address)?;
        report.demand(found.as_ref() == Some(alias), || {
            format!("alias {address} is not found by its address")
        });
        let taken = snapshot.account_by_address(address)?;
        report.demand(taken.is_none(), || {
            format!("alias {address} is an account's address")
        });
        report.demand(!alias.targets.is_empty(), || {
            format!("alias {address} leads nowhere")
        });
        for target in &alias.targets {
            let there = snapshot.account_by_address(target)?.is_some() || snapshot.alias(target)?.is_some();
            report.demand(there, || {
                format!("alias {address} leads to {target}, which is gone")
            });
        }
        report.demand(!leads_to(&aliases, alias, address), || {
            format!("alias {address} leads back to itself")
        });
    }
    for LocalDomain { domain, rules } in snapshot.domains()? {
        let Some(account) = rules.catch_all else { continue };
        report.demand(snapshot.account(account)?.is_some(), || {
            format!("mail for unknown names of {domain} goes to account {account}, which is gone")
        });
    }
    Ok(())
}

fn mailboxes(
    snapshot: &Snapshot,
    report: &mut CheckReport,
    references: &mut References,
) -> Result<(), StoreError> {
    let names = snapshot.transaction.open_table(MAILBOX_NAMES)?;
    let rows = snapshot.transaction.open_table(MAILBOXES)?;
    let (newest, newest_validity) = (
        last(snapshot, Counter::Mailbox)?,
        last(snapshot, Counter::UidValidity)?,
    );
    let mut known = BTreeMap::new();
    for entry in rows.iter()? {
        let (id, bytes) = entry?;
        let (id, row) = (id.value(), MailboxRow::decode(bytes.value())?);
        report.mailboxes += 1;
        report.demand(id <= newest, || {
            format!("mailbox {id} has a number that was not given out")
        });
        report.demand(u64::from(row.uid_validity.0) <= newest_validity, || {
            format!("mailbox {id}: UIDVALIDITY")
        });
        let named = names
            .get((row.account.0, row.name.as_str()))?
            .map(|id| id.value());
        report.demand(named == Some(id), || {
            format!("mailbox {id} is not found by its name")
        });
        let account = snapshot.account(AccountId(row.account.0))?;
        report.demand(account.is_some(), || format!("mailbox {id} belongs to nobody"));
        known.insert(id, row);
    }
    let (named, there) = (names.len()?, rows.len()?);
    report.demand(named == there, || format!("{there} mailboxes have {named} names"));
    messages(snapshot, report, references, &known)?;
    changes(snapshot, report, &known)
}

/// Counts every mailbox again. Keys are in order, so each mailbox's messages stand together.
fn messages(
    snapshot: &Snapshot,
    report: &mut CheckReport,
    references: &mut References,
    known: &BTreeMap<u64, MailboxRow>,
) -> Result<(), StoreError> {
    let index = snapshot.transaction.open_table(CHANGES)?;
    let mut counted: BTreeMap<u64, MailboxRow> = known.clone();
    for row in counted.values_mut() {
        (row.messages, row.unseen, row.deleted, row.size) = (0, 0, 0, 0);
    }
    for entry in snapshot.transaction.open_table(MESSAGES)?.iter()? {
        let (key, bytes) = entry?;
        let (mailbox, uid) = key.value();
        let message = MessageRow::decode(bytes.value())?;
        report.messages += 1;
        *references.entry(message.blob.0).or_default() += 1;
        let Some(row) = counted.get_mut(&mailbox) else {
            report.fault(|| format!("message {uid} is in mailbox {mailbox}, which is gone"));
            continue;
        };
        row.add(&message);
        report.demand(uid > 0 && uid < row.uid_next.0, || {
            format!("mailbox {mailbox}: UID {uid} was not given out")
        });
        report.demand(message.modseq <= row.modseq, || {
            format!("mailbox {mailbox}: UID {uid} is from the future")
        });
        let listed = index
            .get((mailbox, message.modseq.0, uid))?
            .map(|vanished| vanished.value());
        report.demand(listed == Some(false), || {
            format!("mailbox {mailbox}: UID {uid} is not among the changes")
        });
        let size = snapshot.body(message.blob)?.map(|body| body.size());
        report.demand(size == Some(message.size), || {
            format!("mailbox {mailbox}: UID {uid} has a wrong size")
        });
    }
    for (id, row) in &counted {
        report.demand(known.get(id) == Some(row), || {
            format!("mailbox {id} counts wrong: {row:?}")
        });
    }
    Ok(())
}

fn changes(
    snapshot: &Snapshot,
    report: &mut CheckReport,
    known: &BTreeMap<u64, MailboxRow>,
) -> Result<(), StoreError> {
    let messages = snapshot.transaction.open_table(MESSAGES)?;
    let mut listed = 0;
    for entry in snapshot.transaction.open_table(CHANGES)?.iter()? {
        let (key, vanished) = entry?;
        let (mailbox, modseq, uid) = key.value();
        let words = |what| move || format!("mailbox {mailbox}: change {modseq} of UID {uid} {what}");
        let row = known.get(&mailbox);
        report.demand(row.is_some(), words("is of a mailbox that is gone"));
        report.demand(
            row.is_none_or(|row| modseq <= row.modseq.0),
            words("is from the future"),
        );
        let there = messages.get((mailbox, uid))?.is_some();
        report.demand(there != vanished.value(), words("disagrees with the mailbox"));
        listed += u64::from(!vanished.value());
    }
    let there = messages.len()?;
    report.demand(listed == there, || {
        format!("{there} messages have {listed} entries among the changes")
    });
    Ok(())
}

fn queue(
    snapshot: &Snapshot,
    report: &mut CheckReport,
    references: &mut References,
) -> Result<(), StoreError> {
    let places = snapshot.transaction.open_table(QUEUE_PLACES)?;
    let newest = last(snapshot, Counter::Queue)?;
    let mut waiting = 0;
    let mut first: BTreeMap<String, i64> = BTreeMap::new();
    for entry in snapshot.transaction.open_table(QUEUE)?.iter()? {
        let (id, bytes) = entry?;
        let (id, row) = (id.value(), QueueRow::decode(bytes.value())?);
        let domain = row.to.domain().as_str();
        report.queued += 1;
        *references.entry(row.blob.0).or_default() += 1;
        if !row.is_held() {
            waiting += 1;
            let first = first.entry(domain.to_owned()).or_insert(row.next_attempt.0);
            *first = row.next_attempt.0.min(*first);
        }
        report.demand(id <= newest, || {
            format!("queue row {id} has a number that was not given out")
        });
        let indexed = places.get((domain, row.next_attempt.0, id))?.is_some();
        report.demand(indexed != row.is_held(), || {
            format!("queue row {id} is wrong in the index by domain")
        });
    }
    let indexed = places.len()?;
    report.demand(indexed == waiting, || {
        format!("{waiting} waiting queue rows have {indexed} times")
    });
    let due = snapshot.transaction.open_table(PLACES_DUE)?;
    for (domain, at) in &first {
        report.demand(due.get((*at, domain.as_str()))?.is_some(), || {
            format!("{domain} is wrong in the index by time")
        });
    }
    let there = due.len()?;
    report.demand(there == first.len() as u64, || {
        format!("{} domains that mail waits for have {there} times", first.len())
    });
    Ok(())
}

fn blobs(snapshot: &Snapshot, report: &mut CheckReport, references: &References) -> Result<(), StoreError> {
    let blobs = snapshot.transaction.open_table(BLOBS)?;
    let newest = last(snapshot, Counter::Blob)?;
    let mut room = 0;
    for entry in blobs.iter()? {
        let (id, value) = entry?;
        let (id, (count, size, header, _, structure)) = (id.value(), value.value());
        report.blobs += 1;
        room += footprint(size);
        let counted = references.get(&id).copied().unwrap_or(0);
        report.demand(count == counted, || {
            format!("blob {id} counts {count} references and has {counted}")
        });
        report.demand(id <= newest, || {
            format!("blob {id} has a number that was not given out")
        });
        report.demand(header <= size, || format!("blob {id}'s header is longer than it"));
        report.demand(StructureRow::decode(structure).is_ok(), || {
            format!("blob {id}'s structure cannot be read")
        });
    }
    let taken = number(snapshot, ROOM_TAKEN)?;
    report.demand(taken == room, || {
        format!("bodies take {room} octets and {taken} are counted")
    });
    for id in references.keys() {
        report.demand(blobs.get(id)?.is_some(), || format!("blob {id} is missing"));
    }
    Ok(())
}

/// Reads every body: chunks in order, of the right length, with the right hash, and no others.
fn stored_chunks(snapshot: &Snapshot, report: &mut CheckReport) -> Result<(), StoreError> {
    let table = snapshot.transaction.open_table(CHUNKS)?;
    let mut expected = 0;
    for entry in snapshot.transaction.open_table(BLOBS)?.iter()? {
        let (id, value) = entry?;
        let (id, (_, size, _, hash, _)) = (id.value(), value.value());
        let mut hasher = blake3::Hasher::new();
        let most = chunks(size)?.count();
        let sure = size / CHUNK as u64;
        for (number, entry) in table.range((id, 0)..=(id, u32::MAX))?.enumerate() {
            expected += 1;
            let (key, chunk) = entry?;
            let index = key.value().1;
            report.demand(number < most && usize::try_from(index) == Ok(number), || {
                format!("blob {id}: chunk {index} is out of place")
            });
            report.demand(u64::from(index) >= sure || chunk.value().len() == CHUNK, || {
                format!("blob {id}: chunk {index} has a wrong length")
            });
            hasher.update(chunk.value());
        }
        report.demand(hasher.finalize().as_bytes() == hash, || {
            format!("blob {id} is not what was delivered")
        });
    }
    let there = table.len()?;
    report.demand(there == expected, || {
        format!("there are {there} chunks for {expected}")
    });
    Ok(())
}

/// Every link is found by its token, and every file counts the links that need it.
fn links(snapshot: &Snapshot, report: &mut CheckReport) -> Result<(), StoreError> {
    let tokens = snapshot.transaction.open_table(LINK_TOKENS)?;
    let files = snapshot.transaction.open_table(LINK_FILES)?;
    let newest = last(snapshot, Counter::Link)?;
    let mut needed: BTreeMap<[u8; 32], u32> = BTreeMap::new();
    for entry in snapshot.transaction.open_table(LINKS)?.iter()? {
        let (id, bytes) = entry?;
        let (id, row) = (id.value(), LinkRow::decode(bytes.value())?);
        report.links += 1;
        report.demand(id <= newest, || {
            format!("link {id} has a number that was not given out")
        });
        let found = tokens.get(&row.token)?.map(|found| found.value());
        report.demand(found == Some(id), || {
            format!("link {id} is not found by its token")
        });
        if row.gone.is_some() {
            continue;
        }
        *needed.entry(row.file).or_default() += 1;
        let size = files.get(&row.file)?.map(|file| file.value().1);
        report.demand(size == Some(row.size), || {
            format!("link {id} has no file, or one of a wrong size")
        });
    }
    let named = tokens.len()?;
    let there = report.links;
    report.demand(named == there, || format!("{there} links have {named} tokens"));
    for entry in files.iter()? {
        let (hash, row) = entry?;
        let counted = needed.get(hash.value()).copied().unwrap_or(0);
        let count = row.value().0;
        report.demand(count == counted, || {
            format!("a linked file counts {count} links and has {counted}")
        });
    }
    Ok(())
}

fn last(snapshot: &Snapshot, counter: Counter) -> Result<u64, StoreError> {
    number(snapshot, counter.key())
}

fn number(snapshot: &Snapshot, key: &str) -> Result<u64, StoreError> {
    Ok(snapshot
        .transaction
        .open_table(META)?
        .get(key)?
        .map_or(0, |n| n.value()))
}
