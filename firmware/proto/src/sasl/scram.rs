//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS on the server's side: the password never travels, and
//! what is stored cannot be used to log in.
//!
//! | RFC | what | here |
//! |---|---|---|
//! | 5802, 7677 | SCRAM with SHA-256 | yes; no mandatory extension (`m=`) |
//! | 9266 | `tls-exporter` | yes, in TLS 1.3 |
//! | 5929 | `tls-unique`, `tls-server-end-point` | no: many programs know in TLS 1.2 only the first, which is unsafe there; offered -PLUS for the second, they would choose it and fail |
//! | 4013 | SASLprep | yes; a password that it forbids is taken as it is |

use super::{Fault, name};
use crate::limits::sasl::NONCE;
use crate::types::Mechanism;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::num::NonZeroU32;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Octets of SHA-256.
const SIZE: usize = digest::SHA256_OUTPUT_LEN;
/// The one channel binding (RFC 9266 2).
const BINDING: &str = "p=tls-exporter";

/// What the world says to a client that wants to begin.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt {
    /// Of the name that the client gave, whether or not it is somebody's.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// Ours, fresh; printable without a comma.
    pub nonce: String,
    /// What both ends of this TLS connection know and nobody else (RFC 9266 2).
    pub exporter: Option<Vec<u8>>,
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// What is kept of a password: enough to know it again, not enough to log in with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Keys {
    stored: [u8; SIZE],
    server: [u8; SIZE],
}

impl Keys {
    /// Of a password. Takes as long as `iterations` ask for.
    #[must_use]
    pub fn derive(password: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        let mut salted = Zeroizing::new([0; SIZE]);
        let password = Zeroizing::new(prepared(password).into_owned());
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            iterations,
            salt,
            password.as_bytes(),
            salted.as_mut(),
        );
        let client = Zeroizing::new(mac(salted.as_ref(), b"Client Key"));
        Self {
            stored: hash(client.as_ref()),
            server: mac(salted.as_ref(), b"Server Key"),
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl From<Keys> for String {
    fn from(keys: Keys) -> Self {
        format!(
            "{}:{}",
            STANDARD.encode(keys.stored),
            STANDARD.encode(keys.server)
        )
    }
}

/// A text that holds no keys.
#[derive(Debug, thiserror::Error)]
#[error("these are no SCRAM keys")]
pub struct NoKeys;

impl TryFrom<String> for Keys {
    type Error = NoKeys;

    fn try_from(text: String) -> Result<Self, NoKeys> {
        let (stored, server) = text.split_once(':').ok_or(NoKeys)?;
        let octets = |text| STANDARD.decode(text).ok()?.try_into().ok();
        Ok(Self {
            stored: octets(stored).ok_or(NoKeys)?,
            server: octets(server).ok_or(NoKeys)?,
        })
    }
}

/// A client's claim to know a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    /// Which of the two.
    pub mechanism: Mechanism,
    /// Whose password.
    pub login: String,
    /// Whether both ends see the same TLS connection, as far as the client looked. `false`: somebody
    /// stands between them.
    pub bound: bool,
    message: String,
    proof: [u8; SIZE],
}

impl Proof {
    /// What proves to the client that we know the password too, if these are its keys.
    #[must_use]
    pub fn check(&self, keys: &Keys) -> Option<Signature> {
        let mut client = mac(&keys.stored, self.message.as_bytes());
        for (octet, sent) in client.iter_mut().zip(self.proof) {
            *octet ^= sent;
        }
        let right: bool = hash(&client).ct_eq(&keys.stored).into();
        right.then(|| Signature(STANDARD.encode(mac(&keys.server, self.message.as_bytes()))))
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proof({:?}, ..)", self.login)
    }
}

/// Our proof, in base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(String);

impl Signature {
    /// server-final-message = verifier
    pub(super) fn message(&self) -> String {
        format!("v={}", self.0)
    }
}

/// The client's first message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct First {
    mechanism: Mechanism,
    pub(super) login: String,
    header: String,
    bare: String,
    nonce: String,
    // It believes that we offer no channel binding, and we do: somebody hid it (RFC 5802 6).
    deceived: bool,
}

