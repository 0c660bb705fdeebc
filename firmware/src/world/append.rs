//! APPEND: a message that a mail program puts into a mailbox itself.

use super::{World, refused};
use crate::blocking::blocking;
use crate::judge::bayes::trainer::{self, Wish};
use crate::limits;
use crate::lines;
use crate::spool::Spool;
use proto::ask::{Answer, FlagChange};
use proto::message::scan::Scanner;
use proto::refusal::Refusal;
use proto::types::{Flags, Structure, Timestamp};
use std::io::{self, Read};
use store::{Body, Delivery, MailCopy, Place};
use tracing::error;

impl World {
    pub(super) async fn append(
        &mut self,
        name: &str,
        flags: Flags,
        date: Option<Timestamp>,
        spool: Option<Spool>,
    ) -> Result<Answer, Refusal> {
        let spool = spool.ok_or(Refusal::Temporary)?;
        let mailbox = self.mailbox(name)?;
        let into = Place::Mailbox(mailbox.id);
        let said = trainer::said_by_flags(FlagChange::Replace, &flags);
        let said = said.or_else(|| trainer::said_by_move(None, &mailbox).filter(|spam| *spam));
        self.rest();
        let lines = || lines::as_lines(spool).and_then(scan);
        let (structure, body) = blocking(lines).map_err(|error| {
            error!(%error, "cannot read the spool");
            Refusal::Temporary
        })?;
        let now = self.house.clock.now();
        let delivery = Delivery {
            body,
            structure,
            copies: vec![MailCopy {
                into,
                flags,
                date: date.unwrap_or(now),
            }],
            outgoing: Vec::new(),
            received_at: now,
        };
        let delivered = self.house.store.deliver(vec![delivery]).await.map_err(refused)?;
        let placed = delivered.first().and_then(|delivered| delivered.placed.first());
        let (mailbox, validity, uid) = *placed.ok_or(Refusal::Temporary)?;
        if let Some(spam) = said {
            let uids = vec![uid];
            self.house.trainer.teach(Wish { mailbox, uids, spam });
        }
        Ok(Answer::Appended { validity, uid })
    }
}

fn scan(spool: Spool) -> io::Result<(Structure, Body)> {
    let mut scanner = Scanner::new();
    match spool.in_memory() {
        Some(octets) => scanner.push(octets),
        None => {
            let mut reader = spool.reader();
            let mut piece = vec![0; limits::PIECE];
            loop {
                let count = reader.read(&mut piece)?;
                if count == 0 {
                    break;
                }
                scanner.push(piece.get(..count).unwrap_or_default());
            }
        }
    }
    Ok((scanner.finish(), spool.into_body(Vec::new(), 0)?))
}
