//! Delivery status notifications: what a sender reads when mail is late or came back, or when it
//! arrived and he asked to be told (RFC 3464, RFC 6522, RFC 6533).

use super::{date, encoded_word, header};
use crate::types::{Address, EnvelopeId, Hold, OriginalRecipient, Timestamp, to_unitext};
use std::fmt::Write as _;

/// What happened to a recipient (RFC 3464 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Refused for good.
    Failed,
    /// Tried in vain from the given time on, until the time for it was over.
    GivenUp {
        /// When it was tried first.
        since: Timestamp,
    },
    /// It is in the recipient's mailbox.
    Delivered,
    /// Passed on to a server that tells nothing.
    Relayed,
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
    /// Whom the sender named first, where he said so.
    pub original: Option<&'a OriginalRecipient>,
    /// What happened.
    pub action: Action,
    /// Enhanced status code, `5.1.1` (RFC 3463); anything else is shown as `5.0.0`, `4.4.7` for what was
    /// given up, `4.0.0` or `2.0.0`.
    pub status: &'a str,
    /// Host name of the server that was asked.
    pub remote: Option<&'a str>,
    /// What that server said, `550 5.1.1 No such user`; or, without a reply code in front, what went wrong
    /// with it or before any server was reached.
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
    /// What the sender called his transaction (ENVID).
    pub envelope_id: Option<&'a EnvelopeId>,
    /// Until when he wanted it kept back.
    pub hold: Option<Hold>,
    /// Whether the report may go beyond ASCII in its fields: it goes to one who sent by SMTPUTF8.
    pub utf8: bool,
    /// The message's header; goes back without the body (RFC 6522 3).
    pub header: &'a [u8],
    /// The whole message, where that goes back.
    pub whole: Option<&'a [u8]>,
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
        // RFC 6533 4: what may hold UTF-8 has types of its own.
        let (status, encoding) = match self.utf8 {
            true => ("message/global-delivery-status", "8bit"),
            false => ("message/delivery-status", "7bit"),
        };
        let _ = write!(
            text,
            "--{boundary}\r\nContent-Type: {status}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{}\r\n",
            self.for_machines()
        );
        let returned = match (self.whole.is_some(), self.utf8) {
            (true, false) => "message/rfc822",
            (true, true) => "message/global",
            (false, false) => "text/rfc822-headers",
            (false, true) => "message/global-headers",
        };
        let _ = write!(
            text,
            "--{boundary}\r\nContent-Type: {returned}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        );
        let mut message = text.into_bytes();
        match self.whole {
            Some(whole) => message.extend_from_slice(whole),
            None => self.returned_header(&mut message),
        }
        message.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        message
    }

    fn returned_header(&self, message: &mut Vec<u8>) {
        let kept = self.header.get(..self.header.len().min(HEADER));
        for field in header::fields(kept.unwrap_or_default()) {
            message.extend_from_slice(field.raw.trim_ascii_end());
            message.extend_from_slice(b"\r\n");
        }
    }

    /// A boundary that what goes back does not contain.
    fn boundary(&self) -> String {
        let id: String = self
            .id
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(40)
            .collect();
        let mut boundary = format!("=_{id}");
        let returned = self.whole.unwrap_or(self.header);
        while memchr::memmem::find(returned, boundary.as_bytes()).is_some() && boundary.len() < 70 {
            boundary.push('_');
        }
        boundary
    }

    // The recipients with each action that there are, worst first.
    fn groups(&self) -> impl Iterator<Item = (Words, impl Iterator<Item = &Recipient<'_>>)> {
        WORDS_FOR.iter().filter_map(|words| {
            let mut of_kind = self.recipients.iter().filter(|r| r.action.name() == words.action);
            let first = of_kind.next()?;
            Some((*words, std::iter::once(first).chain(of_kind)))
        })
    }

    fn top(&self, boundary: &str) -> String {
        let about = header::find(self.header, "Subject").map(|f| encoded_word::decode(f.value));
        let about: String = about
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        let what = self
            .groups()
            .next()
            .map_or("Delivery", |(words, _)| words.subject);
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
        let mut text = String::new();
        for (words, recipients) in self.groups() {
            let blank = if text.is_empty() { "" } else { "\r\n" };
            let _ = write!(text, "{blank}{}\r\n", words.text);
            for recipient in recipients {
                text += &about(recipient);
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
        let mut status = String::new();
        if let Some(id) = self.envelope_id {
            let _ = write!(status, "Original-Envelope-Id: {}\r\n", id.as_str());
        }
        let _ = write!(
            status,
            "Reporting-MTA: dns; {}\r\nArrival-Date: {}\r\n",
            self.host,
            date::format(self.arrival)
        );
        // RFC 4865 5.1.2
        if let Some(hold) = self.hold {
            let asked = match hold {
                Hold::For(seconds) => format!("for;{seconds}"),
                Hold::Until(then) => format!("until;{}", date::internet(then)),
            };
            let _ = write!(status, "Future-Release-Request: {asked}\r\n");
        }
        for recipient in self.recipients {
            status += &self.fields_of(recipient);
        }
        status
    }

    fn fields_of(&self, recipient: &Recipient<'_>) -> String {
        let mut fields = String::from("\r\n");
        if let Some(original) = recipient.original {
            let shown = self.typed(original.kind(), original.address());
            let _ = write!(fields, "Original-Recipient: {shown}\r\n");
        }
        let address = recipient.address.to_string();
        let kind = if address.is_ascii() { "rfc822" } else { "utf-8" };
        let _ = write!(
            fields,
            "Final-Recipient: {}\r\nAction: {}\r\nStatus: {}\r\n",
            self.typed(kind, &address),
            recipient.action.name(),
            status_code(recipient.status, recipient.action)
        );
        if let Some(remote) = recipient.remote {
            let _ = write!(fields, "Remote-MTA: dns; {}\r\n", ascii(&one_line(remote)));
        }
        // RFC 3464 2.3.6: what a server said of a failure or a delay; our own words are none of SMTP's
        if recipient.action.class() != '2' {
            let words = ascii(&one_line(recipient.words));
            let kind = if is_reply(&words) { "smtp" } else { "X-Pillarbox" };
            let diagnostic = header::fold(&format!("Diagnostic-Code: {kind}; {words}"));
            let _ = write!(fields, "{diagnostic}\r\n");
        }
        if let Some(at) = recipient.last_attempt {
            let _ = write!(fields, "Last-Attempt-Date: {}\r\n", date::format(at));
        }
        if let Action::Delayed { until } = recipient.action {
            let _ = write!(fields, "Will-Retry-Until: {}\r\n", date::format(until));
        }
        fields
    }

    // An address with its kind; beyond ASCII only where the report may be (RFC 6533 3).
    fn typed(&self, kind: &str, address: &str) -> String {
        if address.is_ascii() || self.utf8 {
            return format!("{kind}; {address}");
        }
        format!("{kind}; {}", to_unitext(address))
    }
}

impl Action {
    // action-value (RFC 3464 2.3.3)
    const fn name(self) -> &'static str {
        match self {
            Self::Failed | Self::GivenUp { .. } => "failed",
            Self::Delayed { .. } => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
        }
    }

    // The first digit of its status. RFC 3463 2: 4 goes with a failure, too, where another time may be better.
    const fn class(self) -> char {
        match self {
            Self::Failed => '5',
            Self::GivenUp { .. } | Self::Delayed { .. } => '4',
            Self::Delivered | Self::Relayed => '2',
        }
    }
}

