//! Which network device carries the office.

use std::fs;
use std::path::Path;

const DEVICES: &str = "/sys/class/net";
/// `ARPHRD_ETHER` of linux/if_arp.h.
const ETHERNET: &str = "1";

/// An Ethernet device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Nic {
    /// Such as `eth0`.
    pub name: String,
    pub index: u32,
    pub mac: [u8; 6],
}

/// All wired Ethernet devices, by name: one on the board is called `eth0`.
pub(super) fn all() -> Vec<Nic> {
    all_in(Path::new(DEVICES))
}

fn all_in(devices: &Path) -> Vec<Nic> {
    let Ok(entries) = fs::read_dir(devices) else {
        return Vec::new();
    };
    let mut found: Vec<Nic> = entries.flatten().filter_map(|entry| nic(&entry.path())).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn nic(folder: &Path) -> Option<Nic> {
    let value = |name: &str| fs::read_to_string(folder.join(name)).ok();
    if value("type")?.trim() != ETHERNET || folder.join("phy80211").exists() {
        return None;
    }
    let mut mac = [0; 6];
    let address = value("address")?;
    let mut octets = address.trim().split(':');
    for octet in &mut mac {
        *octet = u8::from_str_radix(octets.next()?, 16).ok()?;
    }
    // All zeros: a driver that is not ready.
    let ready = mac != [0; 6] && octets.next().is_none();
    let name = folder.file_name()?.to_str()?.to_owned();
    ready.then_some(Nic {
        name,
        index: value("ifindex")?.trim().parse().ok()?,
        mac,
    })
}

/// Whether a cable is in, with something alive at its other end. Unknown while the device is down.
pub(super) fn has_carrier(nic: &Nic) -> bool {
    let folder = Path::new(DEVICES).join(&nic.name);
    let same =
        fs::read_to_string(folder.join("ifindex")).is_ok_and(|index| index.trim() == nic.index.to_string());
    same && fs::read_to_string(folder.join("carrier")).is_ok_and(|carrier| carrier.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wired_ethernet_is_told_from_the_rest() {
        let dir = std::env::temp_dir().join(format!("pillarbox-nic-{}", std::process::id()));
        let device = |name: &str, kind: &str, mac: &str, index: &str| {
            let folder = dir.join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("type"), format!("{kind}\n")).unwrap();
            fs::write(folder.join("address"), format!("{mac}\n")).unwrap();
            fs::write(folder.join("ifindex"), format!("{index}\n")).unwrap();
        };
        device("lo", "772", "00:00:00:00:00:00", "1");
        device("usb0", "1", "40:54:00:12:34:57", "4");
        device("eth0", "1", "b8:27:eb:00:00:01", "2");
        device("wlan0", "1", "b8:27:eb:00:00:02", "3");
        fs::create_dir(dir.join("wlan0/phy80211")).unwrap();
        device("eth1", "1", "00:00:00:00:00:00", "5");
        let found = all_in(&dir);
        fs::remove_dir_all(&dir).unwrap();
        let names: Vec<&str> = found.iter().map(|nic| nic.name.as_str()).collect();
        assert_eq!(names, ["eth0", "usb0"]);
        assert_eq!((found[0].index, found[0].mac), (2, [0xb8, 0x27, 0xeb, 0, 0, 1]));
    }
}
