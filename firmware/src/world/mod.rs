//! What a session's questions are answered from: the store, the guard and the post.

mod append;
mod mail;
mod mailboxes;
mod maildrop;
mod search;

pub use maildrop::Maildrops;

use crate::deliver::Post;
use crate::facts::{ConnectionFacts, TlsFacts};
use crate::guard::printers;
use crate::guard::screen::Offence;
use crate::guard::{Attempt, Bell, Entered, Ticket, newcomer};
use crate::house::House;
use crate::spool::Spool;
use maildrop::Lock;
use proto::ask::{Answer, Identity, Question};
use proto::refusal::Refusal;
use proto::sasl::scram::Proof;
use proto::types::{AccountId, BlobId, Mechanism, Protocol, ReversePath, Secret, Span};
use std::io;
use std::sync::Arc;
use store::{Account, BodyReader, Snapshot, StoreError};
use tokio::time::timeout;
use tracing::{error, warn};

/// The world as one connection sees it.
pub struct World {
    house: Arc<House>,
    post: Post,
    facts: ConnectionFacts,
    ticket: Ticket,
    // Kept between two waits for the client, so that one command sees one state.
    snapshot: Option<Snapshot>,
    body: Option<(BlobId, BodyReader)>,
    maildrop: Option<Lock>,
    // MAIL FROM of the message under way, and the printer that it comes from.
    from: ReversePath,
    printer: Option<Account>,
}

impl World {
    /// The world for a new connection.
    #[must_use]
    pub const fn new(house: Arc<House>, post: Post, facts: ConnectionFacts, ticket: Ticket) -> Self {
        Self {
            house,
            post,
            facts,
            ticket,
            snapshot: None,
            body: None,
            maildrop: None,
            from: None,
            printer: None,
        }
    }

    /// What is known of the connection.
    #[must_use]
    pub const fn facts(&self) -> &ConnectionFacts {
        &self.facts
    }

    /// TLS is up.
    pub fn tls_is_up(&mut self, facts: TlsFacts) {
        self.facts.tls = Some(facts);
    }

    /// What the client calls itself.
    pub fn client_is(&mut self, name: String) {
        self.facts.client = name;
    }

