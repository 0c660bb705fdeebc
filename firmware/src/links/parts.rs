//! Large parts of a message become files, and in their place stands a link for each recipient.

use super::folder::{FolderState, Kept};
use super::{Links, Rules, token};
use crate::clock::DAY;
use crate::limits::PIECE;
use crate::limits::links as limits;
use crate::spool::Spool;
use proto::message::linking::{self, Block, Edit, Leaving, LinkedFile, Plan, Policy, Stays};
use proto::message::scan::Scanner;
use proto::types::{AccountId, Address, Span, Timestamp};
use std::collections::BTreeMap;
use std::io::{self, Read};
use store::{EventKind, NewLink, Snapshot};
use tracing::{debug, info, warn};

/// A message that may be too large for somebody.
pub(super) struct Large<'a> {
    pub spool: &'a Spool,
    /// Our name of it.
    pub id: &'a str,
    /// Who gets links, and whose account answers for them.
    pub to: Vec<(AccountId, Address)>,
    pub now: Timestamp,
    /// When they get it: from then on the links' days count.
    pub arrives: Timestamp,
    /// Stands below the links; may be empty.
    pub note: &'static str,
}

/// What somebody gets instead. The files stay as long as this value; after the commit the links keep
/// them.
#[derive(Debug)]
pub struct Linked {
    /// A message for each recipient, in their order.
    pub messages: Vec<Spool>,
    /// To be committed with the messages.
    pub links: Vec<NewLink>,
    /// What the ledger says of it, one for each account.
    pub events: Vec<EventKind>,
    _files: Vec<Kept>,
}

impl Links {
    /// Takes the large parts out, if there are any, the world reaches them and there is room.
    pub(super) fn take_out(
        &self,
        snapshot: &Snapshot,
        rules: &Rules,
        address: &str,
        large: &Large<'_>,
    ) -> io::Result<Option<Linked>> {
        let spool = large.spool;
        if large.to.is_empty() || spool.size() <= rules.part.min(rules.message) {
            return Ok(None);
        }
        if !self.clock.is_known() {
            debug!(
                id = large.id,
                "nobody knows until when links would work; attachments stay in the mail"
            );
            return Ok(None);
        }
        if !rules.may_be_reached(snapshot) {
            debug!(
                id = large.id,
                "nobody would reach the links; attachments stay in the mail"
            );
            return Ok(None);
        }
        let plan = match plan(spool, rules)? {
            Ok(plan) => plan,
            Err(stays) => {
                debug!(id = large.id, ?stays, "attachments stay in the mail");
                return Ok(None);
            }
        };
        if let Err(why) = self.has_room(snapshot, rules, large, &plan) {
            warn!(id = large.id, why, "attachments stay in the mail");
            return Ok(None);
        }
        let files = match self.keep(spool, &plan.leaving) {
            Ok(files) => files,
            Err(error) => {
                warn!(%error, "attachments cannot be kept; they stay in the mail");
                return Ok(None);
            }
        };
        let linked = write(&plan, files, large, rules, address)?;
        info!(id = large.id, files = plan.leaving.len(), "attachments linked");
        Ok(Some(linked))
    }

    fn has_room(
        &self,
        snapshot: &Snapshot,
        rules: &Rules,
        large: &Large<'_>,
        plan: &Plan,
    ) -> Result<(), &'static str> {
        let needed: u64 = plan.leaving.iter().map(|part| part.size).sum();
        let gone: u64 = plan.leaving.iter().map(|part| part.body.len()).sum();
        let rest = large.spool.size().saturating_sub(gone);
        if rest.saturating_mul(large.to.len() as u64) > limits::COPIES {
            return Err("too many recipients would get a large message of their own");
        }
        if needed > rules.budget {
            return Err("they are larger than the room for attachments");
        }
        if self.folder.state() == FolderState::Missing {
            return Err("the disk for attachments is missing");
        }
        if self.folder.free().unwrap_or(0) < needed.saturating_add(limits::RESERVE) {
            return Err("the disk for attachments is almost full");
        }
        let more = (plan.leaving.len() as u64).saturating_mul(large.to.len() as u64);
        match snapshot.has_room_for_links(more) {
            Ok(true) => Ok(()),
            Ok(false) => Err("there are too many links"),
            Err(_) => Err("the store failed"),
        }
    }

    fn keep(&self, spool: &Spool, leaving: &[Leaving]) -> io::Result<Vec<Kept>> {
        let keep = |part: &Leaving| {
            let body = spool.reader_at(part.body.start).take(part.body.len());
            self.folder.keep(body, part.encoding)
        };
        leaving.iter().map(keep).collect()
    }
}

