//! The operator's configuration: as written, and as used.

use ipnet::IpNet;

/// Networks that are not public and may be reached all the same: for development, tests and internal APIs.
#[derive(Clone, Debug, Default)]
pub struct PrivateNetworks(pub Vec<IpNet>);
