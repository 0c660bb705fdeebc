//! One door for every password, whatever protocol it came through.

mod proof;

use super::Network;
use super::device::{Device, DeviceId, DevicePasswords, Devices};
use super::password::Verifier;
use super::screen::{Screen, Target};
use super::second_factor::{Judgement, Owner, SecondFactors};
use super::temporary;
use super::turns::Turns;
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::limits;
use crate::settings::{self, Admin, Office};
use proof::Misses;
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, Mechanism, Protocol, Secret, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::{Account, AccountState, Acquaintance, EventKind, Store, StoreError};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{info, warn};

/// The name of the login that is no mail account and opens the admin's pages.
const ADMIN: &str = "admin";
/// The same person from the same place is recorded once in so many seconds.
const SEEN_AGAIN: i64 = 3600;

/// A login that is being tried.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// From where.
    pub ip: IpAddr,
    /// At which door.
    pub protocol: Protocol,
    /// Whether the password came through TLS.
    pub tls: bool,
    /// How it came.
    pub mechanism: Mechanism,
    /// What the client calls itself, if it said.
    pub client: &'a str,
    /// The name as typed.
    pub login: &'a str,
}

/// Somebody who may try.
struct Visitor {
    account: Option<Account>,
    target: Target,
    // Nobody else from there tries as long as this one does.
    _turn: OwnedSemaphorePermit,
}

/// Who came in, and with which device's password; `None`: with the main one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Entered {
    pub account: Account,
    pub device: Option<DeviceId>,
}

/// Judges logins.
pub struct Logins {
    store: Store,
    ledger: Ledger,
    clock: Clock,
    verifier: Verifier,
    screen: Screen,
    devices: DevicePasswords,
    second: SecondFactors,
    turns: Turns,
    misses: Misses,
    seen: Mutex<HashMap<(AccountId, IpAddr, Protocol), Timestamp>>,
}

impl Logins {
    /// A guard without memory of earlier attempts.
    ///
    /// # Errors
    /// The random source failed.
    pub fn new(
        store: Store,
        ledger: Ledger,
        clock: Clock,
        screen: Screen,
        devices: DevicePasswords,
        second: SecondFactors,
    ) -> Result<Self, getrandom::Error> {
        Ok(Self {
            store,
            ledger,
            clock,
            verifier: Verifier::new()?,
            screen,
            devices,
            second,
            turns: Turns::default(),
            misses: Misses::default(),
            seen: Mutex::new(HashMap::new()),
        })
    }

    /// Judges the login of a mail account. A refused one has been recorded and has waited.
    ///
    /// # Errors
    /// `BadCredentials`, whether name or password is wrong; with the right password, why the
    /// account is shut, or `DevicePassword`; `Throttled`; `Temporary` when the store fails.
    pub async fn login(&self, attempt: &Attempt<'_>, password: &Secret) -> Result<Entered, Refusal> {
        let Visitor {
            account,
            target,
            _turn,
        } = self.approach(attempt).await?;
        let id = account.as_ref().map(|account| account.id);
        let devices = self.devices_for(attempt, id).map_err(temporary)?;
        let device = devices.find(password);
        let hash = account.as_ref().map(|account| account.password_hash.as_str());
        let right = match device {
            Some(_) => true,
            None => match self.compare(attempt, password, &target, hash).await {
                Ok(right) => right,
                Err(busy) => return Err(self.refuse(attempt, id, "too many attempts", busy).await),
            },
        };
        let (reason, refusal) = match account {
            Some(account) if right => match shut(&account.state) {
                // Right, but not here: whoever sent it is no guesser.
                None if device.is_none() && devices.web_only() => {
                    ("main password is for the web", Refusal::DevicePassword)
                }
                None if self.is_half(attempt, id).map_err(temporary)? => {
                    return Ok(Entered {
                        account,
                        device: None,
                    });
                }
                None => {
                    self.screen.right(attempt.ip, &target);
                    if attempt.protocol != Protocol::Web {
                        self.devices.learn(&account, device, password).await;
                    }
                    return Ok(self.enter(attempt, account, device).await);
                }
                Some(why) => why,
            },
            Some(_) => ("wrong password", self.wrong(attempt, &target, password)),
            None => ("unknown account", self.wrong(attempt, &target, password)),
        };
        Err(self.refuse(attempt, id, reason, refusal).await)
    }

