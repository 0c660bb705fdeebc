//! What an admin may set about links.

use super::{Checked, Reach};
use crate::limits::links as limits;
use crate::settings;
use proto::types::{AccountId, Domain};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use store::{Snapshot, StoreError};

/// Key of [`Rules`] among the settings.
pub const LINKS: &str = "links";

/// When attachments become links, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Whether any do. Needs `address`.
    pub on: bool,
    /// Where the world reaches the pages of this box: `https://mail.example.com`, a port behind it
    /// where it is not 443.
    pub address: Option<String>,
    /// Links are made whatever the check of `address` says.
    pub trusted: bool,
    /// A part over this size leaves, in octets.
    pub part: u64,
    /// Over this size of the message, in octets, its largest parts leave.
    pub message: u64,
    /// How long a link works, in days.
    pub days: u32,
    /// Octets that the attachments may take of the card.
    pub budget: u64,
    /// Media types and ends of names that never leave.
    pub exempt: Vec<String>,
    /// Accounts for which it was decided otherwise.
    pub accounts: BTreeMap<AccountId, bool>,
    /// Accounts whose mail from the world has its large attachments taken out, too.
    pub incoming: BTreeSet<AccountId>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            on: false,
            address: None,
            trusted: false,
            part: 5_000_000,
            message: 10_000_000,
            days: 30,
            budget: 2_000_000_000,
            exempt: Vec::new(),
            accounts: BTreeMap::new(),
            incoming: BTreeSet::new(),
        }
    }
}

impl Rules {
    /// Those that are set, or the defaults.
    ///
    /// # Errors
    /// The file failed, or the setting cannot be read.
    pub fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        Ok(settings::read(snapshot, LINKS)?.unwrap_or_default())
    }

    /// Whether this account's attachments become links where the office's do.
    #[must_use]
    pub fn is_for(&self, account: AccountId) -> bool {
        self.accounts.get(&account).copied().unwrap_or(true)
    }

    /// Where links of this account's attachments lead; `None`: they stay in its mail.
    #[must_use]
    pub fn address_for(&self, account: AccountId) -> Option<&str> {
        let wanted = self.on && self.is_for(account);
        self.address.as_deref().filter(|_| wanted)
    }

    /// Whether mail from the world for this account has its large attachments taken out.
    #[must_use]
    pub fn takes_out_for(&self, account: AccountId) -> bool {
        self.on && self.incoming.contains(&account)
    }

    /// Whether links may lead to `address`: not where a check found that nobody gets here by it.
    #[must_use]
    pub fn may_be_reached(&self, snapshot: &Snapshot) -> bool {
        let checked = || Checked::read(snapshot, self.address.as_deref()).ok()?;
        self.trusted || checked().is_none_or(|checked| checked.reach != Reach::No)
    }

    /// Why attachments stay in the mail of those for whom they would become links.
    #[must_use]
    pub fn held_back(&self, snapshot: &Snapshot) -> Option<&'static str> {
        if !self.on || self.address.is_none() {
            return Some("links are switched off for the office");
        }
        (!self.may_be_reached(snapshot)).then_some("the world does not reach this box")
    }

    /// The same, checked and put into one form.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn checked(mut self) -> Result<Self, String> {
        self.address = match self
            .address
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            Some(text) => Some(address(text)?),
            None => None,
        };
        if self.on && self.address.is_none() {
            return Err("Say first at which address the world reaches this box.".to_owned());
        }
        let sizes = limits::LEAST_SIZE..=limits::MOST_SIZE;
        if !sizes.contains(&self.part) || !sizes.contains(&self.message) {
            return Err("A size is between 0.1 and 1000 MB.".to_owned());
        }
        if !(1..=limits::MOST_DAYS).contains(&self.days) {
            return Err(format!("A link works for 1 to {} days.", limits::MOST_DAYS));
        }
        if self.budget < limits::LEAST_BUDGET {
            return Err("The room for attachments is at least 50 MB.".to_owned());
        }
        self.exempt = self
            .exempt
            .iter()
            .map(|text| text.trim().to_lowercase())
            .filter(|text| !text.is_empty())
            .collect();
        if self.exempt.len() > limits::EXEMPT {
            return Err(format!("At most {} types stay in the mail.", limits::EXEMPT));
        }
        if let Some(odd) = self.exempt.iter().find(|text| !is_type(text)) {
            return Err(format!(
                "“{odd}” is no type: write image/*, application/pdf or .dwg."
            ));
        }
        Ok(self)
    }
}

