//! The greylist: a stranger is asked to come again in a few minutes (RFC 6647). Servers do, programs
//! that spread spam mostly do not.
//!
//! It is decided at the end of DATA, not at RCPT: the signature stands in the message, and whether
//! mail looks bad is known only then. That costs the octets of one message; at RCPT every stranger
//! would have to wait, the good ones too. It also means that a server which only asks whether an
//! address exists (a callback: MAIL FROM:<>, RCPT, QUIT) never hears of it.
//!
//! Who comes again is known by a domain that is proven (a signature, or SPF), whatever address it
//! comes from: large providers send each try from another one. Without proof it is the network, the
//! sender and the recipient's domain. Once let in, a proven domain is known for all its mail; so is
//! every proven domain whose mail went to an inbox.

use super::filtering::{Filtering, Greylisting};
use super::sender::Sender;
use crate::guard::Network;
use crate::limits::filter::REFERENCES;
use proto::message::header;
use proto::types::{Address, Domain, Timestamp};
use std::net::IpAddr;
use store::{Acquaintance, GreyAnswer, Snapshot, Store, StoreError};

/// From so many points on mail looks bad.
pub const SUSPICIOUS: f64 = 2.0;

/// A message at the door.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// From where.
    pub ip: IpAddr,
    /// Whether that is the office's own network.
    pub lan: bool,
    /// Who.
    pub sender: &'a Sender,
    /// For whom; one is enough to tell visits apart.
    pub recipient: &'a Address,
    /// The header of the message.
    pub top: &'a [u8],
    /// The names that our own Message-IDs end with.
    pub ours: &'a [Domain],
    /// The allow list names the sender, who is proven.
    pub allowed: bool,
    /// What the other checks made of it.
    pub points: f64,
}

/// Why somebody does not have to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Greylisting is off.
    Off,
    /// Only mail that looks bad is greylisted, and this does not.
    LooksGood,
    /// The office's own network.
    Lan,
    /// A report has nobody who would send it again on purpose: servers do as ever, but spam comes
    /// with a sender, and the report may be about a message that waits for an answer.
    NullSender,
    /// On the allow list.
    Allowed,
    /// Somebody here wrote to the sender before.
    Acquaintance,
    /// It answers a message from here.
    Reply,
    /// The proven domain was seen before.
    Seen,
    /// He came again in time.
    CameAgain,
}

impl Known {
    /// Why, for a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Off => "greylisting is off",
            Self::LooksGood => "the message does not look bad",
            Self::Lan => "it comes from the office's own network",
            Self::NullSender => "it is a report without a sender",
            Self::Allowed => "the sender is on the allow list",
            Self::Acquaintance => "somebody here has written to the sender",
            Self::Reply => "it answers a message from here",
            Self::Seen => "mail from its domain was taken before",
            Self::CameAgain => "it came again after it was asked to",
        }
    }
}

/// What the greylist says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greyed {
    /// Come again then.
    Wait(Timestamp),
    /// Come in.
    Welcome(Known),
}

/// Decides; that a stranger came is on the card when this returns.
///
/// # Errors
/// The store failed.
pub async fn decide(
    store: &Store,
    snapshot: &Snapshot,
    filtering: &Filtering,
    visit: &Visit<'_>,
    now: Timestamp,
) -> Result<Greyed, StoreError> {
    let known = known(snapshot, filtering, visit, now)?;
    if let Some(known) = known {
        return Ok(Greyed::Welcome(known));
    }
    let answer = store
        .greylist(key(visit), now, i64::from(filtering.delay))
        .await?;
    Ok(match answer {
        GreyAnswer::Wait { until } => Greyed::Wait(until),
        GreyAnswer::Pass => Greyed::Welcome(Known::CameAgain),
    })
}

/// Remembers the proven domains of mail that went to an inbox: they never have to come again.
///
/// # Errors
/// The store failed.
pub async fn remember(store: &Store, sender: &Sender, now: Timestamp) -> Result<(), StoreError> {
    let keys: Vec<String> = sender.proven().into_iter().map(domain_key).collect();
    if keys.is_empty() {
        return Ok(());
    }
    store.never_greylist(keys, now).await
}

