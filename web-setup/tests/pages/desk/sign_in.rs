use crate::desk_state::{BLOCKED, CODE_OF_APP, Desk, PERSONS_PASSWORD, failed, half};
use proto::types::{AccountId, Secret, Timestamp};
use web_setup::{AccountState, Fault, Login, Pass, Peer, SecondFactor};

impl web_setup::SignInRoom for Desk {
    async fn login(&self, _: Peer, name: String, password: Secret) -> Result<Login, Fault> {
        if name == BLOCKED {
            return Ok(Login::Blocked {
                words: "Your address is blocked.".to_owned(),
                until: Some(Timestamp(1_764_000_900)),
            });
        }
        let mut inner = self.lock();
        if name == "admin" && inner.admin_password.as_ref() == Some(&password) {
            return Ok(half(&inner, inner.pass()));
        }
        let person = inner.accounts.iter().find(|a| a.address.to_string() == name);
        if let Some(person) = person.filter(|_| password == Secret::new(PERSONS_PASSWORD.into())) {
            return Ok(match &person.state {
                AccountState::Frozen { reason, .. } => Login::Shut(reason.clone()),
                _ => half(&inner, inner.pass_of(Some(person.id))),
            });
        }
        if inner.failed.len() >= 10 {
            return Ok(Login::Throttled);
        }
        inner.failed.push(failed(&name, 1));
        Ok(Login::Wrong)
    }

    async fn login_code(&self, _: Peer, pass: Pass, code: Secret) -> Result<Login, Fault> {
        if code == Secret::new(CODE_OF_APP.into()) {
            return Ok(Login::Welcome(pass));
        }
        let mut inner = self.lock();
        if inner.failed.len() >= 10 {
            return Ok(Login::Throttled);
        }
        inner.failed.push(failed("code", 1));
        Ok(Login::Wrong)
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

    async fn confirm_second_factor(
        &self,
        of: Option<AccountId>,
        code: Secret,
    ) -> Result<(Pass, Vec<Secret>), Fault> {
        if code != Secret::new(CODE_OF_APP.into()) {
            return Err(Fault::Refused("That is not the code.".to_owned()));
        }
        let mut inner = self.change("codes on");
        inner.codes.push(of);
        let pass = inner.pass_of(of);
        Ok((pass, vec![Secret::new(b"abcd-efgh-jkmn".to_vec())]))
    }

    async fn end_second_factor(&self, _: Peer, pass: Pass, code: Secret) -> Result<Login, Fault> {
        if code != Secret::new(CODE_OF_APP.into()) {
            return Ok(Login::Wrong);
        }
        let mut inner = self.change("codes off");
        inner.codes.retain(|of| *of != pass.account);
        Ok(Login::Welcome(inner.pass_of(pass.account)))
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
        Ok(account.is_some_and(|a| a.state == AccountState::Active && inner.pass_of(Some(id)) == pass))
    }
}
