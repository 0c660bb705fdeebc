//! Which way mail for a domain takes: through the smarthost named for it, else through the one for
//! everything, else straight to its own servers.
//!
//! | named | mail for |
//! |---|---|
//! | `example.net` | example.net |
//! | `.example.net` | example.net and every domain under it |
//!
//! The longest name that fits counts, and of equal ones the one without a dot in front.

use super::relay::Way;
use crate::settings::{self, SMARTHOST, Smarthost};
use proto::types::Domain;
use store::{Snapshot, StoreError};

/// Longest name in octets; a setting's key holds it.
const LONGEST: usize = 80;

/// A name as it is kept, from what was typed.
///
/// # Errors
/// That is no domain; in words.
pub fn named(typed: &str) -> Result<String, String> {
    let typed = typed.trim();
    let (dot, rest) = match typed.strip_prefix('.') {
        Some(rest) => (".", rest),
        None => ("", typed),
    };
    let domain = Domain::parse(rest).map_err(|_| format!("`{typed}` is no domain."))?;
    if domain.as_str().len() > LONGEST {
        return Err(format!("A domain here has at most {LONGEST} letters."));
    }
    Ok(format!("{dot}{domain}"))
}

/// The setting of the smarthost for this name, or for everything.
#[must_use]
pub fn key(name: Option<&str>) -> String {
    name.map_or_else(|| SMARTHOST.to_owned(), |name| format!("{SMARTHOST}/{name}"))
}

/// The way of mail for this domain.
///
/// # Errors
/// The store failed.
pub fn way(snapshot: &Snapshot, domain: &Domain) -> Result<Way, StoreError> {
    let through = |name: Option<&str>| settings::read::<Smarthost>(snapshot, &key(name));
    let mut found = through(Some(domain.as_str()))?;
    let mut rest = Some(domain.as_str());
    while let (None, Some(domain)) = (&found, rest) {
        found = through(Some(&format!(".{domain}")))?;
        rest = domain.split_once('.').map(|(_, rest)| rest);
    }
    if found.is_none() {
        found = through(None)?;
    }
    Ok(found.map_or_else(
        || Way::Direct(domain.clone()),
        |smarthost| Way::Smarthost(Box::new(smarthost)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SmarthostTls;
    use crate::trial::Trial;

    #[test]
    fn names_are_domains_with_or_without_a_dot_in_front() {
        for (typed, kept) in [
            (" Example.NET ", Some("example.net")),
            (".example.net", Some(".example.net")),
            ("..example.net", None),
            ("", None),
            (".", None),
            ("not a domain", None),
        ] {
            assert_eq!(named(typed).ok().as_deref(), kept, "{typed}");
        }
        assert!(named(&format!("{}.example", "a.".repeat(60))).is_err());
    }

    #[tokio::test]
    async fn the_name_that_fits_best_decides() {
        let trial = Trial::new().await;
        let store = &trial.house.store;
        let place = |domain: &str| {
            let domain = Domain::parse(domain).unwrap();
            let way = way(&store.snapshot().unwrap(), &domain).unwrap();
            way.place().to_owned()
        };
        assert_eq!(place("example.net"), "example.net");
        for (name, host) in [
            (Some("example.net"), "exact"),
            (Some(".example.net"), "under"),
            (Some(".deep.example.net"), "deep"),
            (None, "all"),
        ] {
            let smarthost = Smarthost {
                host: host.to_owned(),
                port: 25,
                tls: SmarthostTls::None,
                user: None,
                password: None,
                trust_any_certificate: false,
            };
            settings::write(store, &key(name), &smarthost).await.unwrap();
        }
        for (domain, host) in [
            ("example.net", "exact"),
            ("x.example.net", "under"),
            ("x.deep.example.net", "deep"),
            ("deep.example.net", "deep"),
            ("notexample.net", "all"),
            ("net", "all"),
        ] {
            assert_eq!(place(domain), host, "{domain}");
        }
    }
}
