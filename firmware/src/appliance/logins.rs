//! Logins and failed logins, as the pages ask for them.

use super::{Appliance, fault};
use crate::blocking::blocking;
use crate::guard::screen::SettingError;
use crate::house::House;
use crate::ledger::failed_logins::{self, Filter};
use crate::ledger::reports::{self, FAILED_LOGIN_MAIL, FailedLoginMail};
use crate::settings;
use proto::types::AccountId;
use store::{Event, EventKind, Snapshot, StoreError};
use web_setup::RecentLogin;
use web_setup::{FailedLogins, Fault, LoginFilter, LoginMail};

/// The last `limit`, newest first.
pub(super) fn recent(
    snapshot: &Snapshot,
    of: AccountId,
    limit: usize,
) -> Result<Vec<RecentLogin>, StoreError> {
    let events = snapshot.events(None, limit, |event| shown(event, of).is_some())?;
    Ok(events.iter().filter_map(|(_, event)| shown(event, of)).collect())
}

fn shown(event: &Event, of: AccountId) -> Option<RecentLogin> {
    match &event.kind {
        EventKind::LoginOk {
            protocol,
            ip,
            account,
            ..
        } if *account == of => Some(RecentLogin {
            at: event.at,
            ip: *ip,
            protocol: *protocol,
            failed: None,
            count: 1,
        }),
        EventKind::LoginFailed {
            protocol,
            ip,
            account: Some(account),
            reason,
            count,
            last,
            ..
        } if *account == of => Some(RecentLogin {
            at: last.unwrap_or(event.at),
            ip: *ip,
            protocol: *protocol,
            failed: Some(reason.clone()),
            count: u64::from(*count),
        }),
        _ => None,
    }
}

fn mail(house: &House) -> Result<LoginMail, Fault> {
    let snapshot = house.store.snapshot().map_err(fault)?;
    let set: Option<FailedLoginMail> = settings::read(&snapshot, FAILED_LOGIN_MAIL).map_err(fault)?;
    let FailedLoginMail { mode, threshold } = set.unwrap_or_default();
    Ok(LoginMail {
        mode: mode.name().to_owned(),
        threshold,
    })
}

async fn set_mail(house: &House, mail: &LoginMail) -> Result<(), Fault> {
    match reports::set(house, &mail.mode, mail.threshold).await {
        Ok(_) => Ok(()),
        Err(SettingError::Refused(words)) => Err(Fault::Refused(words)),
        Err(SettingError::Store(error)) => Err(fault(error)),
    }
}

impl web_setup::LoginsRoom for Appliance {
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
        mail(self.house())
    }

    async fn set_login_mail(&self, mail: LoginMail) -> Result<(), Fault> {
        set_mail(self.house(), &mail).await
    }

    async fn recent_logins(&self, id: AccountId, limit: usize) -> Result<Vec<RecentLogin>, Fault> {
        self.house().ledger.flush().await;
        blocking(|| recent(&self.house().store.snapshot()?, id, limit)).map_err(fault)
    }
}
