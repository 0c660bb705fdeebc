//! The account's states and the ways between them: active, limited, frozen, disabled. Every way is
//! one operation of the store, which records it in the same commit.

use super::{Guard, Sending, Stopped, is_watched};
use crate::blocking::blocking;
use crate::deliver::{fresh_id, orders};
use crate::guard::networks::Network;
use crate::guard::rules::{Allowed, HOUR, window};
use crate::guard::windows::Over;
use crate::guard::{temporary, words};
use crate::links::links_of_queued;
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, Timestamp};
use std::net::IpAddr;
use store::{Acquaintance, Event, EventKind, Freeze, FreezeOutcome, Snapshot, StoreError, Trip};
use tracing::{error, info, warn};

/// Networks and recipients named in a finding.
const NAMED: usize = 10;

impl Guard {
    /// Freezes an account because an admin wants it. The last admin that works is limited for an
    /// hour instead.
    ///
    /// # Errors
    /// `NotFound`: no such account.
    pub async fn freeze(&self, account: AccountId, reason: String) -> Result<FreezeOutcome, StoreError> {
        let at = self.0.clock.now();
        let freeze = Freeze {
            account,
            at,
            reason,
            trip: None,
            until: at.plus(HOUR),
        };
        self.carry_out(freeze).await
    }

    /// Makes the account active again, whatever it was. Its counts begin anew, at half the limits
    /// for a day. Mail that is held stays so, until it is released or discarded. `false`: it was
    /// active.
    ///
    /// # Errors
    /// `NotFound`: no such account.
    pub async fn unfreeze(&self, account: AccountId, by: String) -> Result<bool, StoreError> {
        let _turn = self.0.changing.lock().await;
        let done = self
            .0
            .store
            .unfreeze(account, self.0.clock.now(), by.clone())
            .await?;
        if done {
            self.accounts().remove(&account);
            self.0.decided.notify_waiters();
            info!(%account, by, "account unfrozen");
        }
        Ok(done)
    }

    /// An admin has seen that the account is frozen: the panel need not shout any more. `false`: it
    /// is not frozen, or was seen before.
    ///
    /// # Errors
    /// `NotFound`: no such account.
    pub async fn acknowledge(&self, account: AccountId, by: String) -> Result<bool, StoreError> {
        self.0.store.freeze_seen(account, self.0.clock.now(), by).await
    }

    /// Lets the account's held mail go. Returns how many recipients it has.
    ///
    /// # Errors
    /// `NotFound`: no such account.
    pub async fn release(&self, account: AccountId, by: String) -> Result<u64, StoreError> {
        let now = self.0.clock.now();
        let count = self.0.store.release_held(account, now, by.clone()).await?;
        info!(%account, by, count, "held mail released");
        Ok(count)
    }

    /// Drops the account's held mail. Returns how many recipients it had.
    ///
    /// # Errors
    /// `NotFound`: no such account.
    pub async fn discard(&self, account: AccountId, by: String) -> Result<u64, StoreError> {
        let now = self.0.clock.now();
        let links = blocking(|| {
            let snapshot = self.0.store.snapshot()?;
            let mut held = Vec::new();
            orders::each(&snapshot, |item| {
                if item.held && item.owner == Some(account) {
                    held.push(item.id);
                }
            })?;
            links_of_queued(&snapshot, &held)
        })?;
        let links = links.into_values().flatten().collect();
        let discarded = self.0.store.discard_held(account, links, now, by.clone());
        let count = discarded.await?;
        info!(%account, by, count, "held mail discarded");
        Ok(count)
    }

    // Stops an account that is over a limit. What its client hears.
    pub(super) async fn stop(
        &self,
        over: Over,
        allowed: &Allowed,
        sending: Option<&Sending<'_>>,
        account: AccountId,
    ) -> Refusal {
        let (freeze, new) = match self.finding(over, allowed, sending, account) {
            Ok(finding) => finding,
            Err(error) => {
                self.decided(account, None);
                return temporary(error);
            }
        };
        let reason = freeze.reason.clone();
        // Of its own: a client that hangs up now does not stop it.
        let this = self.clone();
        let stopping = tokio::spawn(async move {
            let outcome = this.carry_out(freeze).await;
            match &outcome {
                // What was not known by then begins to be known after it, if the admin says so.
                Ok(FreezeOutcome::Frozen { .. }) => {
                    if let Err(error) = this.0.store.forget(account, new).await {
                        warn!(%error, "networks could not be forgotten");
                    }
                }
                Ok(_) => {}
                Err(error) => error!(%account, %error, "an account could not be stopped"),
            }
            outcome
        });
        match stopping.await {
            Ok(Ok(FreezeOutcome::Limited { until, .. })) => Refusal::Limited { until },
            Ok(Ok(FreezeOutcome::Frozen { .. } | FreezeOutcome::Already)) => Refusal::Frozen { reason },
            Ok(Err(error)) => temporary(error),
            Err(error) => {
                error!(%error, "stopping an account ended badly");
                self.decided(account, None);
                Refusal::Temporary
            }
        }
    }

