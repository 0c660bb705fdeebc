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

impl Screening {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let within = [
            ("the window in minutes", self.window_minutes, 5, 1440),
            ("wrong passwords from one address", self.address_passwords, 3, 200),
            (
                "wrong passwords from one network",
                self.network_passwords,
                3,
                1000,
            ),
            ("wrong passwords for one account", self.account_passwords, 3, 1000),
            ("connections a minute", self.connections_per_minute, 10, 10_000),
            ("recipients that do not exist", self.failed_recipients, 5, 10_000),
            ("RSET commands", self.resets, 5, 10_000),
            ("lines that are no command", self.garbage, 5, 10_000),
            ("refused commands", self.errors, 5, 10_000),
        ];
        for (what, value, least, most) in within {
            if !(least..=most).contains(&value) {
                return Err(format!("{what}: {value} is not between {least} and {most}"));
            }
        }
        let [first, .., last] = self.penalty_minutes;
        if first == 0 || last > 43_200 || !self.penalty_minutes.is_sorted() {
            return Err(
                "penalties: four numbers of minutes, none less than the one before, \
                 between 1 and 43200"
                    .to_owned(),
            );
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
                "wrong passwords from one address: 0 is not between 3 and 200",
            ),
            (
                Screening {
                    connections_per_minute: 1,
                    ..strict
                },
                "connections a minute: 1 is not between 10 and 10000",
            ),
            (
                Screening {
                    penalty_minutes: [60, 15, 1440, 2880],
                    ..strict
                },
                "penalties: ",
            ),
            (
                Screening {
                    penalty_minutes: [0, 15, 1440, 2880],
                    ..strict
                },
                "penalties: ",
            ),
        ] {
            let said = wrong.check().unwrap_err();
            assert!(said.starts_with(words), "{said}");
        }
        assert!(serde_json::from_str::<Screening>(r#"{"adress_passwords":5}"#).is_err());
    }
}
