//! TLS towards other servers. Between mail servers any certificate is better than none (RFC 7435):
//! it is accepted, and whether it could be verified is remembered. A password is another matter.

use super::problem::Problem;
use super::wire::{Duplex, Wire};
use crate::limits::relay::HANDSHAKE;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use tokio_rustls::TlsConnector;

/// What protects a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Nothing.
    None,
    /// TLS with a certificate that nobody vouches for.
    Unverified,
    /// TLS with a certificate for the host's name from a public authority.
    Verified,
}

impl Protection {
    /// For a log line and the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "no TLS",
            Self::Unverified => "TLS, certificate not verified",
            Self::Verified => "TLS, certificate verified",
        }
    }
}

/// Does the handshake as `host`'s client.
///
/// # Errors
/// It fails, or `strict` and the certificate cannot be verified.
pub async fn handshake(wire: Wire, host: &str, strict: bool) -> Result<(Wire, Protection), Problem> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Problem::tls(format!("TLS: {host} is not a name that a certificate can have")))?;
    let verifier = Arc::new(Recording {
        public: PUBLIC.clone().map_err(Problem::tls)?,
        strict,
        verified: AtomicBool::new(false),
    });
    let config = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Problem::tls(format!("TLS: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, wire.into_stream());
    let stream: Box<dyn Duplex> = match tokio::time::timeout(HANDSHAKE, handshake).await {
        Ok(Ok(stream)) => Box::new(stream),
        Ok(Err(error)) => return Err(Problem::tls(format!("TLS: {error}"))),
        Err(_) => return Err(Problem::tls("TLS: the handshake takes too long".to_owned())),
    };
    let protection = match verifier.verified.load(Ordering::Relaxed) {
        true => Protection::Verified,
        false => Protection::Unverified,
    };
    Ok((Wire::new(stream), protection))
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

// The public authorities. An error here would be one of the libraries; it is reported, not fatal.
static PUBLIC: LazyLock<Result<Arc<WebPkiServerVerifier>, String>> = LazyLock::new(|| {
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), PROVIDER.clone())
        .build()
        .map_err(|error| format!("TLS: {error}"))
});

#[derive(Debug)]
struct Recording {
    public: Arc<WebPkiServerVerifier>,
    strict: bool,
    verified: AtomicBool,
}

impl ServerCertVerifier for Recording {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let public = &self.public;
        match public.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Ok(verified) => {
                self.verified.store(true, Ordering::Relaxed);
                Ok(verified)
            }
            Err(error) if self.strict => Err(error),
            Err(_) => Ok(ServerCertVerified::assertion()),
        }
    }

    // The signatures prove that the peer has the certificate's key: checked whoever it is.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.public
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.public
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.public.supported_verify_schemes()
    }
}
