//! Which addresses may be called: those of the public internet, and inner networks that the settings name.
//!
//! An address comes from the settings, yet whoever can write it must not reach what only the
//! worker's host can reach: a cloud's metadata service, a database without a password.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use backstay::config::Network;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses a call may reach.
#[derive(Debug, Clone)]
pub struct Reach {
    allowed: Arc<[Network]>,
    /// Only what is allowed by name: for calls without TLS.
    only_allowed: bool,
    /// The setting that would allow more.
    setting: &'static str,
}

/// An address that is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not public.
    #[error("`{address}` is an inner address; to allow it, add its network to `{setting}`")]
    Inner {
        /// The address.
        address: String,
        /// The setting that would allow it.
        setting: &'static str,
    },
    /// It would be called without TLS.
    #[error(
        "`{address}` would be called without TLS; use https://, or add its network to `{setting}`"
    )]
    Plain {
        /// The address.
        address: String,
        /// The setting that would allow it.
        setting: &'static str,
    },
}

impl Reach {
    /// The public internet and the networks that `setting` names.
    #[must_use]
    pub fn public(allowed: &[Network], setting: &'static str) -> Self {
        Self { allowed: allowed.into(), only_allowed: false, setting }
    }

    /// Only the networks that `setting` names, where calls without TLS are allowed.
    #[must_use]
    pub fn inner(allowed: &[Network], setting: &'static str) -> Self {
        Self { allowed: allowed.into(), only_allowed: true, setting }
    }

    /// Looks at one address.
    ///
    /// # Errors
    ///
    /// [`Refused`] with the address and the setting that would allow it.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        if self.allowed.iter().any(|network| network.contains(address)) {
            return Ok(());
        }
        let (address, setting, may) = (address.to_string(), self.setting, is_public(address));
        match (self.only_allowed, may) {
            (true, _) => Err(Refused::Plain { address, setting }),
            (false, false) => Err(Refused::Inner { address, setting }),
            (false, true) => Ok(()),
        }
    }

    /// Looks at a URL whose host is an address: such a one never passes a resolver.
    ///
    /// # Errors
    ///
    /// As [`Reach::check`].
    pub fn check_literal(&self, url: &Url) -> Result<(), Refused> {
        let host = url.host_str().unwrap_or_default();
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.check(address),
            Err(_) => Ok(()),
        }
    }

    /// Keeps the addresses of a name that may be called; the first refusal where none may.
    fn sift(&self, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let (mut kept, mut refused) = (Vec::new(), None);
        for address in found {
            match self.check(address.ip()) {
                Ok(()) => kept.push(address),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        match refused {
            Some(why) if kept.is_empty() => Err(why),
            _ => Ok(kept),
        }
    }
}

/// Connections are made to the very addresses that were checked, so a name that changes its mind
/// gains nothing.
impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let kept = reach.sift(found).map_err(Box::<dyn Error + Send + Sync>::from)?;
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Everything but what the registry of special-purpose addresses keeps from the internet, and the
/// one public address behind which a cloud hides its metadata.
fn is_public_v4(address: Ipv4Addr) -> bool {
    const INNER: [(u32, u32); 15] = [
        (0x0000_0000, 8),  // this network
        (0x0a00_0000, 8),  // private
        (0x6440_0000, 10), // shared by carriers
        (0x7f00_0000, 8),  // loopback
        (0xa83f_8110, 32), // 168.63.129.16, Azure's host
        (0xa9fe_0000, 16), // link-local, metadata of most clouds
        (0xac10_0000, 12), // private
        (0xc000_0000, 24), // protocol assignments, metadata of one cloud
        (0xc000_0200, 24), // documentation
        (0xc058_6300, 24), // relays to IPv6
        (0xc0a8_0000, 16), // private
        (0xc612_0000, 15), // measuring
        (0xc633_6400, 24), // documentation
        (0xcb00_7100, 24), // documentation
        (0xe000_0000, 3),  // multicast, reserved, broadcast
    ];
    let address = u32::from(address);
    !INNER.iter().any(|(network, bits)| (address ^ network) >> (32 - bits) == 0)
}

/// Only global unicast, less the ranges in it that are documentation or carry an IPv4 address; an
/// address in another guise (mapped, translated) is never needed.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global = a & 0xe000 == 0x2000;
    let is_special = a == 0x2001 && (b < 0x0200 || b == 0x0db8);
    let is_documentation = a == 0x3fff && b < 0x1000;
    let holds_v4 = a == 0x2002;
    is_global && !is_special && !is_documentation && !holds_v4
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTING: &str = "alerts.allow_networks";

    fn inner(texts: &[&str]) -> Vec<Network> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn inner_addresses_are_refused_in_every_form() {
        let reach = Reach::public(&[], SETTING);
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.9",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(reach.check(address.parse().unwrap()).is_err(), "{address}");
        }
    }

    #[test]
    fn public_addresses_may_be_called() {
        let reach = Reach::public(&[], SETTING);
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.167.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
        ] {
            assert_eq!(reach.check(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn a_network_of_the_settings_opens_itself_and_nothing_else() {
        let reach = Reach::public(&inner(&["10.1.0.0/16"]), SETTING);
        assert_eq!(reach.check("10.1.2.3".parse().unwrap()), Ok(()));
        let refused = reach.check("10.2.0.1".parse().unwrap()).unwrap_err();
        assert!(refused.to_string().contains("`alerts.allow_networks`"), "{refused}");
    }

    #[test]
    fn without_tls_only_networks_of_the_settings_are_reached() {
        let reach = Reach::inner(&inner(&["127.0.0.0/8"]), SETTING);
        assert_eq!(reach.check("127.0.0.1".parse().unwrap()), Ok(()));
        let refused = reach.check("8.8.8.8".parse().unwrap()).unwrap_err();
        assert!(matches!(refused, Refused::Plain { .. }));
    }

    #[test]
    fn an_address_in_a_url_is_seen_in_every_spelling() {
        let reach = Reach::public(&[], SETTING);
        for url in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://user@169.254.169.254/latest",
            "https://①②⑦.0.0.1/",
        ] {
            let url = Url::parse(url).unwrap();
            assert!(reach.check_literal(&url).is_err(), "{url}");
        }
        assert_eq!(reach.check_literal(&Url::parse("https://example.org/").unwrap()), Ok(()));
    }

    #[test]
    fn a_name_keeps_its_public_addresses_only() {
        let reach = Reach::public(&[], SETTING);
        let found = |addresses: &[&str]| -> Vec<SocketAddr> {
            addresses.iter().map(|address| (address.parse::<IpAddr>().unwrap(), 0).into()).collect()
        };
        let kept = reach.sift(found(&["10.0.0.1", "8.8.8.8"]).into_iter()).unwrap();
        assert_eq!(kept, found(&["8.8.8.8"]));
        assert!(reach.sift(found(&["10.0.0.1", "::1"]).into_iter()).is_err());
    }
}
