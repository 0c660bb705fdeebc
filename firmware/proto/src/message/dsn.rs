//! Delivery status notifications: what a sender reads when mail is late or came back
//! (RFC 3464, RFC 6522).

use super::{date, encoded_word, header};
use crate::types::{Address, Timestamp};
use std::fmt::Write as _;

/// What happened to a recipient (RFC 3464 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Given up.
    Failed,
    /// Not yet delivered; tried again until the given time.
    Delayed {
        /// When it is given up.
        until: Timestamp,
    },
}

/// One recipient of the report.
#[derive(Debug, Clone)]
pub struct Recipient<'a> {
    /// Whom the message was for.
    pub address: &'a Address,
    /// What happened.
    pub action: Action,
    /// Enhanced status code, `5.1.1` (RFC 3463); anything else is shown as `5.0.0` or `4.0.0`.
    pub status: &'a str,
    /// Host name of the server that said so.
    pub remote: Option<&'a str>,
    /// What that server said, `550 5.1.1 No such user`, or what went wrong before any server was
    /// reached.
    pub words: &'a str,
    /// When it was tried last.
    pub last_attempt: Option<Timestamp>,
}

/// A report, ready to be built. It goes out with the null sender (RFC 3464 2).
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// Our host name.
    pub host: &'a str,
    /// From whom the report is, postmaster as a rule.
    pub from: &'a Address,
    /// The sender of the message that is reported on.
    pub to: &'a Address,
    /// Unique, letters and digits: names the report in Message-ID and boundary.
    pub id: &'a str,
    /// When the report is made.
    pub at: Timestamp,
    /// When the message was taken over.
    pub arrival: Timestamp,
    /// The message's header; goes back without the body (RFC 3462 2).
    pub header: &'a [u8],
    /// At least one.
    pub recipients: &'a [Recipient<'a>],
}

