//! The box as the pages see it: what they ask for, done by the rooms that know how.

mod accounts;
pub mod clock;

mod devices;
mod draft;
mod events;
mod filtering;
mod folder;
mod judging;
mod keys;
mod links;
mod logins;
mod names;
pub(crate) mod outgoing;
mod picture;
mod printers;
mod queue;
mod screening;
mod shield;
mod shown;
mod sign_in;
mod test_mail;
#[cfg(test)]
mod tests;
pub(crate) mod transport;
mod watch;

use crate::blocking::blocking;
use crate::dkim::ring::Ring;
use crate::guard::{self, PasswordError};
use crate::house::House;
use crate::panel;
use crate::settings::{self, Admin, Office};
use crate::setup::{self, Setup};
use board::wire::ToBoard;
use draft::FirstAccount;
use picture::Picture;
use proto::types::{AccountId, Address, Secret};
use shown::{records, shown};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::StoreError;
use tokio::sync::Mutex;
use tokio::time::sleep;
use tracing::{error, info};
use web_setup::{DkimRecord, Facts, Fault, Glance, Panel, Pass, Ports, Power, Progress};

/// How long a browser has for the last page before the board goes down.
const GOODBYE: Duration = Duration::from_secs(1);
/// Who did it, in the ledger, where it was the login called admin, who is nobody's account.
const BY: &str = "admin's page";
/// What an admin hears who freezes the last admin.
const LAST_ADMIN: &str =
    "This is the last admin that works: the account is not frozen, but may not send for an hour.";

/// The box behind the pages. Clones share it.
#[derive(Clone)]
pub struct Appliance {
    inner: Arc<Inner>,
    // Who is signed in.
    by: Option<Pass>,
}

struct Inner {
    house: Arc<House>,
    ports: Ports,
    picture: Picture,
    // One change of the draft after the other.
    drafting: Mutex<()>,
    making_keys: AtomicBool,
}

impl Appliance {
    /// For the pages of `house`; `ports` are those behind the doors' names.
    #[must_use]
    pub fn new(house: Arc<House>, ports: &BTreeMap<&'static str, u16>) -> Self {
        let port = |name: &str| ports.get(name).copied().unwrap_or_default();
        let ports = Ports {
            smtp: port("smtp"),
            submission: port("submission"),
            submissions: port("submissions"),
            imap: port("imap"),
            imaps: port("imaps"),
            pop3: port("pop3"),
            pop3s: port("pop3s"),
            https: port("https"),
            links: port("links"),
        };
        let inner = Arc::new(Inner {
            house,
            ports,
            picture: Picture::default(),
            drafting: Mutex::new(()),
            making_keys: AtomicBool::new(false),
        });
        Self { inner, by: None }
    }

    fn house(&self) -> &House {
        &self.inner.house
    }

    /// Who is signed in, as the ledger names him.
    fn by(&self) -> Result<String, Fault> {
        let Some(id) = self.by.and_then(|pass| pass.account) else {
            return Ok(BY.to_owned());
        };
        let account = blocking(|| self.house().store.snapshot()?.account(id)).map_err(fault)?;
        Ok(account.map_or_else(|| BY.to_owned(), |account| account.address.to_string()))
    }

    fn pass_of(&self, account: Option<&store::Account>) -> Result<Pass, Fault> {
        account.map_or_else(|| self.admins_pass(), |account| self.persons_pass(account))
    }

    fn persons_pass(&self, account: &store::Account) -> Result<Pass, Fault> {
        self.pass(Some(account.id), account.admin, &account.password_hash)
    }

    // What a session stands on: the password, and whether a code is asked for. Whatever changes of it
    // ends all sessions but the one in which it was changed, which is given the new pass.
    fn pass(&self, account: Option<AccountId>, admin: bool, password_hash: &str) -> Result<Pass, Fault> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(password_hash.as_bytes());
        if let Some(second) = self.house().second_factors.stamp(account).map_err(fault)? {
            hasher.update(second.as_bytes());
        }
        let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
        Ok(Pass {
            account,
            admin,
            stamp: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        })
    }

    fn admins_pass(&self) -> Result<Pass, Fault> {
        let snapshot = self.house().store.snapshot().map_err(fault)?;
        let admin = settings::read::<Admin>(&snapshot, settings::ADMIN).map_err(fault)?;
        self.pass(
            None,
            true,
            admin.as_ref().map_or("", |admin| &admin.password_hash),
        )
    }

    // Makes the keys beside everything else, once.
    fn make_keys(&self) {
        if self.inner.making_keys.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            if let Err(error) = setup::ensure_keys(this.house()).await {
                error!(error = format!("{error:#}"), "no DKIM keys");
            }
            this.inner.making_keys.store(false, Ordering::Release);
        });
    }
}

impl web_setup::Appliance for Appliance {
    fn for_session(&self, pass: Option<Pass>) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            by: pass,
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            fingerprint: self.house().tls.fingerprint.clone(),
            ports: self.inner.ports,
            simulated_board: self.house().board.is_simulated(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.house().board.addresses()
    }

    fn claim_code(&self) -> Option<Secret> {
        let claimed = self.house().office().map_or(true, |office| office.is_some());
        (!claimed).then(|| Secret::new(self.house().claim_code.clone().into_bytes()))
    }

