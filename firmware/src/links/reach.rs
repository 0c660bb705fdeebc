//! Whether the world reaches this box at the address that its links name. No third party is asked: the
//! box looks the name up, calls that place, and knows itself by an answer that only it can give.
//!
//! | what happens | the world reaches us | attachments |
//! |---|---|---|
//! | the name has no address | no | stay in the mail |
//! | the connection is refused everywhere | no | stay in the mail |
//! | somewhere somebody else answers | no | stay in the mail |
//! | we answer, at a public address | yes | become links |
//! | we answer, at an address of the office's own | unknown: so it looks from inside | become links |
//! | nothing answers: some routers let nobody call from inside | unknown | become links |
//! | the name servers are silent | what was known before | as before |

use super::settings::place;
use super::{Links, token};
use crate::deliver::Authorities;
use crate::dns::{Dns, NoRoute};
use crate::guard::Lan;
use crate::https;
use crate::limits::links as limits;
use crate::settings;
use futures_util::future::join_all;
use proto::types::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use store::{EventKind, Snapshot, StoreError};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tracing::{error, info};

/// Key of [`Checked`] among the settings.
const REACH: &str = "links-reach";

/// Whether the world gets to this box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// From here nobody can tell.
    Unknown,
}

impl Reach {
    /// As stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What the last check of an address found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Which address.
    pub address: String,
    /// What was found.
    pub reach: Reach,
    /// Why, for a person.
    pub words: String,
    /// When.
    pub at: Timestamp,
}

impl Checked {
    /// The last check of this address.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(snapshot: &Snapshot, address: Option<&str>) -> Result<Option<Self>, StoreError> {
        let checked: Option<Self> = settings::read(snapshot, REACH)?;
        Ok(checked.filter(|checked| Some(checked.address.as_str()) == address))
    }
}

/// What the box is asked through the world, and how it answers, while a check runs.
#[derive(Debug, Default)]
pub(super) struct Inquiry {
    one_at_a_time: tokio::sync::Mutex<()>,
    pending: Mutex<Option<(String, String)>>,
}

impl Inquiry {
    fn set(&self, pending: Option<(String, String)>) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = pending;
    }
}

/// Who answers at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Us,
    Other(String),
    Refused,
    Nothing(String),
}

impl Links {
    /// The answer to a question that this box is just asking itself.
    #[must_use]
    pub fn answer(&self, question: &str) -> Option<String> {
        let pending = self
            .inquiry
            .pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (asked, answer) = pending.as_ref()?;
        (asked == question).then(|| answer.clone())
    }

    /// What the last check of the address that is set found.
    ///
    /// # Errors
    /// The store failed.
    pub fn checked(&self) -> Result<Option<Checked>, StoreError> {
        let snapshot = self.store.snapshot()?;
        let rules = super::Rules::read(&snapshot)?;
        Checked::read(&snapshot, rules.address.as_deref())
    }

    /// Checks the address that is set, and remembers what was found; `None`: none is set.
    ///
    /// # Errors
    /// The store failed.
    pub async fn check(&self, dns: &Dns) -> Result<Option<Checked>, StoreError> {
        let _alone = self.inquiry.one_at_a_time.lock().await;
        let Some(address) = self.rules()?.address else {
            return Ok(None);
        };
        let before = Checked::read(&self.store.snapshot()?, Some(&address))?;
        let found = self.call(dns, &address).await;
        let (reach, words) = match (found, &before) {
            (Ok(found), _) => found,
            // Nothing was learnt.
            (Err(_), Some(_)) => return Ok(before),
            (Err(words), None) => (Reach::Unknown, words),
        };
        let at = self.clock.now();
        let checked = Checked {
            address,
            reach,
            words,
            at,
        };
        settings::write(&self.store, REACH, &checked).await?;
        if before.is_none_or(|before| before.reach != reach) {
            info!(
                address = checked.address,
                reach = reach.as_str(),
                words = checked.words,
                "reachable"
            );
            self.ledger.record(EventKind::LinksChecked {
                address: checked.address.clone(),
                reach: reach.as_str().to_owned(),
                words: checked.words.clone(),
            });
        }
        Ok(Some(checked))
    }

    /// Checks again and again for as long as the box runs, more often while the answer is no.
    pub async fn keep_checking(self, dns: Dns) {
        loop {
            let on = self.rules().is_ok_and(|rules| rules.on);
            let mut next = limits::CHECK_EVERY;
            if on {
                match self.check(&dns).await {
                    Ok(Some(checked)) if checked.reach == Reach::No => next = limits::CHECK_AGAIN,
                    Ok(_) => {}
                    Err(error) => error!(%error, "whether the world reaches the links is not known"),
                }
            }
            sleep(next).await;
        }
    }

