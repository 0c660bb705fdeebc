//! What an admin may set, typed. Stored as JSON under one key each; a value that cannot be read is
//! an error that names its key, never a silent default.

use proto::types::{AccountId, Address, Domain};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{Snapshot, Store, StoreError};

/// Key of [`Office`].
pub const OFFICE: &str = store::OFFICE;
/// Key of [`crate::dkim::ring::Ring`] for the main domain; see [`dkim_of`].
pub const DKIM: &str = "dkim";
/// Key of [`crate::dkim::ring::KeyLife`].
pub const DKIM_LIFE: &str = "dkim_life";
/// Key of [`Plus`].
pub const PLUS: &str = "plus";
/// Key of [`Smarthost`].
pub const SMARTHOST: &str = "smarthost";
/// Key of [`Admin`].
pub const ADMIN: &str = "admin";
/// Key of what the wizard was told before the setup is finished.
pub const SETUP: &str = "setup";
/// Key of [`Submission`].
pub const SUBMISSION: &str = "submission";
/// Key of [`Passwords`].
pub const PASSWORDS: &str = "passwords";
/// Key of [`Notices`].
pub const NOTICES: &str = "notices";
/// Key of [`crate::dns::Dnssec`].
pub const DNSSEC: &str = "dnssec";
/// Key of the MTA-STS policies of other domains that are known (see [`crate::deliver`]).
pub const MTA_STS: &str = "mta-sts";

/// Key of a domain's [`crate::dkim::ring::Ring`].
#[must_use]
pub fn dkim_of(office: &Office, domain: &Domain) -> String {
    if *domain == office.domain {
        return DKIM.to_owned();
    }
    format!("{DKIM}/{domain}")
}

/// Reads one setting; `None` where it was never set.
///
/// # Errors
/// The file failed, or the stored value is not of this type.
pub fn read<T: DeserializeOwned>(snapshot: &Snapshot, key: &str) -> Result<Option<T>, StoreError> {
    snapshot.setting_as(key)
}

/// Writes one setting; durable when this returns.
///
/// # Errors
/// The store failed, or the value is too long.
pub async fn write<T: Serialize>(store: &Store, key: &str, setting: &T) -> Result<(), StoreError> {
    store.put_setting(key, untyped(key, setting)?).await
}

/// Changes one setting, from its default where it was never set; durable when this returns. Whatever
/// others change at the same time stays: `edit` is asked again with what they made of it. Returns it as
/// it was and as it is.
///
/// # Errors
/// Those of `edit`; the store failed, or the value is too long.
pub async fn change<T, E>(store: &Store, key: &str, edit: impl Fn(T) -> Result<T, E>) -> Result<(T, T), E>
where
    T: Serialize + DeserializeOwned + Default + Clone + PartialEq,
    E: From<StoreError>,
{
    loop {
        let stored = store.snapshot()?.setting(key)?;
        let before: T = typed(key, stored.clone())?.unwrap_or_default();
        let after = edit(before.clone())?;
        let unchanged = after == before;
        if unchanged || store.replace_setting(key, stored, untyped(key, &after)?).await? {
            return Ok((before, after));
        }
    }
}

fn typed<T: DeserializeOwned>(key: &str, stored: Option<serde_json::Value>) -> Result<Option<T>, StoreError> {
    let value = stored.map(serde_json::from_value).transpose();
    value.map_err(|error| StoreError::Internal(format!("setting {key}: {error}")))
}

fn untyped<T: Serialize>(key: &str, setting: &T) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(setting).map_err(|error| StoreError::Internal(format!("setting {key}: {error}")))
}

/// Whose mail this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Office {
    /// The main domain whose addresses are here; the store knows the further ones.
    pub domain: Domain,
    /// The box's own name, as the world sees it: in greetings, Received fields and Message-IDs.
    pub hostname: Domain,
}

/// The login of the admin's pages that is no mail account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admin {
    /// PHC string.
    pub password_hash: String,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admin(..)")
    }
}

/// A server that takes all our outgoing mail, instead of the recipients' own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smarthost {
    /// Name or address.
    pub host: String,
    /// 465, 587 or 25.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmarthostTls,
    /// The login there, if it wants one.
    #[serde(default)]
    pub user: Option<String>,
    /// Its password; never shown.
    #[serde(default)]
    pub password: Option<String>,
    /// Send the password even to a server whose certificate cannot be verified.
    #[serde(default)]
    pub trust_any_certificate: bool,
}

impl std::fmt::Debug for Smarthost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smarthost")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// How the connection to a smarthost is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmarthostTls {
    /// TLS from the first octet (port 465).
    Implicit,
    /// STARTTLS, required.
    Starttls,
    /// None: on a network that is trusted. Never with a password.
    None,
}

/// How mail of our own people is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Submission {
    /// Whether the Received field tells the world the address of the client in the office.
    pub show_client_address: bool,
}

/// What may stand behind a name without making it another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plus {
    /// What it starts with; `None`: every name counts whole.
    pub separator: Option<char>,
}

impl Default for Plus {
    fn default() -> Self {
        Self { separator: Some('+') }
    }
}

/// What passwords open. The setup writes it: main passwords are the web's in a new box. A box that
/// was set up before there was this setting keeps what it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Passwords {
    /// The main password of an account that nobody decided for opens the web only; `false`: mail
    /// programs too, until its first device password.
    pub web_only: bool,
}

/// Where the guard's notices go besides the admins' inboxes here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Notices {
    /// At most [`crate::limits::OUTSIDE`].
    pub outside: Vec<Outside>,
}

/// An admin's address outside of the box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Whose it is: an answer from there is this admin's.
    pub admin: AccountId,
    /// Where.
    pub address: Address,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_as_they_are_documented() {
        let office = r#"{"domain":"Example.com","hostname":"mail.example.com"}"#;
        let office: Office = serde_json::from_str(office).unwrap();
        assert_eq!(office.domain.as_str(), "example.com");
        let smarthost = r#"{"host":"relay.example.net","port":465,"tls":"implicit"}"#;
        let smarthost: Smarthost = serde_json::from_str(smarthost).unwrap();
        assert_eq!(smarthost.tls, SmarthostTls::Implicit);
        assert!(smarthost.user.is_none() && !smarthost.trust_any_certificate);
        assert!(
            !serde_json::from_str::<Submission>("{}")
                .unwrap()
                .show_client_address
        );
    }

    #[test]
    fn a_password_is_not_shown() {
        let smarthost = Smarthost {
            host: "relay.example.net".to_owned(),
            port: 587,
            tls: SmarthostTls::Starttls,
            user: Some("office".to_owned()),
            password: Some("s3cret".to_owned()),
            trust_any_certificate: false,
        };
        assert!(!format!("{smarthost:?}").contains("s3cret"));
    }
}
