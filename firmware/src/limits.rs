//! Every fixed limit of the appliance, in one place; those of receiving mail, with what the RFCs ask for,
//! stand in [`proto::limits::smtp`] and are only named here. What an admin may change is in `settings`.

use proto::limits::smtp;
pub use proto::limits::smtp::{HOPS, MESSAGE, MOST_RECIPIENTS as RECIPIENTS};
use std::time::Duration;

/// Connections of other servers (port 25). Counted apart from the others, so that a flood from
/// outside never keeps the office out.
pub const SERVERS: usize = smtp::CONNECTIONS;
/// Connections of other servers from one address.
pub const SERVERS_PER_IP: usize = smtp::CONNECTIONS_FROM_ONE;
/// Connections of mail programs (IMAP, POP3, submission).
pub const PROGRAMS: usize = 1024;
/// Connections of mail programs from one address: a branch office behind one has many.
pub const PROGRAMS_PER_IP: usize = 250;
/// Connections of browsers.
pub const BROWSERS: usize = 256;
/// Connections of browsers from one address.
pub const BROWSERS_PER_IP: usize = 64;
/// Mail sessions that exist, those included that only hear that there are too many.
pub const SESSIONS: usize = SERVERS + PROGRAMS + 256;
/// Connections of strangers at the door for links.
pub const STRANGERS: usize = 128;
/// Connections of strangers from one address: a browser opens six, a downloader some more.
pub const STRANGERS_PER_IP: usize = 24;
/// How long a TLS handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(smtp::HANDSHAKE);
/// How long a peer may leave our octets unread.
pub const WRITE: Duration = Duration::from_secs(smtp::WRITE);
/// How long a peer may be silent in the middle of a message.
pub const BODY_SILENCE: Duration = Duration::from_secs(smtp::BODY_SILENCE);
/// How long one message may take in all.
pub const BODY: Duration = Duration::from_secs(smtp::BODY);
/// How long a connection to a door that wants a login may stay without one.
pub const WITHOUT_LOGIN: Duration = Duration::from_secs(300);
/// How long sessions have for their goodbye when the box goes down.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Octets read at once while waiting for a line; what an idle connection holds.
pub const READ: usize = 4 * 1024;
/// Octets read and written at once while a body passes.
pub const PIECE: usize = 64 * 1024;

/// Passwords hashed at once: each takes 19 MiB.
pub const HASHES: usize = 2;
/// Logins from places where nobody of ours was seen that wait for their turn.
pub const STRANGERS_WAITING: usize = 16;
/// Logins tried at once from one address; further ones wait.
pub const LOGINS_PER_IP: usize = 4;
/// How long a login may wait for its turn.
pub const LOGIN_WAIT: Duration = Duration::from_secs(20);
/// Longest password in octets: hashing more is work for an attacker's pleasure.
pub const PASSWORD: usize = 1024;
/// Wrong SCRAM proofs for one account from one place in [`SCRAM_WINDOW`]; then its main password is
/// compared no more.
pub const SCRAM_MISSES: u32 = 5;
/// See [`SCRAM_MISSES`]; in seconds.
pub const SCRAM_WINDOW: i64 = 3600;
/// Recovery codes made with a second factor.
pub const RECOVERY_CODES: usize = 10;
/// How long a second factor may wait for its first code, in seconds.
pub const ENROLMENT: i64 = 900;
/// Second factors that wait for their first code.
pub const ENROLMENTS: usize = 256;
/// Wrong codes of one login in [`WRONG_CODES_WINDOW`]; then only recovery codes are looked at.
pub const WRONG_CODES: u32 = 10;
/// See [`WRONG_CODES`]; in seconds.
pub const WRONG_CODES_WINDOW: i64 = 3600;
/// Device passwords of one account.
pub const DEVICES: usize = 32;
/// Longest name of a device in characters.
pub const DEVICE_NAME: usize = 60;
/// Longest login name kept in events and log lines, in octets.
pub const LOGIN_NAME: usize = 256;
/// How long a verified password is remembered, in seconds.
pub const VERIFIED_FOR: i64 = 600;
/// Verified passwords remembered.
pub const VERIFIED: usize = 512;

