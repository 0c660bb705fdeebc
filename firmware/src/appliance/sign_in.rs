//! Signing in at the pages: passwords, and the codes after them.

use super::{Appliance, fault};
use crate::guard::{Attempt, newcomer};
use crate::house::House;
use proto::refusal::Refusal;
use proto::types::{AccountId, Mechanism, Protocol, Secret};
use std::net::IpAddr;
use store::Account;
use web_setup::{Fault, Pass, SecondFactor};
use web_setup::{Login, Peer};

/// Whether that is the code of whose session this is.
pub(super) async fn judge(
    house: &House,
    ip: IpAddr,
    pass: Pass,
    code: &Secret,
) -> Result<Result<Option<Account>, Refusal>, Fault> {
    let login = match pass.account {
        None => "admin".to_owned(),
        Some(id) => {
            let account = house.store.snapshot().and_then(|snapshot| snapshot.account(id));
            account.map_err(fault)?.ok_or(Fault::Gone)?.address.to_string()
        }
    };
    let attempt = Attempt {
        ip,
        protocol: Protocol::Web,
        tls: true,
        mechanism: Mechanism::Code,
        client: "",
        login: &login,
    };
    Ok(house.logins.second_factor(&attempt, code).await)
}

pub(super) fn shown(house: &House, of: Option<AccountId>) -> Result<SecondFactor, Fault> {
    let enrolled = house.second_factors.of(of).map_err(fault)?;
    Ok(SecondFactor {
        since: enrolled.as_ref().map(|enrolled| enrolled.since),
        recovery_left: enrolled.map_or(0, |enrolled| enrolled.recovery_left),
        clock_known: house.second_factors.clock_is_known(),
    })
}

impl Appliance {
    // Somebody came in at the pages, or was refused there.
    fn entered(&self, ip: IpAddr, judged: Result<Option<store::Account>, Refusal>) -> Result<Login, Fault> {
        match judged {
            Ok(account) => {
                if let Some(account) = &account {
                    newcomer::tell(&self.inner.house, account, ip, Protocol::Web);
                    self.house().guard.greet(account.id, ip);
                }
                Ok(Login::Welcome(self.pass_of(account.as_ref())?))
            }
            Err(Refusal::Throttled) => Ok(Login::Throttled),
            Err(ref refusal @ Refusal::Blocked { until, .. }) => Ok(Login::Blocked {
                words: refusal.smtp().text,
                until,
            }),
            Err(Refusal::Frozen { reason }) => Ok(Login::Shut(reason)),
            Err(Refusal::Disabled) => Ok(Login::Shut("switched off".to_owned())),
            Err(Refusal::Temporary) => Err(Fault::Internal),
            Err(_) => Ok(Login::Wrong),
        }
    }
}

impl web_setup::SignInRoom for Appliance {
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
        let judged = judge(self.house(), ip, pass, &code).await?;
        self.entered(ip, judged)
    }

    async fn second_factor(&self, of: Option<AccountId>) -> Result<SecondFactor, Fault> {
        shown(self.house(), of)
    }

    async fn begin_second_factor(&self, of: Option<AccountId>) -> Result<Secret, Fault> {
        self.house().second_factors.begin(of).await.map_err(fault)
    }

    async fn confirm_second_factor(
        &self,
        of: Option<AccountId>,
        code: Secret,
    ) -> Result<(Pass, Vec<Secret>), Fault> {
        let code = String::from_utf8_lossy(code.expose()).into_owned();
        let confirmed = self.house().second_factors.confirm(of, &code).await;
        let recovery = confirmed.map_err(fault)?;
        let account = match of {
            None => None,
            Some(id) => {
                let account = self
                    .house()
                    .store
                    .snapshot()
                    .and_then(|snapshot| snapshot.account(id));
                Some(account.map_err(fault)?.ok_or(Fault::Gone)?)
            }
        };
        Ok((self.pass_of(account.as_ref())?, recovery))
    }

    async fn end_second_factor(&self, Peer(ip): Peer, pass: Pass, code: Secret) -> Result<Login, Fault> {
        let judged = judge(self.house(), ip, pass, &code).await?;
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
        let removed = self.house().second_factors.remove(Some(id), &self.by()?).await;
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
        match account {
            Some(account) if !account.state.holds_mail() => Ok(shown == self.persons_pass(&account)?),
            _ => Ok(false),
        }
    }
}
