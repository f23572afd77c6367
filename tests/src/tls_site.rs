//! A site over TLS, with a certificate of an authority that an operator may trust: clients publish their documents there.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the site answers to a path: a status, headers, a body.
pub type Page = (u16, Vec<(&'static str, String)>, Vec<u8>);

type Answers = Arc<dyn Fn(&str, &str) -> Page + Send + Sync>;

/// A running site.
pub struct TlsSite {
    /// Its URL, without a slash at the end.
    pub url: String,
    folder: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TlsSite {
    /// One that answers so: the function gets the site's URL and the path that is asked for.
    ///
    /// # Panics
    ///
    /// When the loopback or a certificate cannot be had.
    pub async fn start(answers: impl Fn(&str, &str) -> Page + Send + Sync + 'static) -> Self {
        let folder = TempDir::new().expect("there is room for a temporary folder");
        let acceptor = acceptor(&folder);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback has free ports");
        let url = format!("https://{}", listener.local_addr().expect("a bound listener has an address"));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (base, seen, answers): (_, _, Answers) = (url.clone(), Arc::clone(&asked), Arc::new(answers));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, base, seen) = (acceptor.clone(), base.clone(), Arc::clone(&seen));
                tokio::spawn(serve(stream, acceptor, base, seen, Arc::clone(&answers)));
            }
        });
        Self { url, folder, asked }
    }

    /// The certificate of its authority, as a file.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The paths that were asked for, oldest first.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn acceptor(folder: &TempDir) -> TlsAcceptor {
    let mut authority = CertificateParams::new(Vec::new()).expect("no name is a sound name");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = || KeyPair::generate().expect("there is randomness");
    let issuer = CertifiedIssuer::self_signed(authority, key()).expect("an authority signs itself");
    let own = key();
    let names = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("these are names");
    let certificate = names.signed_by(&own, &issuer).expect("an authority signs others");
    fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("the folder can be written to");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(own.serialize_der().into()),
        )
        .expect("the key is the certificate's");
    TlsAcceptor::from(Arc::new(config))
}

/// One request, one answer, and the connection is closed.
async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    base: String,
    seen: Arc<Mutex<Vec<String>>>,
    answers: Answers,
) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let (mut head, mut part) = (Vec::new(), [0; 1_024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(length @ 1..) if head.len() < 64 * 1_024 => head.extend(part.iter().take(length)),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
    let (status, headers, body) = answers(&base, &path);
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    // Whoever asked may be gone, which is its own matter.
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    let _ = stream.shutdown().await;
}
