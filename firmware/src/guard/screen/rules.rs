//! How strict the screening is: what an admin may set.

use serde::{Deserialize, Serialize};

/// Key of [`Screening`] in the settings.
pub const SCREENING: &str = "screening";

/// Seconds of a minute.
const MINUTE: i64 = 60;

/// What a stranger's address may do before it is shut out. The office's own network and the
/// allow list are never counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Screening {
    /// Whether anybody is shut out at all; the block list counts without it.
    pub on: bool,
    /// Wrong answers make the next one wait, longer each time.
    pub tarpit: bool,
    /// The pages are for the office's network and the allow list; links are for everybody.
    pub pages_inside: bool,
    /// How long a wrong password or a bad command counts.
    pub window_minutes: u32,
    /// Different wrong passwords from one address.
    pub address_passwords: u32,
    /// The same from one /24, or /64 of IPv6.
    pub network_passwords: u32,
    /// The same for one account, from networks where it is not known.
    pub account_passwords: u32,
    /// Connections from one address in a minute; further ones are turned away until it is over.
    pub connections_per_minute: u32,
    /// Recipients that do not exist, from one address.
    pub failed_recipients: u32,
    /// RSET commands from one address.
    pub resets: u32,
    /// Lines that are no command, from one address.
    pub garbage: u32,
    /// Commands that are refused, from one address.
    pub errors: u32,
    /// How long the first, second, third and every further penalty lasts.
    pub penalty_minutes: [u32; 4],
}

impl Default for Screening {
    fn default() -> Self {
        Self {
            on: true,
            tarpit: true,
            pages_inside: true,
            window_minutes: 60,
            address_passwords: 10,
            network_passwords: 30,
            account_passwords: 30,
            connections_per_minute: 120,
            failed_recipients: 30,
            resets: 100,
            garbage: 30,
            errors: 100,
            penalty_minutes: [15, 60, 1440, 2880],
        }
    }
}

/// A number of the settings, or a switch where it is 0 or 1.
#[derive(Debug)]
pub struct Rule<'a> {
    /// As typed at the command line.
    pub name: &'static str,
    /// For a person.
    pub label: &'static str,
    /// The least that makes sense.
    pub least: u32,
    /// The most.
    pub most: u32,
    value: Value<'a>,
}

#[derive(Debug)]
enum Value<'a> {
    Switch(&'a mut bool),
    Number(&'a mut u32),
}

impl Rule<'_> {
    /// What is set; a switch is 0 or 1.
    #[must_use]
    pub fn value(&self) -> u32 {
        match &self.value {
            Value::Switch(on) => u32::from(**on),
            Value::Number(number) => **number,
        }
    }

    fn set(&mut self, to: u32) {
        match &mut self.value {
            Value::Switch(on) => **on = to != 0,
            Value::Number(number) => **number = to,
        }
    }
}

