//! The trace fields a server puts above a message (RFC 5321 4.4).

use super::{date, header};
use crate::types::{Address, ReversePath, Timestamp};
use std::net::IpAddr;

/// What a Received field says.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// What the client called itself; anything, the client chose it.
    pub helo: &'a str,
    /// Whether it said EHLO.
    pub esmtp: bool,
    /// Where it came from; `None` where that is nobody's business: what our own people use in the
    /// office. Then nothing of the client is told, its greeting included.
    pub peer: Option<IpAddr>,
    /// The peer's forward-confirmed reverse DNS name.
    pub name: Option<&'a str>,
    /// Our host name.
    pub by: &'a str,
    /// Version and cipher suite, `TLS1.3 TLS13_AES_256_GCM_SHA384`, when there is TLS.
    pub tls: Option<&'a str>,
    /// Whether the client logged in.
    pub authenticated: bool,
    /// Whether the message came by SMTPUTF8.
    pub utf8: bool,
    /// Names the message in our log.
    pub id: &'a str,
    /// The recipient, only where there is just one: others must not learn of each other
    /// (RFC 5321 7.2).
    pub recipient: Option<&'a Address>,
    /// When.
    pub at: Timestamp,
}

impl Received<'_> {
    /// The field, folded, with its line end.
    #[must_use]
    pub fn field(&self) -> String {
        let from = self.peer.map(|peer| self.from(peer)).unwrap_or_default();
        let tls = self
            .tls
            .map(|tls| format!(" ({})", clean(tls, 100)))
            .unwrap_or_default();
        let recipient = self.recipient.map(|r| format!(" for <{r}>")).unwrap_or_default();
        let field = format!(
            "Received: {from}by {} with {}{tls} id {}{recipient}; {}",
            clean(self.by, 255),
            self.with(),
            clean(self.id, 100),
            date::format(self.at)
        );
        header::fold(&field) + "\r\n"
    }

    fn from(&self, peer: IpAddr) -> String {
        let name = self
            .name
            .map_or_else(|| "unknown".to_owned(), |name| clean(name, 255));
        let peer = match peer.to_canonical() {
            IpAddr::V4(peer) => format!("[{peer}]"),
            IpAddr::V6(peer) => format!("[IPv6:{peer}]"),
        };
        format!("from {} ({name} {peer}) ", clean(self.helo, 255))
    }

    // RFC 3848: S for TLS, A for a login.
    const fn with(&self) -> &'static str {
        if self.utf8 {
            // RFC 6531 4.3
            return match (self.tls.is_some(), self.authenticated) {
                (false, false) => "UTF8SMTP",
                (true, false) => "UTF8SMTPS",
                (false, true) => "UTF8SMTPA",
                (true, true) => "UTF8SMTPSA",
            };
        }
        match (self.esmtp, self.tls.is_some(), self.authenticated) {
            (false, _, false) => "SMTP",
            (_, true, true) => "ESMTPSA",
            (_, true, false) => "ESMTPS",
            (_, false, true) => "ESMTPA",
            (true, false, false) => "ESMTP",
        }
    }
}

/// Keeps a stranger's text from breaking out of its place in the field.
fn clean(text: &str, limit: usize) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]+/= ".contains(c);
    let cleaned: String = text
        .chars()
        .take(limit)
        .map(|c| if fits(c) { c } else { '?' })
        .collect();
    if cleaned.trim().is_empty() {
        "unknown".to_owned()
    } else {
        cleaned
    }
}

/// The Return-Path field with its line end (RFC 5321 4.4).
#[must_use]
pub fn return_path(from: &ReversePath) -> String {
    match from {
        Some(address) => format!("Return-Path: <{address}>\r\n"),
        None => "Return-Path: <>\r\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Received<'static> {
        Received {
            helo: "mail.example.org",
            esmtp: true,
            peer: Some(IpAddr::from([192, 0, 2, 1])),
            name: Some("mail.example.org"),
            by: "mx.example.com",
            tls: None,
            authenticated: false,
            utf8: false,
            id: "AB12",
            recipient: None,
            at: Timestamp(0),
        }
    }

    #[test]
    fn the_field_tells_the_facts_and_folds() {
        let recipient = Address::parse("anna@example.com").unwrap();
        let field = Received {
            tls: Some("TLS1.3 TLS13_AES_256_GCM_SHA384"),
            recipient: Some(&recipient),
            ..facts()
        }
        .field();
        assert!(field.ends_with("; Thu, 1 Jan 1970 00:00:00 +0000\r\n"), "{field}");
        assert!(field.lines().all(|line| line.len() <= 78));
        assert_eq!(
            field.replace("\r\n", ""),
            "Received: from mail.example.org (mail.example.org [192.0.2.1]) by mx.example.com with ESMTPS \
             (TLS1.3 TLS13_AES_256_GCM_SHA384) id AB12 for <anna@example.com>; Thu, 1 Jan 1970 00:00:00 +0000"
        );
    }

    #[test]
    fn protocol_names_follow_rfc_3848() {
        let with = |esmtp, tls: bool, authenticated| {
            Received {
                esmtp,
                tls: tls.then_some("TLS1.2"),
                authenticated,
                ..facts()
            }
            .with()
        };
        assert_eq!(with(false, false, false), "SMTP");
        assert_eq!(with(true, false, false), "ESMTP");
        assert_eq!(with(true, true, false), "ESMTPS");
        assert_eq!(with(true, false, true), "ESMTPA");
        assert_eq!(with(true, true, true), "ESMTPSA");
        let utf8 = Received {
            utf8: true,
            ..facts()
        };
        assert_eq!(utf8.with(), "UTF8SMTP");
    }

    #[test]
    fn a_strangers_greeting_cannot_forge_anything() {
        let field = Received {
            helo: "x) by evil\r\nSubject: forged",
            name: None,
            peer: "::ffff:192.0.2.1".parse().ok(),
            ..facts()
        }
        .field();
        assert!(!field.contains("\nSubject"));
        assert!(
            field.starts_with("Received: from x? by evil??Subject: forged (unknown [192.0.2.1])"),
            "{field}"
        );
        let v6 = Received {
            helo: "",
            peer: "2001:db8::1".parse().ok(),
            ..facts()
        }
        .field();
        assert!(
            v6.starts_with("Received: from unknown (mail.example.org [IPv6:2001:db8::1])"),
            "{v6}"
        );
    }

    #[test]
    fn a_client_that_is_nobodys_business_is_not_told() {
        let hidden = Received {
            helo: "[192.168.1.7]",
            peer: None,
            ..facts()
        };
        let field = hidden.field().replace("\r\n", "");
        assert_eq!(
            field,
            "Received: by mx.example.com with ESMTP id AB12; Thu, 1 Jan 1970 00:00:00 +0000"
        );
    }

    #[test]
    fn return_paths() {
        assert_eq!(return_path(&None), "Return-Path: <>\r\n");
        let from = Address::parse("\"a b\"@example.com").unwrap();
        assert_eq!(return_path(&Some(from)), "Return-Path: <\"a b\"@example.com>\r\n");
    }
}
