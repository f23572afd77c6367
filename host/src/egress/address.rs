//! Which addresses may be connected to: tables of those that are not public, and of those that never may.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::config::PrivateNetworks;

/// What an address that may be connected to is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// On the public internet: with TLS only.
    Public,
    /// In a network that the operator allowed: with or without TLS.
    Private,
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It hands out credentials of the machine that we run on. Refused whatever the operator allows.
    Metadata,
    /// It is not public, and the operator did not allow its network.
    NotPublic,
}

impl Refusal {
    /// For people.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "a metadata address, which is never allowed",
            Self::NotPublic => "not a public address, and its network is not allowed by the operator",
        }
    }
}

/// Services that answer whoever asks with the machine's own credentials. The whole of IPv4 link-local is here, since
/// clouds put their services into it (169.254.169.254, 169.254.170.2, 169.254.170.23, 169.254.0.23, 169.254.42.42).
const METADATA_V4: &[Ipv4Net] = &[
    v4(169, 254, 0, 0, 16),
    // Alibaba Cloud.
    v4(100, 100, 100, 200, 32),
    // Oracle Cloud.
    v4(192, 0, 0, 192, 32),
    // Azure's wire server: in public space, and answered by the machine's own hypervisor.
    v4(168, 63, 129, 16, 32),
];

const METADATA_V6: &[Ipv6Net] = &[
    // AWS: fd00:ec2::/32 holds ::254 (instances), ::23 (pods) and their like.
    v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0], 32),
    // Google Cloud.
    v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128),
    // Scaleway.
    v6([0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042], 128),
];