    // What was decided; `None`: nothing, the next message over a limit tries again.
    fn decided(&self, account: AccountId, stopped: Option<Stopped>) {
        self.accounts().entry(account).or_default().stopped = stopped;
        self.0.decided.notify_waiters();
    }

    async fn carry_out(&self, freeze: Freeze) -> Result<FreezeOutcome, StoreError> {
        let _turn = self.0.changing.lock().await;
        let (account, reason) = (freeze.account, freeze.reason.clone());
        let outcome = self.0.store.freeze(freeze).await;
        let stopped = match &outcome {
            Ok(FreezeOutcome::Frozen { held }) => {
                warn!(%account, reason, held, "account frozen");
                Some(Stopped::Frozen { reason })
            }
            Ok(FreezeOutcome::Limited { until, last_admin }) => {
                warn!(%account, reason, until = until.0, last_admin, "account limited");
                Some(Stopped::Limited { until: *until })
            }
            // Whoever is shut already is refused for that.
            Ok(FreezeOutcome::Already) | Err(_) => None,
        };
        self.decided(account, stopped);
        outcome
    }

    // Everything that the admins are to know, and the networks that were new.
    fn finding(
        &self,
        over: Over,
        allowed: &Allowed,
        sending: Option<&Sending<'_>>,
        account: AccountId,
    ) -> Result<(Freeze, Vec<Acquaintance>), StoreError> {
        let now = self.0.clock.now();
        let snapshot = self.0.store.snapshot()?;
        let found = snapshot.account(account)?.ok_or(StoreError::NotFound)?;
        let (ip, recipients) = match sending {
            Some(sending) => (Some(sending.ip), sending.recipients.to_vec()),
            None => last_sent(&snapshot, account)?,
        };
        let (mut networks, new, taken) = match self.accounts().get(&account) {
            Some(watched) => {
                let windows = &watched.windows;
                (windows.networks(), windows.new_networks(), windows.messages())
            }
            None => (Vec::new(), Vec::new(), 0),
        };
        if let Some(sending) = sending {
            let here = Network::household(sending.ip);
            networks.retain(|network| *network != here);
            networks.insert(0, here);
        }
        networks.truncate(NAMED);
        let reason = words::reason(&over);
        let trip = Trip {
            id: fresh_id(),
            account,
            counter: over.counter,
            count: over.count,
            limit: over.limit,
            window: window(over.counter),
            action: allowed.action,
            until: None,
            last_admin: false,
            ip,
            networks: networks.iter().map(ToString::to_string).collect(),
            protocol: sending.map(|sending| sending.protocol),
            recipients: recipients.into_iter().take(NAMED).collect(),
            taken,
            held: 0,
            watched: is_watched(&found, now),
        };
        let freeze = Freeze {
            account,
            at: now,
            reason,
            trip: Some(trip),
            until: until(over, now),
        };
        let met = |network: Network| Acquaintance::Network(network.to_string());
        Ok((freeze, new.into_iter().map(met).collect()))
    }
}

// From where and to whom the account wrote last: what comes back undeliverable does not say it.
fn last_sent(snapshot: &Snapshot, account: AccountId) -> Result<(Option<IpAddr>, Vec<Address>), StoreError> {
    let sent = |event: &Event| matches!(&event.kind, EventKind::Sent { account: by, .. } if *by == account);
    Ok(match snapshot.events(None, 1, sent)?.into_iter().next() {
        Some((
            _,
            Event {
                kind: EventKind::Sent { ip, to, .. },
                ..
            },
        )) => (Some(ip), to),
        _ => (None, Vec::new()),
    })
}

fn until(over: Over, now: Timestamp) -> Timestamp {
    over.until.max(now.plus(1))
}