impl Report<'_> {
    /// The whole message, with CRLF line ends.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let boundary = self.boundary();
        let mut text = self.top(&boundary);
        let _ = write!(
            text,
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n{}\r\n",
            self.for_people()
        );
        let _ = write!(
            text,
            "--{boundary}\r\nContent-Type: message/delivery-status\r\n\r\n{}\r\n",
            self.for_machines()
        );
        let _ = write!(
            text,
            "--{boundary}\r\nContent-Type: text/rfc822-headers\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n"
        );
        let mut message = text.into_bytes();
        let kept = self
            .header
            .get(..self.header.len().min(HEADER))
            .unwrap_or_default();
        for field in header::fields(kept) {
            message.extend_from_slice(field.raw.trim_ascii_end());
            message.extend_from_slice(b"\r\n");
        }
        message.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        message
    }

    /// A boundary that the returned header does not contain.
    fn boundary(&self) -> String {
        let id: String = self
            .id
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(40)
            .collect();
        let mut boundary = format!("=_{id}");
        while memchr::memmem::find(self.header, boundary.as_bytes()).is_some() && boundary.len() < 70 {
            boundary.push('_');
        }
        boundary
    }

    fn delayed(&self) -> bool {
        self.recipients
            .iter()
            .all(|r| matches!(r.action, Action::Delayed { .. }))
    }

    fn top(&self, boundary: &str) -> String {
        let about = header::find(self.header, "Subject").map(|f| encoded_word::decode(f.value));
        let about: String = about
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        let what = if self.delayed() {
            "Not delivered yet"
        } else {
            "Not delivered"
        };
        let subject = if about.is_empty() {
            what.to_owned()
        } else {
            format!("{what}: {about}")
        };
        let mut top = String::new();
        for field in [
            format!("From: Mail delivery <{}>", self.from),
            format!("To: <{}>", self.to),
            format!("Subject: {}", encoded_word::encode(&subject)),
            format!("Date: {}", date::format(self.at)),
            format!("Message-ID: <{}@{}>", self.id, self.host),
        ] {
            let _ = write!(top, "{}\r\n", header::fold(&field));
        }
        if let Some(id) =
            header::find(self.header, "Message-ID").filter(|f| f.value.is_ascii() && f.value.len() < 900)
        {
            let id = String::from_utf8_lossy(&id.unfolded()).into_owned();
            let _ = write!(top, "In-Reply-To: {id}\r\nReferences: {id}\r\n");
        }
        // RFC 3834 5: nothing automatic may answer this.
        let _ = write!(
            top,
            "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\"\r\n\r\n"
        );
        top
    }

    fn for_people(&self) -> String {
        let mut text = if self.delayed() {
            String::from(
                "Your message has not been delivered yet. It is tried again; you need not send it again.\r\n",
            )
        } else {
            String::from(
                "Your message could not be delivered to everybody. Those named here did not get it.\r\n",
            )
        };
        for recipient in self.recipients {
            let _ = write!(text, "\r\n<{}>\r\n", recipient.address);
            let words = one_line(recipient.words);
            match recipient.remote {
                Some(remote) => text += &indented(&format!("{} said: {words}", one_line(remote))),
                None => text += &indented(&words),
            }
            if let Action::Delayed { until } = recipient.action {
                let _ = write!(text, "    It is tried until {}.\r\n", date::format(until));
            }
        }
        let _ = write!(
            text,
            "\r\nIf this is unclear, ask <{}> and send this message along.\r\n",
            self.from
        );
        text
    }

    // RFC 3464 2.2 and 2.3
    fn for_machines(&self) -> String {
        let mut status = format!(
            "Reporting-MTA: dns; {}\r\nArrival-Date: {}\r\n",
            self.host,
            date::format(self.arrival)
        );
        for recipient in self.recipients {
            let (action, class) = match recipient.action {
                Action::Failed => ("failed", '5'),
                Action::Delayed { .. } => ("delayed", '4'),
            };
            let kind = if recipient.address.to_string().is_ascii() {
                "rfc822"
            } else {
                "utf-8"
            };
            let _ = write!(
                status,
                "\r\nFinal-Recipient: {kind}; {}\r\nAction: {action}\r\nStatus: {}\r\n",
                recipient.address,
                status_code(recipient.status, class)
            );
            let words = ascii(&one_line(recipient.words));
            let (words_kind, remote) = match recipient.remote {
                Some(remote) => ("smtp", Some(ascii(&one_line(remote)))),
                None => ("X-Pillarbox", None),
            };
            if let Some(remote) = remote {
                let _ = write!(status, "Remote-MTA: dns; {remote}\r\n");
            }
            let diagnostic = header::fold(&format!("Diagnostic-Code: {words_kind}; {words}"));
            let _ = write!(status, "{diagnostic}\r\n");
            if let Some(at) = recipient.last_attempt {
                let _ = write!(status, "Last-Attempt-Date: {}\r\n", date::format(at));
            }
            if let Action::Delayed { until } = recipient.action {
                let _ = write!(status, "Will-Retry-Until: {}\r\n", date::format(until));
            }
        }
        status
    }
}

/// Octets of the original header that go back.
const HEADER: usize = 64 * 1024;
/// Octets of a server's words that go back, so that no line passes 998 (RFC 5322 2.1.1).
const WORDS: usize = 500;