fn plan(spool: &Spool, rules: &Rules) -> io::Result<Result<Plan, Stays>> {
    let mut scanner = Scanner::new();
    let (mut reader, mut piece) = (spool.reader(), vec![0; PIECE]);
    loop {
        match reader.read(&mut piece)? {
            0 => break,
            count => scanner.push(piece.get(..count).unwrap_or_default()),
        }
    }
    let policy = Policy {
        part: rules.part,
        message: rules.message,
        exempt: &rules.exempt,
    };
    linking::plan(&scanner.finish(), &policy, |span: Span| {
        let mut octets = Vec::new();
        spool
            .reader_at(span.start)
            .take(span.len())
            .read_to_end(&mut octets)?;
        Ok(octets)
    })
}

fn events(files: &[Kept], large: &Large<'_>) -> Vec<EventKind> {
    let mut by_account: BTreeMap<AccountId, Vec<Address>> = BTreeMap::new();
    for (account, address) in &large.to {
        by_account.entry(*account).or_default().push(address.clone());
    }
    let event = |(account, to)| EventKind::AttachmentsLinked {
        id: large.id.to_owned(),
        account,
        to,
        files: u32::try_from(files.len()).unwrap_or(u32::MAX),
        size: files.iter().map(|file| file.size).sum(),
    };
    by_account.into_iter().map(event).collect()
}

fn write(
    plan: &Plan,
    files: Vec<Kept>,
    large: &Large<'_>,
    rules: &Rules,
    address: &str,
) -> io::Result<Linked> {
    let expires = large.arrives.plus(i64::from(rules.days).saturating_mul(DAY));
    let mut linked = Linked {
        messages: Vec::with_capacity(large.to.len()),
        links: Vec::new(),
        events: events(&files, large),
        _files: Vec::new(),
    };
    for (account, recipient) in &large.to {
        let mut shown = Vec::with_capacity(files.len());
        for (part, file) in plan.leaving.iter().zip(&files) {
            let token = token::fresh()?;
            shown.push(LinkedFile {
                name: part.name.clone(),
                size: file.size,
                until: expires,
                link: format!("{address}/l/{}", token.shown()),
            });
            linked.links.push(NewLink {
                token: token.hash(),
                file: file.hash,
                size: file.size,
                sha256: file.sha256,
                name: part.name.clone(),
                media_type: part.media_type.clone(),
                message: large.id.to_owned(),
                account: *account,
                recipient: recipient.clone(),
                created: large.now,
                expires,
            });
        }
        let edits = plan.edits(&Block {
            files: &shown,
            note: large.note,
        });
        linked.messages.push(edited(large.spool, edits)?);
    }
    linked._files = files;
    Ok(linked)
}

// The message with these edits, which are in order and none over another.
fn edited(spool: &Spool, edits: Vec<Edit>) -> io::Result<Spool> {
    let mut result = spool.another();
    let mut at = 0;
    for edit in edits {
        copy(
            spool,
            Span {
                start: at,
                end: edit.span.start,
            },
            &mut result,
        )?;
        result.write(&edit.octets)?;
        at = edit.span.end;
    }
    copy(
        spool,
        Span {
            start: at,
            end: spool.size(),
        },
        &mut result,
    )?;
    Ok(result)
}

fn copy(from: &Spool, span: Span, to: &mut Spool) -> io::Result<()> {
    let mut reader = from.reader_at(span.start).take(span.len());
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(()),
            count => to.write(piece.get(..count).unwrap_or_default())?,
        }
    }
}