    // Who it is, and whether he may try at all.
    async fn approach(&self, attempt: &Attempt<'_>) -> Result<Visitor, Refusal> {
        let Some(turn) = self.turns.take(attempt.ip).await else {
            return Err(self
                .refuse(attempt, None, "too many attempts", Refusal::Throttled)
                .await);
        };
        // At the pages that name is no account's.
        let is_admin = attempt.protocol == Protocol::Web && attempt.login.trim().eq_ignore_ascii_case(ADMIN);
        let account = match is_admin {
            true => None,
            false => self.find(attempt.login).map_err(temporary)?,
        };
        let id = account.as_ref().map(|account| account.id);
        let named = account
            .as_ref()
            .map(|account| (account.id, account.address.to_string()));
        let target = self.screen.target(named, attempt.login);
        if let Some(id) = id {
            self.recall(id, attempt.ip, &target).map_err(temporary)?;
        }
        if let Err(blocked) = self.screen.may_try(attempt.ip, &target) {
            return Err(self.refuse(attempt, id, "blocked", blocked.into()).await);
        }
        Ok(Visitor {
            account,
            target,
            _turn: turn,
        })
    }

    // The store knows where the account was used, also before the box was started.
    fn recall(&self, account: AccountId, ip: IpAddr, target: &Target) -> Result<(), StoreError> {
        if !self.screen.is_familiar(ip, target) {
            let network = Acquaintance::Network(Network::household(ip).to_string());
            if self.store.snapshot()?.met(account, &network)?.is_some() {
                self.screen.recall(ip, target);
            }
        }
        Ok(())
    }

    // The web asks for the main password and for nothing else.
    fn devices_for(&self, attempt: &Attempt<'_>, account: Option<AccountId>) -> Result<Devices, StoreError> {
        match account {
            Some(account) if attempt.protocol != Protocol::Web => self.devices.of(account),
            _ => Ok(Devices::default()),
        }
    }

    async fn enter(&self, attempt: &Attempt<'_>, account: Account, device: Option<&Device>) -> Entered {
        self.welcome(attempt, account.id, self.clock.now());
        if let Some(device) = device {
            self.devices.used(account.id, device, attempt.ip).await;
        }
        let device = device.map(|device| device.id);
        Entered { account, device }
    }

    /// How many passwords were hashed so far.
    #[cfg(test)]
    pub fn hashed(&self) -> u32 {
        self.verifier.hashed()
    }

    // Strangers wait for each other, never people of ours for strangers.
    async fn compare(
        &self,
        attempt: &Attempt<'_>,
        password: &Secret,
        target: &Target,
        hash: Option<&str>,
    ) -> Result<bool, Refusal> {
        let familiar = self.screen.is_familiar(attempt.ip, target);
        let now = self.clock.now();
        let compared = self.verifier.verify(hash, password, now, familiar);
        compared.await.ok_or(Refusal::Throttled)
    }

    /// Whether this is the password with that hash, which is no account's; takes as long where there
    /// is none.
    pub async fn compare_other(
        &self,
        ip: IpAddr,
        target: &Target,
        hash: Option<&str>,
        password: &Secret,
    ) -> bool {
        let familiar = self.screen.is_familiar(ip, target);
        let compared = self.verifier.verify(hash, password, self.clock.now(), familiar);
        compared.await == Some(true)
    }

    // One guess too many is told so at once.
    fn wrong(&self, attempt: &Attempt<'_>, target: &Target, guess: &Secret) -> Refusal {
        let blocked = self.screen.wrong(attempt.ip, target, guess);
        blocked.map_or(Refusal::BadCredentials, Refusal::from)
    }

