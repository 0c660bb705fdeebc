//! The name on the LAN: answers to `pillarbox.local` and announces the web pages by mDNS.

use crate::layout;
use mdns_sd::{DaemonEvent, ServiceDaemon, ServiceInfo};

const SERVICES: [(&str, u16); 2] = [("_https._tcp.local.", 443), ("_http._tcp.local.", 80)];

/// Starts the responder, which runs in a thread of its own and follows the board's addresses. If
/// another box has the name, it becomes `pillarbox-2.local`.
///
/// # Errors
/// When no socket can be had; the board is then reached by its address alone.
pub(super) fn announce() -> mdns_sd::Result<ServiceDaemon> {
    let responder = ServiceDaemon::new()?;
    let host = format!("{}.local.", layout::HOST_NAME);
    for (kind, port) in SERVICES {
        let service = ServiceInfo::new(kind, "Pillarbox", &host, "", port, None)?.enable_addr_auto();
        responder.register(service)?;
    }
    let events = responder.monitor()?;
    tokio::spawn(async move {
        let mut known_as = host.clone();
        while let Ok(event) = events.recv_async().await {
            match event {
                // One for each record and service; the host's name is what people type.
                DaemonEvent::NameChange(change) if change.original == host && change.new_name != known_as => {
                    super::warn(format_args!("{host} is taken; this box is {}", change.new_name));
                    known_as = change.new_name;
                }
                DaemonEvent::Error(error) => super::warn(format_args!("mDNS: {error}")),
                _ => {}
            }
        }
    });
    Ok(responder)
}