/// Events waiting to be written; more are counted and logged, not kept.
pub const EVENTS_WAITING: usize = 8192;
/// Events written in one commit.
pub const EVENTS_AT_ONCE: usize = 256;
/// Events that the command line shows at most.
pub const EVENTS_SHOWN: usize = 10_000;
/// Sources counted for the panel's "worst source".
pub const SOURCES: usize = 4096;

/// Longest request line on the control socket, in octets.
pub const CONTROL_LINE: u64 = 64 * 1024;

/// How long the goodbye of a session may take.
pub const GOODBYE: Duration = Duration::from_secs(2);
/// Addresses whose failed logins are remembered for the delay.
pub const DELAYED: usize = 4096;

/// Admins' addresses outside of the box that notices go to.
pub const OUTSIDE: usize = 10;
/// Tokens of notices that are remembered, used or not.
pub const TICKETS: usize = 400;
/// Answers that one admin gets in an hour to replies that did nothing.
pub const ANSWERS: u32 = 10;
/// Replies from one source, and to one notice, that are judged in an hour.
pub const REPLIES: u32 = 30;

/// The filter, the greylist and the lists of senders.
pub mod filter {
    use std::time::Duration;

    /// Octets of text that tokens are made of, as they stand in the message, all parts together.
    pub const TEXT: u64 = 64 * 1024;
    /// Octets of the header that tokens are made of.
    pub const HEADER: u64 = 16 * 1024;
    /// Text parts of a message that are looked at.
    pub const PARTS: usize = 8;
    /// Tokens of one message, those of its header first. What a message is about shows in its first hundreds
    /// of words; each further one costs as much as those.
    pub const TOKENS: usize = 600;
    /// Characters of a word that is a token.
    pub const WORD: std::ops::RangeInclusive<usize> = 3..=24;
    /// Things to learn that wait; more are forgotten, with a line in the log.
    pub const WAITING: usize = 256;
    /// Messages of one move that are learnt, the newest ones.
    pub const MOVED: usize = 1000;
    /// Messages of a mailbox that are learnt at the command line's wish, the newest ones.
    pub const MAILBOX: usize = 2000;
    /// Messages that are learnt in one commit.
    pub const AT_ONCE: usize = 16;
    /// How long things to learn are gathered before they are learnt.
    pub const GATHERED: Duration = Duration::from_secs(2);
    /// Message-IDs of a header that are looked at for one of ours.
    pub const REFERENCES: usize = 50;
    /// Characters of a note about a sender.
    pub const NOTE: usize = 200;
    /// Days that a sender may be on a list, if not for ever.
    pub const DAYS: u32 = 3650;
}

/// The queue at work.
pub mod queue {
    use std::time::Duration;

