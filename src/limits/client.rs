//! Whom a budget counts as one client.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::Network;

/// An IPv4 address or an IPv6 /64: what one household or one machine has (`reliability.md` X2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()),
        }
    }

    /// The client behind a peer: the peer itself, unless it is a trusted proxy; then the rightmost
    /// address of `X-Forwarded-For` that is not one (`reliability.md` X1).
    pub fn behind(peer: IpAddr, forwarded_for: &[&str], trusted: &[Network]) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        if !is_trusted(peer) {
            return Self::of(peer);
        }
        let mut client = peer;
        for hop in forwarded_for.iter().rev().flat_map(|field| field.rsplit(',')) {
            let Ok(address) = hop.trim().parse() else {
                break;
            };
            client = address;
            if !is_trusted(address) {
                break;
            }
        }
        Self::of(client)
    }

    /// What is kept with a consent: enough to show where it came from, too little to find a person
    /// (/24 and /48; `reliability.md` V1).
    pub fn truncated(self) -> String {
        match self.0 {
            IpAddr::V4(address) => format!("{}/24", Ipv4Addr::from_bits(address.to_bits() & 0xffff_ff00)),
            IpAddr::V6(address) => {
                format!("{}/48", Ipv6Addr::from_bits(address.to_bits() >> 80 << 80))
            }
        }
    }

    pub fn is_loopback(self) -> bool {
        self.0.is_loopback() || self == Self::of(IpAddr::V6(Ipv6Addr::LOCALHOST))
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<Network> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        ClientNetwork::behind(peer.parse().unwrap(), forwarded, &trusted).to_string()
    }

    #[test]
    fn forwarding_headers_count_only_from_trusted_proxies_and_from_the_right() {
        assert_eq!(behind("192.0.2.1", &["198.51.100.9"], &[]), "192.0.2.1");
        assert_eq!(behind("10.0.0.1", &["198.51.100.9"], &["10.0.0.0/8"]), "198.51.100.9");
        assert_eq!(behind("10.0.0.1", &["6.6.6.6, 198.51.100.9, 10.0.0.2"], &["10.0.0.0/8"]), "198.51.100.9");
        assert_eq!(behind("10.0.0.1", &["6.6.6.6", "198.51.100.9"], &["10.0.0.0/8"]), "198.51.100.9");
        assert_eq!(behind("10.0.0.1", &["6.6.6.6, rubbish"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(behind("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn a_home_of_ipv6_is_one_client() {
        let network = |text: &str| ClientNetwork::of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_eq!(network("2001:db8:1:2::1").truncated(), "2001:db8:1::/48");
        assert_eq!(network("192.0.2.77").truncated(), "192.0.2.0/24");
        assert!(network("::1").is_loopback() && network("127.0.0.1").is_loopback());
        assert!(!network("2001:db8::1").is_loopback() && !network("192.0.2.1").is_loopback());
    }
}
