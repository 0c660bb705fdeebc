use crate::desk_state::Desk;
use proto::types::{AccountId, Protocol, Timestamp};
use web_setup::{FailedLogins, Fault, LoginFilter, LoginMail, RecentLogin};

impl web_setup::LoginsRoom for Desk {
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

    async fn recent_logins(&self, id: AccountId, _: usize) -> Result<Vec<RecentLogin>, Fault> {
        Ok(vec![RecentLogin {
            at: Timestamp(1_764_000_000),
            ip: "203.0.113.7".parse().unwrap(),
            protocol: Protocol::Imap,
            failed: (id.0 == 2).then(|| "wrong password".to_owned()),
            count: 3,
        }])
    }
}
