//! What an admin may set about the filter and the greylist.

use crate::settings;
use serde::{Deserialize, Serialize};
use store::{Snapshot, StoreError};

/// Key of [`Filtering`] in the settings.
pub const FILTERING: &str = "filtering";

/// Whom the greylist may tell to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Greylisting {
    /// Nobody.
    Off,
    /// Strangers whose mail looks bad (see [`super::grey::SUSPICIOUS`]). The default: it costs a
    /// spammer who does not come again all his mail, and a stranger with a clean server nothing.
    #[default]
    Suspicious,
    /// Every stranger.
    Strangers,
}

impl Greylisting {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Suspicious => "suspicious",
            Self::Strangers => "strangers",
        }
    }
}

impl std::str::FromStr for Greylisting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Off, Self::Suspicious, Self::Strangers];
        let named = all.into_iter().find(|one| one.as_str() == text);
        named.ok_or_else(|| "Say off, suspicious or strangers.".to_owned())
    }
}

/// The setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filtering {
    /// Whether what was learnt says anything about new mail. Learning goes on either way.
    pub bayes: bool,
    /// So many messages have to be learnt of spam, and as many of other mail, before it does.
    pub minimum: u32,
    /// Whom the greylist may tell to come again.
    pub greylisting: Greylisting,
    /// After how many seconds.
    pub delay: u32,
}

impl Default for Filtering {
    fn default() -> Self {
        Self {
            bayes: true,
            minimum: 20,
            greylisting: Greylisting::default(),
            delay: 300,
        }
    }
}

impl Filtering {
    /// Most seconds that somebody may have to wait: servers give up after a few days, people sooner.
    pub const LONGEST: u32 = 6 * 3600;
    /// Most messages that may have to be learnt first.
    pub const MOST: u32 = 10_000;

    /// What is set, or the default.
    ///
    /// # Errors
    /// The store failed, or the setting cannot be read.
    pub fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        Ok(settings::read(snapshot, FILTERING)?.unwrap_or_default())
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.delay > Self::LONGEST {
            return Err(format!(
                "Let nobody wait for more than {} hours.",
                Self::LONGEST / 3600
            ));
        }
        if self.minimum == 0 || self.minimum > Self::MOST {
            return Err(format!(
                "The filter has to learn between 1 and {} messages of each kind.",
                Self::MOST
            ));
        }
        Ok(())
    }
}
