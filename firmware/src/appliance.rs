//! The box as the pages see it: what they ask for, done by the rooms that know how.

mod codes;
mod devices;
mod draft;
mod filtering;
mod judging;
mod links;
mod logins;
mod names;
mod outgoing;
mod picture;
mod printers;
mod screening;
mod shield;
mod shown;
mod test_mail;
#[cfg(test)]
mod tests;
mod watch;

use crate::blocking::blocking;
use crate::dkim::Keys;
use crate::guard::{self, Attempt, PasswordError, newcomer};
use crate::house::House;
use crate::ledger::events;
use crate::ledger::failed_logins::{self, Filter};
use crate::panel;
use crate::settings::{self, Admin, Office};
use crate::setup::{self, Setup};
use board::wire::ToBoard;
use draft::FirstAccount;
use picture::Picture;
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, Mechanism, Protocol, Secret};
use shown::{records, seen, shown};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{EventKind, FreezeOutcome, NewAccount, StoreError};
use tokio::sync::Mutex;
use tokio::time::sleep;
use tracing::{error, info};
use web_setup::{
    Account, AccountLinks, Choice, DkimRecord, Facts, FailedLogins, Fault, Glance, LinkDesk, LinkRules,
    LinkWish, Login, LoginFilter, LoginMail, Octets, Outgoing, Panel, Pass, Peer, Piece, Ports, Power,
    Progress, RecentLogin, SecondFactor, Shared, Smarthost, Watch,
};

/// How long a browser has for the last page before the board goes down.
const GOODBYE: Duration = Duration::from_secs(1);
/// Who did it, in the ledger.
const BY: &str = "admin's page";
/// What an admin hears who freezes the last admin.
const LAST_ADMIN: &str =
    "This is the last admin that works: the account is not frozen, but may not send for an hour.";

/// The box behind the pages. Clones share it.
#[derive(Clone)]
pub struct Appliance(Arc<Inner>);

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
        };
        Self(Arc::new(Inner {
            house,
            ports,
            picture: Picture::default(),
            drafting: Mutex::new(()),
            making_keys: AtomicBool::new(false),
        }))
    }

    fn house(&self) -> &House {
        &self.0.house
    }

    fn pass_of(&self, account: Option<&store::Account>) -> Result<Pass, Fault> {
        account.map_or_else(|| self.admins_pass(), |account| Ok(persons_pass(account)))
    }

    // Somebody came in at the pages, or was refused there.
    fn entered(&self, ip: IpAddr, judged: Result<Option<store::Account>, Refusal>) -> Result<Login, Fault> {
        match judged {
            Ok(account) => {
                if let Some(account) = &account {
                    newcomer::tell(&self.0.house, account, ip, Protocol::Web);
                    self.house().guard.greet(account.id, ip);
                }
                Ok(Login::Welcome(self.pass_of(account.as_ref())?))
            }
            Err(Refusal::Throttled) => Ok(Login::Throttled),
            Err(refusal @ Refusal::Blocked { .. }) => Ok(Login::Blocked(refusal.smtp().text)),
            Err(Refusal::Frozen { reason }) => Ok(Login::Shut(reason)),
            Err(Refusal::Disabled) => Ok(Login::Shut("switched off".to_owned())),
            Err(Refusal::Temporary) => Err(Fault::Internal),
            Err(_) => Ok(Login::Wrong),
        }
    }

    fn admins_pass(&self) -> Result<Pass, Fault> {
        let snapshot = self.house().store.snapshot().map_err(fault)?;
        let admin = settings::read::<Admin>(&snapshot, settings::ADMIN).map_err(fault)?;
        Ok(pass(
            None,
            true,
            admin.as_ref().map_or("", |admin| &admin.password_hash),
        ))
    }

    // Makes the keys beside everything else, once.
    fn make_keys(&self) {
        if self.0.making_keys.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            if let Err(error) = setup::ensure_keys(this.house()).await {
                error!(error = format!("{error:#}"), "no DKIM keys");
            }
            this.0.making_keys.store(false, Ordering::Release);
        });
    }
}

