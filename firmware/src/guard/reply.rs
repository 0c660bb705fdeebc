//! A reply to a notice gives an account back, or decides otherwise about it. It counts when the
//! token is good, the sender is proven to be the admin whom the token was sent to, and a person
//! wrote it. Whatever becomes of it is in the ledger; nobody without proof hears anything.

mod proof;
mod rates;

pub use rates::Rates;

use super::notice::{self, Done, Invitation, Left, Notice, Sent};
use crate::blocking::blocking;
use crate::deliver::people::token;
use crate::deliver::{Post, pieces};
use crate::facts::ConnectionFacts;
use crate::guard::Network;
use crate::house::House;
use crate::limits;
use crate::notify::{self, Letter};
use crate::spool::Spool;
use proof::Proof;
use proto::ask::Envelope;
use proto::message::date;
use proto::message::reply::{Said, Verb, read};
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, Span, Structure, Timestamp};
use rates::Counted;
use std::borrow::Cow;
use std::io::{self, Read as _};
use store::{Account, AccountState, EventKind, StoreError};
use tracing::{error, info};

/// Takes a message to one of our reply addresses. Returns once everything that follows from it is
/// on the card; the message itself is not kept.
///
/// # Errors
/// `Temporary`: the name servers or the store failed; nothing was decided, and the sender is to
/// come again.
pub async fn take(
    house: &House,
    post: &Post,
    facts: &ConnectionFacts,
    envelope: &Envelope,
    addresses: &[Address],
    spool: &Spool,
) -> Result<(), Refusal> {
    let reply = Reply {
        house,
        post,
        facts,
        envelope,
        spool,
        now: house.clock.now(),
    };
    // A reply has one address; what is sent to many of them is a guess.
    let Some(token) = addresses.first().and_then(token).filter(|_| addresses.len() == 1) else {
        reply.record(None, None, None, "it was sent to several reply addresses");
        return Ok(());
    };
    let outcome = reply.judge(token).await.map_err(|error| {
        error!(%error, "a reply to a notice could not be judged");
        Refusal::Temporary
    })?;
    reply.conclude(outcome).await
}

// What becomes of a reply.
enum Outcome {
    // It decided something.
    Done {
        account: AccountId,
        verb: Verb,
        by: Address,
        words: String,
    },
    // It is an admin's, but changes nothing; he hears why.
    Answered {
        account: Option<AccountId>,
        admin: AccountId,
        why: String,
    },
    // It is nobody's.
    Dropped {
        account: Option<AccountId>,
        why: String,
    },
    // Nobody can tell now.
    Later,
}

struct Reply<'a> {
    house: &'a House,
    post: &'a Post,
    facts: &'a ConnectionFacts,
    envelope: &'a Envelope,
    spool: &'a Spool,
    now: Timestamp,
}