    /// Tries at once, in all.
    pub const TRIES: usize = 20;
    /// Tries at once with mail that has no sender: whoever asks for notices (RFC 3461), and has servers that
    /// take all the time there is, must not keep our people's mail waiting.
    pub const NOTICES: usize = TRIES / 2;
    /// Tries at once at one domain that nothing is known of, and at most.
    pub const TRIES_AT_DOMAIN: usize = 2;
    /// See [`TRIES_AT_DOMAIN`].
    pub const MOST_AT_DOMAIN: usize = 10;
    /// Tries at once at a smarthost that nothing is known of, and at most: it was made for our mail.
    pub const TRIES_AT_SMARTHOST: usize = 5;
    /// See [`TRIES_AT_SMARTHOST`].
    pub const MOST_AT_SMARTHOST: usize = TRIES;
    /// Places whose pace is remembered, some 200 octets each; and domains in one round of tries.
    pub const PLACES: usize = 4096;
    /// Recipients of one transaction (RFC 5321 4.5.3.1.8).
    pub const RECIPIENTS: usize = 100;
    /// Rows read at once by whoever goes through the whole queue.
    pub const PORTION: usize = 256;
    /// Smarthosts for some domains.
    pub const SMARTHOSTS: usize = 100;
    /// Rows that the command line lists at most.
    pub const LISTED: usize = 10_000;
    /// Messages deleted in one commit where their senders are told.
    pub const TOLD_AT_ONCE: usize = 50;
    /// Longest sleep, in seconds: the clock may be set while we sleep.
    pub const SLEEP: i64 = 60;
    /// How long running tries may take to finish when the box goes down.
    pub const LAST_TRIES: Duration = Duration::from_secs(5);
    /// Longest wait before a settlement that the store could not take is tried again.
    pub const SETTLE: Duration = Duration::from_secs(60);
    /// Octets of an undelivered message in which the header for its notice is looked for.
    pub const RETURNED_HEADER: u64 = 64 * 1024;
    /// Octets of an undelivered message that goes back whole where the sender asked for that; of a
    /// larger one the header does.
    pub const RETURNED: u64 = 256 * 1024;
}

/// Patience with other servers.
pub mod relay {
    use std::time::Duration;

    /// One message at one place, all its servers together.
    pub const WHOLE: Duration = Duration::from_secs(3600);
    /// A connection. RFC 5321 4.5.3.2 names no time; a filtered port shows itself only so.
    pub const CONNECT: Duration = Duration::from_secs(30);
    /// Greeting, EHLO, MAIL, RCPT (RFC 5321 4.5.3.2.1 to 4.5.3.2.3).
    pub const COMMAND: Duration = Duration::from_secs(300);
    /// The answer to DATA (RFC 5321 4.5.3.2.4).
    pub const DATA: Duration = Duration::from_secs(120);
    /// One piece of the message (RFC 5321 4.5.3.2.5).
    pub const PIECE: Duration = Duration::from_secs(180);
    /// The answer to the final dot (RFC 5321 4.5.3.2.6).
    pub const FINAL: Duration = Duration::from_secs(600);
    /// The TLS handshake.
    pub const HANDSHAKE: Duration = Duration::from_secs(60);
    /// What is left to hear from a peer that hung up on us, and its goodbye.
    pub const GOODBYE: Duration = Duration::from_secs(3);
    /// How long a connection is kept for the next message.
    pub const KEPT_FOR: Duration = Duration::from_secs(2);
    /// Connections kept.
    pub const KEPT: usize = super::queue::TRIES;
    /// Messages sent over one connection.
    pub const MESSAGES: usize = 100;
}

/// What other domains say about TLS at their servers (MTA-STS).
pub mod sts {
    use std::time::Duration;

    /// Octets of a policy (RFC 8461 3.3 suggests this).
    pub const POLICY: usize = 64 * 1024;
    /// How long fetching a policy from one address may take (RFC 8461 3.3 suggests a minute).
    pub const FETCH: Duration = Duration::from_secs(30);
    /// How long a policy that could not be had is not asked for again, in seconds (RFC 8461 3.3).
    pub const AGAIN: i64 = 300;
    /// Domains whose policies are remembered.
    pub const DOMAINS: usize = 1000;
    /// Octets of all that the store keeps of them: a setting holds 256 KiB.
    pub const KEPT: usize = 200 * 1024;
}

/// Questions to name servers.
pub mod dns {
    use std::time::Duration;

