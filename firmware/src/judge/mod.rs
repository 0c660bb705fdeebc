//! Judging mail from elsewhere: from what the name servers say, what is proven, what the lists say
//! and what was learnt, to one [`Verdict`] that is stored, written into the header, and told to
//! whoever asks why a message is where it is.
//!
//! `evidence` is what a message brings along; `connection` and `auth` ask about it, at the same time;
//! `findings` is what came out; `score` weighs; `lists`, `bayes` and `grey` have their say; `fields`
//! writes it into the header. Mail from the office's own network is not judged by its address (it has no
//! name in the world), mail from this machine itself not at all.
//! No answer is never a reason to refuse: it is told, and counts 0.

pub mod admin;
mod auth;
pub mod bayes;
pub mod block_lists;
pub mod connection;
pub mod evidence;
pub mod explain;
pub mod fields;
pub mod filtering;
pub mod findings;
pub mod grey;
pub mod lists;
pub mod rules;
pub mod score;
pub mod sender;
pub mod spf;
mod texts;

use crate::blocking::blocking_if;
use crate::deliver::{Post, people};
use crate::dns::ReverseName;
use crate::facts::ConnectionFacts;
use crate::settings::Office;
use crate::spool::Spool;
use bayes::tokens;
use evidence::Evidence;
use filtering::Filtering;
use findings::{Caller, Findings, Outcome};
use grey::{Greyed, Visit};
use proto::ask::Envelope;
use proto::refusal::Refusal;
use proto::types::{Domain, Structure, Timestamp};
use rules::Judging;
use score::Score;
use sender::Sender;
use std::io;
use store::{Placement, Points, Reason, SenderList, Snapshot, StoreError, Verdict};

/// A message at the door.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Case<'a> {
    pub facts: &'a ConnectionFacts,
    pub envelope: &'a Envelope,
    pub office: &'a Office,
    pub judging: &'a Judging,
    pub filtering: &'a Filtering,
    /// It comes from the office's own network.
    pub lan: bool,
    /// Its header.
    pub top: &'a [u8],
    pub structure: &'a Structure,
    pub spool: &'a Spool,
    pub at: Timestamp,
}

/// What became of it.
#[derive(Debug)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// What the other server hears, where it is not taken.
    pub refusal: Option<Refusal>,
    /// Fields to be put before the message.
    pub fields: String,
    /// Who it is from, and what of that is proven.
    pub sender: Sender,
    /// The name of the caller's address, where it leads back to it.
    pub name: Option<Domain>,
    /// Whether a notice to its sender reaches whoever sent it, and no victim of a forger.
    pub answerable: bool,
}

/// Why nobody could judge: our fault.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spool cannot be read.
    #[error(transparent)]
    Spool(#[from] io::Error),
}

/// Judges a message.
///
/// # Errors
/// Ours; nothing was decided then.
pub async fn judge(post: &Post, case: &Case<'_>) -> Result<Judged, JudgeError> {
    let judging = case.judging;
    if case.facts.ip().is_loopback() && !post.judge_loopback {
        return Ok(own(case));
    }
    let host = case.office.hostname.as_str();
    let caller = Caller {
        ip: case.facts.ip(),
        helo: &case.envelope.helo,
        host,
        from: case.envelope.from.as_ref(),
    };
    let evidence = blocking_if(case.spool.is_on_card(), || Evidence::read(case.top, case.spool))?;
    let (around, found) = tokio::join!(
        connection::look(
            &post.dns,
            &post.block_lists,
            judging,
            &caller,
            !case.lan,
            evidence.as_ref().and_then(Evidence::author),
        ),
        verify(post, evidence.as_ref(), &caller),
    );
    let author = evidence.as_ref().and_then(Evidence::author).cloned();
    let sender = Sender {
        envelope: case.envelope.from.clone(),
        author,
        signed: found.signers(),
        spf: found.spf.outcome == Outcome::Pass && !found.spf.helo,
    };
    let mut score = Score::default();
    score.surroundings(judging, &around, caller.helo);
    if !case.lan {
        score.helo(judging, found.helo.as_ref());
    }
    score.findings(judging, &found, sender.author.is_some());
    let snapshot = post.store.snapshot()?;
    let allowed = opinions(post, &snapshot, case, &sender, &mut score)?;
    greylist(post, &snapshot, case, &sender, allowed, &mut score).await?;
    let (verdict, refusal) = score.verdict(judging);
    // Known senders cost no commit of their own.
    if verdict.placement == Placement::Inbox && !grey::is_remembered(&snapshot, &sender, case.at)? {
        grey::remember(&post.store, &sender, case.at).await?;
    }
    Ok(Judged {
        fields: fields::of(&caller, &found, &verdict),
        verdict,
        refusal,
        answerable: case.lan || sender.envelope_is_proven(),
        sender,
        name: match around.reverse {
            ReverseName::Confirmed(name) => Some(name),
            _ => None,
        },
    })
}

