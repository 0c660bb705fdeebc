//! DKIM for mail that leaves (RFC 6376, RFC 8463): keys, their DNS records, signatures.
//!
//! Two signatures on every message: Ed25519 is short and fast, RSA is what every receiver knows. Keys
//! take turns: see [`ring`] and [`rotation`].

mod letter;
mod published;
pub mod ring;
pub mod rotation;

use crate::deliver::people::ascii;
use crate::limits::PIECE;
use crate::settings::{self, Office};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail_auth::common::crypto::{Ed25519Key, RsaKey, Sha256};
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::generate::DkimKeyPair;
use mail_auth::dkim::{DkimSigner, Done};
use proto::message::header;
use proto::types::Domain;
use rustls::pki_types::PrivateKeyDer;
use serde::{Deserialize, Serialize};
use std::io::Read;
use store::{Snapshot, StoreError};
use zeroize::Zeroizing;

/// RSA modulus length: what receivers accept and a TXT record still holds (RFC 8301 3.2).
const RSA_BITS: usize = 2048;
/// Fields that are signed, present or not: one that is absent cannot be added on the way.
/// From twice, so that a second From cannot be added (RFC 6376 8.15).
const SIGNED: [&str; 13] = [
    "From",
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "To",
    "Cc",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// The two keys that sign together.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// RSA-2048, private key as PKCS#1.
    pub rsa: Key,
    /// Ed25519, private key as PKCS#8.
    pub ed25519: Key,
}

/// One key pair.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The name under `_domainkey`.
    pub selector: String,
    /// The private key: DER in base64.
    private: String,
    /// What the `p=` tag says.
    pub public: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({}, {})", self.rsa.selector, self.ed25519.selector)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.selector)
    }
}

/// What went wrong with a key or a signature: always ours, never the message's.
#[derive(Debug, thiserror::Error)]
pub enum DkimError {
    /// The library refused the key or could not sign.
    #[error("DKIM: {0}")]
    Crypto(#[from] mail_auth::Error),
    /// The setting holds something that is not a key.
    #[error("DKIM: the stored key cannot be read: {0}")]
    Stored(String),
    /// The message could not be read.
    #[error("DKIM: {0}")]
    Io(#[from] std::io::Error),
}

/// A TXT record to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxtRecord {
    /// Full name, such as `r1._domainkey.example.com`, without a final dot.
    pub name: String,
    /// The text, in one piece. In a zone file it has to be cut into strings of at most 255 octets.
    pub text: String,
}

/// Makes both keys. `generation` counts up from 1 with every rotation and names the selectors, so
/// that old records stay valid while mail signed with them is under way. Takes about a second of
/// processor time: call it where blocking is allowed.
///
/// # Errors
/// The system gives no random numbers.
pub fn generate(generation: u32) -> Result<Keys, DkimError> {
    let (private, public) = DkimKeyPair::generate_rsa(RSA_BITS)?.into_inner();
    let rsa = Key {
        selector: format!("r{generation}"),
        private: BASE64.encode(Zeroizing::new(private)),
        public: BASE64.encode(subject_public_key_info(&public)),
    };
    let (private, public) = DkimKeyPair::generate_ed25519()?.into_inner();
    let ed25519 = Key {
        selector: format!("e{generation}"),
        private: BASE64.encode(Zeroizing::new(private)),
        public: BASE64.encode(public),
    };
    Ok(Keys { rsa, ed25519 })
}

/// The records that let the world check our signatures (RFC 6376 3.6.1, RFC 8463 4).
#[must_use]
pub fn dns_records(keys: &Keys, domain: &Domain) -> [TxtRecord; 2] {
    let record = |key: &Key, kind: &str| TxtRecord {
        name: format!("{}._domainkey.{domain}", key.selector),
        text: format!("v=DKIM1; k={kind}; p={}", key.public),
    };
    [record(&keys.rsa, "rsa"), record(&keys.ed25519, "ed25519")]
}

/// The signer for mail from `domain`; `None` where there are no keys (yet).
///
/// # Errors
/// The store's file failed, or the stored keys cannot be read.
pub fn signer(snapshot: &Snapshot, office: &Office, domain: &Domain) -> Result<Option<Signer>, StoreError> {
    let domain = ascii(domain);
    let keys = settings::read::<Keys>(snapshot, &settings::dkim_of(office, &domain))?;
    let signer = keys.map(|keys| Signer::new(&keys, &domain)).transpose();
    signer.map_err(|error| StoreError::Internal(error.to_string()))
}

/// A whole message from `domain`, with its signatures; as it is where there are no keys.
///
/// # Errors
/// As [`signer`].
pub fn signed(
    snapshot: &Snapshot,
    office: &Office,
    domain: &Domain,
    message: Vec<u8>,
) -> Result<Vec<u8>, StoreError> {
    let Some(signer) = signer(snapshot, office, domain)? else {
        return Ok(message);
    };
    let (top, body) = message
        .split_at_checked(header::len(&message))
        .unwrap_or((&message, &[]));
    let signed = signer.sign(top, body);
    let mut signed = signed.map_err(|error| StoreError::Internal(error.to_string()))?;
    signed.extend_from_slice(&message);
    Ok(signed)
}

/// Signs messages for one domain.
pub struct Signer {
    rsa: DkimSigner<RsaKey<Sha256>, Done>,
    ed25519: DkimSigner<Ed25519Key, Done>,
}

impl Signer {
    /// A signer for mail from `domain`.
    ///
    /// # Errors
    /// The stored keys cannot be read.
    pub fn new(keys: &Keys, domain: &Domain) -> Result<Self, DkimError> {
        let stored = |key: &Key| match BASE64.decode(key.private.as_bytes()) {
            Ok(der) => Ok(Zeroizing::new(der)),
            Err(error) => Err(DkimError::Stored(error.to_string())),
        };
        let rsa = stored(&keys.rsa)?;
        let rsa = RsaKey::<Sha256>::from_key_der(PrivateKeyDer::Pkcs1(rsa.as_slice().into()))?;
        let ed25519 = Ed25519Key::from_pkcs8_der(&stored(&keys.ed25519)?)?;
        Ok(Self {
            rsa: DkimSigner::from_key(rsa)
                .domain(domain.as_str())
                .selector(&keys.rsa.selector)
                .headers(SIGNED),
            ed25519: DkimSigner::from_key(ed25519)
                .domain(domain.as_str())
                .selector(&keys.ed25519.selector)
                .headers(SIGNED),
        })
    }