// `kind/subtype` or `kind/*` (RFC 6838 4.2: restricted-name), or the end of a name.
fn is_type(text: &str) -> bool {
    let named = |text: &str| {
        let (first, rest) = (text.chars().next(), text.chars());
        text.len() <= 127
            && first.is_some_and(|c| c.is_ascii_alphanumeric())
            && rest
                .into_iter()
                .all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    match text.split_once('/') {
        Some((kind, subtype)) => named(kind) && (subtype == "*" || named(subtype)),
        None => text.strip_prefix('.').is_some_and(|ending| {
            let clean = |c: char| c.is_alphanumeric() || "-+._~".contains(c);
            (1..=100).contains(&ending.len()) && ending.chars().all(clean)
        }),
    }
}

// https://host[:port], nothing behind it
fn address(text: &str) -> Result<String, String> {
    let wrong =
        || "Write the address as https://mail.example.com, with a port behind it if needed.".to_owned();
    let rest = text.trim_end_matches('/');
    let rest = match rest.split_once("://") {
        Some(("https", rest)) => rest,
        Some(_) => return Err(wrong()),
        None => rest,
    };
    if rest.parse::<Ipv6Addr>().is_ok() {
        return Err(format!("Write an IPv6 address in brackets: https://[{rest}]."));
    }
    let (host, port) = host_and_port(rest).ok_or_else(wrong)?;
    let port = port.map(str::parse).transpose().map_err(|_| wrong())?;
    if rest.starts_with('[') {
        let ip: Ipv6Addr = host.parse().map_err(|_| wrong())?;
        return Ok(written(&format!("[{ip}]"), port));
    }
    // A literal as in mail, [192.0.2.1], is none in an address of a page.
    let host = Domain::parse(host)
        .ok()
        .filter(|host| !host.as_str().starts_with('['));
    let host = host.ok_or_else(wrong)?;
    Ok(written(host.as_str(), port))
}

fn written(host: &str, port: Option<u16>) -> String {
    match port.filter(|port| *port != 443) {
        Some(port) => format!("https://{host}:{port}"),
        None => format!("https://{host}"),
    }
}

// RFC 3986 3.2.2: an IPv6 address stands in brackets, which are no part of it.
fn host_and_port(text: &str) -> Option<(&str, Option<&str>)> {
    let Some(text) = text.strip_prefix('[') else {
        return Some(match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        });
    };
    let (host, behind) = text.split_once(']')?;
    match behind {
        "" => Some((host, None)),
        _ => Some((host, Some(behind.strip_prefix(':')?))),
    }
}

/// Host, an IPv6 address without its brackets, and port of an address as [`Rules::checked`] writes it.
pub(super) fn place(address: &str) -> Option<(&str, u16)> {
    let (host, port) = host_and_port(address.strip_prefix("https://")?)?;
    Some((host, port.map_or(Ok(443), str::parse).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_put_into_one_form_or_refused_in_words() {
        let with = |address: &str| Rules {
            on: true,
            address: Some(address.to_owned()),
            ..Rules::default()
        };
        for (typed, kept) in [
            ("mail.example.com", "https://mail.example.com"),
            (" https://Mail.Example.com/ ", "https://mail.example.com"),
            ("https://mail.example.com:443", "https://mail.example.com"),
            ("https://mail.example.com:8443", "https://mail.example.com:8443"),
            ("192.0.2.1:8443", "https://192.0.2.1:8443"),
            ("[2001:DB8:0::1]", "https://[2001:db8::1]"),
            ("https://[2001:db8::1]:443/", "https://[2001:db8::1]"),
            ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ] {
            assert_eq!(with(typed).checked().unwrap().address.as_deref(), Some(kept));
        }
        assert_eq!(place("https://[2001:db8::1]:8443"), Some(("2001:db8::1", 8443)));
        assert_eq!(place("https://[2001:db8::1]"), Some(("2001:db8::1", 443)));
        assert_eq!(place("https://x.example:8443"), Some(("x.example", 8443)));
        let words = with("2001:db8::1").checked().unwrap_err();
        assert!(words.contains("https://[2001:db8::1]"), "{words}");
        for typed in [
            "",
            "http://mail.example.com",
            "https://a b",
            "https://x.example/path",
            "x.example:99999",
            "https://[192.0.2.1]",
            "2001:db8::1",
            "[2001:db8::1]8443",
            "[2001:db8::1]:",
            "[2001:db8::1",
            "[2001:db8::1%eth0]",
            "[mail.example.com]",
        ] {
            assert!(with(typed).checked().is_err(), "{typed}");
        }
        let good = with("mail.example.com");
        let odd = |text: &str| Rules {
            exempt: vec![text.to_owned()],
            ..good.clone()
        };
        for text in [
            "image/*",
            "application/vnd.ms-excel",
            "image/svg+xml",
            ".DWG",
            ".tar.gz",
            ".план",
        ] {
            assert!(odd(text).checked().is_ok(), "{text}");
        }
        for text in [
            "dwg", "a/b/c", "/", "a b/c", ".", "*", "*/*", "image/", "image/p*", "image/*g", ".*", ".d*",
            ". x",
        ] {
            assert!(odd(text).checked().is_err(), "{text}");
        }
        for bad in [
            Rules {
                part: 1,
                ..good.clone()
            },
            Rules {
                days: 0,
                ..good.clone()
            },
            Rules {
                days: 1000,
                ..good.clone()
            },
            Rules {
                budget: 1,
                ..good.clone()
            },
        ] {
            assert!(bad.checked().is_err());
        }
    }

    #[test]
    fn an_account_is_asked_before_the_office() {
        let ann = AccountId(1);
        let mut rules = Rules {
            on: true,
            address: Some("https://x.example".to_owned()),
            ..Rules::default()
        };
        assert!(rules.address_for(ann).is_some());
        rules.accounts.insert(ann, false);
        assert!(rules.address_for(ann).is_none() && rules.address_for(AccountId(2)).is_some());
        rules.on = false;
        rules.accounts.insert(ann, true);
        assert!(rules.address_for(ann).is_none());
        let stored = serde_json::to_value(&rules).unwrap();
        assert_eq!(serde_json::from_value::<Rules>(stored).unwrap(), rules);
    }
}