impl Reply<'_> {
    async fn judge(&self, token: &str) -> Result<Outcome, StoreError> {
        let dropped = |account, why: &str| {
            Ok(Outcome::Dropped {
                account,
                why: why.to_owned(),
            })
        };
        let (top, structure) = blocking(|| self.look()).map_err(unreadable)?;
        let found = Sent::read(&self.house.store.snapshot()?)?.find(token);
        let about = found.as_ref().map(|(_, notice, _)| notice.account);
        if let Some(why) = proof::automatic(self.envelope, &top, &structure) {
            return dropped(about, &format!("no person wrote it: {why}"));
        }
        let Some((_, notice, invitation)) = found else {
            let why = "its token is none of ours: it is cut, or too old";
            return self.unproven(None, why);
        };
        let one = Counted::Notice(invitation.hash.clone());
        if !self.house.replies.allow(one, limits::REPLIES, self.now) {
            return dropped(about, "too many replies to one notice");
        }
        match self.prove(&invitation).await {
            Proof::Good => {}
            Proof::Bad(why) => return self.unproven(about, &why),
            Proof::Unknown => return Ok(Outcome::Later),
        }
        let answered = |why: &str| {
            Ok(Outcome::Answered {
                account: about,
                admin: invitation.admin,
                why: why.to_owned(),
            })
        };
        if invitation.admin == notice.account {
            return answered(
                "Nobody can give himself back: ask another admin, or use the page in the office.",
            );
        }
        if !self.is_working_admin(invitation.admin)? {
            return dropped(about, "its sender is no admin who works now");
        }
        let said = blocking(|| self.read(&structure)).map_err(unreadable)?;
        self.decide(token, &said, &invitation).await
    }

    // Under the lock: of two replies, one comes second.
    async fn decide(&self, token: &str, said: &Said, invitation: &Invitation) -> Result<Outcome, StoreError> {
        let _lock = self.house.notices.lock().await;
        let mut sent = Sent::read(&self.house.store.snapshot()?)?;
        let Some((at, mut notice, _)) = sent.find(token) else {
            return self.unproven(None, "its token is none of ours: it is cut, or too old");
        };
        let answered = |why: String| {
            Ok(Outcome::Answered {
                account: Some(notice.account),
                admin: invitation.admin,
                why,
            })
        };
        if let Some(done) = &notice.done {
            return answered(format!(
                "Already done: {} answered \"{}\" on {}.",
                done.by,
                done.verb.as_str(),
                date::format(done.at)
            ));
        }
        if !notice.is_fresh(self.now) {
            return answered(format!(
                "The notice of {} has expired: it could be answered for 7 days.",
                date::format(notice.at)
            ));
        }
        let Some(verb) = said.verb() else {
            return answered(not_understood(said));
        };
        let snapshot = self.house.store.snapshot()?;
        let Some(account) = snapshot.account(notice.account)? else {
            return answered("The account is gone.".to_owned());
        };
        let held = snapshot.held()?.get(&account.id).copied().unwrap_or(0);
        if let Some(why) = not_now(&account, &notice, verb, held, self.now) {
            return answered(why);
        }
        let by = invitation.address.clone();
        let (words, left) = self.carry_out(&account, verb, held, &by).await?;
        let done = Done {
            verb,
            at: self.now,
            by: by.clone(),
        };
        notice.done = Some(done);
        if let Some(kept) = sent.notices.get_mut(at) {
            kept.done.clone_from(&notice.done);
        }
        self.confirm(&mut sent, &notice, verb, &words, left).await?;
        Ok(Outcome::Done {
            account: notice.account,
            verb,
            by,
            words,
        })
    }

    // What the page and the command line do, too.
    async fn carry_out(
        &self,
        account: &Account,
        verb: Verb,
        held: u64,
        by: &Address,
    ) -> Result<(String, Left), StoreError> {
        let (guard, id) = (&self.house.guard, account.id);
        let by = format!("{by} by reply");
        let stopped = !account.state.works(self.now);
        let stays = if stopped { Left::Frozen } else { Left::Nothing };
        Ok(match verb {
            Verb::Unfreeze => {
                guard.unfreeze(id, by).await?;
                let left = if held > 0 { Left::Held(held) } else { Left::Nothing };
                (
                    format!("The account works again. Its mail to {held} recipients is still held."),
                    left,
                )
            }
            Verb::Release => {
                guard.unfreeze(id, by.clone()).await?;
                let count = guard.release(id, by).await?;
                let words =
                    format!("The account works again. Its held mail to {count} recipients is on its way.");
                (words, Left::Nothing)
            }
            Verb::Discard => {
                let count = guard.discard(id, by).await?;
                let still = if stopped {
                    " The account stays as it was."
                } else {
                    ""
                };
                (
                    format!("The held mail to {count} recipients was thrown away.{still}"),
                    stays,
                )
            }
            Verb::Keep => (
                format!("Nothing was changed; mail to {held} recipients is held."),
                stays,
            ),
        })
    }

    async fn confirm(
        &self,
        sent: &mut Sent,
        notice: &Notice,
        verb: Verb,
        words: &str,
        left: Left,
    ) -> Result<(), StoreError> {
        let page = notice::page(self.house);
        let by = notice.done.as_ref().map_or(&notice.address, |done| &done.by);
        let letter = notice::decided(notice, verb, by, words, left, self.now, &page);
        if left == Left::Nothing {
            let letters = notice::letters(self.house, &letter, self.now)?;
            return sent
                .write_with(&self.house.store, self.now, letters, Vec::new())
                .await;
        }
        let next = Notice {
            at: self.now,
            invitations: Vec::new(),
            done: None,
            ..notice.clone()
        };
        notice::invite(self.house, sent, next, &letter, self.now).await
    }

    async fn prove(&self, invitation: &Invitation) -> Proof {
        match &self.facts.identity {
            Some(identity) if identity.account == invitation.admin => Proof::Good,
            Some(_) => Proof::Bad("it was sent by somebody else's login".to_owned()),
            None => {
                let (dns, expected) = (&self.post.dns, &invitation.address);
                proof::judge(dns, self.facts, self.envelope, expected, self.spool).await
            }
        }
    }

    // An admin of ours, logged in, hears that his reply did nothing; everybody else does not.
    fn unproven(&self, account: Option<AccountId>, why: &str) -> Result<Outcome, StoreError> {
        let why = why.to_owned();
        if let Some(identity) = &self.facts.identity
            && self.is_working_admin(identity.account)?
        {
            return Ok(Outcome::Answered {
                account,
                admin: identity.account,
                why,
            });
        }
        Ok(Outcome::Dropped { account, why })
    }

    fn is_working_admin(&self, id: AccountId) -> Result<bool, StoreError> {
        let admins = notify::admins(self.house)?;
        let mut admins = admins.iter();
        Ok(admins.any(|admin| admin.id == id && admin.state.works(self.now)))
    }

    fn look(&self) -> io::Result<(Cow<'_, [u8]>, Structure)> {
        let top = pieces::header_of(self.spool)?;
        Ok((top, pieces::structure(&[], self.spool, 0)?))
    }

    fn read(&self, structure: &Structure) -> io::Result<Said> {
        read(structure, |span: Span| {
            let mut octets = Vec::new();
            let rest = self.spool.reader_at(span.start);
            rest.take(span.len()).read_to_end(&mut octets)?;
            Ok(octets)
        })
    }

    async fn conclude(&self, outcome: Outcome) -> Result<(), Refusal> {
        match outcome {
            Outcome::Later => Err(Refusal::Temporary),
            Outcome::Done {
                account,
                verb,
                by,
                words,
            } => {
                info!(%account, %by, verb = verb.as_str(), "a reply decided");
                self.record(Some(account), Some(by), Some(verb), &words);
                Ok(())
            }
            Outcome::Dropped { account, why } => {
                if self.is_worth_a_line() {
                    self.record(account, None, None, &why);
                }
                Ok(())
            }
            Outcome::Answered { account, admin, why } => {
                let found = self.house.store.snapshot().and_then(|s| s.account(admin));
                let Ok(Some(admin)) = found else { return Ok(()) };
                if self.is_worth_a_line() {
                    self.record(account, Some(admin.address.clone()), None, &why);
                }
                let once = Counted::Answered(admin.id);
                if self.house.replies.allow(once, limits::ANSWERS, self.now) {
                    self.answer(&admin, &why).await;
                }
                Ok(())
            }
        }
    }

    // A flood of replies that do nothing must not push everything else out of the ledger.
    fn is_worth_a_line(&self) -> bool {
        let here = Counted::Source(Network::source(self.facts.ip()));
        self.house.replies.allow(here, limits::REPLIES, self.now)
    }

    async fn answer(&self, admin: &Account, why: &str) {
        let words = notice::nothing_done(why, &notice::page(self.house));
        let letter = Letter {
            subject: &words.subject,
            text: &words.text,
            reply_to: None,
        };
        if let Err(error) = notify::to_account(self.house, (admin.id, &admin.address), &letter).await {
            error!(%error, "an admin could not be answered");
        }
    }

    fn record(&self, account: Option<AccountId>, by: Option<Address>, verb: Option<Verb>, words: &str) {
        let ip = self.facts.ip();
        info!(%ip, words, "a reply to a notice");
        self.house.ledger.record(EventKind::Reply {
            account,
            by,
            ip,
            verb: verb.map(|verb| verb.as_str().to_owned()),
            words: words.to_owned(),
        });
    }
}

fn not_understood(said: &Said) -> String {
    let words = "The first word of an answer has to be unfreeze, release, discard or keep";
    match said {
        Said::Other(word) => format!("{words}; it was \"{word}\". You can answer the notice again."),
        _ => format!("{words}; no text was found. You can answer the notice again."),
    }
}

// Why the verb has nothing to do, or would undo something else than the notice told of.
fn not_now(account: &Account, notice: &Notice, verb: Verb, held: u64, now: Timestamp) -> Option<String> {
    match &account.state {
        AccountState::Disabled => {
            Some("The account is switched off; only the page can change that.".to_owned())
        }
        AccountState::Frozen { since, .. } if *since != notice.stopped => Some(format!(
            "The account was frozen again on {}: answer the notice about that.",
            date::format(*since)
        )),
        state if state.works(now) && (held == 0 || verb == Verb::Unfreeze) => {
            let since = account
                .unfrozen_at
                .map(|at| format!(" since {}", date::format(at)));
            Some(format!(
                "Already done: the account works again{}.",
                since.unwrap_or_default()
            ))
        }
        _ => None,
    }
}

fn unreadable(error: io::Error) -> StoreError {
    StoreError::Internal(format!("the spool cannot be read: {error}"))
}
