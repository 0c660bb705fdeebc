//! The header of a submitted message as it leaves: what is missing is added, what the world must
//! not see is taken out (RFC 6409 8). Everything else stays as the client wrote it.

use proto::limits::message::ADDRESSES;
use proto::message::{address, date, header};
use proto::refusal::Refusal;
use proto::types::{Address, Timestamp};

/// Fields that never leave: blind recipients (RFC 5322 3.6.3), and a Return-Path, which only the
/// last server writes (RFC 5321 4.4).
const TAKEN_OUT: [&str; 3] = ["Bcc", "Resent-Bcc", "Return-Path"];

/// The addresses in From.
///
/// # Errors
/// There is no From, or more than one, or it names nobody (RFC 5322 3.6).
pub fn authors(original: &[u8]) -> Result<Vec<Address>, Refusal> {
    let mut fields = header::fields(original).filter(|field| field.is("From"));
    let (Some(from), None) = (fields.next(), fields.next()) else {
        return Err(Refusal::BadMessage(
            "A message needs exactly one From field. Your mail program has to write it.",
        ));
    };
    let entries = address::parse_list(from.value);
    // More are not read, and nobody may be overlooked.
    if entries.len() >= ADDRESSES {
        return Err(Refusal::BadMessage("The From field holds too many addresses."));
    }
    let authors: Vec<Address> = entries.iter().filter_map(address::Entry::address).collect();
    if authors.is_empty() || authors.len() != entries.len() {
        return Err(Refusal::BadMessage(
            "The From field holds no address. Check the sender in your mail program.",
        ));
    }
    Ok(authors)
}

/// The addresses in every Sender field: who is shown to have sent it for the authors.
///
/// # Errors
/// One of them names nobody, or several (RFC 5322 3.6.2).
pub fn senders(original: &[u8]) -> Result<Vec<Address>, Refusal> {
    let fields = header::fields(original).filter(|field| field.is("Sender"));
    let sender = |field: header::Field<'_>| match &address::parse_list(field.value)[..] {
        [only] => only.address(),
        _ => None,
    };
    fields
        .map(sender)
        .collect::<Option<_>>()
        .ok_or(Refusal::BadMessage(
            "The Sender field does not hold one address. Check the sender in your mail program.",
        ))
}

/// Whether it says `TLS-Required: No`, once (RFC 8689 3).
#[must_use]
pub fn spares_tls(original: &[u8]) -> bool {
    let mut fields = header::fields(original).filter(|field| field.is("TLS-Required"));
    match (fields.next(), fields.next()) {
        (Some(field), None) => field.unfolded().trim_ascii().eq_ignore_ascii_case(b"No"),
        _ => false,
    }
}

