//! Whether the world can see a pair's records.

use super::{Key, Keys, dns_records};
use crate::dns::{Dns, Silence};
use hickory_resolver::proto::rr::{RData, RecordType};
use proto::types::Domain;

/// What the name servers say about the records of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// Both stand there as they should.
    Yes,
    /// One is missing or something else; its full name.
    No(String),
    /// They do not answer.
    Unknown,
}

/// Asks the name servers. What was asked before is asked again: a record that was missing a minute
/// ago may stand there now.
pub async fn published(dns: &Dns, keys: &Keys, domain: &Domain) -> Published {
    let dns = dns.without_memory();
    let pairs = [(&keys.rsa, "rsa"), (&keys.ed25519, "ed25519")];
    for (record, (key, kind)) in dns_records(keys, domain).into_iter().zip(pairs) {
        let texts = match dns.ask(&record.name, RecordType::TXT).await {
            Ok(answers) => answers.iter().filter_map(text).collect(),
            Err(Silence::Nothing { .. }) => Vec::new(),
            Err(Silence::Failed(_) | Silence::Forged) => return Published::Unknown,
        };
        // RFC 6376 3.6.2.2: of several records a receiver may take any.
        if texts.is_empty() || !texts.iter().all(|text| is_record(text, key, kind)) {
            return Published::No(record.name);
        }
    }
    Published::Yes
}

// The strings of a TXT record are one text (RFC 6376 3.6.2.2).
fn text(record: &RData) -> Option<String> {
    match record {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    }
}

// Whether the text is a record of this key (RFC 6376 3.6.1), however it is spaced.
fn is_record(text: &str, key: &Key, kind: &str) -> bool {
    let tag = |name: &str| {
        let mut tags = text.split(';').filter_map(|tag| tag.split_once('='));
        let value = tags.find_map(|(tag, value)| (tag.trim() == name).then_some(value));
        value.map(|value| value.split_whitespace().collect::<String>())
    };
    tag("v").is_none_or(|version| version == "DKIM1")
        && tag("k").map_or(kind == "rsa", |k| k == kind)
        && tag("p").is_some_and(|public| public == key.public)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_its_key_however_a_provider_writes_it() {
        let key = Key {
            selector: "r2".to_owned(),
            private: String::new(),
            public: "MIIBAbc+/=".to_owned(),
        };
        for (text, kind, is) in [
            ("v=DKIM1; k=rsa; p=MIIBAbc+/=", "rsa", true),
            ("v=DKIM1;k=rsa;p=MIIB Abc+/=;", "rsa", true),
            (" v = DKIM1 ; p = MIIBAbc+/= ", "rsa", true),
            ("k=ed25519; p=MIIBAbc+/=", "ed25519", true),
            ("v=DKIM1; p=MIIBAbc+/=", "ed25519", false),
            ("v=DKIM1; k=rsa; p=", "rsa", false),
            ("v=DKIM1; k=rsa; p=MIIBAbc", "rsa", false),
            ("v=DKIM2; k=rsa; p=MIIBAbc+/=", "rsa", false),
            ("v=spf1 -all", "rsa", false),
        ] {
            assert_eq!(is_record(text, &key, kind), is, "{text}");
        }
    }
}
