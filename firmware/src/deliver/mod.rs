//! Mail on its way: in from the world, out from our own people, through the queue.
//!
//! | RFC | what | here |
//! |---|---|---|
//! | 5321 | mail hosts, relaying, retries, loops, trace fields | yes |
//! | 7505 | null MX | yes |
//! | 6409 8, 3848 | completing what was submitted | Date, Message-ID, Bcc; From has to be the sender's own |
//! | 6376, 8463 | DKIM | signed with RSA-2048 and Ed25519; verified in `crate::judge` |
//! | 3461, 3464, 3834, 6533 | notices | of failure, delay and, where asked, delivery; see `notice` |
//! | 8689 | REQUIRETLS | a verified certificate at a server that DNSSEC or MTA-STS names |
//! | 8689 | TLS-Required: No | in mail of our people: TLS where it is offered, whatever DANE and MTA-STS say |
//! | 4865 | FUTURERELEASE | kept in the queue, people here included |
//! | 9422 | LIMITS | RCPTMAX and MAILMAX of the next server |
//! | 3207, 7435 | STARTTLS to other servers | any certificate; a password wants a verified one |
//! | 2920, 1870, 6152, 6531 | PIPELINING, SIZE, 8BITMIME, SMTPUTF8 | where the other server offers it |
//! | 4954, 4616 | AUTH to a smarthost | PLAIN, else LOGIN |
//! | 7672, 6698 | DANE | usages 2 and 3, to the mail hosts of domains; not to a smarthost |
//! | 8461 | MTA-STS | of other domains; failures are not reported (RFC 8460) |

mod attempt;
mod backoff;
mod fixed;
mod inbound;
mod notice;
pub mod orders;
mod pace;
pub mod people;
pub(crate) mod pieces;
pub mod queue;
mod relay;
pub mod sts;
mod submit;
mod traffic;
pub mod ways;

pub use inbound::inbound;
pub use relay::{Authorities, Kept};
pub use submit::{may_send, submit};
pub use traffic::Traffic;

use crate::clock::Clock;
use crate::dns::Dns;
use crate::facts::ConnectionFacts;
use crate::guard::Guard;
use crate::judge::bayes::lexicon::Lexicon;
use crate::judge::block_lists::BlockLists;
use crate::ledger::Ledger;
use crate::links::Links;
use proto::ask::Envelope;
use proto::refusal::Refusal;
use proto::types::{Address, ReversePath, Timestamp};
use store::{EventKind, Store, StoreError};
use sts::Sts;

/// What delivery needs of the box. Clones share it.
#[derive(Clone)]
pub struct Post {
    /// Where mail is kept.
    pub store: Store,
    /// Where mail for other domains goes.
    pub dns: Dns,
    /// What other domains say about TLS, and who vouches for their servers.
    pub sts: Sts,
    /// Which way each block list answers.
    pub block_lists: BlockLists,
    /// What the filter knows of words.
    pub lexicon: Lexicon,
    /// The time that everything here goes by.
    pub clock: Clock,
    /// Where everything that happens is recorded.
    pub ledger: Ledger,
    /// Who may send how much.
    pub guard: Guard,
    /// Attachments that stay here.
    pub links: Links,
    /// What the queue is doing at this moment.
    pub traffic: Traffic,
    /// The port of other domains' mail servers: 25 everywhere but in tests.
    pub relay_port: u16,
    /// Connections to other servers that may be used once more.
    pub kept: Kept,
    /// Largest message in octets that leaves or arrives whole.
    pub max_message: u64,
    /// Judge mail from this machine as if it came from elsewhere: only tests have a reason to.
    pub judge_loopback: bool,
}

impl Post {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The port that mail servers listen on (RFC 5321 4.5.4.2).
pub const SMTP_PORT: u16 = 25;

// What the peer hears when the store could not do it. Nothing was done.
fn refusal(error: &StoreError) -> Refusal {
    tracing::error!(%error, "delivery failed");
    match error {
        StoreError::NoSpace => Refusal::NoSpace,
        _ => Refusal::Temporary,
    }
}

// Records that a message was turned away for what it is.
fn refuse(post: &Post, facts: &ConnectionFacts, envelope: &Envelope, refused: &Refusal) {
    turn_away(post, facts, &envelope.from, &envelope.to, refused);
}

/// Records that mail was turned away, before or after its recipients were named.
pub(crate) fn turn_away(
    post: &Post,
    facts: &ConnectionFacts,
    from: &ReversePath,
    to: &[Address],
    refused: &Refusal,
) {
    let words = refused.smtp().to_string();
    tracing::info!(connection = facts.number, words, "refused");
    post.ledger.record(EventKind::Refused {
        protocol: facts.protocol,
        ip: facts.ip(),
        from: from.clone(),
        to: inbound::only(to).cloned(),
        words,
    });
}

// Names a message in replies, logs and Received fields: 60 random bits in letters and digits that
// cannot be taken for one another.
pub(crate) fn fresh_id() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bits = getrandom::u64().unwrap_or_default();
    let mut id = String::with_capacity(12);
    for _ in 0..12 {
        let letter = LETTERS.get((bits & 31) as usize).copied().unwrap_or(b'a');
        id.push(char::from(letter));
        bits >>= 5;
    }
    id
}