// What an action is called for people.
#[derive(Clone, Copy)]
struct Words {
    action: &'static str,
    subject: &'static str,
    text: &'static str,
}

const WORDS_FOR: [Words; 4] = [
    Words {
        action: "failed",
        subject: "Not delivered",
        text: "Your message could not be delivered to everybody. Those named here did not get it.",
    },
    Words {
        action: "delayed",
        subject: "Not delivered yet",
        text: "Your message has not been delivered yet. It is tried again; you need not send it again.",
    },
    Words {
        action: "relayed",
        subject: "Passed on",
        text: "Your message was passed on to a mail server that will not say whether it is delivered.",
    },
    Words {
        action: "delivered",
        subject: "Delivered",
        text: "Your message was put into the mailbox of those named here, as you asked to be told.",
    },
];

/// One recipient, for people.
fn about(recipient: &Recipient<'_>) -> String {
    let mut text = format!("\r\n<{}>\r\n", recipient.address);
    let words = one_line(recipient.words);
    match recipient.remote {
        Some(remote) => {
            let said = if is_reply(&words) { " said" } else { "" };
            text += &indented(&format!("{}{said}: {words}", one_line(remote)));
        }
        None if words.is_empty() => {}
        None => text += &indented(&words),
    }
    match recipient.action {
        Action::Delayed { until } => {
            let _ = write!(text, "    It is tried until {}.\r\n", date::format(until));
        }
        Action::GivenUp { since } => {
            let since = date::format(since);
            let _ = write!(
                text,
                "    It was tried since {since}, and is not tried any more.\r\n"
            );
        }
        Action::Failed | Action::Delivered | Action::Relayed => {}
    }
    text
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

// What a server says begins with its code (RFC 5321 4.2); what we say does not.
fn is_reply(words: &str) -> bool {
    matches!(
        words.as_bytes(),
        [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] | [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ', ..]
    )
}

/// A line for people, broken at blanks and indented.
fn indented(line: &str) -> String {
    header::fold(&format!("    {line}")).replace("\r\n ", "\r\n    ") + "\r\n"
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

// status-code = DIGIT "." 1*3DIGIT "." 1*3DIGIT (RFC 3463 2), of the class that fits the action
fn status_code(status: &str, action: Action) -> String {
    let class = action.class();
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
    match action {
        Action::GivenUp { .. } => "4.4.7".to_owned(), // RFC 3463 3.5: delivery time expired
        _ => format!("{class}.0.0"),
    }
}

#[cfg(test)]
mod tests;
