//! A small office for transcripts: anna and berta, one frozen, one drawer of messages.

use super::harness::World;
use super::harness::script::unescape;
use proto::ask::{Answer, DropMessage, Envelope, Identity, Question};
use proto::message::header;
use proto::pop3::{self, Pop3};
use proto::refusal::Refusal;
use proto::session::Session;
use proto::session::Tls;
use proto::smtp::{self, Smtp};
use proto::types::{AccountId, Address, BlobId, BodyKind, Domain, ReversePath, Span, Timestamp, Uid};
use std::collections::HashMap;

/// Everybody's password.
const PASSWORD: &[u8] = b"correct-horse-7";

#[derive(Default)]
pub struct Office {
    /// What was accepted, with its envelope in one line.
    accepted: Vec<(String, Vec<u8>)>,
    /// Anna's maildrop.
    drawer: Vec<(Uid, Vec<u8>)>,
    identities: HashMap<u32, Identity>,
    /// Who holds the maildrop.
    lock: Option<u32>,
    /// What the next question gets.
    next: Option<Refusal>,
}

impl Office {
    fn authenticate(&mut self, connection: u32, login: &str, password: &[u8]) -> Answer {
        let reason = "250 messages in an hour".to_owned();
        match (login, password) {
            ("anna@example.com" | "anna", PASSWORD) => {
                let address = Address::parse("anna@example.com").unwrap();
                let identity = Identity {
                    account: AccountId(1),
                    address,
                };
                self.identities.insert(connection, identity.clone());
                Answer::Authenticated(identity)
            }
            ("berta@example.com", PASSWORD) => Answer::Refused(Refusal::Frozen { reason }),
            _ => Answer::Refused(Refusal::BadCredentials),
        }
    }

    fn recipient(&self, connection: u32, address: &Address) -> Answer {
        if address.domain().as_str() != "example.com" {
            return match self.identities.contains_key(&connection) {
                true => Answer::Done,
                false => Answer::Refused(Refusal::RelayDenied),
            };
        }
        match address.local().to_lowercase().as_str() {
            "anna" | "berta" | "postmaster" => Answer::Done,
            _ => Answer::Refused(Refusal::UnknownRecipient),
        }
    }

    fn drop_message(&self, (uid, body): &(Uid, Vec<u8>)) -> DropMessage {
        DropMessage {
            uid: *uid,
            blob: BlobId(u64::from(uid.0)),
            size: body.len() as u64,
            header_end: header::len(body) as u64,
        }
    }
}

/// What was asked for beside the addresses, as the transcripts write it.
fn wishes(envelope: &Envelope) -> String {
    let wishes = &envelope.wishes;
    let mut words = match wishes.body {
        BodyKind::SevenBit => String::new(),
        BodyKind::EightBit => " 8bit".to_owned(),
        BodyKind::Binary => " binary".to_owned(),
    };
    for (on, word) in [(wishes.utf8, " utf8"), (wishes.requires_tls(), " requiretls")] {
        words.push_str(if on { word } else { "" });
    }
    if let Some(returned) = wishes.returned {
        words.push_str(&format!(" ret={returned:?}"));
    }
    if let Some(id) = &wishes.envelope_id {
        words.push_str(&format!(" envid={}", id.as_str()));
    }
    if let Some(hold) = wishes.hold {
        words.push_str(&format!(" hold={}", hold.ends(Timestamp(0)).0));
    }
    for (address, asked) in &envelope.asked {
        let original = asked.original.as_ref().map(|o| o.address()).unwrap_or_default();
        words.push_str(&format!(" {address}:{}:{original}", asked.notify));
    }
    words
}

/// Whatever calls itself so.
fn is_printer(from: &ReversePath) -> bool {
    from.as_ref().is_some_and(|from| from.local() == "scanner")
}

impl World for Office {
    fn open(&mut self, kind: &str, args: &str) -> Box<dyn Session> {
        let tls = match args {
            "tls=active" => Tls::Active,
            "tls=off" => Tls::Off,
            _ => Tls::Offered,
        };
        match kind {
            "smtp" | "submission" => Box::new(Smtp::new(smtp::Config {
                hostname: "mx.example.com".to_owned(),
                domain: Domain::parse("example.com").unwrap(),
                submission: kind == "submission",
                tls,
                binding: true,
                max_size: 1000,
                max_recipients: 100,
                hold_until: Some(Timestamp(86_400 * 365)),
            })),
            "pop3" => Box::new(Pop3::new(pop3::Config {
                hostname: "mx.example.com".to_owned(),
                tls,
                binding: true,
            })),
            _ => panic!("no such kind of connection: {kind}"),
        }
    }

