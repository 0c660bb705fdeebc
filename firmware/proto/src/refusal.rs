//! Every "no" the box can say, in one place: what the peer hears in each protocol.

use crate::message::date;
use crate::types::{Domain, Timestamp};
use std::fmt;

/// Why something was refused. Whose fault it is decides the kind of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Wrong name or password; never says which.
    BadCredentials,
    /// The main password, where only a device's own password opens a mail program.
    DevicePassword,
    /// A password without TLS.
    TlsRequired,
    /// The account is frozen: it cannot send or read, but still receives.
    Frozen {
        /// Why, in the admin's words or the box's.
        reason: String,
    },
    /// The account was switched off by the admin.
    Disabled,
    /// Over a sending limit until the given time.
    Limited {
        /// When it may send again.
        until: Timestamp,
    },
    /// Too many attempts or connections from there.
    Throttled,
    /// The address is shut out.
    Blocked {
        /// Why, in the admin's words or the box's.
        why: String,
        /// Until when; `None` for ever.
        until: Option<Timestamp>,
    },
    /// No such recipient here.
    UnknownRecipient,
    /// Relaying needs a login.
    RelayDenied,
    /// Submission needs a login.
    LoginRequired,
    /// A printer that may write to people here only.
    HereOnly,
    /// Mail that claims this domain, from a network that may not, without a login.
    Shielded {
        /// The domain.
        domain: Domain,
    },
    /// Nobody here knows the sender yet: he has to come again.
    Greylisted {
        /// The earliest time.
        until: Timestamp,
    },
    /// Nothing proves the author's domain, which wishes such mail refused (DMARC).
    Forged {
        /// The domain.
        domain: String,
    },
    /// The server's address or a domain is on a public block list that is to refuse.
    Listed {
        /// The list.
        list: String,
        /// The domain, if it is not the address.
        domain: Option<Domain>,
    },
    /// The server's address has no confirmed name, and that is set to refuse.
    NoReverseName,
    /// The sender's domain can get no mail, and that is set to refuse.
    NoSuchSender,
    /// The sender is on the block list.
    Unwanted {
        /// Whom the list names: a domain or an address.
        who: String,
    },
    /// The login does not own that sender address.
    NotYourSender,
    /// Over the size limit, in octets.
    TooBig {
        /// The most that is accepted.
        limit: u64,
    },
    /// Not a message we can take: the text says what is wrong, in words for a person.
    BadMessage(&'static str),
    /// The message went in circles: too many Received fields (RFC 5321 6.3; 554 5.4.6).
    Loop,
    /// The mailbox does not exist.
    NoSuchMailbox,
    /// The mailbox exists already.
    MailboxExists,
    /// The mailbox has others inside and cannot be deleted (RFC 9051 6.3.5).
    HasChildren,
    /// The mailbox is INBOX or otherwise cannot be changed so.
    CannotChange(&'static str),
    /// Another session holds the maildrop (POP3).
    InUse,
    /// No room, on the card or in the account.
    NoSpace,
    /// Our fault, for now: try again later.
    Temporary,
    /// The box is going down.
    Shutdown,
}

/// An SMTP reply (RFC 5321 4.2, RFC 3463).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpReply {
    /// Three digits; 421 means that the connection ends.
    pub code: u16,
    /// Enhanced status code.
    pub status: &'static str,
    /// One line of ASCII.
    pub text: String,
}

/// `550 5.1.1 text`
impl fmt::Display for SmtpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.code, self.status, self.text)
    }
}

/// A text with a response code before it, as IMAP (RFC 9051 7.1) and POP3 (RFC 2449 8) have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodedText {
    /// The code without its brackets.
    pub code: Option<&'static str>,
    /// One line of ASCII.
    pub text: String,
}