/// Whether all of that is remembered already.
///
/// # Errors
/// The store failed.
pub fn is_remembered(snapshot: &Snapshot, sender: &Sender, now: Timestamp) -> Result<bool, StoreError> {
    for domain in sender.proven() {
        if !snapshot.was_let_in(&domain_key(domain), now)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn known(
    snapshot: &Snapshot,
    filtering: &Filtering,
    visit: &Visit<'_>,
    now: Timestamp,
) -> Result<Option<Known>, StoreError> {
    let quickly = match filtering.greylisting {
        Greylisting::Off => Some(Known::Off),
        Greylisting::Suspicious if visit.points < SUSPICIOUS => Some(Known::LooksGood),
        _ if visit.lan => Some(Known::Lan),
        _ if visit.sender.envelope.is_none() => Some(Known::NullSender),
        _ if visit.allowed => Some(Known::Allowed),
        _ if answers_us(visit) => Some(Known::Reply),
        _ => None,
    };
    if quickly.is_some() {
        return Ok(quickly);
    }
    for domain in visit.sender.proven() {
        if snapshot.was_let_in(&domain_key(domain), now)? {
            return Ok(Some(Known::Seen));
        }
    }
    let met = is_acquaintance(snapshot, visit.sender)?;
    Ok(met.then_some(Known::Acquaintance))
}

fn is_acquaintance(snapshot: &Snapshot, sender: &Sender) -> Result<bool, StoreError> {
    let accounts = snapshot.accounts()?;
    for address in sender.envelope.iter().chain(&sender.author) {
        let whom = Acquaintance::Recipient(address.clone());
        for account in &accounts {
            if snapshot.met(account.id, &whom)?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

// RFC 5322 3.6.4: an answer names the message that it answers.
fn answers_us(visit: &Visit<'_>) -> bool {
    let named = header::fields(visit.top).filter(|field| field.is("In-Reply-To") || field.is("References"));
    let named: Vec<_> = named.map(|field| field.unfolded().to_ascii_lowercase()).collect();
    let mut ids = named
        .iter()
        .flat_map(|value| value.split(|octet| *octet == b'>'))
        .take(REFERENCES);
    ids.any(|id| {
        let host = id.rsplit(|octet| *octet == b'@').next().unwrap_or_default();
        id.contains(&b'@') && visit.ours.iter().any(|own| own.as_str().as_bytes() == host)
    })
}

fn key(visit: &Visit<'_>) -> String {
    if let Some(domain) = visit.sender.proven().first() {
        return domain_key(domain);
    }
    let from = visit
        .sender
        .envelope
        .as_ref()
        .map(Address::key)
        .unwrap_or_default();
    let network = Network::around(visit.ip);
    format!("{network} {from} {}", visit.recipient.domain().as_str())
}

// A network has no `@` in front.
fn domain_key(domain: &Domain) -> String {
    format!("@{}", domain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::NewAccount;

    const NOW: Timestamp = Timestamp(1_000_000);

    struct Desk {
        store: Store,
        filtering: Filtering,
        sender: Sender,
        ip: &'static str,
        lan: bool,
        allowed: bool,
        points: f64,
        top: &'static str,
        _folder: tempfile::TempDir,
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    impl Desk {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path(), &store::Options::default()).unwrap();
            let account = NewAccount {
                address: address("ben@firm.example"),
                password_hash: String::new(),
                admin: false,
                created: NOW,
            };
            let ben = store.create_account(account).await.unwrap();
            let friend = Acquaintance::Recipient(address("friend@elsewhere.example"));
            store.meet(ben, vec![friend], NOW).await.unwrap();
            Self {
                store,
                filtering: Filtering::default(),
                sender: Sender {
                    envelope: Some(address("x@stranger.example")),
                    author: Some(address("x@stranger.example")),
                    ..Sender::default()
                },
                ip: "198.51.100.7",
                lan: false,
                allowed: false,
                points: 3.0,
                top: "Subject: hello\r\n\r\n",
                _folder: folder,
            }
        }

        async fn ask(&self, after: i64) -> Greyed {
            let visit = Visit {
                ip: self.ip.parse().unwrap(),
                lan: self.lan,
                sender: &self.sender,
                recipient: &address("ben@firm.example"),
                top: self.top.as_bytes(),
                ours: &[
                    Domain::parse("firm.example").unwrap(),
                    Domain::parse("mail.firm.example").unwrap(),
                ],
                allowed: self.allowed,
                points: self.points,
            };
            let snapshot = self.store.snapshot().unwrap();
            decide(&self.store, &snapshot, &self.filtering, &visit, NOW.plus(after))
                .await
                .unwrap()
        }
    }

    #[tokio::test]
    async fn a_stranger_waits_once_and_a_known_sender_never() {
        type Change = fn(&mut Desk);
        let cases: &[(Change, Option<Known>)] = &[
            (|_| {}, None),
            (
                |desk| desk.filtering.greylisting = Greylisting::Off,
                Some(Known::Off),
            ),
            (|desk| desk.points = 1.9, Some(Known::LooksGood)),
            (|desk| desk.lan = true, Some(Known::Lan)),
            (|desk| desk.sender.envelope = None, Some(Known::NullSender)),
            (|desk| desk.allowed = true, Some(Known::Allowed)),
            (
                |desk| desk.sender.envelope = Some(address("Friend@Elsewhere.example")),
                Some(Known::Acquaintance),
            ),
            (
                |desk| desk.sender.author = Some(address("friend@elsewhere.example")),
                Some(Known::Acquaintance),
            ),
            (
                |desk| desk.top = "References: <a@b.example>\r\n <7.x@Firm.Example>\r\n\r\n",
                Some(Known::Reply),
            ),
            (
                |desk| desk.top = "In-Reply-To: <7.x@mail.firm.example>\r\n\r\n",
                Some(Known::Reply),
            ),
            (
                |desk| desk.top = "In-Reply-To: <7.x@evilfirm.example> firm.example\r\n\r\n",
                None,
            ),
            (
                |desk| {
                    desk.points = 0.0;
                    desk.filtering.greylisting = Greylisting::Strangers;
                },
                None,
            ),
        ];
        for (number, (change, expected)) in cases.iter().enumerate() {
            let mut desk = Desk::new().await;
            change(&mut desk);
            match expected {
                Some(known) => assert_eq!(desk.ask(0).await, Greyed::Welcome(*known), "case {number}"),
                None => {
                    assert_eq!(desk.ask(0).await, Greyed::Wait(NOW.plus(300)), "case {number}");
                    assert_eq!(desk.ask(10).await, Greyed::Wait(NOW.plus(300)), "case {number}");
                    assert_eq!(
                        desk.ask(300).await,
                        Greyed::Welcome(Known::CameAgain),
                        "case {number}"
                    );
                }
            }
        }
    }

    #[tokio::test]
    async fn a_provider_that_comes_from_another_address_each_time_is_one() {
        let mut desk = Desk::new().await;
        desk.sender.spf = true;
        assert_eq!(desk.ask(0).await, Greyed::Wait(NOW.plus(300)));
        desk.ip = "2001:db8:77::1";
        assert_eq!(desk.ask(400).await, Greyed::Welcome(Known::CameAgain));
        // And from then on all of it is known, whoever writes.
        desk.sender.envelope = Some(address("other@stranger.example"));
        assert_eq!(desk.ask(500).await, Greyed::Welcome(Known::Seen));
        // Without the proof the network counts.
        desk.sender.spf = false;
        assert_eq!(desk.ask(500).await, Greyed::Wait(NOW.plus(800)));
        desk.ip = "2001:db8:77:0:5::9";
        assert_eq!(desk.ask(800).await, Greyed::Welcome(Known::CameAgain));
        desk.ip = "2001:db8:78::1";
        assert_eq!(desk.ask(800).await, Greyed::Wait(NOW.plus(1100)));
    }

    #[tokio::test]
    async fn a_domain_whose_mail_went_to_an_inbox_never_waits() {
        let mut desk = Desk::new().await;
        desk.sender.signed = vec![Domain::parse("stranger.example").unwrap()];
        remember(&desk.store, &desk.sender, NOW).await.unwrap();
        assert_eq!(desk.ask(5).await, Greyed::Welcome(Known::Seen));
        desk.sender.signed.clear();
        assert_eq!(desk.ask(5).await, Greyed::Wait(NOW.plus(305)));
    }
}