    // An error: the name servers did not answer.
    async fn call(&self, dns: &Dns, address: &str) -> Result<(Reach, String), String> {
        let Some((host, port)) = place(address) else {
            return Ok((Reach::No, "the address cannot be read".to_owned()));
        };
        let addresses = match host.parse() {
            Ok(ip) => vec![ip], // no name: nobody has to be asked
            Err(_) => match timeout(limits::CHECK_NAME, dns.addresses(host)).await {
                Ok(Ok(addresses)) => addresses,
                Ok(Err(error @ NoRoute::Unknown(..))) => return Err(error.to_string()),
                Ok(Err(_)) => return Ok((Reach::No, no_address(host))),
                Err(_) => return Err("the name servers take too long".to_owned()),
            },
        };
        let (Ok(question), Ok(answer)) = (token::fresh(), token::fresh()) else {
            return Err("the system gives no random numbers".to_owned());
        };
        let (question, answer) = (question.shown(), answer.shown());
        self.inquiry.set(Some((question.clone(), answer.clone())));
        let answers = join_all(
            addresses
                .into_iter()
                .take(limits::CHECK_ADDRESSES)
                .map(async |ip| {
                    let place = SocketAddr::new(ip, port);
                    let asked = timeout(limits::CHECK_ANSWER, ask(place, host, &question, &answer)).await;
                    let answer = asked.unwrap_or_else(|_| Answer::Nothing("no answer in time".to_owned()));
                    (ip, answer)
                }),
        )
        .await;
        self.inquiry.set(None);
        Ok(judge(&answers))
    }
}

fn no_address(host: &str) -> String {
    format!("the name {host} has no address: its DNS record (A or AAAA) is missing, or the name is misspelt")
}

fn judge(answers: &[(IpAddr, Answer)]) -> (Reach, String) {
    let of = |wanted: fn(&Answer) -> bool| answers.iter().find(|(_, answer)| wanted(answer));
    if let Some((ip, Answer::Other(words))) = of(|answer| matches!(answer, Answer::Other(_))) {
        let words = format!(
            "somebody else answers at {ip}, perhaps the router itself ({words}): the router has to pass this port on to the box"
        );
        return (Reach::No, words);
    }
    if let Some((ip, _)) = of(|answer| matches!(answer, Answer::Us)) {
        // Inside an office a name may lead elsewhere than outside.
        let inside = Lan::default().contains(*ip, &[]);
        return match inside {
            true => (
                Reach::Unknown,
                format!(
                    "the box answers at {ip}, which is an address inside the office: nobody can tell from here what the world finds"
                ),
            ),
            false => (Reach::Yes, format!("the box answers at {ip}")),
        };
    }
    if let Some((ip, _)) = of(|answer| matches!(answer, Answer::Refused)) {
        let words = format!(
            "{ip} refuses to be called at this port: the router has to pass it on to the box, or the port is another one"
        );
        return (Reach::No, words);
    }
    match answers.first() {
        Some((ip, Answer::Nothing(words))) => (
            Reach::Unknown,
            format!(
                "nothing answers at {ip} when the box calls it from inside the office ({words}); many routers never let that through, so try it with a phone that is not in the office's network"
            ),
        ),
        _ => (Reach::Unknown, "there is nothing to ask".to_owned()),
    }
}

async fn ask(place: SocketAddr, host: &str, question: &str, answer: &str) -> Answer {
    let stream = match TcpStream::connect(place).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Answer::Refused,
        Err(error) => return Answer::Nothing(error.to_string()),
    };
    match talk(stream, host, question).await {
        Ok(heard) if heard.body == answer.as_bytes() => Answer::Us,
        Ok(heard) => Answer::Other(format!("HTTP {}", heard.status)),
        Err(words) => Answer::Other(words),
    }
}

// Any certificate will do: the answer proves who it is, and there is nothing to keep secret.
async fn talk(stream: TcpStream, host: &str, question: &str) -> Result<https::Answer, String> {
    let tls = Authorities::public()?.client_of_anybody()?;
    let path = format!("/reachable/{question}");
    https::get(stream, tls, host, &path, limits::CHECK_OCTETS).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answers_where_decides_whether_the_world_gets_here() {
        let (public, other, inside) = ("198.51.100.7", "2001:db8::7", "192.168.1.5");
        let (us, nothing) = (Answer::Us, Answer::Nothing("timed out".to_owned()));
        let stranger = Answer::Other("HTTP 401 Unauthorized".to_owned());
        for (answers, reach, words) in [
            (vec![(public, us.clone())], Reach::Yes, "answers at 198.51.100.7"),
            (
                vec![(public, us.clone()), (other, Answer::Refused)],
                Reach::Yes,
                "answers at 198",
            ),
            (
                vec![(public, us.clone()), (other, stranger)],
                Reach::No,
                "the router itself (HTTP 401",
            ),
            (vec![(public, Answer::Refused)], Reach::No, "refuses"),
            (
                vec![(public, nothing.clone()), (other, Answer::Refused)],
                Reach::No,
                "2001:db8::7",
            ),
            (vec![(inside, us)], Reach::Unknown, "inside the office"),
            (vec![(inside, Answer::Refused)], Reach::No, "refuses"),
            (vec![(public, nothing)], Reach::Unknown, "from inside"),
            (vec![], Reach::Unknown, "nothing to ask"),
        ] {
            let answers: Vec<_> = answers
                .into_iter()
                .map(|(ip, answer)| (ip.parse().unwrap(), answer))
                .collect();
            let judged = judge(&answers);
            assert!(
                judged.0 == reach && judged.1.contains(words),
                "{answers:?}: {judged:?}"
            );
        }
    }
}