/// `[CODE] text`
impl fmt::Display for CodedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "[{code}] {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl Refusal {
    /// The reply in SMTP.
    #[must_use]
    pub fn smtp(&self) -> SmtpReply {
        let (code, status) = match self {
            Self::BadCredentials => (535, "5.7.8"), // RFC 4954 6
            Self::DevicePassword => (534, "5.7.9"), // RFC 4954 6
            Self::TlsRequired => (538, "5.7.11"),
            Self::Frozen { .. } | Self::Disabled => (525, "5.7.13"), // RFC 5248's registry
            Self::Limited { .. } => (452, "4.7.1"),
            Self::Throttled => (451, "4.7.0"),
            Self::Blocked { until: Some(_), .. } => (454, "4.7.0"), // RFC 4954 6
            Self::Blocked { until: None, .. } => (554, "5.7.1"),
            Self::UnknownRecipient => (550, "5.1.1"),
            Self::Greylisted { .. } => (451, "4.7.1"), // RFC 6647 2.3
            Self::RelayDenied
            | Self::Shielded { .. }
            | Self::Unwanted { .. }
            | Self::NotYourSender
            | Self::HereOnly => (550, "5.7.1"),
            Self::LoginRequired => (530, "5.7.0"),  // RFC 4954 6
            Self::Forged { .. } => (550, "5.7.26"), // RFC 7372 3.3
            Self::NoReverseName => (550, "5.7.25"), // RFC 7372 3.3
            Self::NoSuchSender => (550, "5.1.8"),   // RFC 3463 3.2
            Self::Listed { .. } => (550, "5.7.1"),  // RFC 5782 2.4
            Self::TooBig { .. } => (552, "5.3.4"),  // RFC 1870 6
            Self::BadMessage(_) => (554, "5.6.0"),
            Self::Loop => (554, "5.4.6"),
            Self::NoSuchMailbox | Self::MailboxExists | Self::HasChildren | Self::CannotChange(_) => {
                (554, "5.3.0")
            }
            Self::InUse | Self::Temporary => (451, "4.3.0"),
            Self::NoSpace => (452, "4.3.1"),
            Self::Shutdown => (421, "4.3.2"),
        };
        SmtpReply {
            code,
            status,
            text: self.text(),
        }
    }

    /// The text of a NO or BYE in IMAP, with its response code (RFC 5530, RFC 9051 7.1).
    #[must_use]
    pub fn imap(&self) -> CodedText {
        let code = match self {
            Self::BadCredentials => Some("AUTHENTICATIONFAILED"),
            // The name and the password are right: a program that asked for them again would not help,
            // and this code makes it show the text.
            Self::DevicePassword => Some("ALERT"),
            Self::TlsRequired => Some("PRIVACYREQUIRED"),
            Self::Frozen { .. } | Self::Disabled | Self::Blocked { until: None, .. } => Some("CONTACTADMIN"),
            Self::Limited { .. } | Self::Throttled | Self::Blocked { .. } | Self::TooBig { .. } => {
                Some("LIMIT")
            }
            Self::UnknownRecipient | Self::NoSuchMailbox => Some("NONEXISTENT"),
            Self::RelayDenied
            | Self::Shielded { .. }
            | Self::Unwanted { .. }
            | Self::NotYourSender
            | Self::HereOnly
            | Self::LoginRequired => Some("NOPERM"),
            Self::MailboxExists => Some("ALREADYEXISTS"),
            Self::HasChildren => Some("HASCHILDREN"),
            Self::CannotChange(_) => Some("CANNOT"),
            Self::InUse => Some("INUSE"),
            Self::NoSpace => Some("OVERQUOTA"),
            Self::Greylisted { .. } | Self::Temporary | Self::Shutdown => Some("UNAVAILABLE"),
            Self::BadMessage(_)
            | Self::Loop
            | Self::Forged { .. }
            | Self::Listed { .. }
            | Self::NoReverseName
            | Self::NoSuchSender => None,
        };
        CodedText {
            code,
            text: self.text(),
        }
    }

    /// The text of a -ERR in POP3, with its response code (RFC 2449 8, RFC 3206).
    #[must_use]
    pub fn pop3(&self) -> CodedText {
        let code = match self {
            // RFC 3206 5: the credentials are at fault, nothing else.
            Self::BadCredentials | Self::DevicePassword => Some("AUTH"),
            Self::Frozen { .. } | Self::Disabled | Self::Blocked { until: None, .. } => Some("SYS/PERM"),
            Self::InUse => Some("IN-USE"),
            Self::Limited { .. }
            | Self::Throttled
            | Self::Blocked { .. }
            | Self::NoSpace
            | Self::Temporary
            | Self::Shutdown => Some("SYS/TEMP"),
            _ => None,
        };
        CodedText {
            code,
            text: self.text(),
        }
    }

    /// What to do and whom to ask, in one line of ASCII.
    fn text(&self) -> String {
        let text = match self {
            Self::BadCredentials => {
                "The name or the password is wrong. Check both; a mail program may need the password that was made for its device."
            }
            Self::DevicePassword => {
                "The main password opens the web pages only. Sign in there and make a password for this device, or ask your administrator for one."
            }
            Self::TlsRequired => {
                "Turn on TLS (SSL or STARTTLS) in your mail program; no password is taken without it."
            }
            Self::Frozen { reason } => return frozen(&plain(reason)),
            Self::Disabled => "This account is switched off. Ask your administrator.",
            Self::Limited { until } => {
                return format!(
                    "This account has sent its share for now; it may send again at {}. Ask your administrator if that is too little.",
                    date::format(*until)
                );
            }
            Self::Throttled => "Too many attempts from your address. Wait some minutes and try again.",
            Self::Blocked { why, until } => {
                let why = plain(why);
                let end = until.map_or_else(String::new, |until| format!(" until {}", date::format(until)));
                return format!(
                    "Your address is blocked{end}: {why}. Ask the administrator if that is wrong."
                );
            }
            Self::UnknownRecipient => "There is no such mailbox here. Check the address.",
            Self::RelayDenied => {
                "We take mail for others only after a login. Turn on authentication in your mail program."
            }
            Self::LoginRequired => "Log in first: turn on authentication in your mail program.",
            Self::HereOnly => "This device may write to people of the office only. Ask your administrator.",
            Self::Shielded { domain } => {
                return format!(
                    "Mail from {} is taken without a login only from its own network. Turn on authentication in your mail program, or ask the administrator.",
                    plain(domain.as_str())
                );
            }
            Self::Greylisted { until } => {
                return format!(
                    "Nobody here knows this sender yet. Send the message again after {}; mail servers do that by themselves.",
                    date::format(*until)
                );
            }
            Self::Forged { domain } => {
                return format!(
                    "Nothing proves that this mail comes from {}, which wishes such mail refused (DMARC). Send it through the servers of that domain.",
                    plain(domain)
                );
            }
            Self::Listed { list, domain } => return listed(list, domain.as_ref()),
            Self::NoReverseName => {
                "The address of your server has no name (PTR) that leads back to it. Ask your provider for one."
            }
            Self::NoSuchSender => {
                "The sender's domain does not exist or takes no mail, so that no answer could reach it."
            }
            Self::Unwanted { who } => {
                return format!(
                    "Mail from {} is not wanted here. If that is a mistake, ask the recipient in another way.",
                    plain(who)
                );
            }
            Self::NotYourSender => {
                "Your login may not send from that address. Choose one of your own, or ask your administrator."
            }
            Self::TooBig { limit } => {
                return format!(
                    "The message is too big; at most {} MB are taken.",
                    limit.div_ceil(1_000_000)
                );
            }
            Self::BadMessage(what) | Self::CannotChange(what) => return plain(what),
            Self::Loop => {
                "The message goes round in circles: it has passed too many servers, or this one before."
            }
            Self::NoSuchMailbox => "There is no such mailbox.",
            Self::HasChildren => "The mailbox has others inside. Delete these first.",
            Self::MailboxExists => "There is a mailbox of that name already.",
            Self::InUse => "Another program is reading this mailbox over POP3. Try again when it is done.",
            Self::NoSpace => "There is no room left. Tell your administrator, and try again later.",
            Self::Temporary => "Something is wrong here for the moment. Try again later.",
            Self::Shutdown => "The mail server is restarting. Try again in a minute.",
        };
        text.to_owned()
    }
}

