//! Networks: how they are written, and which of them are the office's own.

use crate::settings;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use store::{Snapshot, StoreError};

/// Key of [`Lan`] in the settings.
pub const LAN: &str = "lan";

/// Addresses with a common beginning, such as `192.0.2.0/24`; one address is a network too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// This is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a network such as 192.0.2.0/24 or 2001:db8::/32, or one address")]
pub struct NetworkError;

impl Network {
    /// The network of `prefix` bits that `ip` is in; a prefix that is too long is the address.
    #[must_use]
    pub fn of(ip: IpAddr, prefix: u8) -> Self {
        let ip = ip.to_canonical();
        let prefix = prefix.min(bits(ip));
        let base = match ip {
            IpAddr::V4(v4) => {
                let kept = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & kept))
            }
            IpAddr::V6(v6) => {
                let kept = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & kept))
            }
        };
        Self { base, prefix }
    }

    /// The one address.
    #[must_use]
    pub fn host(ip: IpAddr) -> Self {
        Self::of(ip, u8::MAX)
    }

    /// Whom limits and bans count a caller as: his address, or the whole /64 of IPv6, in which he can
    /// have any address he likes.
    #[must_use]
    pub fn source(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(_) => Self::host(ip),
            IpAddr::V6(_) => Self::of(ip, 64),
        }
    }

    /// The neighbourhood of a caller, where other machines of his are likely: a /24, or a /64 of IPv6.
    #[must_use]
    pub fn around(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(_) => Self::of(ip, 24),
            IpAddr::V6(_) => Self::of(ip, 64),
        }
    }

    /// Where somebody is at home or at work, whatever machine he uses there: a /24, or the /48 of IPv6
    /// that one connection to the world is given. By these an account's places are known.
    #[must_use]
    pub fn household(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(_) => Self::of(ip, 24),
            IpAddr::V6(_) => Self::of(ip, 48),
        }
    }

    /// Whether `ip` is in it.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.base.is_ipv4() && Self::of(ip, self.prefix).base == self.base
    }
}

const fn bits(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == bits(self.base) {
            write!(f, "{}", self.base)
        } else {
            write!(f, "{}/{}", self.base, self.prefix)
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let text = text.trim();
        let (ip, prefix) = match text.split_once('/') {
            Some((ip, prefix)) => (ip, Some(prefix.parse::<u8>().map_err(|_| NetworkError)?)),
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().map_err(|_| NetworkError)?;
        let mapped = ip.is_ipv6() && ip.to_canonical().is_ipv4();
        match prefix {
            Some(prefix) if mapped || prefix > bits(ip) => Err(NetworkError),
            Some(prefix) => Ok(Self::of(ip, prefix)),
            None => Ok(Self::host(ip)),
        }
    }
}

impl Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The networks of the office, which are never shut out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lan {
    /// Which; by default this machine, the private ranges and the link-local ones.
    pub networks: Vec<Network>,
}

impl Default for Lan {
    fn default() -> Self {
        // RFC 6890, RFC 1918, RFC 3927, RFC 4193, RFC 4291 2.5.6
        const OURS: [(IpAddr, u8); 8] = [
            (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
            (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
            (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
            (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
            (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
            (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
            (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
            (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
        ];
        Self {
            networks: OURS
                .iter()
                .map(|(base, prefix)| Network::of(*base, *prefix))
                .collect(),
        }
    }
}

impl Lan {
    /// What is set, or the default.
    ///
    /// # Errors
    /// The store failed, or the setting cannot be read.
    pub fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        Ok(settings::read(snapshot, LAN)?.unwrap_or_default())
    }

    /// Whether `ip` is in the office. A public IPv6 network around one of the box's `own`
    /// addresses is; nobody can say how large a public IPv4 network is.
    #[must_use]
    pub fn contains(&self, ip: IpAddr, own: &[IpAddr]) -> bool {
        self.networks.iter().any(|network| network.contains(ip))
            || own
                .iter()
                .any(|own| own.is_ipv6() && Network::around(*own).contains(ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_written() {
        for (text, shown) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            (" 192.0.2.7/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8:1:2:3::/64", "2001:db8:1:2::/64"),
            ("::/0", "::/0"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "192.0.2",
            "192.0.2.7/33",
            "192.0.2.7/",
            "::/129",
            "::ffff:1.2.3.4/96",
            "x",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
    }

    #[test]
    fn a_caller_is_at_a_source_in_a_neighbourhood_and_in_a_household() {
        for (ip, source, around, household) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.0/24", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0/24", "192.0.2.0/24"),
            (
                "2001:db8:1:2:3:4:5:6",
                "2001:db8:1:2::/64",
                "2001:db8:1:2::/64",
                "2001:db8:1::/48",
            ),
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            for (found, wanted) in [
                (Network::source(ip), source),
                (Network::around(ip), around),
                (Network::household(ip), household),
            ] {
                assert_eq!(found, wanted.parse().unwrap());
            }
        }
    }

    #[test]
    fn the_office_is_told_from_the_world() {
        let own = ["2001:db8:5::10".parse().unwrap(), "198.51.100.4".parse().unwrap()];
        let lan = Lan::default();
        for (ip, ours) in [
            ("127.0.0.1", true),
            ("::ffff:10.1.2.3", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("192.168.7.7", true),
            ("fe80::1", true),
            ("fd00::1", true),
            ("2001:db8:5::99", true),
            ("2001:db8:5:1::99", false),
            ("198.51.100.5", false),
        ] {
            assert_eq!(lan.contains(ip.parse().unwrap(), &own), ours, "{ip}");
        }
        let none = Lan { networks: Vec::new() };
        assert!(!none.contains("127.0.0.1".parse().unwrap(), &[]));
    }
}
