//! The box's own certificate and the TLS configurations made from it.

use anyhow::{Context, Result};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// TLS as this box offers it: 1.2 and 1.3.
#[derive(Clone)]
pub struct Tls {
    /// For mail protocols.
    pub mail: Arc<ServerConfig>,
    /// For the web: the same certificate, with ALPN.
    pub web: Arc<ServerConfig>,
    /// SHA-256 of the certificate, lower-case hex without separators.
    pub fingerprint: String,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Tls {
    /// Loads `folder/cert.pem` and `folder/key.pem`; makes them for `names` and `addresses` where
    /// there are none. Once made, they stay: the fingerprint is what people compare.
    ///
    /// # Errors
    /// The files cannot be read or written, or do not belong together.
    pub fn open(folder: &Path, names: &[String], addresses: &[IpAddr]) -> Result<Self> {
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        if !cert.exists() || !key.exists() {
            make(folder, names, addresses).context("cannot make the TLS certificate")?;
        }
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&cert)
            .and_then(Iterator::collect)
            .with_context(|| format!("cannot read {}", cert.display()))?;
        let key =
            PrivateKeyDer::from_pem_file(&key).with_context(|| format!("cannot read {}", key.display()))?;
        let first = chain.first().context("cert.pem holds no certificate")?;
        let fingerprint = hex(&Sha256::digest(first));
        let mail = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .context("cert.pem and key.pem do not belong together; remove both to make new ones")?;
        let mut web = mail.clone();
        web.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            mail: Arc::new(mail),
            web: Arc::new(web),
            fingerprint,
        })
    }

    /// The fingerprint's first 16 hex digits in groups of four, as the panel shows it.
    #[must_use]
    pub fn short_fingerprint(&self) -> String {
        let groups: Vec<&str> = (0..4)
            .filter_map(|n| self.fingerprint.get(n * 4..n * 4 + 4))
            .collect();
        groups.join(" ").to_uppercase()
    }
}

/// The one cryptography provider of the box.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn make(folder: &Path, names: &[String], addresses: &[IpAddr]) -> Result<()> {
    let mut subjects: Vec<String> = names.to_vec();
    subjects.extend(addresses.iter().map(ToString::to_string));
    let mut params = rcgen::CertificateParams::new(subjects)?;
    // The board may not know the time when it makes this: the span holds whatever it believes.
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2045, 1, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Pillarbox");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = rcgen::KeyPair::generate()?;
    let cert = params.self_signed(&key)?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    write_private(folder, "key.pem", &key.serialize_pem())?;
    write_private(folder, "cert.pem", &cert.pem())
}

// Whole or not at all: a plug pulled between the two files makes both again.
fn write_private(folder: &Path, name: &str, text: &str) -> Result<()> {
    let (draft, path) = (folder.join(format!("{name}.new")), folder.join(name));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .with_context(|| format!("cannot write {}", draft.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, &path)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_certificate_is_made_once_and_only_its_owner_reads_the_key() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("tls");
        let names = ["box.example".to_owned(), "pillarbox.local".to_owned()];
        let made = Tls::open(&folder, &names, &["192.0.2.1".parse().unwrap()]).unwrap();
        let loaded = Tls::open(&folder, &[], &[]).unwrap();
        assert_eq!(made.fingerprint, loaded.fingerprint);
        assert_eq!(made.fingerprint.len(), 64);
        assert_eq!(made.short_fingerprint().len(), 19);
        for name in ["key.pem", "cert.pem"] {
            let mode = fs::metadata(folder.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn files_that_do_not_belong_together_are_an_error_that_says_so() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for home in [&one, &other] {
            Tls::open(home.path(), &["a.example".to_owned()], &[]).unwrap();
        }
        fs::copy(other.path().join("key.pem"), one.path().join("key.pem")).unwrap();
        let error = Tls::open(one.path(), &[], &[]).unwrap_err();
        assert!(error.to_string().contains("do not belong together"), "{error:#}");
    }
}