fn listed(list: &str, domain: Option<&Domain>) -> String {
    let domain = domain.map(|domain| plain(domain.as_str()));
    let who = domain.as_deref().unwrap_or("The address of your server");
    let list = plain(list);
    format!("{who} is on the block list {list}. Ask there why, and to be taken off.")
}

/// Characters of a free text that a peer gets to see.
const PLAIN: usize = 200;

fn frozen(reason: &str) -> String {
    match reason.trim_end_matches('.') {
        "" => "This account is frozen. Ask your administrator.".to_owned(),
        reason => format!("This account is frozen: {reason}. Ask your administrator."),
    }
}

/// One line of ASCII, whatever was put in; no bracket that could be taken for a response code.
fn plain(text: &str) -> String {
    let fits = |c: char| c == ' ' || (c.is_ascii_graphic() && c != '[' && c != ']');
    text.trim()
        .chars()
        .take(PLAIN)
        .map(|c| if fits(c) { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Refusal> {
        vec![
            Refusal::BadCredentials,
            Refusal::DevicePassword,
            Refusal::TlsRequired,
            Refusal::Frozen {
                reason: "too many\r\n250 messages, gr\u{fc}\u{df}e [X]".to_owned(),
            },
            Refusal::Disabled,
            Refusal::Limited {
                until: Timestamp(86_400),
            },
            Refusal::Throttled,
            Refusal::Blocked {
                why: "10 different wrong passwords [X]\r\n250 OK".to_owned(),
                until: Some(Timestamp(86_400)),
            },
            Refusal::Blocked {
                why: "spam".to_owned(),
                until: None,
            },
            Refusal::UnknownRecipient,
            Refusal::RelayDenied,
            Refusal::Shielded {
                domain: Domain::parse("b\u{fc}cher.example").unwrap(),
            },
            Refusal::Greylisted {
                until: Timestamp(86_400),
            },
            Refusal::Forged {
                domain: "bank\r\n250 [X].example".to_owned(),
            },
            Refusal::Listed {
                list: "zen.spamhaus.org".to_owned(),
                domain: None,
            },
            Refusal::Listed {
                list: "dbl.spamhaus.org".to_owned(),
                domain: Domain::parse("b\u{fc}cher.example").ok(),
            },
            Refusal::NoReverseName,
            Refusal::NoSuchSender,
            Refusal::Unwanted {
                who: "spam\r\n250 [X].example".to_owned(),
            },
            Refusal::NotYourSender,
            Refusal::TooBig { limit: 50_000_000 },
            Refusal::BadMessage("a bare LF"),
            Refusal::Loop,
            Refusal::NoSuchMailbox,
            Refusal::MailboxExists,
            Refusal::HasChildren,
            Refusal::CannotChange("INBOX stays."),
            Refusal::InUse,
            Refusal::NoSpace,
            Refusal::Temporary,
            Refusal::Shutdown,
        ]
    }

    #[test]
    fn every_text_is_one_short_line_of_ascii_and_codes_agree() {
        for refusal in all() {
            let reply = refusal.smtp();
            let line = reply.to_string();
            assert!(line.is_ascii() && !line.contains(['\r', '\n', '[']), "{line}");
            assert!(line.len() < 400, "{line}");
            // RFC 2034 4: the class of both codes is the same
            assert_eq!(
                reply.code / 100,
                u16::from(reply.status.as_bytes()[0] - b'0'),
                "{line}"
            );
            assert!(refusal.imap().to_string().ends_with(&reply.text));
            assert!(refusal.pop3().to_string().ends_with(&reply.text));
        }
    }

    #[test]
    fn the_peer_learns_why_until_when_and_whom_to_ask() {
        let frozen = Refusal::Frozen {
            reason: "61 messages in an hour from a new network.".to_owned(),
        };
        assert_eq!(
            frozen.smtp().to_string(),
            "525 5.7.13 This account is frozen: 61 messages in an hour from a new network. Ask your administrator."
        );
        assert!(
            frozen
                .imap()
                .to_string()
                .starts_with("[CONTACTADMIN] This account is frozen: 61")
        );
        assert!(frozen.pop3().to_string().starts_with("[SYS/PERM] "));
        assert!(
            Refusal::Limited {
                until: Timestamp(86_400)
            }
            .smtp()
            .text
            .contains("at Fri, 2 Jan 1970 00:00:00 +0000")
        );
        assert_eq!(
            Refusal::BadCredentials.pop3().to_string(),
            "[AUTH] The name or the password is wrong. Check both; a mail program may need the password that was made for its device."
        );
    }
}
