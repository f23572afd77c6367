//! The HTTP clients: their TLS, their pools, and what their errors mean.

use std::error::Error;
use std::sync::Arc;

use reqwest::Client;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::limits::{
    CONNECT_TIMEOUT, IDLE_PER_HOST, IDLE_TIMEOUT, RESPONSE_HEADER_BYTES, RESPONSE_HEADERS, TCP_KEEPALIVE,
};
use super::resolve::{CheckedResolver, Refused, Transport};
use super::{EgressConfig, EgressError};

/// One client for each transport: the check of an address depends on whether the connection is encrypted, and it is
/// made where the connection is made.
#[derive(Debug)]
pub(super) struct Clients {
    tls: Client,
    plain: Client,
}

impl Clients {
    /// Builds both.
    ///
    /// # Errors
    /// [`EgressError::Setup`] if the operator's certificate is none.
    pub(super) fn new(config: &EgressConfig) -> Result<Self, EgressError> {
        let tls = tls_config(config.ca_certificate.as_deref())?;
        Ok(Self { tls: build(config, &tls, Transport::Tls)?, plain: build(config, &tls, Transport::Plain)? })
    }

    /// The client for a transport.
    pub(super) fn of(&self, transport: Transport) -> &Client {
        match transport {
            Transport::Tls => &self.tls,
            Transport::Plain => &self.plain,
        }
    }
}

/// Neither proxy nor cookies nor referer nor redirects nor retries: whatever is sent, we send.
fn build(config: &EgressConfig, tls: &ClientConfig, transport: Transport) -> Result<Client, EgressError> {
    let resolver =
        CheckedResolver { inner: Arc::clone(&config.resolver), allowed: config.private_networks.clone(), transport };
    Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .https_only(transport == Transport::Tls)
        .dns_resolver(Arc::new(resolver))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(TCP_KEEPALIVE)
        .tcp_nodelay(true)
        .http1_max_headers(RESPONSE_HEADERS)
        .http2_max_header_list_size(RESPONSE_HEADER_BYTES as u32)
        .build()
        .map_err(|error| EgressError::Setup(deepest(&error)))
}

/// rustls with ring, said here so that nothing depends on a process-wide default; the system's authorities and the
/// operator's own. A machine without any can still reach internal APIs, so that is a warning and not an error.
fn tls_config(ca_certificate: Option<&str>) -> Result<ClientConfig, EgressError> {
    let mut roots = RootCertStore::empty();
    let (found, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if found == 0 {
        tracing::warn!(
            "the system has no certificate authorities: no public API can be reached until some are installed"
        );
    }
    if let Some(pem) = ca_certificate {
        let wrong = |_| EgressError::Setup("the CA certificate is not a PEM certificate".into());
        let mut own = 0;
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(wrong)?;
            roots.add(certificate).map_err(|error| EgressError::Setup(format!("the CA certificate: {error}")))?;
            own += 1;
        }
        if own == 0 {
            return Err(EgressError::Setup("the CA certificate's PEM holds no certificate".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| EgressError::Setup(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// What an error of the client means. Its text never has the URL, in which a credential may stand.
pub(super) fn meaning(error: reqwest::Error) -> EgressError {
    let error = error.without_url();
    if let Some(Refused(reason)) = causes(&error).find_map(|cause| cause.downcast_ref()) {
        return EgressError::AddressNotAllowed(reason.clone());
    }
    let reason = deepest(&error);
    if error.is_dns() {
        EgressError::Unreachable(format!("the name does not resolve: {reason}"))
    } else if error.is_connect() && error.is_timeout() {
        EgressError::Unreachable(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()))
    } else if error.is_connect() {
        EgressError::Unreachable(format!("no connection: {reason}"))
    } else {
        EgressError::Broken(reason)
    }
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> {
        (*cause).source()
    })
}
