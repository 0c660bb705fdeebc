//! What the command line can have done about failed logins and who is shut out.

use crate::guard::Network;
use crate::guard::screen::{self, List, Subject};
use crate::house::House;
use crate::ledger::failed_logins::{self, Filter};
use crate::ledger::reports::{self, FAILED_LOGIN_MAIL, FailedLoginMail};
use crate::settings;
use anyhow::{Result, ensure};
use proto::types::Protocol;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use web_setup::{FailedLogin, LoginFilter};

/// A wish about it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Screening {
    /// Failed logins, newest first.
    Logins {
        /// At this door.
        protocol: Option<Protocol>,
        /// From this address or network.
        from: String,
        /// The name contains this.
        name: String,
        /// Whether the office has such an account.
        known: Option<bool>,
        /// On this day, counted from 1970-01-01.
        day: Option<i64>,
        /// Most rows.
        limit: usize,
    },
    /// Who is shut out.
    Blocked,
    /// Both lists.
    Lists,
    /// Put a network on a list.
    Put {
        /// Which.
        list: List,
        /// Whom.
        network: Network,
        /// For so many seconds; `None` for ever.
        seconds: Option<i64>,
        /// Why.
        note: String,
    },
    /// Take it off again.
    Remove {
        /// Which.
        list: List,
        /// Whom.
        network: Network,
    },
    /// Let somebody in again.
    Release {
        /// Address, network or account.
        who: String,
    },
    /// How the admins hear of failed logins, after this is set.
    Mail {
        /// off, each, threshold or digest.
        mode: Option<String>,
        /// Failed logins from one address on one day that are worth a letter.
        threshold: Option<u32>,
    },
    /// The rules, after these are set.
    Rules {
        /// Names and numbers.
        set: Vec<(String, String)>,
    },
}

pub(super) async fn carry_out(house: &House, wish: &Screening, by: &str) -> Result<Value> {
    let screen = &house.screen;
    match wish {
        Screening::Logins { .. } => return logins(house, wish).await,
        Screening::Blocked => {
            let blocked = screen.penalties();
            let rows = blocked.iter().map(|penalty| {
                json!({
                    "who": penalty.subject.to_string(),
                    "why": penalty.why,
                    "since": penalty.since,
                    "until": penalty.until,
                })
            });
            return Ok(rows.collect());
        }
        Screening::Lists => {}
        Screening::Put {
            list,
            network,
            seconds,
            note,
        } => {
            let until = seconds.map(|seconds| house.clock.now().plus(seconds));
            screen.put(*list, *network, until, note.clone()).await?;
        }
        Screening::Remove { list, network } => {
            ensure!(
                screen.remove(*list, *network).await?,
                "{network} is not on that list"
            );
        }
        Screening::Release { who } => {
            ensure!(screen.release(&Subject::named(who), by), "{who} is not blocked");
            return Ok(json!({ "released": who }));
        }
        Screening::Mail { mode, threshold } => return mail(house, mode.as_deref(), *threshold).await,
        Screening::Rules { set } => {
            let change = |rules: &mut screen::Screening| {
                set.iter().try_for_each(|(name, value)| rules.set(name, value))
            };
            let mut rules = match set.is_empty() {
                true => screen.rules(),
                false => screen.change_rules(change).await?,
            };
            let rules: serde_json::Map<_, _> = rules
                .rules()
                .iter()
                .map(|rule| (rule.name.to_owned(), json!(rule.value())))
                .collect();
            return Ok(Value::Object(rules));
        }
    }
    let entries = screen.entries();
    let rows = entries.iter().map(|entry| {
        json!({
            "list": entry.list,
            "network": entry.network,
            "until": entry.until,
            "note": entry.note,
        })
    });
    Ok(rows.collect())
}

async fn mail(house: &House, mode: Option<&str>, threshold: Option<u32>) -> Result<Value> {
    let now: Option<FailedLoginMail> = settings::read(&house.store.snapshot()?, FAILED_LOGIN_MAIL)?;
    let now = now.unwrap_or_default();
    let mode = mode.unwrap_or(now.mode.name());
    let threshold = threshold.unwrap_or(now.threshold);
    if (mode, threshold) == (now.mode.name(), now.threshold) {
        return Ok(serde_json::to_value(now)?);
    }
    Ok(serde_json::to_value(reports::set(house, mode, threshold).await?)?)
}

async fn logins(house: &House, wish: &Screening) -> Result<Value> {
    let Screening::Logins {
        protocol,
        from,
        name,
        known,
        day,
        limit,
    } = wish
    else {
        return Ok(Value::Null);
    };
    let filter = Filter::new(LoginFilter {
        protocol: *protocol,
        from: from.clone(),
        name: name.clone(),
        known: *known,
        day: *day,
    })?;
    house.ledger.flush().await;
    let (snapshot, limit) = (house.store.snapshot()?, *limit);
    let page = tokio::task::spawn_blocking(move || failed_logins::page(&snapshot, &filter, None, limit));
    Ok(page.await??.rows.iter().map(row).collect())
}

fn row(row: &FailedLogin) -> Value {
    json!({
        "first": row.first,
        "last": row.at,
        "ip": row.ip,
        "protocol": row.protocol,
        "account": row.login,
        "known": row.known,
        "mechanism": row.mechanism,
        "tls": row.tls,
        "reason": row.reason,
        "client": row.client,
        "count": row.count,
    })
}
