//! TLS towards other servers. Between mail servers any certificate is better than none (RFC 7435):
//! it is accepted, and whether it could be verified is remembered. A password is another matter, and
//! so is a domain that says what its servers show (RFC 7672, RFC 8461).

use super::dane;
use super::problem::Problem;
use super::wire::{Duplex, Wire};
use crate::limits::relay::HANDSHAKE;
use crate::tls;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme,
};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use tokio_rustls::TlsConnector;

/// What protects a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Nothing.
    None,
    /// TLS of this version.
    Tls(&'static str, Voucher),
}

/// Who vouches for the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voucher {
    /// Nobody.
    Nobody,
    /// A public authority, for the host's name.
    Authority,
    /// The same, for a host that the domain's policy names.
    Policy,
    /// Signed TLSA records.
    Dane,
}

/// For a log line and the ledger.
impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Tls(version, voucher) = self else {
            return f.write_str("no TLS");
        };
        let voucher = match voucher {
            Voucher::Nobody => "certificate not verified",
            Voucher::Authority => "certificate verified",
            Voucher::Policy => "certificate verified, MTA-STS",
            Voucher::Dane => "certificate verified, DANE",
        };
        write!(f, "{version}, {voucher}")
    }
}

/// What a server's certificate has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Anything.
    Any,
    /// For the host's name, from an authority that `Authorities` has.
    Authority,
    /// The same, because the domain's policy says so.
    Policy,
    /// What TLSA records name.
    Dane(Arc<dane::Demand>),
}

/// Who vouches for the names of servers.
#[derive(Clone)]
pub struct Authorities(Arc<WebPkiServerVerifier>);

impl Authorities {
    /// The public ones.
    ///
    /// # Errors
    /// The library's, in words.
    pub fn public() -> Result<Self, String> {
        PUBLIC.clone().map(Self)
    }

    /// These.
    ///
    /// # Errors
    /// The library's, in words.
    pub fn only(roots: RootCertStore) -> Result<Self, String> {
        verifier(roots).map(Self)
    }

    /// For a client that takes nothing else.
    ///
    /// # Errors
    /// The library's, in words.
    pub fn client(&self) -> Result<ClientConfig, String> {
        Ok(ClientConfig::builder_with_provider(PROVIDER.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_webpki_verifier(self.0.clone())
            .with_no_client_auth())
    }

    /// For a client that takes any certificate: it knows the server by other means.
    ///
    /// # Errors
    /// The library's, in words.
    pub fn client_of_anybody(&self) -> Result<ClientConfig, String> {
        Arc::new(Recording::new(self, Demand::Any)).client()
    }
}

/// Does the handshake as a client of the server called `name`.
///
/// # Errors
/// It fails, or the certificate is not what `demand` says.
pub async fn handshake(
    wire: Wire,
    name: &str,
    authorities: &Authorities,
    demand: &Demand,
) -> Result<(Wire, Protection), Problem> {
    let named = ServerName::try_from(name.to_owned())
        .map_err(|_| Problem::tls(format!("TLS: {name} is not a name that a certificate can have")))?;
    let verifier = Arc::new(Recording::new(authorities, demand.clone()));
    let config = verifier
        .clone()
        .client()
        .map_err(|error| Problem::tls(format!("TLS: {error}")))?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(named, wire.into_stream());
    let stream = match tokio::time::timeout(HANDSHAKE, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Problem::tls(in_words(&error, demand))),
        Err(_) => return Err(Problem::tls("TLS: the handshake takes too long".to_owned())),
    };
    let version = match stream.get_ref().1.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2", // the library speaks no other
    };
    let voucher = match (verifier.verified.load(Ordering::Relaxed), demand) {
        (true, Demand::Dane(_)) => Voucher::Dane,
        (true, Demand::Policy) => Voucher::Policy,
        (true, Demand::Any | Demand::Authority) => Voucher::Authority,
        (false, _) => Voucher::Nobody,
    };
    let stream: Box<dyn Duplex> = Box::new(stream);
    Ok((Wire::new(stream), Protection::Tls(version, voucher)))
}

fn in_words(error: &std::io::Error, demand: &Demand) -> String {
    let refused = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)));
    match demand {
        Demand::Dane(_) if refused => {
            "the server's certificate is not one that its TLSA records name".to_owned()
        }
        _ => format!("TLS: {error}"),
    }
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(tls::provider);

// The public authorities. An error here would be one of the libraries; it is reported, not fatal.
static PUBLIC: LazyLock<Result<Arc<WebPkiServerVerifier>, String>> = LazyLock::new(|| {
    verifier(RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    })
});

fn verifier(roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), PROVIDER.clone())
        .build()
        .map_err(|error| format!("TLS: {error}"))
}

#[derive(Debug)]
struct Recording {
    public: Arc<WebPkiServerVerifier>,
    demand: Demand,
    verified: AtomicBool,
}

impl Recording {
    fn new(authorities: &Authorities, demand: Demand) -> Self {
        Self {
            public: authorities.0.clone(),
            demand,
            verified: AtomicBool::new(false),
        }
    }

    fn client(self: Arc<Self>) -> Result<ClientConfig, String> {
        Ok(ClientConfig::builder_with_provider(PROVIDER.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(self)
            .with_no_client_auth())
    }
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
        if let Demand::Dane(demand) = &self.demand {
            if !demand.is_met(end_entity, intermediates, now, &PROVIDER) {
                return Err(CertificateError::ApplicationVerificationFailure.into());
            }
            self.verified.store(!demand.takes_any(), Ordering::Relaxed);
            return Ok(ServerCertVerified::assertion());
        }
        let public = &self.public;
        match public.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Ok(verified) => {
                self.verified.store(true, Ordering::Relaxed);
                Ok(verified)
            }
            Err(error) if matches!(self.demand, Demand::Authority | Demand::Policy) => Err(error),
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