    /// Longest wait for one answer, retries included.
    pub const ANSWER: Duration = Duration::from_secs(20);
    /// Longest wait for one answer before the next try, of [`TRIES`] in all. What takes a name server
    /// longer to find out is in its memory at the next try.
    pub const SERVER: Duration = Duration::from_secs(2);
    /// See [`SERVER`].
    pub const TRIES: usize = 3;
    /// Longest wait for the name of a client.
    pub const NAME: Duration = super::judge::CHECK;
    /// PTR records of a client that are looked at.
    pub const NAMES_OF_ONE: usize = 4;
    /// How long the name of a client is remembered, or that it has none.
    pub const REMEMBERED: Duration = Duration::from_secs(600);
    /// How many clients' names are remembered.
    pub const NAMES: usize = 1000;
    /// Mail hosts of a domain that are looked at.
    pub const HOSTS: usize = 16;
    /// Addresses of one host that are looked at.
    pub const ADDRESSES: usize = 8;
    /// Name servers of one zone that are asked themselves.
    pub const OWNERS: usize = 3;
    /// Answers kept in memory.
    pub const CACHED: u64 = 256;
    /// Answers kept in memory beside them, in the form in which mail is judged by them.
    pub const ANSWERS: usize = 512;
    /// How long one of these is kept at most, whatever its owner says.
    pub const ANSWER_LASTS: Duration = Duration::from_secs(3 * 3600); // for denials: 1 to 3 hours (RFC 2308 5)
    /// Octets of one of these; longer ones are not kept.
    pub const ANSWER_KEPT: usize = 4096;
    /// Answers kept in memory with their proofs, keys of zones included.
    pub const PROVEN: u64 = 1024;
    /// Aliases in a row that are followed.
    pub const ALIASES: usize = 8;
    /// Steps by which an answer that looks forged is followed where branches lead elsewhere (DNAME).
    pub const BRANCHES: usize = 3;
    /// Names above another one that may be such a branch.
    pub const ABOVE: usize = 8;
    /// TLSA records of one server that are looked at.
    pub const TLSA: usize = 32;
    /// How soon the name servers are asked again whether they give signatures.
    pub const SIGNED_AGAIN: Duration = Duration::from_secs(3600);
    /// The same after no answer: the network or the clock may not be there yet.
    pub const SIGNED_SOON: Duration = Duration::from_secs(30);
    /// How long signatures are demanded after they were last given.
    pub const DEMANDED: Duration = Duration::from_secs(86_400);
}

/// Keys that sign our mail.
pub mod dkim {
    use std::ops::RangeInclusive;
    use std::time::Duration;

    /// Days that a pair may be set to sign.
    pub const LIFE_DAYS: RangeInclusive<u32> = 30..=3650;
    /// Days before its turn in which the next pair's records are shown; at most half of its life.
    pub const EARLY_DAYS: i64 = 30;
    /// Days that the records of a retired pair have to stand: the queue's patience, and as long again for
    /// those who read late.
    pub const KEPT_DAYS: i64 = 14;
    /// Days after which a retired pair is not shown any more.
    pub const FORGOTTEN_DAYS: i64 = 90;
    /// Retired pairs that are kept.
    pub const RETIRED: usize = 8;
    /// Days between two letters about records that are missing.
    pub const REMIND_DAYS: i64 = 7;
    /// How often is looked.
    pub const TICK: Duration = Duration::from_secs(3600);
}

/// Attachments that become links.
pub mod links {
    use std::time::Duration;

