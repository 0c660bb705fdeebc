//! The questions of SMTP: who may send, who receives, and taking a message over.

use super::{World, refused};
use crate::deliver::people::{self, Recipient};
use crate::deliver::{self, fresh_id};
use crate::guard::Sending;
use crate::guard::{printers, reply};
use crate::settings::{self, Office};
use crate::spool::Spool;
use proto::ask::{Answer, Envelope, Identity};
use proto::refusal::Refusal;
use proto::types::{Address, Protocol, ReversePath};

impl World {
    /// May this session send as `from`?
    pub(super) async fn sender(&mut self, from: &ReversePath) -> Result<Answer, Refusal> {
        self.begin(from)?;
        if let Some(printer) = &self.printer {
            deliver::may_send(&printer.state, self.house.clock.now())?;
            return Ok(Answer::Submits);
        }
        let judged = self.judge_sender(from);
        let (Err(Refusal::NotYourSender), Some(identity)) = (&judged, &self.facts.identity) else {
            return judged;
        };
        let sending = Sending {
            account: identity.account,
            ip: self.facts.ip(),
            protocol: self.facts.protocol,
            author: from.as_ref(),
            recipients: &[],
            elsewhere: &[],
        };
        let refusal = self.post.guard.strange_sender(&sending).await;
        self.rest();
        Err(refusal)
    }

    /// May whoever calls from there send as `from` where a login is needed and none was given?
    pub(super) fn printer(&mut self, from: &ReversePath) -> Result<Answer, Refusal> {
        self.begin(from)?;
        if let Some(printer) = &self.printer {
            deliver::may_send(&printer.state, self.house.clock.now())?;
            return Ok(Answer::Submits);
        }
        printers::denied(&self.house, &self.facts, from, None);
        Err(Refusal::LoginRequired)
    }

    /// Whether a message as large as its sender says has room (RFC 1870 6.1).
    pub(super) fn has_room(&self, size: Option<u64>) -> bool {
        self.house.shelf.has_room(size.unwrap_or_default())
    }

    // A message begins: is it a printer's? Who logged in is none.
    fn begin(&mut self, from: &ReversePath) -> Result<(), Refusal> {
        self.from.clone_from(from);
        self.printer = None;
        let (None, Some(from)) = (&self.facts.identity, from) else {
            return Ok(());
        };
        let (guard, ip) = (self.house.guard.clone(), self.facts.ip());
        let snapshot = self.snapshot().map_err(refused)?;
        self.printer = guard.printer_at(snapshot, ip, from).map_err(refused)?;
        Ok(())
    }

    fn judge_sender(&mut self, from: &ReversePath) -> Result<Answer, Refusal> {
        if self.facts.protocol == Protocol::Smtp {
            return self.stranger(from);
        }
        let account = self.account()?;
        let now = self.house.clock.now();
        let snapshot = self.snapshot().map_err(refused)?;
        let account = snapshot
            .account(account)
            .map_err(refused)?
            .ok_or(Refusal::Disabled)?;
        if let Some(until) = account.state.limited_until(now) {
            return Err(Refusal::Limited { until });
        }
        let office: Option<Office> = settings::read(snapshot, settings::OFFICE).map_err(refused)?;
        let office = office.ok_or(Refusal::Temporary)?;
        match from {
            // A mail program's reading confirmation (RFC 8098 3): its From is checked like any other.
            None => Ok(Answer::Submits),
            Some(from) if people::owns(snapshot, &office, &account, from).map_err(refused)? => {
                Ok(Answer::Submits)
            }
            Some(_) => Err(Refusal::NotYourSender),
        }
    }

    // Nobody logs in on port 25: whom may the peer say that the mail is from?
    fn stranger(&mut self, from: &ReversePath) -> Result<Answer, Refusal> {
        let Some(address) = from else {
            return Ok(Answer::Done);
        };
        let ip = self.facts.ip();
        let guard = self.house.guard.clone();
        let snapshot = self.snapshot().map_err(refused)?;
        let Some(office) = settings::read::<Office>(snapshot, settings::OFFICE).map_err(refused)? else {
            return Ok(Answer::Done); // every recipient will be told to come again
        };
        let doorkeeper = guard.doorkeeper(snapshot, &office).map_err(refused)?;
        if !doorkeeper.turns_away(ip, address.domain()) {
            return Ok(Answer::Done);
        }
        let refusal = Refusal::Shielded {
            domain: address.domain().clone(),
        };
        deliver::turn_away(&self.post, &self.facts, from, &[], &refusal);
        Err(refusal)
    }

    /// Will we take mail for this recipient?
    pub(super) fn recipient(&mut self, address: &Address) -> Result<Answer, Refusal> {
        let terms = self.printer.as_ref().and_then(|account| account.printer.as_ref());
        let here_only = terms.is_some_and(|printer| printer.terms.here_only);
        let may_relay = self.facts.identity.is_some() || self.printer.is_some();
        let snapshot = self.snapshot().map_err(refused)?;
        let office: Option<Office> = settings::read(snapshot, settings::OFFICE).map_err(refused)?;
        // Before the setup is finished nobody can tell whose mail this is: let them come again.
        let office = office.ok_or(Refusal::Temporary)?;
        match people::recipient(snapshot, &office, address).map_err(refused)? {
            Recipient::Here(_) | Recipient::Reply => Ok(Answer::Done),
            Recipient::Unknown => Err(Refusal::UnknownRecipient),
            Recipient::Elsewhere if here_only => Err(Refusal::HereOnly),
            Recipient::Elsewhere if may_relay => Ok(Answer::Done),
            Recipient::Elsewhere => Err(Refusal::RelayDenied),
        }
    }

    /// Takes a message over: it is ours once this has answered.
    pub(super) async fn accept(
        &mut self,
        mut envelope: Envelope,
        spool: Option<Spool>,
    ) -> Result<Answer, Refusal> {
        let spool = spool.ok_or(Refusal::Temporary)?;
        let replies = self.replies(&envelope)?;
        self.rest();
        if !replies.is_empty() {
            reply::take(&self.house, &self.post, &self.facts, &envelope, &replies, &spool).await?;
            envelope.to.retain(|address| !replies.contains(address));
            if envelope.to.is_empty() {
                return Ok(Answer::Accepted { id: fresh_id() });
            }
        }
        let printer = self.printer.take().map(|printer| Identity {
            account: printer.id,
            address: printer.address,
        });
        let id = match self.facts.identity.as_ref().or(printer.as_ref()) {
            Some(identity) => deliver::submit(&self.post, &self.facts, identity, &envelope, spool).await?,
            None => deliver::inbound(&self.post, &self.facts, &envelope, spool).await?,
        };
        Ok(Answer::Accepted { id })
    }

    // The recipients that are no people: answers to the guard's notices.
    fn replies(&mut self, envelope: &Envelope) -> Result<Vec<Address>, Refusal> {
        let snapshot = self.snapshot().map_err(refused)?;
        let office: Option<Office> = settings::read(snapshot, settings::OFFICE).map_err(refused)?;
        let office = office.ok_or(Refusal::Temporary)?;
        let mut replies = Vec::new();
        for address in &envelope.to {
            if people::recipient(snapshot, &office, address).map_err(refused)? == Recipient::Reply {
                replies.push(address.clone());
            }
        }
        Ok(replies)
    }
}