    async fn progress(&self) -> Result<Progress, Fault> {
        if let Some(office) = self.house().office().map_err(fault)? {
            return Ok(Progress {
                admin: true,
                office: Some(shown(office)),
                first_account: None,
                finished: true,
            });
        }
        let draft = self.draft()?;
        Ok(Progress {
            admin: draft.admin_hash.is_some(),
            office: draft.office.map(shown),
            first_account: draft.account.map(|account| account.local),
            finished: false,
        })
    }

    async fn set_admin_password(&self, password: Secret) -> Result<Pass, Fault> {
        let password_hash = hashed(password).await?;
        let pass = self.pass(None, true, &password_hash)?;
        if self.house().office().map_err(fault)?.is_none() {
            self.change_draft(|draft| draft.admin_hash = Some(password_hash))
                .await?;
            return Ok(pass);
        }
        let admin = Admin { password_hash };
        settings::write(&self.house().store, settings::ADMIN, &admin)
            .await
            .map_err(fault)?;
        info!("the admin's password was changed");
        Ok(pass)
    }

    async fn set_office(&self, office: web_setup::Office) -> Result<(), Fault> {
        let office = Office {
            domain: office.domain,
            hostname: office.hostname,
        };
        self.change_draft(|draft| draft.office = Some(office)).await
    }

    async fn set_first_account(&self, local: String, password: Secret) -> Result<(), Fault> {
        let password_hash = hashed(password).await?;
        self.change_draft(|draft| draft.account = Some(FirstAccount { local, password_hash }))
            .await
    }

    async fn dkim(&self) -> Result<Option<Vec<DkimRecord>>, Fault> {
        let snapshot = self.house().store.snapshot().map_err(fault)?;
        let Some(ring) = settings::read::<Ring>(&snapshot, settings::DKIM).map_err(fault)? else {
            self.make_keys();
            return Ok(None);
        };
        let office = match self.house().office().map_err(fault)? {
            Some(office) => Some(office),
            None => self.draft()?.office,
        };
        Ok(office.map(|office| records(&ring, &office.domain)))
    }

    async fn finish(&self) -> Result<Pass, Fault> {
        let _turn = self.inner.drafting.lock().await;
        let draft = self.draft()?;
        let (Some(admin_hash), Some(office), Some(account)) = (draft.admin_hash, draft.office, draft.account)
        else {
            return Err(Fault::Refused("Something is still missing.".to_owned()));
        };
        let address = format!("{}@{}", account.local, office.domain);
        let address = Address::parse(&address).map_err(|error| Fault::Refused(error.to_string()))?;
        let setup = Setup {
            office,
            admin_hash,
            account: address,
            account_hash: account.password_hash,
        };
        if let Err(error) = setup::finish(self.house(), setup).await {
            error!(error = format!("{error:#}"), "the setup could not be finished");
            return Err(Fault::Internal);
        }
        // What it held is now where it belongs.
        self.house()
            .store
            .remove_setting(settings::SETUP)
            .await
            .map_err(fault)?;
        self.admins_pass()
    }

    async fn glance(&self) -> Result<Glance, Fault> {
        let screen = panel::screen(self.house(), &self.house().board).map_err(fault)?;
        let board::screen::Screen::Running(status) = screen else {
            return Ok(Glance::default());
        };
        Ok(Glance {
            received_today: status.received_today,
            sent_today: status.sent_today,
            queued: status.queued,
            failed_last_hour: status.failed_last_hour,
            failed_today: status.failed_today,
            worst_source: status.worst_source,
            blocked: status.blocked,
            frozen: [status.frozen, status.frozen_seen].concat(),
            held: status.held,
            troubles: status.troubles,
        })
    }

    async fn panel(&self) -> Result<Panel, Fault> {
        let screen = panel::screen(self.house(), &self.house().board).map_err(fault)?;
        self.inner.picture.of(&screen).map_err(|error| {
            error!(%error, "the panel's picture cannot be made");
            Fault::Internal
        })
    }

    async fn power(&self, wish: Power) -> Result<(), Fault> {
        if self.house().board.is_simulated() {
            return Err(Fault::Refused("There is no board to switch off.".to_owned()));
        }
        let request = match wish {
            Power::Off => ToBoard::PowerOff,
            Power::Restart => ToBoard::Reboot,
        };
        info!(?wish, "the admin asked for it");
        let board = self.house().board.clone();
        tokio::spawn(async move {
            sleep(GOODBYE).await;
            board.ask(request).await;
        });
        Ok(())
    }
}

async fn hashed(password: Secret) -> Result<String, Fault> {
    guard::hash(password).await.map_err(|error| match error {
        PasswordError::TooLong => Fault::Refused(error.to_string()),
        PasswordError::Failed(_) => {
            error!(%error, "no password hash");
            Fault::Internal
        }
    })
}

// Whose fault it is: a person's is told to that person, ours goes to the log.
fn fault(error: StoreError) -> Fault {
    match error {
        StoreError::NotFound => Fault::Gone,
        StoreError::CannotChange(words) => Fault::Refused(words.to_owned()),
        StoreError::NoSpace => Fault::Refused("The card is full.".to_owned()),
        error => {
            error!(%error, "a page could not be served");
            Fault::Internal
        }
    }
}
