//! A message from the box to one of its own: whoever reads it has set the mail program up right.

use crate::deliver::fresh_id;
use crate::settings::Office;
use proto::message::{date, scan};
use proto::types::{AccountId, Address, Flags, Timestamp};
use store::{Body, Delivery, MailCopy, Place};

/// The message for `account`, ready to be committed.
pub(super) fn to(account: AccountId, address: &Address, office: &Office, now: Timestamp) -> Delivery {
    let message = text(address, office, now).into_bytes();
    let copy = MailCopy {
        into: Place::Inbox(account),
        flags: Flags::new(),
        date: now,
    };
    Delivery {
        structure: scan::structure(&message),
        body: Body::from_bytes(message),
        copies: vec![copy],
        outgoing: Vec::new(),
        received_at: now,
    }
}

// Auto-Submitted: nobody's vacation notice answers it (RFC 3834 5).
fn text(address: &Address, office: &Office, now: Timestamp) -> String {
    let Office { domain, hostname } = office;
    [
        format!("From: Pillarbox <postmaster@{domain}>"),
        format!("To: <{address}>"),
        "Subject: Hello from your Pillarbox".to_owned(),
        format!("Date: {}", date::format(now)),
        format!("Message-ID: <{}@{hostname}>", fresh_id()),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=us-ascii".to_owned(),
        String::new(),
        "Hello,".to_owned(),
        String::new(),
        "you are reading this, so your mail program and the box understand each other.".to_owned(),
        "Now write to somebody outside, and ask for an answer: that shows that the DNS".to_owned(),
        "records are right too.".to_owned(),
        String::new(),
    ]
    .join("\r\n")
}