/// The header that leaves, its empty line included. `date` is put in where there is no Date field;
/// the Message-ID, where there is none, is `id@hostname`.
#[must_use]
pub fn header(original: &[u8], date: Option<Timestamp>, id: &str, hostname: &str) -> Vec<u8> {
    let mut fixed = Vec::with_capacity(original.len() + 200);
    let mut has_date = false;
    let mut has_id = false;
    for field in header::fields(original) {
        if TAKEN_OUT.iter().any(|name| field.is(name)) {
            continue;
        }
        has_date |= field.is("Date");
        has_id |= field.is("Message-ID");
        fixed.extend_from_slice(field.raw);
        if !field.raw.ends_with(b"\n") {
            fixed.extend_from_slice(b"\r\n");
        }
    }
    if let Some(date) = date.filter(|_| !has_date) {
        fixed.extend_from_slice(format!("Date: {}\r\n", date::format(date)).as_bytes());
    }
    if !has_id {
        fixed.extend_from_slice(format!("Message-ID: <{id}@{hostname}>\r\n").as_bytes());
    }
    fixed.extend_from_slice(b"\r\n");
    fixed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(original: &str) -> String {
        let fixed = header(original.as_bytes(), Some(Timestamp(0)), "id1", "mail.example.com");
        String::from_utf8(fixed).unwrap()
    }

    #[test]
    fn what_is_missing_is_added_and_blind_recipients_are_taken_out() {
        let whole =
            "Date: Tue, 1 Jan 2030 00:00:00 +0100\r\nFrom: a@example.com\r\nMessage-ID: <x@y>\r\n\r\n";
        assert_eq!(fix(whole), whole);
        assert_eq!(
            fix(
                "From: a@example.com\r\nBcc: secret@example.net,\r\n other@example.net\r\nSubject: s\r\nbcc: x\r\n\r\n"
            ),
            "From: a@example.com\r\nSubject: s\r\nDate: Thu, 1 Jan 1970 00:00:00 +0000\r\n\
             Message-ID: <id1@mail.example.com>\r\n\r\n"
        );
        assert!(!fix("Resent-Bcc: x\r\nReturn-Path: <y@z>\r\n\r\n").contains("Re"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_one_header_leaves(
            original in "((Bcc|bCC|Date|Message-ID|From|X|no field|:)(:| :|)[ a-z@,]{0,8}(\r\n|\r\n |)){0,8}(\r\n)?"
        ) {
            let fixed = fix(&original);
            proptest::prop_assert!(fixed.ends_with("\r\n\r\n"));
            proptest::prop_assert_eq!(fixed.matches("\r\n\r\n").count(), 1);
            let fields: Vec<_> = header::fields(fixed.as_bytes()).collect();
            let count = |name: &str| fields.iter().filter(|field| field.is(name)).count();
            proptest::prop_assert_eq!(count("Bcc"), 0);
            proptest::prop_assert!(count("Date") >= 1 && count("Message-ID") >= 1);
            let again = header(fixed.as_bytes(), None, "other", "host");
            proptest::prop_assert_eq!(again, fixed.into_bytes());
        }
    }

    #[test]
    fn a_message_without_an_empty_line_gets_one() {
        assert!(fix("From: a@example.com").starts_with("From: a@example.com\r\nDate: "));
        assert!(fix("From: a@example.com").ends_with("\r\n\r\n"));
        assert!(fix("").ends_with(">\r\n\r\n"));
    }

    #[test]
    fn a_date_that_nobody_is_sure_of_is_not_added() {
        let fixed = header(b"From: a@example.com\r\n\r\n", None, "id1", "host");
        assert!(!String::from_utf8(fixed).unwrap().contains("Date"));
    }

    #[test]
    fn authors_are_all_the_addresses_in_the_one_from_field() {
        let authors = |from: &str| {
            super::authors(from.as_bytes()).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            authors("From: Ann <ann@example.com>\r\n\r\n").unwrap(),
            ["ann@example.com"]
        );
        assert_eq!(
            authors("from: a@example.com,\r\n \"B, C\" <b@example.net>\r\n\r\n").unwrap(),
            ["a@example.com", "b@example.net"]
        );
        for bad in [
            "To: a@example.com\r\n\r\n",
            "From: a@example.com\r\nFrom: b@example.com\r\n\r\n",
            "From:\r\n\r\n",
            "From: nobody\r\n\r\n",
            "From: a@example.com, nobody\r\n\r\n",
            "From: us: a@example.com;\r\n\r\n",
            &format!("From: {} b@example.com\r\n\r\n", "a@example.com,".repeat(2000)),
            "Subject: x\r\n\r\nFrom: a@example.com\r\n",
        ] {
            assert!(matches!(authors(bad), Err(Refusal::BadMessage(_))), "{bad:?}");
        }
    }

    #[test]
    fn senders_are_those_of_every_sender_field_one_each() {
        let senders = |top: &str| {
            super::senders(top.as_bytes()).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert!(senders("From: a@example.com\r\n\r\n").unwrap().is_empty());
        assert_eq!(
            senders("Sender: A <a@example.com>\r\nsender: b@example.net\r\n\r\n").unwrap(),
            ["a@example.com", "b@example.net"]
        );
        for bad in [
            "Sender:\r\n\r\n",
            "Sender: nobody\r\n\r\n",
            "Sender: a@example.com, b@example.com\r\n\r\n",
        ] {
            assert!(matches!(senders(bad), Err(Refusal::BadMessage(_))), "{bad:?}");
        }
    }
}