impl First {
    /// `offered`: whether -PLUS was.
    ///
    /// client-first-message = gs2-header client-first-message-bare
    /// gs2-header = gs2-cbind-flag "," [ authzid ] ","
    pub(super) fn parse(message: &[u8], mechanism: Mechanism, offered: bool) -> Result<Self, Fault> {
        let text = std::str::from_utf8(message).map_err(|_| Fault::Malformed)?;
        let (flag, rest) = text.split_once(',').ok_or(Fault::Malformed)?;
        let (acts_as, bare) = rest.split_once(',').ok_or(Fault::Malformed)?;
        match (mechanism, flag) {
            (Mechanism::ScramSha256Plus, BINDING) => {}
            (Mechanism::ScramSha256Plus, flag) if flag.starts_with("p=") => return Err(Fault::Binding),
            (Mechanism::ScramSha256, "n" | "y") => {}
            _ => return Err(Fault::Malformed),
        }
        let mut fields = bare.split(',');
        // An extension that must be understood would stand here as m=.
        let login = fields.next().and_then(|field| field.strip_prefix("n="));
        let login = login.and_then(saslname).ok_or(Fault::Malformed)?;
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let nonce = nonce.filter(|nonce| is_nonce(nonce)).ok_or(Fault::Malformed)?;
        if !fields.all(is_attribute) {
            return Err(Fault::Malformed);
        }
        if !acts_as.is_empty() {
            let acts_as = acts_as.strip_prefix("a=").and_then(saslname);
            let acts_as = acts_as.ok_or(Fault::Malformed)?;
            if !acts_as.eq_ignore_ascii_case(&login) {
                return Err(Fault::OtherIdentity);
            }
        }
        let header = text.strip_suffix(bare).ok_or(Fault::Malformed)?;
        Ok(Self {
            mechanism,
            login,
            header: header.to_owned(),
            bare: bare.to_owned(),
            nonce: nonce.to_owned(),
            deceived: offered && flag == "y",
        })
    }

    /// server-first-message = nonce "," salt "," iteration-count
    pub(super) fn reply(&self, salt: &Salt) -> String {
        let salted = STANDARD.encode(&salt.salt);
        format!("r={}{},s={salted},i={}", self.nonce, salt.nonce, salt.iterations)
    }

    /// client-final-message = channel-binding "," nonce ["," extensions] "," proof
    pub(super) fn last(self, message: &[u8], salt: &Salt) -> Result<Proof, Fault> {
        let text = std::str::from_utf8(message).map_err(|_| Fault::Malformed)?;
        let (unproven, proof) = text.rsplit_once(",p=").ok_or(Fault::Malformed)?;
        let proof = STANDARD.decode(proof).map_err(|_| Fault::Malformed)?;
        let proof = proof.try_into().map_err(|_| Fault::Malformed)?;
        let mut fields = unproven.split(',');
        let bound = fields.next().and_then(|field| field.strip_prefix("c="));
        let bound = bound.and_then(|text| STANDARD.decode(text).ok());
        let bound = bound.ok_or(Fault::Malformed)?;
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let ours = nonce.and_then(|nonce| nonce.strip_prefix(self.nonce.as_str()));
        if ours != Some(salt.nonce.as_str()) || !fields.all(is_attribute) {
            return Err(Fault::Malformed);
        }
        let mut expected = self.header.clone().into_bytes();
        if self.mechanism == Mechanism::ScramSha256Plus {
            expected.extend_from_slice(salt.exporter.as_deref().ok_or(Fault::Binding)?);
        }
        Ok(Proof {
            mechanism: self.mechanism,
            bound: !self.deceived && bool::from(bound.ct_eq(&expected)),
            message: format!("{},{},{unproven}", self.bare, self.reply(salt)),
            login: self.login,
            proof,
        })
    }
}

// saslname = 1*(value-safe-char / "=2C" / "=3D")
fn saslname(text: &str) -> Option<String> {
    let mut read = String::with_capacity(text.len());
    let mut pieces = text.split('=');
    read.push_str(pieces.next()?);
    for piece in pieces {
        let (sign, rest) = match piece.split_at_checked(2)? {
            ("2C", rest) => (',', rest),
            ("3D", rest) => ('=', rest),
            _ => return None,
        };
        read.push(sign);
        read.push_str(rest);
    }
    name(stringprep::saslprep(&read).ok()?.as_bytes())
}

// c-nonce = printable, without a comma
fn is_nonce(text: &str) -> bool {
    let printable = |octet: u8| matches!(octet, 0x21..=0x2b | 0x2d..=0x7e);
    (1..=NONCE).contains(&text.len()) && text.bytes().all(printable)
}

// attr-val = ALPHA "=" value
fn is_attribute(text: &str) -> bool {
    let mut octets = text.bytes();
    octets.next().is_some_and(|octet| octet.is_ascii_alphabetic())
        && octets.next() == Some(b'=')
        && octets.next().is_some()
        && !text.contains('\0')
}

/// As both ends write a password before they hash it.
fn prepared(password: &str) -> Cow<'_, str> {
    stringprep::saslprep(password).unwrap_or(Cow::Borrowed(password))
}

fn mac(key: &[u8], message: &[u8]) -> [u8; SIZE] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    sized(tag.as_ref())
}

fn hash(octets: &[u8]) -> [u8; SIZE] {
    sized(digest::digest(&digest::SHA256, octets).as_ref())
}

fn sized(octets: &[u8]) -> [u8; SIZE] {
    let mut whole = [0; SIZE];
    for (to, from) in whole.iter_mut().zip(octets) {
        *to = *from;
    }
    whole
}

#[cfg(test)]
pub(super) mod tests;
