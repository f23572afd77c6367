//! From a host name to the addresses that may be connected to: resolved, checked, and only then handed over.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use thiserror::Error;
use url::Url;

use super::address::{Reach, judge};
use super::limits::ADDRESSES;
use crate::config::PrivateNetworks;

/// The answer to a name, some time later.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Turns a host name into addresses. What it answers is checked, never trusted.
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// All addresses of `host`, which is in lower case and never an address itself. Port 0 stands for the URL's own;
    /// another one is taken where the URL names none.
    fn resolve(&self, host: &str) -> Resolving;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> Resolving {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

/// Why no address of a host may be connected to. It travels through the HTTP client as the cause of its error.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub(super) struct Refused(pub(super) String);

/// Whether the connection is encrypted: plain ones go to allowed private networks only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// `https`.
    Tls,
    /// `http`.
    Plain,
}

impl Transport {
    /// What a URL asks for.
    pub(super) fn of(url: &Url) -> Self {
        if url.scheme() == "https" { Self::Tls } else { Self::Plain }
    }
}

/// The rule for the addresses of a host: each of them must be public, or in a network that the operator allowed; for
/// plain connections each must be in such a network. One wrong address refuses the host, since the one that is
/// connected to is not ours to choose, and an attacker's name server mixes them.
pub(super) fn check(
    host: &str,
    addresses: impl IntoIterator<Item = IpAddr>,
    transport: Transport,
    allowed: &PrivateNetworks,
) -> Result<(), Refused> {
    for address in addresses {
        match (judge(address, allowed), transport) {
            (Err(refusal), _) => return Err(Refused(format!("{host} is at {address}: {}", refusal.as_str()))),
            (Ok(Reach::Public), Transport::Plain) => {
                return Err(Refused(format!("{host} is at the public address {address}: only https goes there")));
            }
            (Ok(Reach::Public | Reach::Private), _) => {}
        }
    }
    Ok(())
}

/// The HTTP client's resolver. It is asked for each new connection and answers with checked addresses, which are the
/// ones that are then connected to: there is no second look-up in which the answer could change.
pub(super) struct CheckedResolver {
    /// Where answers come from.
    pub(super) inner: Arc<dyn Resolver>,
    /// What the operator allowed.
    pub(super) allowed: PrivateNetworks,
    /// What the client's connections are.
    pub(super) transport: Transport,
}

impl reqwest::dns::Resolve for CheckedResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = name.as_str().to_owned();
        let resolving = self.inner.resolve(&host);
        let (allowed, transport) = (self.allowed.clone(), self.transport);
        Box::pin(async move {
            let mut addresses = resolving.await?;
            addresses.dedup();
            if addresses.is_empty() || addresses.len() > ADDRESSES {
                return Err(format!("the name has {} addresses", addresses.len()).into());
            }
            check(&host, addresses.iter().map(SocketAddr::ip), transport, &allowed)?;
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
