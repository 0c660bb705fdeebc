//! Whether a certificate is the one that its server's TLSA records name (RFC 7672 3, RFC 6698 2).

use crate::dns::{Tlsa, TlsaRecord};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha256, Sha512};
use std::sync::Arc;

/// A certificate that has to stand below another one which the records name.
const TRUST_ANCHOR: u8 = 2;
/// A certificate that the records name itself.
const END_ENTITY: u8 = 3;

/// What the records of one server demand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Records that can be used; none: TLS is demanded, but of no certain certificate (RFC 7672 2.2).
    records: Vec<TlsaRecord>,
    /// Names that a certificate below a trust anchor may be for (RFC 7672 3.2.2).
    names: Vec<String>,
}

impl Demand {
    /// From the records of a server, which was found as the mail host of `domain`.
    #[must_use]
    pub fn new(tlsa: &Tlsa, domain: &str) -> Self {
        let records = tlsa.records.iter().filter(|record| is_usable(record)).cloned();
        Self {
            records: records.collect(),
            names: vec![tlsa.base.clone(), domain.to_owned()],
        }
    }

    /// Whether the demand is for TLS only, because no record can be used.
    #[must_use]
    pub const fn takes_any(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether what the server shows is what the records name.
    #[must_use]
    pub fn is_met(
        &self,
        end_entity: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        provider: &Arc<CryptoProvider>,
    ) -> bool {
        // RFC 7672 3.1.1: names and times in the certificate do not matter here.
        let itself = |record: &TlsaRecord| record.usage == END_ENTITY && matches(record, end_entity);
        if self.takes_any() || self.records.iter().any(itself) {
            return true;
        }
        // RFC 7672 3.1.2
        let mut anchors = RootCertStore::empty();
        for record in self.records.iter().filter(|record| record.usage == TRUST_ANCHOR) {
            for certificate in others.iter().filter(|certificate| matches(record, certificate)) {
                let _ = anchors.add(certificate.clone().into_owned()); // one that cannot be read counts for nothing
            }
            if (record.selector, record.matching) == (0, 0) {
                let _ = anchors.add(CertificateDer::from(record.data.clone())); // as above
            }
        }
        if anchors.is_empty() {
            return false;
        }
        let built = WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), provider.clone()).build();
        let Ok(verifier) = built else {
            return false;
        };
        let names = self
            .names
            .iter()
            .filter_map(|name| ServerName::try_from(name.as_str()).ok());
        names.into_iter().any(|name| {
            verifier
                .verify_server_cert(end_entity, others, &name, &[], now)
                .is_ok()
        })
    }
}

// RFC 7672 3.1.3: usages 0 and 1 are not for mail; what is unknown or has the wrong length is of no use.
fn is_usable(record: &TlsaRecord) -> bool {
    let length = match record.matching {
        0 => !record.data.is_empty(),
        1 => record.data.len() == 32,
        2 => record.data.len() == 64,
        _ => false,
    };
    matches!(record.usage, TRUST_ANCHOR | END_ENTITY) && record.selector <= 1 && length
}

fn matches(record: &TlsaRecord, certificate: &CertificateDer<'_>) -> bool {
    let key;
    let selected: &[u8] = if record.selector == 0 {
        certificate
    } else {
        let Ok(parsed) = ParsedCertificate::try_from(certificate) else {
            return false;
        };
        key = parsed.subject_public_key_info();
        &key
    };
    match record.matching {
        0 => *selected == *record.data,
        1 => Sha256::digest(selected).as_slice() == record.data,
        2 => Sha512::digest(selected).as_slice() == record.data,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    fn tlsa(usage: u8, selector: u8, matching: u8, data: &[u8]) -> TlsaRecord {
        let data = match matching {
            1 => Sha256::digest(data).to_vec(),
            2 => Sha512::digest(data).to_vec(),
            _ => data.to_vec(),
        };
        TlsaRecord {
            usage,
            selector,
            matching,
            data,
        }
    }

    struct Shown {
        leaf: CertificateDer<'static>,
        issuer: CertificateDer<'static>,
    }

    // A certificate for `name` below one of its own authority.
    fn shown(name: &str) -> Shown {
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &issuer).unwrap();
        Shown {
            leaf: leaf.der().clone(),
            issuer: issuer.der().clone(),
        }
    }

    fn met(records: Vec<TlsaRecord>, shown: &Shown) -> bool {
        let tlsa = Tlsa {
            base: "mx.example.net".to_owned(),
            records,
        };
        let demand = Demand::new(&tlsa, "example.net");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let others = [shown.issuer.clone()];
        demand.is_met(&shown.leaf, &others, UnixTime::now(), &provider)
    }

    fn key(certificate: &CertificateDer<'_>) -> Vec<u8> {
        ParsedCertificate::try_from(certificate)
            .unwrap()
            .subject_public_key_info()
            .to_vec()
    }

    #[test]
    fn every_selector_and_matching_type_finds_its_certificate_and_no_other() {
        let (ours, other) = (shown("mx.example.net"), shown("mx.example.net"));
        for matching in 0..=2 {
            for (usage, certificate) in [(3, &ours.leaf), (2, &ours.issuer)] {
                let whole = tlsa(usage, 0, matching, certificate);
                assert!(met(vec![whole.clone()], &ours), "{usage} 0 {matching}");
                assert!(!met(vec![whole], &other), "{usage} 0 {matching}");
                let key = tlsa(usage, 1, matching, &key(certificate));
                assert!(met(vec![key.clone()], &ours), "{usage} 1 {matching}");
                assert!(!met(vec![key.clone()], &other), "{usage} 1 {matching}");
                // One that fits is enough.
                assert!(met(vec![tlsa(3, 1, 1, b"old key"), key], &ours));
            }
        }
    }

    // RFC 7672 3.1.1, 3.1.2
    #[test]
    fn names_count_below_a_trust_anchor_only() {
        let stranger = shown("mx.elsewhere.example");
        assert!(met(vec![tlsa(3, 1, 1, &key(&stranger.leaf))], &stranger));
        assert!(!met(vec![tlsa(2, 0, 1, &stranger.issuer)], &stranger));
        let domain = shown("example.net");
        assert!(met(vec![tlsa(2, 0, 1, &domain.issuer)], &domain));
    }

    // RFC 7672 2.2, 3.1.3
    #[test]
    fn records_that_cannot_be_used_demand_tls_and_no_certificate() {
        let ours = shown("mx.example.net");
        let useless = [
            tlsa(0, 0, 1, b"x"),
            tlsa(1, 1, 1, b"x"),
            tlsa(3, 2, 1, b"x"),
            tlsa(3, 1, 9, b"x"),
            TlsaRecord {
                data: vec![1; 31],
                ..tlsa(3, 1, 1, b"x")
            },
        ];
        assert!(met(useless.to_vec(), &ours));
        let mut mixed = useless.to_vec();
        mixed.push(tlsa(3, 1, 1, b"another key"));
        assert!(!met(mixed, &ours));
    }
}
