//! Letters from the box to its own people, delivered here without passing any filter or limit.

use crate::deliver::fresh_id;
use crate::house::House;
use crate::settings::{self, Office};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::message::{date, scan};
use proto::types::{AccountId, Address, Flags, Timestamp};
use store::{Account, AccountState, Body, Delivery, MailCopy, Place, StoreError};

/// Longest subject in octets: strangers' words may be in it.
const SUBJECT: usize = 200;
/// Longest line of a text in octets (RFC 5322 2.1.1 allows 998).
const LINE: usize = 900;

/// A letter to one of our own.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// In the words of a person; made harmless for a header here.
    pub subject: &'a str,
    /// Lines ended by `\n`.
    pub text: &'a str,
    /// Where a reply goes, if anywhere else than to postmaster.
    pub reply_to: Option<&'a Address>,
}

/// Who hears of what happens to the box: its admins, disabled ones left out; without any, the
/// first account there is.
///
/// # Errors
/// The store failed.
pub fn admins(house: &House) -> Result<Vec<Account>, StoreError> {
    let mut accounts = house.store.snapshot()?.accounts()?;
    accounts.retain(|account| account.state != AccountState::Disabled);
    if accounts.iter().any(|account| account.admin) {
        accounts.retain(|account| account.admin);
    } else {
        accounts.sort_by_key(|account| account.id.0);
        accounts.truncate(1);
    }
    Ok(accounts)
}

/// Puts a letter into the inbox of every admin, in one commit; `false` where nobody is there to
/// read it, or the box is not set up.
///
/// # Errors
/// The store failed.
pub async fn to_admins(house: &House, subject: &str, text: &str) -> Result<bool, StoreError> {
    let letter = Letter {
        subject,
        text,
        reply_to: None,
    };
    let admins = admins(house)?;
    let to: Vec<(AccountId, &Address)> = admins
        .iter()
        .map(|account| (account.id, &account.address))
        .collect();
    deliver(house, &to, &letter).await
}

/// Puts a letter into the inbox of one account.
///
/// # Errors
/// The store failed.
pub async fn to_account(
    house: &House,
    account: (AccountId, &Address),
    letter: &Letter<'_>,
) -> Result<bool, StoreError> {
    deliver(house, &[account], letter).await
}

async fn deliver(
    house: &House,
    to: &[(AccountId, &Address)],
    letter: &Letter<'_>,
) -> Result<bool, StoreError> {
    let office: Option<Office> = settings::read(&house.store.snapshot()?, settings::OFFICE)?;
    let Some(office) = office.filter(|_| !to.is_empty()) else {
        return Ok(false);
    };
    let now = house.clock.now();
    let deliveries = to
        .iter()
        .map(|(id, address)| {
            let message = compose(&office, address, letter, now);
            Delivery {
                structure: scan::structure(&message),
                body: Body::from_bytes(message),
                copies: vec![MailCopy {
                    into: Place::Inbox(*id),
                    flags: Flags::new(),
                    date: now,
                }],
                outgoing: Vec::new(),
                received_at: now,
            }
        })
        .collect();
    house.store.deliver(deliveries).await?;
    Ok(true)
}

/// The whole message. Auto-Submitted: nobody's vacation notice answers it (RFC 3834 5).
#[must_use]
pub fn compose(office: &Office, to: &Address, letter: &Letter<'_>, now: Timestamp) -> Vec<u8> {
    let Office { domain, hostname } = office;
    let mut lines = vec![
        format!("From: Pillarbox <postmaster@{domain}>"),
        format!("To: <{to}>"),
        format!("Subject: {}", unstructured(letter.subject)),
        format!("Date: {}", date::format(now)),
        format!("Message-ID: <{}@{hostname}>", fresh_id()),
    ];
    lines.extend(letter.reply_to.map(|address| format!("Reply-To: <{address}>")));
    lines.extend(
        [
            "Auto-Submitted: auto-generated",
            "Precedence: bulk",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 8bit",
            "",
        ]
        .map(str::to_owned),
    );
    lines.extend(letter.text.lines().map(body_line));
    lines.push(String::new());
    lines.join("\r\n").into_bytes()
}

// No control character of a stranger's gets into a line of ours.
fn body_line(line: &str) -> String {
    let mut clean: String = line
        .chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    clean.truncate(clean.floor_char_boundary(LINE));
    clean
}

// RFC 2047 2: encoded words of at most 75 octets, folded.
fn unstructured(text: &str) -> String {
    const ROOM: usize = 45;
    let mut clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    clean.truncate(clean.floor_char_boundary(SUBJECT));
    if clean.is_ascii() && !clean.contains("=?") {
        return clean;
    }
    let mut words = Vec::new();
    let mut rest = clean.as_str();
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(ROOM));
        words.push(format!("=?utf-8?B?{}?=", BASE64.encode(word)));
        rest = after;
    }
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::types::Domain;

    #[test]
    fn a_letter_says_that_a_machine_wrote_it_and_strangers_words_stay_in_their_place() {
        let office = Office {
            domain: Domain::parse("example.com").unwrap(),
            hostname: Domain::parse("mail.example.com").unwrap(),
        };
        let to = Address::parse("ann@example.com").unwrap();
        let letter = Letter {
            subject: "Failed: x\r\nBcc: all@example.net",
            text: "one\n\u{7}two\rthree\n",
            reply_to: None,
        };
        let message = String::from_utf8(compose(&office, &to, &letter, Timestamp(0))).unwrap();
        assert!(
            message.contains("Subject: Failed: x  Bcc: all@example.net\r\n"),
            "{message}"
        );
        assert!(message.contains("\r\nAuto-Submitted: auto-generated\r\n"));
        assert!(
            message.ends_with("\r\n\r\none\r\n\u{fffd}two\u{fffd}three\r\n"),
            "{message}"
        );
        assert!(!message.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn a_subject_in_any_script_is_encoded_in_short_words() {
        let subject = unstructured(&"Grüße ".repeat(20));
        assert!(subject.is_ascii() && subject.starts_with("=?utf-8?B?"));
        assert!(subject.split("\r\n ").all(|word| word.len() <= 75));
        assert_eq!(unstructured("plain"), "plain");
    }
}