fn one_line(words: &str) -> String {
    let words = words.get(..words.floor_char_boundary(WORDS)).unwrap_or(words);
    words
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A line for people, broken at blanks and indented.
fn indented(line: &str) -> String {
    header::fold(&format!("    {line}")).replace("\r\n ", "\r\n    ") + "\r\n"
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

// status-code = DIGIT "." 1*3DIGIT "." 1*3DIGIT (RFC 3463 2), of the class that fits the action
fn status_code(status: &str, class: char) -> String {
    let fields: Vec<&str> = status.split('.').collect();
    let numeric = |f: &str| (1..=3).contains(&f.len()) && f.bytes().all(|o| o.is_ascii_digit());
    if let [first, subject, detail] = fields[..]
        && first.len() == 1
        && first.starts_with(class)
        && numeric(subject)
        && numeric(detail)
    {
        return status.to_owned();
    }
    format!("{class}.0.0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::scan;
    use crate::types::PartBody;

    fn build(status: &str, action: Action, header: &[u8]) -> String {
        build_with(status, action, header, "550 5.1.1 unknown\r\nuser: sorry")
    }

    fn build_with(status: &str, action: Action, header: &[u8], words: &str) -> String {
        let from = Address::parse("postmaster@example.com").unwrap();
        let to = Address::parse("anna@example.com").unwrap();
        let address = Address::parse("louisl@larry.example").unwrap();
        let report = Report {
            host: "mx.example.com",
            from: &from,
            to: &to,
            id: "abc123",
            at: Timestamp(86_400),
            arrival: Timestamp(0),
            header,
            recipients: &[Recipient {
                address: &address,
                action,
                status,
                remote: Some("mx.larry.example"),
                words,
                last_attempt: Some(Timestamp(80_000)),
            }],
        };
        String::from_utf8(report.build()).unwrap()
    }

    // The shape of RFC 3464 appendix E.1.
    #[test]
    fn a_failure_is_a_report_of_three_parts() {
        let text = build(
            "5.1.1",
            Action::Failed,
            b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@x>\r\n\r\nSECRET",
        );
        let structure = scan::structure(text.as_bytes());
        assert_eq!(
            (&*structure.root.media_type, &*structure.root.subtype),
            ("multipart", "report")
        );
        let PartBody::Multipart(parts) = &structure.root.content else {
            panic!("{structure:?}")
        };
        let types: Vec<String> = parts
            .iter()
            .map(|p| format!("{}/{}", p.media_type, p.subtype))
            .collect();
        assert_eq!(
            types,
            ["text/plain", "message/delivery-status", "text/rfc822-headers"]
        );
        for expected in [
            "Subject: =?UTF-8?B?",
            "In-Reply-To: <1@x>\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "mx.larry.example said: 550 5.1.1 unknown  user: sorry\r\n",
            "Reporting-MTA: dns; mx.example.com\r\n",
            "Final-Recipient: rfc822; louisl@larry.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
            "Diagnostic-Code: smtp; 550 5.1.1 unknown  user: sorry\r\n",
            "Last-Attempt-Date: Thu, 1 Jan 1970 22:13:20 +0000\r\n",
            "\r\n\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@x>\r\n\r\n--=_abc123--\r\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(!text.contains("SECRET"));
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    }

    #[test]
    fn a_delay_says_until_when_it_is_tried() {
        let text = build(
            "5.9",
            Action::Delayed {
                until: Timestamp(432_000),
            },
            b"",
        );
        assert!(text.contains("Subject: Not delivered yet\r\n"), "{text}");
        assert!(text.contains("Action: delayed\r\nStatus: 4.0.0\r\n"), "{text}");
        assert!(
            text.contains("Will-Retry-Until: Tue, 6 Jan 1970 00:00:00 +0000\r\n"),
            "{text}"
        );
        assert!(!text.contains("could not be delivered"));
    }

    #[test]
    fn whatever_a_server_says_no_line_is_too_long() {
        for words in [
            "\u{20ac} ".repeat(1000),
            "\u{20ac}".repeat(1000),
            "a ".repeat(1000),
            String::new(),
        ] {
            let text = build_with("5.0.0", Action::Failed, b"", &words);
            assert!(text.split("\r\n").all(|line| line.len() <= 998), "{text}");
        }
    }

    #[test]
    fn status_codes_are_checked() {
        for (status, class, expected) in [
            ("5.1.1", '5', "5.1.1"),
            ("4.4.7", '4', "4.4.7"),
            ("5.7.509", '5', "5.7.509"),
            ("4.4.1", '5', "5.0.0"),
            ("5.1.1\r\nX: y", '5', "5.0.0"),
            ("", '5', "5.0.0"),
        ] {
            assert_eq!(status_code(status, class), expected, "{status}");
        }
    }

    #[test]
    fn the_boundary_is_not_in_the_returned_header() {
        let text = build("5.0.0", Action::Failed, b"X: --=_abc123\r\n\r\n");
        let PartBody::Multipart(parts) = scan::structure(text.as_bytes()).root.content else {
            panic!("{text}")
        };
        assert_eq!(parts.len(), 3);
    }
}
