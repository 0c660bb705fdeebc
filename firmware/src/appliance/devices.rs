//! Device passwords, as the pages ask for them.

use crate::guard;

pub(super) fn shown(devices: guard::Devices) -> web_setup::Devices {
    let seen = |device: guard::Device| web_setup::Device {
        id: device.id,
        name: device.name,
        created: device.created,
        used: device.used.map(|(at, network)| (at, network.to_string())),
    };
    web_setup::Devices {
        web_only: devices.web_only(),
        list: devices.list.into_iter().map(seen).collect(),
    }
}