    fn answer(&mut self, connection: u32, question: Question, spool: &mut Option<Vec<u8>>) -> Answer {
        if let Some(refusal) = self.next.take() {
            return Answer::Refused(refusal);
        }
        match question {
            Question::Authenticate { login, password, .. } => {
                self.authenticate(connection, &login, password.expose())
            }
            Question::Sender { from, .. } => match (self.identities.get(&connection), from) {
                (Some(identity), from) if from.as_ref() != Some(&identity.address) => {
                    Answer::Refused(Refusal::NotYourSender)
                }
                (Some(_), _) => Answer::Submits,
                (None, from) if is_printer(&from) => Answer::Submits,
                (None, _) => Answer::Done,
            },
            Question::Printer { from, .. } => match is_printer(&from) {
                true => Answer::Submits,
                false => Answer::Refused(Refusal::LoginRequired),
            },
            Question::Recipient { address } => self.recipient(connection, &address),
            Question::Accept(envelope) => {
                let asked = wishes(&envelope);
                let from = envelope.from.map_or_else(|| "<>".to_owned(), |a| a.to_string());
                let to: Vec<String> = envelope.to.iter().map(ToString::to_string).collect();
                let kind = if envelope.esmtp { "ehlo" } else { "helo" };
                let line = format!("{kind}={} from={from} to={}{asked}", envelope.helo, to.join(","));
                self.accepted.push((line, spool.take().expect("a spool")));
                Answer::Accepted {
                    id: format!("m{}", self.accepted.len()),
                }
            }
            Question::OpenMaildrop if self.lock.is_some() => Answer::Refused(Refusal::InUse),
            Question::OpenMaildrop => {
                self.lock = Some(connection);
                Answer::Maildrop(self.drawer.iter().map(|m| self.drop_message(m)).collect())
            }
            Question::CloseMaildrop { deleted } => {
                self.drawer.retain(|(uid, _)| !deleted.contains(uid));
                self.lock = None;
                Answer::Done
            }
            Question::Octets { blob, span } => Answer::Octets(self.body(blob, span)),
            question => panic!("nobody answers {question:?}"),
        }
    }

    fn body(&self, blob: BlobId, span: Span) -> Vec<u8> {
        let (_, body) = self
            .drawer
            .iter()
            .find(|(uid, _)| u64::from(uid.0) == blob.0)
            .expect("a body");
        let (start, end) = (
            usize::try_from(span.start).unwrap(),
            usize::try_from(span.end).unwrap(),
        );
        body[start..end].to_vec()
    }

    fn directive(&mut self, name: &str, args: &str) {
        match name {
            "message" => {
                let uid = self.drawer.last().map_or(1, |(uid, _)| uid.0 + 1);
                self.drawer.push((Uid(uid), unescape(args)));
            }
            // what a client sees of it: `! drawer 2` messages are left
            "drawer" => assert_eq!(self.drawer.len().to_string(), args),
            "accepted" => assert_eq!(self.accepted.len().to_string(), args),
            "envelope" => assert_eq!(self.accepted.last().map(|a| a.0.as_str()), Some(args)),
            "body" => {
                let body = self.accepted.last().map(|a| a.1.clone()).unwrap_or_default();
                assert_eq!(
                    String::from_utf8_lossy(&body),
                    String::from_utf8_lossy(&unescape(args))
                );
            }
            "refuse" => self.next = Some(self.cut(args)),
            _ => panic!("no such directive: {name}"),
        }
    }

    fn cut(&mut self, args: &str) -> Refusal {
        match args {
            "frozen" => Refusal::Frozen {
                reason: "spam".to_owned(),
            },
            "limited" => Refusal::Limited {
                until: Timestamp(86_400),
            },
            "throttled" => Refusal::Throttled,
            "space" => Refusal::NoSpace,
            "temporary" => Refusal::Temporary,
            "shutdown" => Refusal::Shutdown,
            "bad" => Refusal::BadMessage("From is missing."),
            _ => panic!("no such refusal: {args}"),
        }
    }

    fn gone(&mut self, connection: u32) {
        self.identities.remove(&connection);
        if self.lock == Some(connection) {
            self.lock = None;
        }
    }
}
