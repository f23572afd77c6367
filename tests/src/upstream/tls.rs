//! TLS for an upstream that stands in for all others: it has a certificate for whatever name it is asked for.

use std::fmt;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Counting;

/// A listener whose connections are encrypted.
pub(super) struct Tls {
    pub(super) plain: Counting,
    pub(super) acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.plain).await;
            // A client that goes away in the middle is no reason to stop.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Listener::local_addr(&self.plain)
    }
}

/// What accepts under every name, and a file with the certificate of its authority.
pub(super) fn acceptor() -> (TlsAcceptor, NamedTempFile) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key can be made");
    let issuer = CertifiedIssuer::self_signed(authority, key).expect("an authority signs itself");
    let mut file = NamedTempFile::new().expect("there is room for a temporary file");
    file.write_all(issuer.pem().as_bytes()).expect("there is room for a temporary file");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the usual versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(EveryName(issuer)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), file)
}

/// Makes a certificate for the name that a client asks for.
struct EveryName(CertifiedIssuer<'static, KeyPair>);

impl ResolvesServerCert for EveryName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // An address is not named in a handshake: it is the one that this listens at.
        let name = hello.server_name().unwrap_or("127.0.0.1").to_owned();
        let key = KeyPair::generate().ok()?;
        let certificate = CertificateParams::new(vec![name]).ok()?.signed_by(&key, &self.0).ok()?;
        let signing = ring::sign::any_ecdsa_type(&PrivateKeyDer::Pkcs8(key.serialize_der().into())).ok()?;
        Some(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], signing)))
    }
}

impl fmt::Debug for EveryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EveryName")
    }
}
