//! What an account may send: the defaults, what the office set, what was set for one account.

use crate::clock::DAY;
use crate::settings;
use proto::types::AccountId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{Counter, GuardAction, Snapshot, StoreError};

/// Key of [`Rules`] among the settings.
pub const RULES: &str = "guard";
/// Largest limit that can be set.
pub const MOST: u32 = 100_000;
/// The window of most counters, in seconds.
pub const HOUR: i64 = 3600;

/// Everything that is counted.
pub const COUNTERS: [Counter; 8] = [
    Counter::LanMessages,
    Counter::KnownMessages,
    Counter::NewMessages,
    Counter::Recipients,
    Counter::FirstTimeRecipients,
    Counter::HardBounces,
    Counter::NewNetworks,
    Counter::Senders,
];

/// The counter's name in settings, on the command line and on the page.
#[must_use]
pub const fn name(counter: Counter) -> &'static str {
    match counter {
        Counter::LanMessages => "lan_messages",
        Counter::KnownMessages => "known_messages",
        Counter::NewMessages => "new_messages",
        // A list is one: what it expands to counts for the list, which has no limit.
        Counter::Recipients => "recipients",
        Counter::FirstTimeRecipients => "first_time_recipients",
        Counter::HardBounces => "hard_bounces",
        Counter::NewNetworks => "new_networks",
        Counter::Senders => "senders",
    }
}

/// What is counted, in words for a page.
#[must_use]
pub const fn label(counter: Counter) -> &'static str {
    match counter {
        Counter::LanMessages => "Messages in an hour from the office",
        Counter::KnownMessages => "Messages in an hour from a known network",
        Counter::NewMessages => "Messages in an hour from a new network",
        Counter::Recipients => "Recipients in an hour",
        Counter::FirstTimeRecipients => "Recipients in a day that were never written to before",
        Counter::HardBounces => "Undeliverable recipients in an hour",
        Counter::NewNetworks => "New networks in an hour",
        Counter::Senders => "Sender addresses in an hour",
    }
}

/// How long the counter looks back, in seconds.
#[must_use]
pub const fn window(counter: Counter) -> i64 {
    match counter {
        Counter::FirstTimeRecipients => DAY,
        _ => HOUR,
    }
}

/// What is allowed where nothing was set.
#[must_use]
pub const fn default_limit(counter: Counter) -> u32 {
    match counter {
        Counter::LanMessages => 200,
        Counter::KnownMessages => 60,
        Counter::NewMessages | Counter::HardBounces => 15,
        Counter::Recipients => 300,
        Counter::FirstTimeRecipients => 100,
        Counter::NewNetworks => 4,
        Counter::Senders => 5,
    }
}

/// What an admin set, for the office or for one account. What is missing falls back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Chosen {
    /// Limits, 1 to [`MOST`].
    pub limits: BTreeMap<Counter, u32>,
    /// What happens over a limit.
    pub action: Option<GuardAction>,
    /// Counted, but never stopped.
    pub exempt: bool,
}

/// The office's rules, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// For every account.
    pub office: Chosen,
    /// For one account.
    pub accounts: BTreeMap<AccountId, Chosen>,
}

/// What holds for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    limits: [u32; COUNTERS.len()],
    /// What happens over a limit.
    pub action: GuardAction,
    /// Counted, but never stopped.
    pub exempt: bool,
}

impl Allowed {
    /// The limit.
    #[must_use]
    pub fn limit(&self, counter: Counter) -> u32 {
        let place = COUNTERS.iter().position(|one| *one == counter);
        place
            .and_then(|place| self.limits.get(place))
            .copied()
            .unwrap_or_default()
    }

    /// What a printer may send: so many messages in an hour, then it has to wait. All else is the
    /// office's.
    #[must_use]
    pub fn of_printer(mut self, messages: u32) -> Self {
        for (counter, limit) in COUNTERS.into_iter().zip(&mut self.limits) {
            if matches!(
                counter,
                Counter::LanMessages | Counter::KnownMessages | Counter::NewMessages
            ) {
                *limit = messages;
            }
        }
        self.action = GuardAction::Limit;
        self.exempt = false;
        self
    }

    /// Half of everything, at least one: for an account that was just given back.
    #[must_use]
    pub fn halved(mut self) -> Self {
        for limit in &mut self.limits {
            *limit = limit.div_ceil(2);
        }
        self
    }
}