    /// What tells the connection that something happened.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        self.ticket.bell()
    }

    /// Somebody who is not logged in misbehaved: the answer waits, and one time too many ends the
    /// session.
    pub async fn misbehaved(&self, offence: Offence) {
        if self.facts.identity.is_some() {
            return;
        }
        let (wait, blocked) = self.house.screen.offence(self.facts.ip(), offence);
        if let Some(blocked) = blocked {
            self.ticket.turn_away(blocked.into());
        } else if !wait.is_zero() {
            let _ = timeout(wait, self.bell().rung(false)).await; // a goodbye need not wait
        }
    }

    /// Whether the door wants a login that has not come yet.
    #[must_use]
    pub fn wants_login(&self) -> bool {
        let known = self.facts.identity.is_some() || self.printer.is_some();
        !known && self.facts.protocol != Protocol::Smtp
    }

    /// An empty spool.
    #[must_use]
    pub fn new_spool(&self) -> Spool {
        self.house.new_spool()
    }

    /// The client is being waited for: the next question sees the store as it is then.
    pub fn rest(&mut self) {
        self.snapshot = None;
        self.body = None;
    }

    /// Answers a question. `spool` is taken by the questions that need a body.
    pub async fn answer(&mut self, question: Question, spool: &mut Option<Spool>) -> Answer {
        let answer = match question {
            Question::Authenticate {
                mechanism,
                login,
                password,
            } => self.authenticate(mechanism, &login, &password).await,
            Question::Salt { login } => self.salt(&login).await,
            Question::Prove(proof) => self.prove(&proof).await,
            Question::Sender { size, .. } | Question::Printer { size, .. } if !self.has_room(size) => {
                Err(Refusal::NoSpace)
            }
            Question::Sender { from, .. } => self.sender(&from).await,
            Question::Printer { from, .. } => {
                let answer = self.printer(&from);
                if answer.is_err() {
                    self.misbehaved(Offence::Error).await;
                }
                answer
            }
            Question::Recipient { address } => {
                let answer = self.recipient(&address);
                if matches!(answer, Err(Refusal::RelayDenied)) {
                    printers::denied(&self.house, &self.facts, &self.from, Some(&address));
                }
                if matches!(answer, Err(Refusal::UnknownRecipient | Refusal::RelayDenied)) {
                    self.misbehaved(Offence::Recipient).await;
                }
                answer
            }
            Question::Accept(envelope) => self.accept(envelope, spool.take()).await,
            Question::Append { name, flags, date } => self.append(&name, flags, date, spool.take()).await,
            Question::Search { mailbox, criteria } => self.search(mailbox, &criteria),
            Question::OpenMaildrop => self.open_maildrop(),
            Question::CloseMaildrop { deleted } => self.close_maildrop(deleted).await,
            question => self.about_mailboxes(question).await,
        };
        answer.unwrap_or_else(Answer::Refused)
    }

    /// Octets of a stored body, at most `span`; may block on the card.
    ///
    /// # Errors
    /// The body is gone, or the store failed.
    pub fn octets(&mut self, blob: BlobId, span: Span) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        self.reader(blob)?
            .read_span(span, &mut octets)
            .map_err(io::Error::other)?;
        Ok(octets)
    }

    fn reader(&mut self, blob: BlobId) -> io::Result<&mut BodyReader> {
        if self.body.as_ref().is_none_or(|(open, _)| *open != blob) {
            let body = self
                .snapshot()
                .and_then(|snapshot| snapshot.body(blob))
                .map_err(io::Error::other)?
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            self.body = Some((blob, body));
        }
        match &mut self.body {
            Some((_, reader)) => Ok(reader),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn snapshot(&mut self) -> Result<&Snapshot, StoreError> {
        match &mut self.snapshot {
            Some(snapshot) => Ok(snapshot),
            empty => Ok(empty.insert(self.house.store.snapshot()?)),
        }
    }

    fn account(&self) -> Result<AccountId, Refusal> {
        match &self.facts.identity {
            Some(identity) => Ok(identity.account),
            None => {
                error!(
                    connection = self.facts.number,
                    "a session asked for an account without a login"
                );
                Err(Refusal::BadCredentials)
            }
        }
    }

    async fn authenticate(
        &mut self,
        mechanism: Mechanism,
        login: &str,
        password: &Secret,
    ) -> Result<Answer, Refusal> {
        let attempt = self.attempt(mechanism, login);
        let judged = self.house.logins.login(&attempt, password).await;
        let entered = judged.map_err(|refusal| self.turned_away(refusal))?;
        Ok(Answer::Authenticated(self.come_in(entered)?))
    }

    async fn salt(&self, login: &str) -> Result<Answer, Refusal> {
        let exporter = self.facts.tls.as_ref().and_then(|tls| tls.exporter.as_ref());
        let exporter = exporter.map(|exporter| exporter.expose().to_vec());
        Ok(Answer::Salt(self.house.logins.salt(login, exporter).await?))
    }

    async fn prove(&mut self, proof: &Proof) -> Result<Answer, Refusal> {
        let attempt = self.attempt(proof.mechanism, &proof.login);
        let judged = self.house.logins.prove(&attempt, proof).await;
        let (entered, signature) = judged.map_err(|refusal| self.turned_away(refusal))?;
        let identity = self.come_in(entered)?;
        Ok(Answer::Proven { identity, signature })
    }

    fn attempt<'a>(&'a self, mechanism: Mechanism, login: &'a str) -> Attempt<'a> {
        Attempt {
            ip: self.facts.ip(),
            protocol: self.facts.protocol,
            tls: self.facts.tls.is_some(),
            mechanism,
            client: &self.facts.client,
            login,
        }
    }

    fn turned_away(&self, refusal: Refusal) -> Refusal {
        if matches!(refusal, Refusal::Blocked { .. }) {
            self.ticket.turn_away(refusal.clone());
        }
        refusal
    }

    fn come_in(&mut self, Entered { account, device }: Entered) -> Result<Identity, Refusal> {
        // First known as the account's session, then looked at again: a freeze in between finds it.
        self.ticket.belongs_to(Some(account.id), device);
        self.rest();
        if let Err(refusal) = self.house.logins.may_enter(account.id, device) {
            self.ticket.belongs_to(None, None);
            return Err(refusal);
        }
        newcomer::tell(&self.house, &account, self.facts.ip(), self.facts.protocol);
        self.house.guard.greet(account.id, self.facts.ip());
        let identity = Identity {
            account: account.id,
            address: account.address,
        };
        self.facts.identity = Some(identity.clone());
        Ok(identity)
    }
}

/// What the peer hears when the store could not do it.
fn refused(error: StoreError) -> Refusal {
    match error {
        StoreError::NotFound => Refusal::NoSuchMailbox,
        StoreError::Exists => Refusal::MailboxExists,
        StoreError::HasChildren => Refusal::HasChildren,
        StoreError::CannotChange(why) => Refusal::CannotChange(why),
        StoreError::NoSpace => {
            warn!("no space left on the data partition");
            Refusal::NoSpace
        }
        error => {
            error!(%error, "the store failed");
            Refusal::Temporary
        }
    }
}