    /// The two DKIM-Signature fields, each ended by CRLF, to be put before `header`.
    /// `header` ends with its empty line; `body` is read once, in pieces. Blocks.
    ///
    /// # Errors
    /// The body cannot be read, or the library cannot sign.
    pub fn sign(&self, header: &[u8], mut body: impl Read) -> Result<Vec<u8>, DkimError> {
        let mut rsa = self.rsa.sign_streaming();
        let mut ed25519 = self.ed25519.sign_streaming();
        let mut write = |octets: &[u8]| {
            rsa.write(octets);
            ed25519.write(octets);
        };
        write(header);
        let mut blanks = Blanks::default();
        let mut chunk = vec![0; PIECE];
        loop {
            let count = body.read(&mut chunk)?;
            if count == 0 {
                break;
            }
            blanks.pass(chunk.get(..count).unwrap_or_default(), &mut write);
        }
        let mut fields = ed25519.finish()?.to_header();
        fields.push_str(&rsa.finish()?.to_header());
        Ok(fields.into_bytes())
    }
}

/// Holds back white space and line ends until something follows, so that blank lines at the end of
/// a body never reach the hash. RFC 6376 3.4.4 ignores empty lines there after white space at line
/// ends is gone; mail-auth 0.13 counts lines of blanks. What is let through canonicalises the same.
#[derive(Default)]
pub(crate) struct Blanks {
    lines: u64,
    space: bool,
}

impl Blanks {
    /// Gives what can be let through of the next piece.
    pub(crate) fn pass(&mut self, chunk: &[u8], mut write: impl FnMut(&[u8])) {
        let visible = |octet: &u8| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
        let (Some(first), Some(last)) = (chunk.iter().position(visible), chunk.iter().rposition(visible))
        else {
            self.hold(chunk);
            return;
        };
        self.hold(chunk.get(..first).unwrap_or_default());
        for _ in 0..self.lines {
            write(b"\r\n");
        }
        if self.space {
            write(b" ");
        }
        *self = Self::default();
        write(chunk.get(first..=last).unwrap_or_default());
        self.hold(chunk.get(last.saturating_add(1)..).unwrap_or_default());
    }