/// IPv4 that is not public, after IANA's special-purpose registry and RFC 5771.
const NOT_PUBLIC_V4: &[Ipv4Net] = &[
    // "This network", unspecified.
    v4(0, 0, 0, 0, 8),
    // Private.
    v4(10, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    // Shared by carrier-grade NAT.
    v4(100, 64, 0, 0, 10),
    // Loopback.
    v4(127, 0, 0, 0, 8),
    // Link-local.
    v4(169, 254, 0, 0, 16),
    // Protocol assignments.
    v4(192, 0, 0, 0, 24),
    // Documentation.
    v4(192, 0, 2, 0, 24),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    // Relays of 6to4 and of multicast.
    v4(192, 88, 99, 0, 24),
    v4(192, 52, 193, 0, 24),
    // Benchmarks.
    v4(198, 18, 0, 0, 15),
    // Multicast, reserved, broadcast.
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// The only IPv6 that is global unicast (RFC 4291); all else is not public, but for the NAT64 prefix below.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Parts of [`GLOBAL_V6`] that are not public. Teredo and 6to4 go as a whole: nobody serves an API there, and both
/// carry IPv4 addresses that would have to be trusted.
const NOT_PUBLIC_V6: &[Ipv6Net] = &[
    // Protocol assignments: Teredo (2001::/32), benchmarks, ORCHID.
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    // Documentation.
    v6([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    // 6to4.
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
];

/// NAT64 of the network (RFC 6052): as public as the IPv4 address at its end. The local-use prefix 64:ff9b:1::/48 (RFC
/// 8215) is not in it, and so not public.
const NAT64: Ipv6Net = v6([0x0064, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// The local-use NAT64 prefix, where IPv4 addresses are hidden at several places (RFC 6052 section 2.2).
const NAT64_LOCAL: Ipv6Net = v6([0x0064, 0xff9b, 1, 0, 0, 0, 0, 0], 48);

/// Names of metadata services: refused before anyone is asked for their addresses.
const METADATA_NAMES: &[&str] = &[
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
    "metadata.platformequinix.com",
];

/// Judges one address.
pub(super) fn judge(address: IpAddr, allowed: &PrivateNetworks) -> Result<Reach, Refusal> {
    // An IPv4 address within IPv6 (::ffff:127.0.0.1) is that IPv4 address: the kernel connects to it as such.
    let address = address.to_canonical();
    let inner = embedded(address);
    if is_metadata(address) || inner.iter().any(|ip| is_metadata(IpAddr::V4(*ip))) {
        return Err(Refusal::Metadata);
    }
    if allowed.0.iter().any(|network| network.contains(&address)) {
        return Ok(Reach::Private);
    }
    let public = match address {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    };
    if public { Ok(Reach::Public) } else { Err(Refusal::NotPublic) }
}

/// Whether a host is the name of a metadata service.
pub(super) fn is_metadata_name(host: &str) -> bool {
    METADATA_NAMES.iter().any(|name| host.eq_ignore_ascii_case(name))
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => METADATA_V4.iter().any(|network| network.contains(&ip)),
        IpAddr::V6(ip) => METADATA_V6.iter().any(|network| network.contains(&ip)),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4.iter().any(|network| network.contains(&ip))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if NAT64.contains(&ip) {
        return is_public_v4(last_v4(ip));
    }
    GLOBAL_V6.contains(&ip) && !NOT_PUBLIC_V6.iter().any(|network| network.contains(&ip))
}

/// Every IPv4 address that some translator would take out of this IPv6 address.
fn embedded(address: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(ip) = address else { return Vec::new() };
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let pair = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let mut found = Vec::new();
    // Compatible (::a.b.c.d) and translated (::ffff:0:a.b.c.d), NAT64, and ISATAP have it at the end.
    let isatap = matches!((e, f), (0 | 0x0200, 0x5efe));
    let low = [a, b, c, d] == [0; 4] && matches!((e, f), (0 | 0xffff, 0));
    if low || isatap || NAT64.contains(&ip) || NAT64_LOCAL.contains(&ip) {
        found.push(last_v4(ip));
    }
    if a == 0x2002 {
        found.push(pair(b, c));
    }
    if a == 0x2001 && b == 0 {
        // Teredo: the server, and the client with its bits turned round.
        found.extend([pair(c, d), pair(!g, !h)]);
    }
    if NAT64_LOCAL.contains(&ip) {
        // Prefixes of 48, 56 and 64 bits go round the ninth byte (RFC 6052 section 2.2).
        let [_, _, _, _, _, _, d0, d1, _, e1, f0, f1, g0, ..] = ip.octets();
        found.extend([Ipv4Addr::new(d0, d1, e1, f0), Ipv4Addr::new(d1, e1, f0, f1), Ipv4Addr::new(e1, f0, f1, g0)]);
    }
    found
}

fn last_v4(ip: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = ip.octets();
    Ipv4Addr::new(a, b, c, d)
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(text: &str) -> PrivateNetworks {
        PrivateNetworks(text.split(',').filter(|net| *net != "-").map(|net| net.parse().unwrap()).collect())
    }

    /// One row: address, networks that the operator allowed (`-` for none), verdict.
    #[test]
    fn addresses_are_judged_as_the_rows_say() {
        let rows: Vec<Vec<&str>> = include_str!("testdata/addresses.txt")
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert!(rows.len() >= 150, "only {} rows", rows.len());
        for row in rows {
            let [address, allowed, expected] = row[..] else { panic!("a row has three words: {row:?}") };
            let verdict = match judge(address.parse().unwrap(), &networks(allowed)) {
                Ok(Reach::Public) => "public",
                Ok(Reach::Private) => "private",
                Err(Refusal::Metadata) => "metadata",
                Err(Refusal::NotPublic) => "refused",
            };
            assert_eq!(verdict, expected, "{address} with {allowed}");
        }
    }

    #[test]
    fn metadata_has_names_too() {
        for name in ["metadata.google.internal", "METADATA", "instance-data"] {
            assert!(is_metadata_name(name), "{name}");
        }
        for name in ["api.github.com", "metadata.example.com", "metadatax"] {
            assert!(!is_metadata_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_spelling_of_an_ipv4_address_is_more_public_than_itself(bits: u32) {
            let ip = Ipv4Addr::from(bits);
            let none = PrivateNetworks::default();
            let own = judge(IpAddr::V4(ip), &none);
            let [a, b] = [(bits >> 16) as u16, bits as u16];
            prop_assert_eq!(judge(IpAddr::V6(ip.to_ipv6_mapped()), &none), own);
            for wrapped in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, a, b),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, a, b, 0, 0, 0, 0),
                Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !a, !b),
            ] {
                let verdict = judge(IpAddr::V6(wrapped), &none);
                prop_assert!(verdict.is_err() || own.is_ok(), "{} for {}", wrapped, ip);
                prop_assert!(own != Err(Refusal::Metadata) || verdict == Err(Refusal::Metadata), "{} for {}", wrapped, ip);
            }
        }

        #[test]
        fn metadata_stays_refused_when_everything_is_allowed(last: [u8; 2]) {
            let all = networks("0.0.0.0/0,::/0");
            let ip = Ipv4Addr::new(169, 254, last[0], last[1]);
            prop_assert_eq!(judge(IpAddr::V4(ip), &all), Err(Refusal::Metadata));
            prop_assert_eq!(judge(IpAddr::V6(ip.to_ipv6_mapped()), &all), Err(Refusal::Metadata));
        }
    }
}