    /// How often it is checked whether the world reaches the box.
    pub const CHECK_EVERY: Duration = Duration::from_secs(3600);
    /// The same while it does not.
    pub const CHECK_AGAIN: Duration = Duration::from_secs(300);
    /// Longest wait for the name servers then.
    pub const CHECK_NAME: Duration = Duration::from_secs(10);
    /// Longest wait for one address then: the call, the handshake and the answer.
    pub const CHECK_ANSWER: Duration = Duration::from_secs(8);
    /// Addresses of the name that are called.
    pub const CHECK_ADDRESSES: usize = 4;
    /// Octets of an answer that are read.
    pub const CHECK_OCTETS: usize = 4096;
    /// Largest message in octets that people may hand in while attachments become links: 500 MB of them
    /// in base64, and what stands around them.
    pub const MESSAGE: u64 = 700 * 1024 * 1024;
    /// Smallest and largest size, in octets, over which parts may be made to leave.
    pub const LEAST_SIZE: u64 = 100_000;
    /// See [`LEAST_SIZE`].
    pub const MOST_SIZE: u64 = 1_000_000_000;
    /// Longest life of a link in days.
    pub const MOST_DAYS: u32 = 365;
    /// Least octets that the attachments may be given.
    pub const LEAST_BUDGET: u64 = 50_000_000;
    /// Types that stay in the mail.
    pub const EXEMPT: usize = 100;
    /// Octets of all the messages that one message becomes; where it would be more, it stays as it is.
    /// Small ones are in memory until they are committed, each larger one is an open file.
    pub const COPIES: u64 = 32 * 1024 * 1024;
    /// Octets that stay free where the attachments are.
    pub const RESERVE: u64 = 128 * 1024 * 1024;
    /// How long the file of a link that works no more is kept, in seconds: the link can be extended.
    pub const GRACE: i64 = 7 * 86_400;
    /// How far the clock goes, in seconds, before it is noted on the disk again.
    pub const CLOCK_KEPT: i64 = 86_400;
    /// How long a link is remembered after its file went, in days.
    pub const REMEMBERED_DAYS: i64 = 90;
    /// Places with attachments that are known at a time.
    pub const PLACES: usize = 16;
    /// Links shown on a page.
    pub const LISTED: usize = 500;
    /// Clients and links for which it is remembered what was fetched.
    pub const FETCHES: usize = 4096;
    /// Damaged files that are remembered.
    pub const DAMAGED: usize = 1000;
    /// Links let go in one commit.
    pub const AT_ONCE: usize = 1000;
}

/// What SPF records may make us ask (RFC 7208 4.6.4).
pub mod spf {
    /// Terms that ask name servers.
    pub const TERMS: usize = 10;
    /// Mail hosts of one term, and names of an address.
    pub const NAMES: usize = 10;
    /// Terms to which the answer is that there is nothing.
    pub const VOIDS: usize = 2;
}

/// Judging mail from elsewhere.
pub mod judge {
    use std::time::Duration;

    /// Longest wait for the answers of one check; all are waited for at the same time.
    pub const CHECK: Duration = Duration::from_secs(5);
    /// Longest wait for what is to be asked only once other answers are there, such as about the domain
    /// of a good signature: for DKIM, twice more where the first signatures are not good, and then for
    /// DMARC. A message waits [`CHECK`] and four times this at most.
    pub const AFTERWARDS: Duration = Duration::from_secs(3);
    /// DKIM signatures of a message that are verified.
    pub const SIGNATURES: usize = 8;
    /// Names of fields in one signature; one with more is not looked at.
    pub const SIGNED: usize = 200;
    /// Names above the author's domain at which a DMARC record is looked for (RFC 9989 4.10).
    pub const WALK: usize = 7;
    /// Seals of an ARC chain that are verified (RFC 8617 4.2.1 allows 50).
    pub const SEALS: usize = 10;
    /// Block lists of addresses that may be asked, and as many of domains: each of those about three names.
    pub const LISTS: usize = 8;
    /// After which a list that works is tried again.
    pub const OPEN_LIST: Duration = Duration::from_secs(6 * 3600);
    /// After which one that does not work is.
    pub const CLOSED_LIST: Duration = Duration::from_secs(300);
    /// Domains whose ARC seals may be trusted.
    pub const SEALERS: usize = 32;
    /// Characters of a name or an address from outside in words for a person: the longest address fits
    /// (RFC 5321 4.5.3.1), for the end of a domain says whose it is.
    pub const QUOTED: usize = 320;
    /// Recipients that the ledger keeps with a verdict.
    pub const RECIPIENTS: usize = 10;
    /// Judged messages on one page.
    pub const PAGE: usize = 50;
}
