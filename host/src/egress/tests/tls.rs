//! TLS with the operator's own certificate authority, and HTTP/2 over it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::Version;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::super::*;
use super::grant;

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// An upstream with a certificate for 127.0.0.1 that says which version of HTTP it was asked in; its port, and the PEM
/// of its authority.
async fn start() -> (u16, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer =
        async |version: Version, headers: axum::http::HeaderMap| format!("{version:?} {:?}", headers["x-token"]);
    let router = axum::Router::new().route("/v", axum::routing::get(answer));
    let tls = Tls { listener, acceptor: TlsAcceptor::from(Arc::new(config)) };
    tokio::spawn(async move { axum::serve(tls, router).await });
    (port, issuer.pem())
}

fn config(ca_certificate: Option<String>) -> EgressConfig {
    let private_networks = PrivateNetworks(vec!["127.0.0.0/8".parse().unwrap()]);
    EgressConfig { ca_certificate, ..EgressConfig::new(private_networks) }
}

#[tokio::test]
async fn http2_over_the_operators_authority() {
    let (port, pem) = start().await;
    let authority = format!("127.0.0.1:{port}");
    let mut grant = grant(&format!("https://{authority}"), &[&authority], &["GET /v"]);
    grant.injection = Injection::ApiKey {
        placement: crate::model::Placement::Header,
        name: "x-token".into(),
        prefix: String::new(),
        key: crate::model::Secret::new("canary-4711".into()),
    };
    let request = || Request { method: "GET".into(), target: "/v".into(), ..Request::default() };
    let trusting = Egress::new(config(Some(pem))).unwrap();
    let response = trusting.send(&grant, request()).await.unwrap();
    assert_eq!(response.body, "HTTP/2.0 \"[redacted]\"");
    // Without the authority the certificate is worth nothing, and nothing is sent.
    let strict = Egress::new(config(None)).unwrap();
    let error = strict.send(&grant, request()).await.unwrap_err();
    assert!(matches!(&error, EgressError::Unreachable(text) if text.contains("certificate")), "{error}");
}

#[test]
fn an_authority_that_is_none_is_refused() {
    for pem in
        ["", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n!"]
    {
        let refused = Egress::new(config(Some(pem.into())));
        assert!(matches!(refused, Err(EgressError::Setup(_))), "{pem:?}");
    }
}