// The box's own notices and tests: there is nobody to ask about.
fn own(case: &Case<'_>) -> Judged {
    let words = "It comes from this machine itself.";
    let verdict = Verdict {
        placement: Placement::Inbox,
        because: words.to_owned(),
        points: Points::default(),
        junk_at: case.judging.junk_at,
        reasons: vec![Reason::new("own", Points::default(), words)],
    };
    Judged {
        fields: fields::unasked(case.office.hostname.as_str(), &verdict),
        verdict,
        refusal: None,
        sender: Sender {
            envelope: case.envelope.from.clone(),
            author: evidence::author(case.top),
            ..Sender::default()
        },
        name: None,
        answerable: true,
    }
}

async fn verify(post: &Post, evidence: Option<&Evidence<'_>>, caller: &Caller<'_>) -> Findings {
    let Some(evidence) = evidence else {
        return auth::of_sender(&post.dns, caller).await;
    };
    evidence.verify(&post.dns, caller).await.unwrap_or_else(|words| {
        tracing::warn!(words, "mail cannot be verified");
        Findings::unknown(caller)
    })
}

// What the lists and the filter say. Returns whether the sender is on the allow list.
fn opinions(
    post: &Post,
    snapshot: &Snapshot,
    case: &Case<'_>,
    sender: &Sender,
    score: &mut Score,
) -> Result<bool, JudgeError> {
    match lists::find(snapshot, sender, case.at)? {
        Some(lists::Entry::Holds(entry)) => {
            let who = score::quoted(&entry.who);
            match entry.list {
                SenderList::Block => {
                    let words = format!("{who} is on the office's block list.");
                    let refusal = Refusal::Unwanted { who: entry.who };
                    score.decide(Placement::Refused, words.clone(), Some(refusal));
                    score.add("list", Points(0), words);
                }
                SenderList::Allow => {
                    let words = format!("{who} is on the office's allow list, and proven.");
                    score.decide(Placement::Inbox, words.clone(), None);
                    score.add("list", Points(0), words);
                    return Ok(true);
                }
            }
        }
        Some(lists::Entry::Unproven(entry)) => {
            let who = score::quoted(&entry.who);
            let words = format!(
                "{who} is on the office's allow list, but nothing proves that the mail is from there."
            );
            score.add("list", Points(0), words);
        }
        None => {}
    }
    if !score.is_refused()
        && let Some(state) = bayes::has_learnt(snapshot, case.filtering)?
    {
        let words = blocking_if(case.spool.is_on_card(), || {
            tokens::of(case.structure, |span| case.spool.span(span))
        })?;
        let words = post.lexicon.look_up(snapshot, state, &words)?;
        let opinion = bayes::opinion(state, &words);
        score.add("bayes", Points::rounded(opinion.points()), opinion.words());
    }
    Ok(false)
}

async fn greylist(
    post: &Post,
    snapshot: &Snapshot,
    case: &Case<'_>,
    sender: &Sender,
    allowed: bool,
    score: &mut Score,
) -> Result<(), JudgeError> {
    let Some(recipient) = case.envelope.to.first().filter(|_| !score.is_refused()) else {
        return Ok(());
    };
    let mut ours = people::domains(snapshot, case.office)?;
    ours.push(case.office.hostname.clone());
    let visit = Visit {
        ip: case.facts.ip(),
        lan: case.lan,
        sender,
        recipient,
        top: case.top,
        ours: &ours,
        allowed,
        points: score.points().as_f64(),
    };
    match grey::decide(&post.store, snapshot, case.filtering, &visit, case.at).await? {
        Greyed::Wait(until) => {
            let words = "Nobody here knows the sender yet: his server was asked to come again.";
            score.decide(Placement::Deferred, words, Some(Refusal::Greylisted { until }));
            score.add("greylist", Points(0), words);
        }
        Greyed::Welcome(known) => {
            if !matches!(known, grey::Known::Off | grey::Known::LooksGood) {
                let words = format!("It did not have to wait: {}.", known.words());
                score.add("greylist", Points(0), words);
            }
        }
    }
    Ok(())
}
