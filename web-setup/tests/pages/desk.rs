//! A box in memory, and a browser that keeps its cookie.

mod accounts;
mod clock;
mod devices;
mod events;
mod filtering;
mod folder;
mod judging;
mod keys;
mod links;
mod logins;
mod names;
mod printers;
mod queue;
mod screening;
mod sending;
mod sign_in;
mod transport;
mod watch;

pub use crate::browser::{Browser, Seen};
pub use crate::desk_state::*;
use proto::types::Secret;
use std::net::IpAddr;
use web_setup::{Appliance, DkimRecord, Facts, Fault, Glance, Office, Panel, Pass, Ports, Power, Progress};

impl Appliance for Desk {
    fn for_session(&self, pass: Option<Pass>) -> Self {
        Self {
            by: pass,
            ..self.clone()
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            fingerprint: "0123456789abcdef".repeat(4),
            ports: Ports::STANDARD,
            simulated_board: self.lock().simulated,
            version: "test",
        }
    }

    fn addresses(&self) -> Vec<IpAddr> {
        vec!["192.168.1.20".parse().unwrap()]
    }

    fn claim_code(&self) -> Option<Secret> {
        (!self.lock().progress.finished).then(|| Secret::new(CODE.into()))
    }

    async fn progress(&self) -> Result<Progress, Fault> {
        Ok(self.lock().progress.clone())
    }

    async fn set_admin_password(&self, password: Secret) -> Result<Pass, Fault> {
        let mut inner = self.change("admin password");
        inner.admin_password = Some(password);
        inner.progress.admin = true;
        inner.admin_stamp += 1;
        Ok(inner.pass())
    }

    async fn set_office(&self, office: Office) -> Result<(), Fault> {
        self.change("office").progress.office = Some(office);
        Ok(())
    }

    async fn set_first_account(&self, local: String, password: Secret) -> Result<(), Fault> {
        let mut inner = self.change("first account");
        inner.passwords.push((local.clone(), password));
        inner.progress.first_account = Some(local);
        Ok(())
    }

    async fn dkim(&self) -> Result<Option<Vec<DkimRecord>>, Fault> {
        let record = |selector: &str, algorithm, key: String| DkimRecord {
            selector: selector.to_owned(),
            algorithm,
            text: format!("v=DKIM1; k={algorithm}; p={key}"),
            next: false,
        };
        let keys = vec![
            record("pb1r", "rsa", "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A".repeat(12)),
            record(
                "pb1e",
                "ed25519",
                "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_owned(),
            ),
        ];
        Ok((!self.lock().keys_missing).then_some(keys))
    }

    async fn finish(&self) -> Result<Pass, Fault> {
        let mut inner = self.change("finish");
        let local = inner.progress.first_account.clone().unwrap();
        let office = inner.progress.office.clone().unwrap();
        inner
            .accounts
            .push(account(1, &format!("{local}@{}", office.domain)));
        inner.progress.finished = true;
        Ok(inner.pass())
    }

    async fn glance(&self) -> Result<Glance, Fault> {
        Ok(Glance {
            received_today: 42,
            sent_today: 17,
            queued: 3,
            failed_last_hour: 5,
            failed_today: 12,
            worst_source: Some("203.0.113.7".to_owned()),
            ..Glance::default()
        })
    }

    async fn panel(&self) -> Result<Panel, Fault> {
        Ok(Panel {
            png: b"\x89PNG not really".to_vec(),
            size: (512, 256),
            lines: vec!["42 received".to_owned()],
        })
    }

    async fn power(&self, wish: Power) -> Result<(), Fault> {
        drop(self.change(if wish == Power::Off { "off" } else { "restart" }));
        Ok(())
    }
}