    fn hold(&mut self, blanks: &[u8]) {
        for octet in blanks {
            match octet {
                b'\n' => {
                    self.lines = self.lines.saturating_add(1);
                    self.space = false;
                }
                b'\r' => {}
                _ => self.space = true,
            }
        }
    }
}

// Verifiers expect RSA keys as SubjectPublicKeyInfo (RFC 6376 errata 3017); the library gives the
// bare RSAPublicKey. For 2048 bits the lengths in this DER wrapping are always the same.
fn subject_public_key_info(rsa_public_key: &[u8]) -> Vec<u8> {
    let bit_string = rsa_public_key.len() + 1; // one octet says that no bits are unused
    let mut algorithm = vec![0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let mut info = vec![0x30];
    der_length(algorithm.len() + 4 + bit_string, &mut info);
    info.append(&mut algorithm);
    info.push(0x03);
    der_length(bit_string, &mut info);
    info.push(0);
    info.extend_from_slice(rsa_public_key);
    info
}

// Two length octets: right for every key of 1024 to 16384 bits.
fn der_length(length: usize, into: &mut Vec<u8>) {
    let [.., high, low] = length.to_be_bytes();
    into.extend_from_slice(&[0x82, high, low]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_auth::common::parse::TxtRecordParser;
    use mail_auth::common::verify::DomainKey;
    use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator, Parameters, ResolverCache, Txt};
    use std::borrow::Borrow;
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex};

    static KEYS: LazyLock<Keys> = LazyLock::new(|| generate(1).unwrap());

    fn example() -> Domain {
        Domain::parse("example.com").unwrap()
    }

    // Answers the library's questions about our records without a network.
    struct Records(Mutex<HashMap<Box<str>, Txt>>);

    impl ResolverCache<Box<str>, Txt> for Records {
        fn get<Q>(&self, name: &Q) -> Option<Txt>
        where
            Box<str>: Borrow<Q>,
            Q: std::hash::Hash + Eq + ?Sized,
        {
            self.0.lock().unwrap().get(name).cloned()
        }
        fn remove<Q>(&self, name: &Q) -> Option<Txt>
        where
            Box<str>: Borrow<Q>,
            Q: std::hash::Hash + Eq + ?Sized,
        {
            self.0.lock().unwrap().remove(name)
        }
        fn insert(&self, key: Box<str>, value: Txt, _until: std::time::Instant) {
            self.0.lock().unwrap().insert(key, value);
        }
    }

    async fn verify(message: &[u8]) -> Vec<(String, DkimResult)> {
        let records = Records(Mutex::new(HashMap::new()));
        for record in dns_records(&KEYS, &example()) {
            let key = DomainKey::parse(record.text.as_bytes()).unwrap();
            let name = format!("{}.", record.name).into_boxed_str();
            records.0.lock().unwrap().insert(name, key.into());
        }
        let nowhere = crate::dns::NameServers::Fixed(vec!["127.0.0.1:9".parse().unwrap()]);
        let library = MessageAuthenticator(crate::dns::build(&nowhere).unwrap());
        let message = AuthenticatedMessage::parse(message).unwrap();
        let parameters = Parameters::new(&message).with_txt_cache(&records);
        let results = library.verify_dkim(parameters).await;
        let result = |r: &mail_auth::DkimOutput<'_>| (r.signature().unwrap().s.clone(), r.result().clone());
        results.iter().map(result).collect()
    }

    #[tokio::test]
    async fn both_signatures_verify_and_a_changed_message_does_not() {
        let header = "From: Ann <ann@example.com>\r\nTo: b@example.net\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n";
        let body = "Hello,\r\n\r\n  two  words\t\r\n.dot\r\n";
        let signer = Signer::new(&KEYS, &example()).unwrap();
        let fields = signer.sign(header.as_bytes(), body.as_bytes()).unwrap();
        let fields = String::from_utf8(fields).unwrap();
        assert_eq!(fields.matches("DKIM-Signature: ").count(), 2);
        let good = verify(format!("{fields}{header}{body}").as_bytes()).await;
        let passed = |selector: &str| (selector.to_owned(), DkimResult::Pass);
        assert_eq!(good, [passed("e1"), passed("r1")]);
        for changed in [
            format!("{fields}{header}{body}more\r\n"),
            format!("{fields}From: eve@example.com\r\n{header}{body}"),
            format!("{fields}Reply-To: eve@example.com\r\n{header}{body}"),
        ] {
            let results = verify(changed.as_bytes()).await;
            assert_eq!(results.len(), 2);
            assert!(
                results.iter().all(|(_, result)| *result != DkimResult::Pass),
                "{changed}"
            );
        }
    }

    // RFC 6376 3.4.4 and 3.4.5: the body hash of what is left after canonicalisation.
    #[test]
    fn blank_lines_at_the_end_do_not_change_the_body_hash() {
        let header = b"From: a@example.com\r\n\r\n";
        let signer = Signer::new(&KEYS, &example()).unwrap();
        let hash = |body: &[u8]| {
            let fields = String::from_utf8(signer.sign(header, body).unwrap()).unwrap();
            let fields: String = fields.split_whitespace().collect();
            let (_, hash) = fields.split_once("bh=").unwrap();
            hash.split_once(';').unwrap().0.to_owned()
        };
        let plain = hash(b"Hello.\r\n");
        assert_eq!(plain, "yZQq1c8wjBl0fZ4Wc/oraMCAG1mZJv5v/hlvyFy+t6A=");
        for same in [
            "Hello.",
            "Hello. \t\r\n",
            "Hello.\r\n \r\n\t\r\n",
            "Hello.\r\n\r\n\r\n",
        ] {
            assert_eq!(hash(same.as_bytes()), plain, "{same:?}");
        }
        assert_ne!(hash(b" Hello.\r\n"), plain);
        assert_ne!(hash(b"\r\nHello.\r\n"), plain);
        // RFC 6376 3.4.4: an empty body hashes as nothing at all.
        let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(hash(b""), empty);
        assert_eq!(hash(b" \r\n\r\n"), empty);
    }

    #[test]
    fn records_are_named_by_selector_and_hold_a_whole_key() {
        let [rsa, ed25519] = dns_records(&KEYS, &example());
        assert_eq!(rsa.name, "r1._domainkey.example.com");
        assert!(
            rsa.text
                .starts_with("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA")
        );
        assert_eq!(ed25519.name, "e1._domainkey.example.com");
        assert_eq!(ed25519.text.len(), "v=DKIM1; k=ed25519; p=".len() + 44);
    }

    #[test]
    fn stored_keys_read_back_and_do_not_show_themselves() {
        let stored = serde_json::to_value(&*KEYS).unwrap();
        assert_eq!(serde_json::from_value::<Keys>(stored).unwrap(), *KEYS);
        let shown = format!("{:?} {:?}", *KEYS, KEYS.rsa);
        assert!(!shown.contains(&KEYS.rsa.private) && shown.contains("r1"));
        let mut broken = KEYS.clone();
        broken.rsa.private = "not base64!".to_owned();
        assert!(Signer::new(&broken, &example()).is_err());
    }

    proptest::proptest! {
        // However the body is cut into reads, the signature's body hash is the same.
        #[test]
        fn chunks_do_not_matter(body in "([a ]|\t|\r\n){0,60}", size in 1usize..9) {
            let pieces = |size: usize| {
                let (mut blanks, mut passed) = (Blanks::default(), Vec::new());
                for piece in body.as_bytes().chunks(size) {
                    blanks.pass(piece, |octets| passed.extend_from_slice(octets));
                }
                canonical(&passed)
            };
            proptest::prop_assert_eq!(pieces(size), canonical(body.trim_end().as_bytes()));
        }
    }

    // RFC 6376 3.4.4, the slow way: white space at line ends goes, runs become one space.
    fn canonical(body: &[u8]) -> String {
        let body = String::from_utf8(body.to_vec()).unwrap();
        let line = |line: &str| {
            let mut out = String::new();
            for c in line.trim_end().chars() {
                match c {
                    ' ' | '\t' if out.ends_with(' ') => {}
                    ' ' | '\t' => out.push(' '),
                    c => out.push(c),
                }
            }
            out
        };
        body.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
    }
}