impl Rules {
    /// The rules as they stand.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        Ok(settings::read(snapshot, RULES)?.unwrap_or_default())
    }

    /// What holds for an account.
    #[must_use]
    pub fn of(&self, account: AccountId) -> Allowed {
        let own = self.accounts.get(&account);
        let limits = COUNTERS.map(|counter| {
            let own = own.and_then(|own| own.limits.get(&counter));
            let set = own.or_else(|| self.office.limits.get(&counter));
            set.copied().unwrap_or_else(|| default_limit(counter))
        });
        let action = own.and_then(|own| own.action).or(self.office.action);
        Allowed {
            limits,
            action: action.unwrap_or_default(),
            exempt: self.office.exempt || own.is_some_and(|own| own.exempt),
        }
    }

    /// Sets one thing by its name, for the office or for one account: a counter to a number, `action`
    /// to `freeze` or `limit`, `exempt` to `yes` or `no`. `default` takes back what was set.
    ///
    /// # Errors
    /// Why not, in words; nothing is changed.
    pub fn set(&mut self, account: Option<AccountId>, what: &str, value: &str) -> Result<(), String> {
        let value = value.trim();
        let default = value == "default";
        let chosen = match account {
            Some(account) => self.accounts.entry(account).or_default(),
            None => &mut self.office,
        };
        match what {
            "action" => {
                chosen.action = match value {
                    "freeze" => Some(GuardAction::Freeze),
                    "limit" => Some(GuardAction::Limit),
                    "default" => None,
                    _ => return Err(format!("action is freeze or limit, not `{value}`")),
                }
            }
            "exempt" => {
                chosen.exempt = match value {
                    "yes" => true,
                    "no" | "default" => false,
                    _ => return Err(format!("exempt is yes or no, not `{value}`")),
                }
            }
            _ => {
                let counter = COUNTERS.into_iter().find(|counter| name(*counter) == what);
                let counter = counter.ok_or_else(|| unknown(what))?;
                if default {
                    chosen.limits.remove(&counter);
                } else {
                    chosen.limits.insert(counter, number(what, value)?);
                }
            }
        }
        self.accounts.retain(|_, chosen| *chosen != Chosen::default());
        Ok(())
    }
}

fn number(what: &str, value: &str) -> Result<u32, String> {
    let number = value.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("{what} is a number from 1 to {MOST}, not `{value}`"))
}

fn unknown(what: &str) -> String {
    let names: Vec<&str> = COUNTERS.into_iter().map(name).collect();
    format!(
        "there is no `{what}`; there are {}, action, exempt and, for the office, lan",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_own_rules_then_the_offices_then_the_defaults() {
        let mut rules = Rules::default();
        let (anna, berta) = (AccountId(1), AccountId(2));
        rules.set(None, "new_messages", "20").unwrap();
        rules.set(Some(anna), "new_messages", "30").unwrap();
        rules.set(Some(anna), "exempt", "yes").unwrap();
        rules.set(None, "action", "limit").unwrap();
        let (anna, berta) = (rules.of(anna), rules.of(berta));
        assert_eq!((anna.limit(Counter::NewMessages), anna.exempt), (30, true));
        assert_eq!((berta.limit(Counter::NewMessages), berta.exempt), (20, false));
        assert_eq!(berta.limit(Counter::LanMessages), 200);
        assert_eq!(berta.action, GuardAction::Limit);
        assert_eq!(berta.halved().limit(Counter::HardBounces), 8);
        let stored = serde_json::to_value(&rules).unwrap();
        assert_eq!(serde_json::from_value::<Rules>(stored).unwrap(), rules);
    }

    #[test]
    fn what_is_out_of_range_is_refused_in_words_and_changes_nothing() {
        let mut rules = Rules::default();
        for (what, value) in [
            ("new_messages", "0"),
            ("new_messages", "100001"),
            ("new_messages", "-1"),
            ("new_messages", "many"),
            ("action", "shout"),
            ("exempt", "maybe"),
            ("old_messages", "5"),
        ] {
            let words = rules.set(None, what, value).unwrap_err();
            assert!(words.contains(what) || words.contains(value), "{words}");
        }
        assert_eq!(rules, Rules::default());
    }
}