    /// Whether the account may come in to its mail with this device's password, or with the main
    /// one, as the store has it now.
    ///
    /// # Errors
    /// Why it may not.
    pub fn may_enter(&self, account: AccountId, device: Option<DeviceId>) -> Result<(), Refusal> {
        let look = || {
            let snapshot = self.store.snapshot()?;
            Ok((snapshot.account(account)?, Devices::read(&snapshot, account)?))
        };
        let (found, devices) = look().map_err(temporary)?;
        if !devices.admit(device) {
            return Err(device.map_or(Refusal::DevicePassword, |_| Refusal::BadCredentials));
        }
        let state = found.map_or(AccountState::Disabled, |account| account.state);
        shut(&state).map_or(Ok(()), |(_, refusal)| Err(refusal))
    }

    /// Judges a login at the pages: `admin` with the password of the setup (`None`), or a mail
    /// account.
    ///
    /// # Errors
    /// As [`Logins::login`].
    pub async fn login_web(
        &self,
        attempt: &Attempt<'_>,
        password: &Secret,
    ) -> Result<Option<Account>, Refusal> {
        if !attempt.login.trim().eq_ignore_ascii_case(ADMIN) {
            return Ok(Some(self.login(attempt, password).await?.account));
        }
        let Visitor { target, _turn, .. } = self.approach(attempt).await?;
        let admin: Option<Admin> = self
            .store
            .snapshot()
            .and_then(|snapshot| settings::read(&snapshot, settings::ADMIN))
            .map_err(temporary)?;
        let hash = admin.as_ref().map(|admin| admin.password_hash.as_str());
        let (reason, refusal) = match self.compare(attempt, password, &target, hash).await {
            Ok(true) if self.is_half(attempt, None).map_err(temporary)? => return Ok(None),
            Ok(true) => {
                self.screen.right(attempt.ip, &target);
                self.welcome_admin(attempt);
                return Ok(None);
            }
            Ok(false) => ("wrong password", self.wrong(attempt, &target, password)),
            Err(busy) => ("too many attempts", busy),
        };
        Err(self.refuse(attempt, None, reason, refusal).await)
    }

    fn welcome_admin(&self, attempt: &Attempt<'_>) {
        info!(ip = %attempt.ip, mechanism = ?attempt.mechanism, "the admin logged in");
        self.ledger.record(EventKind::AdminCameIn {
            ip: attempt.ip,
            mechanism: attempt.mechanism,
        });
    }

    // The password is right, and the code is still to come: nothing is forgiven or recorded yet.
    fn is_half(&self, attempt: &Attempt<'_>, owner: Owner) -> Result<bool, StoreError> {
        Ok(attempt.protocol == Protocol::Web && self.second.of(owner)?.is_some())
    }

    /// Judges the code that follows the right password at the pages.
    ///
    /// # Errors
    /// `BadCredentials` for a wrong code, counted like a wrong password; `Throttled` after many of
    /// them; why the account is shut; `Temporary` when the store fails.
    pub async fn second_factor(
        &self,
        attempt: &Attempt<'_>,
        code: &Secret,
    ) -> Result<Option<Account>, Refusal> {
        let is_admin = attempt.login.trim().eq_ignore_ascii_case(ADMIN);
        let Visitor {
            account,
            target,
            _turn,
        } = self.approach(attempt).await?;
        let owner = account.as_ref().map(|account| account.id);
        if owner.is_none() != is_admin {
            return Err(self
                .refuse(attempt, owner, "unknown account", Refusal::BadCredentials)
                .await);
        }
        let text = String::from_utf8_lossy(code.expose());
        let judged = self.second.judge(owner, &text).await;
        let (reason, refusal) = match judged.map_err(temporary)? {
            Judgement::Right => {
                let why = account.as_ref().and_then(|account| shut(&account.state));
                if let Some((reason, refusal)) = why {
                    return Err(self.refuse(attempt, owner, reason, refusal).await);
                }
                self.screen.right(attempt.ip, &target);
                match &account {
                    Some(account) => self.welcome(attempt, account.id, self.clock.now()),
                    None => self.welcome_admin(attempt),
                }
                return Ok(account);
            }
            Judgement::Wrong => ("wrong code", self.wrong(attempt, &target, code)),
            Judgement::TooMany => ("too many wrong codes", Refusal::Throttled),
        };
        Err(self.refuse(attempt, owner, reason, refusal).await)
    }