impl web_setup::Appliance for Appliance {
    fn facts(&self) -> Facts {
        Facts {
            fingerprint: self.house().tls.fingerprint.clone(),
            ports: self.0.ports,
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
        let pass = pass(None, true, &password_hash);
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
        let Some(keys) = settings::read::<Keys>(&snapshot, settings::DKIM).map_err(fault)? else {
            self.make_keys();
            return Ok(None);
        };
        let office = match self.house().office().map_err(fault)? {
            Some(office) => Some(office),
            None => self.draft()?.office,
        };
        Ok(office.map(|office| records(&keys, &office.domain)))
    }

    async fn finish(&self) -> Result<Pass, Fault> {
        let _turn = self.0.drafting.lock().await;
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

    async fn login(&self, Peer(ip): Peer, name: String, password: Secret) -> Result<Login, Fault> {
        let attempt = Attempt {
            ip,
            protocol: Protocol::Web,
            tls: true,
            mechanism: Mechanism::Form,
            client: "",
            login: &name,
        };
        let judged = self.house().logins.login_web(&attempt, &password).await;
        if let Ok(account) = &judged {
            let owner = account.as_ref().map(|account| account.id);
            if self.house().second_factors.of(owner).map_err(fault)?.is_some() {
                return Ok(Login::Code(self.pass_of(account.as_ref())?));
            }
        }
        self.entered(ip, judged)
    }

    async fn login_code(&self, Peer(ip): Peer, pass: Pass, code: Secret) -> Result<Login, Fault> {
        let judged = codes::judge(self.house(), ip, pass, &code).await?;
        self.entered(ip, judged)
    }

    async fn second_factor(&self, of: Option<AccountId>) -> Result<SecondFactor, Fault> {
        codes::shown(self.house(), of)
    }

    async fn begin_second_factor(&self, of: Option<AccountId>) -> Result<Secret, Fault> {
        self.house().second_factors.begin(of).await.map_err(fault)
    }

    async fn confirm_second_factor(&self, of: Option<AccountId>, code: Secret) -> Result<Vec<Secret>, Fault> {
        let code = String::from_utf8_lossy(code.expose()).into_owned();
        let confirmed = self.house().second_factors.confirm(of, &code).await;
        confirmed.map_err(fault)
    }

    async fn end_second_factor(&self, Peer(ip): Peer, pass: Pass, code: Secret) -> Result<Login, Fault> {
        let judged = codes::judge(self.house(), ip, pass, &code).await?;
        if judged.is_ok() {
            let ended = self
                .house()
                .second_factors
                .remove(pass.account, "its owner")
                .await;
            ended.map_err(fault)?;
        }
        self.entered(ip, judged)
    }

    async fn reset_second_factor(&self, id: AccountId) -> Result<(), Fault> {
        let removed = self.house().second_factors.remove(Some(id), BY).await;
        removed.map(drop).map_err(fault)
    }

    async fn still_welcome(&self, shown: Pass) -> Result<bool, Fault> {
        let Some(id) = shown.account else {
            return Ok(shown == self.admins_pass()?);
        };
        let account = self
            .house()
            .store
            .snapshot()
            .map_err(fault)?
            .account(id)
            .map_err(fault)?;
        Ok(account.is_some_and(|account| {
            let shut = account.state.holds_mail();
            !shut && shown == persons_pass(&account)
        }))
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
        self.0.picture.of(&screen).map_err(|error| {
            error!(%error, "the panel's picture cannot be made");
            Fault::Internal
        })
    }

    async fn failed_logins(
        &self,
        filter: LoginFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<FailedLogins, Fault> {
        let filter = Filter::new(filter).map_err(|error| Fault::Refused(error.to_string()))?;
        self.house().ledger.flush().await;
        let snapshot = self.house().store.snapshot().map_err(fault)?;
        let found =
            tokio::task::spawn_blocking(move || failed_logins::page(&snapshot, &filter, before, limit));
        found.await.map_err(|_| Fault::Internal)?.map_err(fault)
    }

    async fn login_mail(&self) -> Result<LoginMail, Fault> {
        screening::mail(self.house())
    }

    async fn set_login_mail(&self, mail: LoginMail) -> Result<(), Fault> {
        screening::set_mail(self.house(), &mail).await
    }

    async fn screening(&self) -> Result<web_setup::Screening, Fault> {
        screening::shown(self.house())
    }

    async fn release(&self, who: String) -> Result<(), Fault> {
        screening::release(self.house(), &who, BY)
    }

    async fn put_on_list(&self, wish: web_setup::ListWish) -> Result<(), Fault> {
        screening::put(self.house(), wish).await
    }

    async fn take_off_list(&self, allow: bool, network: String) -> Result<(), Fault> {
        screening::remove(self.house(), allow, &network).await
    }

    async fn links(&self) -> Result<LinkDesk, Fault> {
        links::desk(self.house())
    }

    async fn set_link_rules(&self, rules: LinkRules) -> Result<(), Fault> {
        links::set(self.house(), rules).await
    }

    async fn switch_links(&self, id: AccountId, on: bool) -> Result<(), Fault> {
        links::switch(self.house(), id, on).await
    }

    async fn account_links(&self, id: AccountId) -> Result<AccountLinks, Fault> {
        links::of_account(self.house(), id)
    }

    async fn change_link(&self, id: AccountId, link: u64, wish: LinkWish) -> Result<(), Fault> {
        links::change(self.house(), id, link, wish).await
    }

    async fn shared_link(&self, peer: Peer, token: String, key: Option<String>) -> Result<Shared, Fault> {
        links::shared(self.house(), peer.0, &token, key.as_deref()).await
    }

    async fn unlock_link(
        &self,
        peer: Peer,
        token: String,
        password: Secret,
    ) -> Result<Option<String>, Fault> {
        links::unlock(self.house(), peer.0, &token, &password).await
    }

    async fn read_link(&self, peer: Peer, link: u64, piece: Piece) -> Result<Octets, Fault> {
        links::read(self.house(), peer.0, link, piece).await
    }

    async fn events(
        &self,
        filter: web_setup::EventFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<web_setup::Events, Fault> {
        self.house().ledger.flush().await;
        let snapshot = self.house().store.snapshot().map_err(fault)?;
        let filter = events::Filter {
            account: filter.account,
            kind: filter.kind,
        };
        let (rows, older) = blocking(|| events::page(&snapshot, &filter, before, limit)).map_err(fault)?;
        let rows = rows.into_iter().map(|row| web_setup::EventRow {
            at: row.at,
            kind: row.kind,
            account: row.account,
            words: row.words,
        });
        Ok(web_setup::Events {
            rows: rows.collect(),
            older,
        })
    }

    async fn printers(&self) -> Result<web_setup::Printers, Fault> {
        printers::all(self.house()).await
    }

    async fn allow_printer(&self, wish: web_setup::PrinterWish) -> Result<(), Fault> {
        printers::allow(self.house(), wish).await
    }

    async fn act_on_printer(&self, id: AccountId, deed: web_setup::PrinterDeed) -> Result<(), Fault> {
        printers::act(self.house(), id, deed).await
    }

    async fn names(&self) -> Result<web_setup::Names, Fault> {
        names::shown(&self.0.house)
    }

    async fn add_domain(&self, domain: String, same_names: bool) -> Result<(), Fault> {
        names::add_domain(&self.0.house, &domain, same_names).await
    }

    async fn set_domain(&self, wish: web_setup::DomainWish) -> Result<(), Fault> {
        names::set_domain(self.house(), wish).await
    }

    async fn remove_domain(&self, domain: String) -> Result<(), Fault> {
        names::remove_domain(self.house(), &domain).await
    }

    async fn put_alias(&self, wish: web_setup::AliasWish) -> Result<(), Fault> {
        names::put_alias(self.house(), wish).await
    }

    async fn remove_alias(&self, address: String) -> Result<(), Fault> {
        names::remove_alias(self.house(), &address).await
    }

    async fn set_plus(&self, separator: String) -> Result<(), Fault> {
        names::set_plus(self.house(), &separator).await
    }

    async fn shield(&self) -> Result<Vec<web_setup::ShieldRow>, Fault> {
        shield::rows(self.house())
    }

    async fn set_shield(&self, domain: String, networks: String) -> Result<(), Fault> {
        shield::set(self.house(), &domain, &networks).await
    }

    async fn remove_shield(&self, domain: String) -> Result<(), Fault> {
        shield::remove(self.house(), &domain).await
    }

    async fn junk_mail(&self) -> Result<web_setup::JunkMail, Fault> {
        filtering::shown(self.house())
    }

    async fn set_filtering(&self, wish: web_setup::FilterWish) -> Result<(), Fault> {
        filtering::set(self.house(), &wish).await
    }

    async fn forget_learnt(&self) -> Result<(), Fault> {
        filtering::forget(self.house()).await
    }

    async fn put_sender(&self, wish: web_setup::SenderWish) -> Result<(), Fault> {
        filtering::put(self.house(), &wish).await
    }

    async fn remove_sender(&self, who: String) -> Result<(), Fault> {
        filtering::remove(self.house(), &who).await
    }

    async fn judging(&self) -> Result<Vec<web_setup::Knob>, Fault> {
        judging::knobs(self.house())
    }

    async fn set_judging(&self, values: Vec<(String, String)>) -> Result<(), Fault> {
        judging::set(self.house(), &values).await
    }

    async fn judged(&self) -> Result<Vec<web_setup::JudgedRow>, Fault> {
        judging::latest(self.house()).await
    }

    async fn explanation(&self, id: String) -> Result<web_setup::JudgedMail, Fault> {
        judging::explanation(self.house(), id).await
    }

    async fn set_screening(&self, values: BTreeMap<String, String>) -> Result<(), Fault> {
        screening::set(self.house(), &values).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, Fault> {
        let accounts = self
            .house()
            .store
            .snapshot()
            .map_err(fault)?
            .accounts()
            .map_err(fault)?;
        let now = self.house().clock.now();
        let mut accounts: Vec<Account> = accounts.into_iter().map(|account| seen(account, now)).collect();
        accounts.sort_by_key(|account| account.address.key());
        Ok(accounts)
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

    async fn send_test(&self, id: AccountId) -> Result<(), Fault> {
        let House { store, clock, .. } = self.house();
        let account = store
            .snapshot()
            .map_err(fault)?
            .account(id)
            .map_err(fault)?
            .ok_or(Fault::Gone)?;
        let office = self.house().office().map_err(fault)?.ok_or(Fault::Internal)?;
        let delivery = test_mail::to(id, &account.address, &office, clock.now());
        store.deliver(vec![delivery]).await.map_err(fault)?;
        Ok(())
    }

    async fn create_account(
        &self,
        address: Address,
        password: Secret,
        admin: bool,
    ) -> Result<AccountId, Fault> {
        let password_hash = hashed(password.clone()).await?;
        let created = self.house().clock.now();
        let account = NewAccount {
            address,
            password_hash,
            admin,
            created,
        };
        let id = match self.house().store.create_account(account).await {
            Err(StoreError::Exists) => {
                return Err(Fault::Refused(
                    "There is an account or an alias of that name already.".to_owned(),
                ));
            }
            made => made.map_err(fault)?,
        };
        self.house().devices.learn_main(id, &password).await;
        Ok(id)
    }

    async fn set_account_password(&self, id: AccountId, password: Secret) -> Result<Pass, Fault> {
        let hash = hashed(password.clone()).await?;
        guard::change_password(self.house(), id, hash, &password)
            .await
            .map_err(fault)?;
        let account = self
            .house()
            .store
            .snapshot()
            .and_then(|snapshot| snapshot.account(id));
        let account = account.map_err(fault)?.ok_or(Fault::Gone)?;
        Ok(persons_pass(&account))
    }

    async fn outgoing(&self, limit: usize) -> Result<Outgoing, Fault> {
        let house = self.house();
        blocking(|| outgoing::waiting(&house.store.snapshot()?, limit)).map_err(fault)
    }

    async fn smarthost(&self) -> Result<Option<Smarthost>, Fault> {
        let house = self.house();
        blocking(|| outgoing::shown(&house.store.snapshot()?)).map_err(fault)
    }

    async fn send_through(&self, smarthost: Smarthost, password: Option<Secret>) -> Result<(), Fault> {
        let House { store, ledger, .. } = self.house();
        outgoing::keep(store, smarthost, password).await?;
        ledger.record(EventKind::SettingChanged {
            key: settings::SMARTHOST.to_owned(),
        });
        Ok(())
    }

    async fn send_directly(&self) -> Result<(), Fault> {
        let House { store, ledger, .. } = self.house();
        store.remove_setting(settings::SMARTHOST).await.map_err(fault)?;
        ledger.record(EventKind::SettingChanged {
            key: settings::SMARTHOST.to_owned(),
        });
        Ok(())
    }

    async fn recent_logins(&self, id: AccountId, limit: usize) -> Result<Vec<RecentLogin>, Fault> {
        self.house().ledger.flush().await;
        blocking(|| logins::recent(&self.house().store.snapshot()?, id, limit)).map_err(fault)
    }

    async fn devices(&self, id: AccountId) -> Result<web_setup::Devices, Fault> {
        self.house().devices.of(id).map(devices::shown).map_err(fault)
    }

    async fn add_device(&self, id: AccountId, name: String) -> Result<Secret, Fault> {
        let made = self.house().devices.add(id, &name).await.map_err(fault)?;
        Ok(made.1)
    }

    async fn revoke_device(&self, id: AccountId, device: u32) -> Result<(), Fault> {
        let revoked = self.house().devices.revoke(id, device).await;
        revoked.map(drop).map_err(fault)
    }

    async fn office_web_only(&self) -> Result<bool, Fault> {
        self.house().devices.office().map_err(fault)
    }

    async fn set_office_web_only(&self, web_only: bool) -> Result<(), Fault> {
        let House { devices, ledger, .. } = self.house();
        devices.set_office(web_only).await.map_err(fault)?;
        ledger.record(EventKind::SettingChanged {
            key: settings::PASSWORDS.to_owned(),
        });
        Ok(())
    }

    async fn set_web_only(&self, id: AccountId, web_only: bool) -> Result<(), Fault> {
        self.house()
            .devices
            .set_web_only(id, web_only)
            .await
            .map_err(fault)
    }

    async fn watch(&self, id: AccountId) -> Result<Watch, Fault> {
        self.house().ledger.flush().await;
        blocking(|| watch::of(self.house(), id)).map_err(fault)
    }

    async fn limits(&self) -> Result<Choice, Fault> {
        watch::office(self.house()).map_err(fault)
    }

    async fn set_limits(&self, id: Option<AccountId>, changes: Vec<(String, String)>) -> Result<(), Fault> {
        let set = self.house().guard.set_rules(id, &changes).await;
        set.map_err(Fault::Refused)
    }

    async fn release_held(&self, id: AccountId) -> Result<u64, Fault> {
        let released = self.house().guard.release(id, BY.to_owned()).await;
        released.map_err(fault)
    }

    async fn discard_held(&self, id: AccountId) -> Result<u64, Fault> {
        let discarded = self.house().guard.discard(id, BY.to_owned()).await;
        discarded.map_err(fault)
    }

    async fn set_outside(&self, id: AccountId, address: Option<Address>) -> Result<(), Fault> {
        let house = self.house();
        let account = house.store.snapshot().and_then(|snapshot| snapshot.account(id));
        let account = account.map_err(fault)?.ok_or(Fault::Gone)?;
        let set = guard::notice::set_outside(house, &account, address).await;
        set.map_err(|error| Fault::Refused(format!("{error:#}.")))
    }

    async fn acknowledge(&self, id: AccountId) -> Result<(), Fault> {
        let seen = self.house().guard.acknowledge(id, BY.to_owned()).await;
        seen.map(drop).map_err(fault)
    }

    async fn freeze(&self, id: AccountId, reason: String) -> Result<(), Fault> {
        let outcome = self.house().guard.freeze(id, reason).await.map_err(fault)?;
        match outcome {
            FreezeOutcome::Limited { .. } => Err(Fault::Refused(LAST_ADMIN.to_owned())),
            FreezeOutcome::Frozen { .. } | FreezeOutcome::Already => Ok(()),
        }
    }

    async fn unfreeze(&self, id: AccountId) -> Result<(), Fault> {
        let unfrozen = self.house().guard.unfreeze(id, BY.to_owned()).await;
        unfrozen.map(drop).map_err(fault)
    }
}

fn pass(account: Option<AccountId>, admin: bool, password_hash: &str) -> Pass {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(password_hash.as_bytes()).as_bytes();
    let stamp = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    Pass {
        account,
        admin,
        stamp,
    }
}

fn persons_pass(account: &store::Account) -> Pass {
    pass(Some(account.id), account.admin, &account.password_hash)
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
