//! A box in memory, and a browser that keeps its cookie.

pub use crate::browser::{Browser, Seen};
pub use crate::desk_state::*;
use crate::link_rows::{SHARED, shared_file};
use axum::body::Body;
use proto::types::{AccountId, Address, Protocol, Secret, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use web_setup::{
    Account, AccountLinks, AccountState, AliasRow, AliasWish, Appliance, Choice, Device, Devices, DkimRecord,
    DomainRow, DomainWish, Facts, FailedLogins, Fault, FilterWish, Glance, JudgedMail, JudgedRow, JunkMail,
    Knob, Left, LinkDesk, LinkRules, LinkWish, ListWish, Login, LoginFilter, LoginMail, Names, Octets,
    Office, Outgoing, Panel, Pass, Peer, Piece, Ports, Power, Printer, PrinterDeed, PrinterWish, Printers,
    Progress, RecentLogin, Screening, SecondFactor, SenderRow, SenderWish, Shared, ShieldRow, Smarthost,
    Watch,
};

impl Appliance for Desk {
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

    async fn login(&self, _: Peer, name: String, password: Secret) -> Result<Login, Fault> {
        let mut inner = self.lock();
        if name == "admin" && inner.admin_password.as_ref() == Some(&password) {
            return Ok(half(&inner, inner.pass()));
        }
        let person = inner.accounts.iter().find(|a| a.address.to_string() == name);
        if let Some(person) = person.filter(|_| password == Secret::new(PERSONS_PASSWORD.into())) {
            return Ok(match &person.state {
                AccountState::Frozen { reason, .. } => Login::Shut(reason.clone()),
                _ => half(&inner, persons_pass(person)),
            });
        }
        if inner.failed.len() >= 10 {
            return Ok(Login::Throttled);
        }
        inner.failed.push(failed(&name, 1));
        Ok(Login::Wrong)
    }

    async fn login_code(&self, _: Peer, pass: Pass, code: Secret) -> Result<Login, Fault> {
        Ok(match code == Secret::new(CODE_OF_APP.into()) {
            true => Login::Welcome(pass),
            false => Login::Wrong,
        })
    }

    async fn second_factor(&self, of: Option<AccountId>) -> Result<SecondFactor, Fault> {
        let on = self.lock().codes.contains(&of);
        Ok(SecondFactor {
            since: on.then_some(Timestamp(1_764_000_000)),
            recovery_left: 9,
            clock_known: !self.lock().simulated,
        })
    }

    async fn begin_second_factor(&self, _: Option<AccountId>) -> Result<Secret, Fault> {
        Ok(Secret::new(b"GEZDGNBVGY3TQOJQ".to_vec()))
    }

    async fn confirm_second_factor(&self, of: Option<AccountId>, code: Secret) -> Result<Vec<Secret>, Fault> {
        if code != Secret::new(CODE_OF_APP.into()) {
            return Err(Fault::Refused("That is not the code.".to_owned()));
        }
        self.change("codes on").codes.push(of);
        Ok(vec![Secret::new(b"abcd-efgh-jkmn".to_vec())])
    }

    async fn end_second_factor(&self, _: Peer, pass: Pass, code: Secret) -> Result<Login, Fault> {
        if code != Secret::new(CODE_OF_APP.into()) {
            return Ok(Login::Wrong);
        }
        self.change("codes off").codes.retain(|of| *of != pass.account);
        Ok(Login::Welcome(pass))
    }

    async fn reset_second_factor(&self, id: AccountId) -> Result<(), Fault> {
        self.change("codes reset").codes.retain(|of| *of != Some(id));
        Ok(())
    }

    async fn still_welcome(&self, pass: Pass) -> Result<bool, Fault> {
        let inner = self.lock();
        let Some(id) = pass.account else {
            return Ok(pass == inner.pass());
        };
        let account = inner.accounts.iter().find(|a| a.id == id);
        Ok(account.is_some_and(|a| a.state == AccountState::Active && persons_pass(a) == pass))
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

    async fn failed_logins(
        &self,
        filter: LoginFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<FailedLogins, Fault> {
        if filter.from == "nonsense" {
            return Err(Fault::Refused("That is no network.".to_owned()));
        }

        let mut rows = self.lock().failed.clone();
        rows.retain(|row| row.login.contains(&filter.name));
        let start = before.unwrap_or(0) as usize;
        let older = (start + limit < rows.len()).then_some((start + limit) as u64);
        Ok(FailedLogins {
            rows: rows.into_iter().skip(start).take(limit).collect(),
            older,
        })
    }

    async fn login_mail(&self) -> Result<LoginMail, Fault> {
        Ok(LoginMail {
            mode: "threshold".to_owned(),
            threshold: 10,
        })
    }

    async fn set_login_mail(&self, mail: LoginMail) -> Result<(), Fault> {
        if mail.threshold == 0 {
            return Err(Fault::Refused("The threshold 0 is too small.".to_owned()));
        }
        drop(self.change("login mail"));
        Ok(())
    }

    async fn screening(&self) -> Result<Screening, Fault> {
        Ok(self.lock().screening.clone())
    }

    async fn release(&self, who: String) -> Result<(), Fault> {
        self.change("release")
            .screening
            .blocked
            .retain(|row| row.who != who);
        Ok(())
    }

    async fn put_on_list(&self, wish: ListWish) -> Result<(), Fault> {
        if wish.network == "nonsense" {
            return Err(Fault::Refused("That is no network.".to_owned()));
        }
        drop(self.change("list"));
        Ok(())
    }

    async fn take_off_list(&self, _: bool, _: String) -> Result<(), Fault> {
        drop(self.change("unlist"));
        Ok(())
    }

    async fn links(&self) -> Result<LinkDesk, Fault> {
        let inner = self.lock();
        let accounts = inner.accounts.iter();
        Ok(LinkDesk {
            rules: inner.link_rules.clone(),
            files: 3,
            used: 1_900_000_000,
            budget: 2_000_000_000,
            free: 5_000_000_000,
            accounts: accounts.map(|one| (one.id, one.address.clone(), true)).collect(),
        })
    }

    async fn set_link_rules(&self, rules: LinkRules) -> Result<(), Fault> {
        if rules.part_mb.parse::<u32>().is_err() {
            return Err(Fault::Refused("That is no number of MB.".to_owned()));
        }
        self.change("link rules").link_rules = rules;
        Ok(())
    }

    async fn switch_links(&self, _id: AccountId, on: bool) -> Result<(), Fault> {
        self.change("link switch").links_off = !on;
        Ok(())
    }

    async fn account_links(&self, id: AccountId) -> Result<AccountLinks, Fault> {
        let inner = self.lock();
        let account = inner
            .accounts
            .iter()
            .find(|one| one.id == id)
            .ok_or(Fault::Gone)?;
        Ok(AccountLinks {
            address: account.address.clone(),
            on: !inner.links_off,
            rows: inner.links.clone(),
        })
    }

    async fn change_link(&self, _id: AccountId, link: u64, wish: LinkWish) -> Result<(), Fault> {
        if !self.lock().links.iter().any(|row| row.id == link) {
            return Err(Fault::Gone);
        }
        if wish == LinkWish::Extend(0) {
            return Err(Fault::Refused("A link works for 1 to 365 days.".to_owned()));
        }
        self.change("link").link_wishes.push(wish);
        Ok(())
    }

    async fn shared_link(&self, _peer: Peer, token: String, key: Option<String>) -> Result<Shared, Fault> {
        let inner = self.lock();
        Ok(match (inner.shared.get(&token), key.as_deref()) {
            (None, _) => Shared::Nothing,
            (Some(Shared::Locked), Some("key")) => Shared::File(shared_file()),
            (Some(shared), _) => shared.clone(),
        })
    }

    async fn unlock_link(
        &self,
        _peer: Peer,
        token: String,
        password: Secret,
    ) -> Result<Option<String>, Fault> {
        let locked = self.lock().shared.get(&token) == Some(&Shared::Locked);
        Ok((locked && password == Secret::new(b"sesame".to_vec())).then(|| "key".to_owned()))
    }

    async fn read_link(&self, _peer: Peer, _link: u64, piece: Piece) -> Result<Octets, Fault> {
        self.lock().pieces.push(piece);
        let (start, length) = (piece.start as usize, piece.length as usize);
        Ok(Body::from(SHARED[start..start + length].to_vec()))
    }

    async fn events(
        &self,
        filter: web_setup::EventFilter,
        before: Option<u64>,
        _limit: usize,
    ) -> Result<web_setup::Events, Fault> {
        let row = web_setup::EventRow {
            at: Timestamp(1_764_000_000),
            kind: "unfrozen".to_owned(),
            account: Some("ann@example.com".to_owned()),
            words: "=given back by <b>chief".to_owned(),
        };
        let none = filter.kind == "frozen" || before.is_some();
        Ok(web_setup::Events {
            rows: if none { Vec::new() } else { vec![row] },
            older: (!none).then_some(7),
        })
    }

    async fn printers(&self) -> Result<Printers, Fault> {
        Ok(self.lock().printers.clone())
    }

    async fn allow_printer(&self, wish: PrinterWish) -> Result<(), Fault> {
        let Ok(ip) = wish.ip.parse() else {
            return Err(Fault::Refused("That is no address.".to_owned()));
        };
        let mut inner = self.change("allow printer");
        inner.printers.tried.retain(|tried| tried.ip != ip);
        inner.printers.list.push(Printer {
            id: AccountId(1),
            name: wish.name,
            ip,
            from: Address::parse(&wish.from).unwrap(),
            limit: wish.limit.unwrap_or(30),
            here_only: wish.here_only,
            state: "active",
            until: None,
            sent: 3,
            used: None,
            held: 0,
        });
        Ok(())
    }

    async fn act_on_printer(&self, id: AccountId, deed: PrinterDeed) -> Result<(), Fault> {
        if id != AccountId(1) {
            return Err(Fault::Gone);
        }
        let held = self.lock().printers.list.iter().any(|printer| printer.held > 0);
        if deed == PrinterDeed::Remove && held {
            return Err(Fault::Refused("Mail of this device is held.".to_owned()));
        }
        let mut inner = self.change("act on printer");
        for printer in &mut inner.printers.list {
            printer.state = if deed == PrinterDeed::Pause {
                "paused"
            } else {
                "active"
            };
        }
        Ok(())
    }

    async fn names(&self) -> Result<Names, Fault> {
        let mut names = self.lock().names.clone();
        let main = self.lock().progress.office.clone().unwrap().domain;
        let dkim = self.dkim().await?;
        names.domains.insert(
            0,
            DomainRow {
                domain: main,
                main: true,
                same_names: false,
                catch_all: None,
                dkim,
            },
        );
        Ok(names)
    }

    async fn add_domain(&self, domain: String, same_names: bool) -> Result<(), Fault> {
        let Ok(parsed) = proto::types::Domain::parse(&domain) else {
            return Err(Fault::Refused(
                "That is no domain, such as example.com.".to_owned(),
            ));
        };
        let dkim = self.dkim().await?;
        self.change("domain").names.domains.push(DomainRow {
            domain: parsed,
            main: false,
            same_names,
            catch_all: None,
            dkim,
        });
        Ok(())
    }

    async fn set_domain(&self, wish: DomainWish) -> Result<(), Fault> {
        let mut inner = self.change("domain rules");
        let row = inner
            .names
            .domains
            .iter_mut()
            .find(|row| row.domain.as_str() == wish.domain);
        if let Some(row) = row {
            row.same_names = wish.same_names;
            row.catch_all = Address::parse(&wish.catch_all).ok();
        }
        Ok(())
    }

    async fn remove_domain(&self, domain: String) -> Result<(), Fault> {
        let mut inner = self.lock();
        let ends = |account: &Account| account.address.domain().as_str() == domain;
        if inner.accounts.iter().any(ends) {
            return Err(Fault::Refused("There are accounts in this domain.".to_owned()));
        }
        inner.changes.push("no domain");
        inner.names.domains.retain(|row| row.domain.as_str() != domain);
        Ok(())
    }

    async fn put_alias(&self, wish: AliasWish) -> Result<(), Fault> {
        let parsed = Address::parse(&wish.address);
        let parsed = parsed.map_err(|error| Fault::Refused(format!("{error}.")))?;
        self.change("alias").names.aliases.push(AliasRow {
            address: parsed,
            targets: vec![Address::parse(&wish.targets).unwrap()],
            send_as: wish.send_as,
        });
        Ok(())
    }

    async fn remove_alias(&self, address: String) -> Result<(), Fault> {
        let mut inner = self.change("no alias");
        inner
            .names
            .aliases
            .retain(|alias| alias.address.to_string() != address);
        Ok(())
    }

    async fn set_plus(&self, separator: String) -> Result<(), Fault> {
        self.change("plus").names.separator = separator;
        Ok(())
    }

    async fn shield(&self) -> Result<Vec<ShieldRow>, Fault> {
        Ok(self.lock().shield.clone())
    }

    async fn set_shield(&self, domain: String, networks: String) -> Result<(), Fault> {
        if networks == "nonsense" {
            return Err(Fault::Refused("write a network such as 192.0.2.0/24".to_owned()));
        }
        self.change("shield").shield.push(ShieldRow {
            domain,
            networks: networks.split(',').map(|n| n.trim().to_owned()).collect(),
            default: false,
        });
        Ok(())
    }

    async fn remove_shield(&self, domain: String) -> Result<(), Fault> {
        self.change("unshield").shield.retain(|row| row.domain != domain);
        Ok(())
    }

    async fn judging(&self) -> Result<Vec<Knob>, Fault> {
        Ok(self.lock().knobs.clone())
    }

    async fn set_judging(&self, values: Vec<(String, String)>) -> Result<(), Fault> {
        if values.iter().any(|(_, value)| value == "nonsense") {
            return Err(Fault::Refused("`nonsense` is no number of points.".to_owned()));
        }
        let mut inner = self.change("judging");
        for knob in &mut inner.knobs {
            if let Some((_, value)) = values.iter().find(|(name, _)| *name == knob.name) {
                knob.value.clone_from(value);
            }
        }
        Ok(())
    }

    async fn judged(&self) -> Result<Vec<JudgedRow>, Fault> {
        Ok(self.lock().judged.iter().map(|mail| mail.row.clone()).collect())
    }

    async fn explanation(&self, id: String) -> Result<JudgedMail, Fault> {
        let judged = self.lock().judged.clone();
        judged
            .into_iter()
            .find(|mail| mail.row.id == id)
            .ok_or(Fault::Gone)
    }

    async fn junk_mail(&self) -> Result<JunkMail, Fault> {
        Ok(self.lock().junk.clone())
    }

    async fn set_filtering(&self, wish: FilterWish) -> Result<(), Fault> {
        if wish.minutes == "999" {
            return Err(Fault::Refused(
                "Let nobody wait for more than 6 hours.".to_owned(),
            ));
        }
        self.change("filtering").junk.set = wish;
        Ok(())
    }

    async fn forget_learnt(&self) -> Result<(), Fault> {
        let junk = &mut self.change("forget").junk;
        (junk.spam, junk.ham) = (0, 0);
        Ok(())
    }

    async fn put_sender(&self, wish: SenderWish) -> Result<(), Fault> {
        if wish.who == "nonsense" {
            return Err(Fault::Refused("Name an address or a domain.".to_owned()));
        }
        self.change("put_sender").junk.senders.push(SenderRow {
            allow: wish.allow,
            who: wish.who,
            note: wish.note,
            until: wish
                .days
                .map(|days| Timestamp(2_000_000_000 + i64::from(days) * 86_400)),
        });
        Ok(())
    }

    async fn remove_sender(&self, who: String) -> Result<(), Fault> {
        self.change("remove_sender")
            .junk
            .senders
            .retain(|row| row.who != who);
        Ok(())
    }

    async fn set_screening(&self, values: BTreeMap<String, String>) -> Result<(), Fault> {
        if values.get("errors").is_some_and(|value| value == "0") {
            return Err(Fault::Refused("Refused commands: 0 is too few.".to_owned()));
        }
        drop(self.change("rules"));
        Ok(())
    }

    async fn outgoing(&self, limit: usize) -> Result<Outgoing, Fault> {
        let rows = self.lock().outgoing.clone();
        Ok(Outgoing {
            total: rows.len() as u64,
            rows: rows.into_iter().take(limit).collect(),
        })
    }

    async fn smarthost(&self) -> Result<Option<Smarthost>, Fault> {
        Ok(self
            .lock()
            .smarthost
            .as_ref()
            .map(|(smarthost, _)| smarthost.clone()))
    }

    async fn send_through(&self, smarthost: Smarthost, password: Option<Secret>) -> Result<(), Fault> {
        if smarthost.user.is_some() && password.is_none() {
            return Err(Fault::Refused("Please type the password.".to_owned()));
        }
        self.change("smarthost").smarthost = Some((smarthost, password));
        Ok(())
    }

    async fn send_directly(&self) -> Result<(), Fault> {
        self.change("no smarthost").smarthost = None;
        Ok(())
    }

    async fn accounts(&self) -> Result<Vec<Account>, Fault> {
        Ok(self.lock().accounts.clone())
    }

    async fn power(&self, wish: Power) -> Result<(), Fault> {
        drop(self.change(if wish == Power::Off { "off" } else { "restart" }));
        Ok(())
    }

    async fn send_test(&self, _: AccountId) -> Result<(), Fault> {
        drop(self.change("test message"));
        Ok(())
    }

    async fn create_account(
        &self,
        address: Address,
        password: Secret,
        admin: bool,
    ) -> Result<AccountId, Fault> {
        if self.lock().accounts.iter().any(|a| a.address == address) {
            return Err(Fault::Refused("There is such an account already.".to_owned()));
        }
        let mut inner = self.change("create account");
        let id = inner.accounts.len() as u64 + 1;
        inner.passwords.push((address.to_string(), password));
        inner.accounts.push(Account {
            admin,
            ..account(id, &address.to_string())
        });
        Ok(AccountId(id))
    }

    async fn set_account_password(&self, id: AccountId, password: Secret) -> Result<Pass, Fault> {
        let mut inner = self.change("account password");
        inner.passwords.push((id.to_string(), password));
        let account = inner.accounts.iter().find(|a| a.id == id).ok_or(Fault::Gone)?;
        Ok(persons_pass(account))
    }

    async fn recent_logins(&self, id: AccountId, _: usize) -> Result<Vec<RecentLogin>, Fault> {
        Ok(vec![RecentLogin {
            at: Timestamp(1_764_000_000),
            ip: "203.0.113.7".parse().unwrap(),
            protocol: Protocol::Imap,
            failed: (id.0 == 2).then(|| "wrong password".to_owned()),
            count: 3,
        }])
    }

    async fn devices(&self, _: AccountId) -> Result<Devices, Fault> {
        Ok(self.lock().devices.clone())
    }

    async fn add_device(&self, _: AccountId, name: String) -> Result<Secret, Fault> {
        if name.is_empty() {
            return Err(Fault::Refused("no name".to_owned()));
        }
        let mut inner = self.change("add device");
        let device = Device {
            id: inner.devices.list.len() as u32 + 1,
            name,
            created: Timestamp(1_764_000_000),
            used: Some((Timestamp(1_764_003_600), "192.0.2.0/24".to_owned())),
        };
        inner.devices.list.push(device);
        inner.devices.web_only = true;
        Ok(Secret::new(b"made-for-it".to_vec()))
    }

    async fn revoke_device(&self, _: AccountId, device: u32) -> Result<(), Fault> {
        let mut inner = self.change("revoke device");
        inner.devices.list.retain(|known| known.id != device);
        Ok(())
    }

    async fn office_web_only(&self) -> Result<bool, Fault> {
        Ok(self.lock().office_web_only)
    }

    async fn set_office_web_only(&self, web_only: bool) -> Result<(), Fault> {
        self.change("office web only").office_web_only = web_only;
        Ok(())
    }

    async fn set_web_only(&self, _: AccountId, web_only: bool) -> Result<(), Fault> {
        self.change("web only").devices.web_only = web_only;
        Ok(())
    }

    async fn watch(&self, _: AccountId) -> Result<Watch, Fault> {
        let inner = self.lock();
        Ok(Watch {
            held: inner.held,
            left: vec![Left {
                at: Timestamp(1_764_000_000),
                to: Address::parse("victim@example.net").unwrap(),
                host: "<mx.example.net>".to_owned(),
            }],
            choice: choice(),
            outside: inner.outside.clone(),
            ..Watch::default()
        })
    }

    async fn limits(&self) -> Result<Choice, Fault> {
        Ok(choice())
    }

    async fn set_limits(&self, _: Option<AccountId>, changes: Vec<(String, String)>) -> Result<(), Fault> {
        if changes.iter().any(|(_, value)| value == "0") {
            return Err(Fault::Refused("new_messages is a number from 1".to_owned()));
        }
        self.change("limits").limits.push(changes);
        Ok(())
    }

    async fn release_held(&self, _: AccountId) -> Result<u64, Fault> {
        Ok(std::mem::take(&mut self.change("release").held))
    }

    async fn discard_held(&self, _: AccountId) -> Result<u64, Fault> {
        Ok(std::mem::take(&mut self.change("discard").held))
    }

    async fn set_outside(&self, _: AccountId, address: Option<Address>) -> Result<(), Fault> {
        if address
            .as_ref()
            .is_some_and(|a| a.domain().as_str() == "firm.example")
        {
            return Err(Fault::Refused("inside the box".to_owned()));
        }
        self.change("notices").outside = address;
        Ok(())
    }

    async fn acknowledge(&self, _: AccountId) -> Result<(), Fault> {
        drop(self.change("acknowledge"));
        Ok(())
    }

    async fn freeze(&self, id: AccountId, reason: String) -> Result<(), Fault> {
        let mut inner = self.change("freeze");
        let account = inner
            .accounts
            .iter_mut()
            .find(|a| a.id == id)
            .ok_or(Fault::Gone)?;
        account.state = AccountState::Frozen {
            since: Timestamp(1_764_000_000),
            reason,
        };
        Ok(())
    }

    async fn unfreeze(&self, id: AccountId) -> Result<(), Fault> {
        let mut inner = self.change("unfreeze");
        let account = inner
            .accounts
            .iter_mut()
            .find(|a| a.id == id)
            .ok_or(Fault::Gone)?;
        account.state = AccountState::Active;
        Ok(())
    }
}