    fn find(&self, login: &str) -> Result<Option<Account>, StoreError> {
        let address = Address::parse(&self.full(login)?);
        address.map_or(Ok(None), |address| {
            self.store.snapshot()?.account_by_address(&address)
        })
    }

    // A name without a domain belongs to the office's.
    fn full(&self, login: &str) -> Result<String, StoreError> {
        if login.contains('@') {
            return Ok(Address::parse(login).map_or_else(|_| login.to_lowercase(), |address| address.key()));
        }
        let office: Option<Office> = settings::read(&self.store.snapshot()?, settings::OFFICE)?;
        let full = office.map_or_else(|| login.to_owned(), |office| format!("{login}@{}", office.domain));
        Ok(Address::parse(&full).map_or_else(|_| full.to_lowercase(), |address| address.key()))
    }

    fn welcome(&self, attempt: &Attempt<'_>, account: AccountId, now: Timestamp) {
        let key = (account, attempt.ip, attempt.protocol);
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let recently = |at: Timestamp| (now.0 - SEEN_AGAIN..=now.0).contains(&at.0);
            if seen.get(&key).is_some_and(|at| recently(*at)) {
                return;
            }
            if seen.len() >= limits::DELAYED {
                seen.retain(|_, at| recently(*at));
            }
            if seen.len() < limits::DELAYED {
                seen.insert(key, now);
            }
        }
        self.ledger.record(EventKind::LoginOk {
            protocol: attempt.protocol,
            ip: attempt.ip,
            account,
            mechanism: attempt.mechanism,
            tls: attempt.tls,
        });
    }

    // One event, one log line, one wait.
    async fn refuse(
        &self,
        attempt: &Attempt<'_>,
        account: Option<AccountId>,
        reason: &str,
        refusal: Refusal,
    ) -> Refusal {
        let login = cut(attempt.login, limits::LOGIN_NAME);
        warn!(
            "{}",
            failure_line(attempt.protocol, attempt.ip, login, reason, attempt.client)
        );
        self.ledger.record(EventKind::LoginFailed {
            protocol: attempt.protocol,
            ip: attempt.ip,
            login: login.to_owned(),
            account,
            mechanism: attempt.mechanism,
            tls: attempt.tls,
            reason: reason.to_owned(),
            client: attempt.client.to_owned(),
            count: 1,
            last: None,
        });
        let wait = match refusal {
            // The password is right: nobody behind the same address waits longer for it.
            Refusal::DevicePassword => Duration::from_secs(1),
            _ => self.turns.wrong(attempt.ip),
        };
        tokio::time::sleep(wait).await;
        refusal
    }
}

impl std::fmt::Debug for Logins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Logins(..)")
    }
}

/// The line in the log, in a form that machines may rely on (the README documents it):
/// `login failed: protocol=imap ip=192.0.2.7 account="x" reason=wrong-password client="y"`.
pub(super) fn failure_line(
    protocol: Protocol,
    ip: IpAddr,
    login: &str,
    reason: &str,
    client: &str,
) -> String {
    // Debug escapes quotes and line ends: a name cannot forge a line or an address.
    let reason = reason.replace(' ', "-");
    format!("login failed: protocol={protocol} ip={ip} account={login:?} reason={reason} client={client:?}")
}

/// Why an account may not come in, if it may not.
pub(super) fn shut(state: &AccountState) -> Option<(&'static str, Refusal)> {
    match state {
        AccountState::Active | AccountState::Limited { .. } => None,
        AccountState::Frozen { reason, .. } => {
            let reason = reason.clone();
            Some(("account frozen", Refusal::Frozen { reason }))
        }
        AccountState::Disabled => Some(("account disabled", Refusal::Disabled)),
    }
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
