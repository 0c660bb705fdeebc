//! What a domain's MTA-STS policy says (RFC 8461 3).

use serde::{Deserialize, Serialize};

/// The longest that a policy counts, in seconds: a year (RFC 8461 3.2).
const LONGEST: u64 = 31_557_600;
/// Patterns that are looked at.
const PATTERNS: usize = 32;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What follows from it.
    pub mode: Mode,
    /// Names of mail hosts, lower case; `*.` in front stands for one label.
    pub hosts: Vec<String>,
    /// How long it counts, in seconds.
    pub max_age: u64,
}

impl Mode {
    /// As the policy writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::None => "none",
        }
    }
}

/// What follows when a server does not keep to the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing is sent to it.
    Enforce,
    /// It is noted.
    Testing,
    /// There is no policy.
    None,
}

impl Policy {
    /// Reads the file (RFC 8461 3.2).
    ///
    /// # Errors
    /// It is no policy, in words.
    pub fn parse(file: &str) -> Result<Self, String> {
        let (mut version, mut mode, mut max_age) = (None, None, None);
        let mut hosts = Vec::new();
        for line in file.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            // The first of each counts.
            match key.trim() {
                "version" if version.is_none() => version = Some(value),
                "mode" if mode.is_none() => mode = Some(value),
                "max_age" if max_age.is_none() => max_age = value.parse().ok(),
                "mx" if hosts.len() < PATTERNS && value.len() <= 255 => {
                    hosts.push(value.trim_end_matches('.').to_ascii_lowercase());
                }
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err("the policy has no version STSv1".to_owned());
        }
        let mode = match mode {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::None,
            _ => return Err("the policy has no mode".to_owned()),
        };
        let max_age: u64 = max_age.ok_or("the policy has no max_age")?;
        if hosts.is_empty() && mode != Mode::None {
            return Err("the policy names no mail server".to_owned());
        }
        Ok(Self {
            mode,
            hosts,
            max_age: max_age.min(LONGEST),
        })
    }

    /// Whether it names this mail host (RFC 8461 4.1).
    #[must_use]
    pub fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(rest) => host
                .split_once('.')
                .is_some_and(|(label, domain)| !label.is_empty() && domain == rest),
            None => *pattern == host,
        })
    }
}

/// The id in a domain's record, which changes with its policy (RFC 8461 3.1). Other than exactly one
/// record is none.
#[must_use]
pub fn id(texts: &[String]) -> Option<String> {
    let mut records = texts.iter().filter(|text| {
        let version = text.split(';').next().unwrap_or_default();
        version.trim_end() == "v=STSv1"
    });
    let record = records.next().filter(|_| records.next().is_none())?;
    let id = record.split(';').find_map(|field| {
        let (key, value) = field.split_once('=')?;
        (key.trim() == "id").then(|| value.trim())
    })?;
    let is_good = (1..=32).contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_alphanumeric());
    is_good.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8461 3.2, with what senders have to put up with.
    #[test]
    fn policies_are_read_as_they_are_written() {
        let text = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n";
        let policy = Policy::parse(text).unwrap();
        assert_eq!((policy.mode, policy.max_age), (Mode::Enforce, 604_800));
        assert_eq!(
            policy.hosts,
            ["mail.example.com", "*.example.net", "backupmx.example.com"]
        );
        for (host, named) in [
            ("mail.example.com", true),
            ("MAIL.example.com.", true),
            ("a.example.net", true),
            ("a.b.example.net", false),
            ("example.net", false),
            (".example.net", false),
            ("mail.example.com.evil.example", false),
        ] {
            assert_eq!(policy.names(host), named, "{host}");
        }
        let lax =
            "mode:testing\nmax_age:99999999999\n\nextra: thing\nmx:a.example\nversion:STSv1\nmode: enforce";
        let policy = Policy::parse(lax).unwrap();
        assert_eq!((policy.mode, policy.max_age), (Mode::Testing, LONGEST));
        assert!(Policy::parse("version: STSv1\nmode: none\nmax_age: 60\n").is_ok());
        for bad in [
            "",
            "<html>not found</html>",
            "version: STSv2\nmode: enforce\nmx: a\nmax_age: 1",
            "version: STSv1\nmode: sometimes\nmx: a\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmx: a\nmax_age: long",
            "version: STSv1\nmode: enforce\nmx: a",
        ] {
            assert!(Policy::parse(bad).is_err(), "{bad}");
        }
    }

    // RFC 8461 3.1
    #[test]
    fn a_record_counts_if_it_is_the_only_one_and_has_an_id() {
        let found = |texts: &[&str]| id(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            found(&["v=STSv1; id=20160831085700Z;"]).as_deref(),
            Some("20160831085700Z")
        );
        assert_eq!(found(&["v=spf1 -all", "v=STSv1;id=1"]).as_deref(), Some("1"));
        for none in [
            &["v=STSv1; id=1", "v=STSv1; id=2"][..],
            &["v=STSv1"],
            &["v=STSv1; id="],
            &["v=STSv1; id=no spaces"],
            &["v=STSv1; id=123456789012345678901234567890123"],
            &["v=STSv12; id=1"],
            &["id=1; v=STSv1"],
            &[],
        ] {
            assert_eq!(found(none), None, "{none:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_policy_or_none(text in "(version|mode|mx|max_age|[a-z:* .\r\n0-9]){0,40}") {
            let _ = Policy::parse(&text);
            let _ = id(&[text]);
        }
    }
}