impl Screening {
    /// Everything that may be set.
    pub fn rules(&mut self) -> Vec<Rule<'_>> {
        let [first, second, third, further] = &mut self.penalty_minutes;
        let number = |name, label, value, least, most| Rule {
            name,
            label,
            least,
            most,
            value: Value::Number(value),
        };
        let switch = |name, label, value| Rule {
            name,
            label,
            least: 0,
            most: 1,
            value: Value::Switch(value),
        };
        vec![
            switch("on", "Shut out who guesses or misbehaves", &mut self.on),
            switch("tarpit", "Answer bad manners ever more slowly", &mut self.tarpit),
            switch(
                "pages-inside",
                "Show these pages only to the office's network and to whom the list lets in",
                &mut self.pages_inside,
            ),
            number(
                "window",
                "Minutes that a guess counts",
                &mut self.window_minutes,
                5,
                1440,
            ),
            number(
                "address-passwords",
                "Different wrong passwords from one address",
                &mut self.address_passwords,
                3,
                200,
            ),
            number(
                "network-passwords",
                "The same from one /24 network",
                &mut self.network_passwords,
                3,
                1000,
            ),
            number(
                "account-passwords",
                "The same for one account",
                &mut self.account_passwords,
                3,
                1000,
            ),
            number(
                "connections",
                "Connections from one address in a minute",
                &mut self.connections_per_minute,
                10,
                10_000,
            ),
            number(
                "failed-recipients",
                "Recipients that do not exist",
                &mut self.failed_recipients,
                5,
                10_000,
            ),
            number("resets", "RSET commands", &mut self.resets, 5, 10_000),
            number(
                "garbage",
                "Lines that are no command",
                &mut self.garbage,
                5,
                10_000,
            ),
            number("errors", "Refused commands", &mut self.errors, 5, 10_000),
            number("penalty-1", "Minutes of the first penalty", first, 1, 43_200),
            number("penalty-2", "Minutes of the second", second, 1, 43_200),
            number("penalty-3", "Minutes of the third", third, 1, 43_200),
            number("penalty-4", "Minutes of every further one", further, 1, 43_200),
        ]
    }

    /// Sets one of them.
    ///
    /// # Errors
    /// There is no such rule, or `to` is no number within its range; nothing was changed.
    pub fn set(&mut self, name: &str, to: &str) -> Result<(), String> {
        let mut rules = self.rules();
        let Some(rule) = rules.iter_mut().find(|rule| rule.name == name) else {
            return Err(format!("there is no rule {name}"));
        };
        let value = to.trim().parse().ok();
        let Some(value) = value.filter(|value| (rule.least..=rule.most).contains(value)) else {
            let Rule {
                label, least, most, ..
            } = rule;
            let to: String = to.chars().take(20).collect();
            return Err(format!("{label}: {to} is not between {least} and {most}"));
        };
        rule.set(value);
        Ok(())
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        for rule in self.clone().rules() {
            let Rule {
                label, least, most, ..
            } = &rule;
            if !(*least..=*most).contains(&rule.value()) {
                return Err(format!(
                    "{label}: {} is not between {least} and {most}",
                    rule.value()
                ));
            }
        }
        if !self.penalty_minutes.is_sorted() {
            return Err("No penalty may be shorter than the one before".to_owned());
        }
        Ok(())
    }

    /// The window in seconds.
    pub(super) fn window(&self) -> i64 {
        i64::from(self.window_minutes) * MINUTE
    }

    /// Seconds of the penalty of this level, from 0.
    pub(super) fn penalty(&self, level: u8) -> i64 {
        let [.., last] = self.penalty_minutes;
        let minutes = self.penalty_minutes.get(usize::from(level)).unwrap_or(&last);
        i64::from(*minutes) * MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_in_words() {
        assert_eq!(Screening::default().check(), Ok(()));
        let strict = Screening::default();
        for (wrong, words) in [
            (
                Screening {
                    address_passwords: 0,
                    ..strict
                },
                "Different wrong passwords from one address: 0 is not between 3 and 200",
            ),
            (
                Screening {
                    connections_per_minute: 1,
                    ..strict
                },
                "Connections from one address in a minute: 1 is not between 10 and 10000",
            ),
            (
                Screening {
                    penalty_minutes: [60, 15, 1440, 2880],
                    ..strict
                },
                "No penalty may",
            ),
            (
                Screening {
                    penalty_minutes: [0, 15, 1440, 2880],
                    ..strict
                },
                "Minutes of the first penalty: 0 is",
            ),
        ] {
            let said = wrong.check().unwrap_err();
            assert!(said.starts_with(words), "{said}");
        }
        let mut rules = strict;
        assert!(rules.set("errors", "4").is_err() && rules.set("error", "40").is_err());
        assert!(rules.set("errors", "x").is_err() && rules == strict);
        rules.set("errors", " 40").unwrap();
        rules.set("on", "0").unwrap();
        assert_eq!((rules.errors, rules.on), (40, false));
        assert!(serde_json::from_str::<Screening>(r#"{"adress_passwords":5}"#).is_err());
    }
}
