//! What an admin may set about judging, by name: the page and the command line show the same table.

use crate::limits::judge as limits;
use crate::settings;
use proto::types::Domain;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use store::{Points, Snapshot, StoreError};

/// Key of [`Judging`] in the settings.
pub const JUDGING: &str = "judging";

/// What a check may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strictness {
    /// Nothing is asked.
    Off,
    /// It adds points.
    Score,
    /// It refuses the message.
    Refuse,
}

impl Strictness {
    const ALL: [Self; 3] = [Self::Off, Self::Score, Self::Refuse];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Score => "score",
            Self::Refuse => "refuse",
        }
    }
}

impl FromStr for Strictness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|one| one.as_str() == text);
        named.ok_or_else(|| format!("`{text}` is none of off, score and refuse."))
    }
}

/// A list of addresses or domains that is asked over DNS (RFC 5782).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockList {
    /// The zone, such as `zen.spamhaus.org`.
    pub zone: Domain,
    /// What an entry adds.
    pub points: Points,
    /// Whether an entry refuses the message.
    #[serde(default)]
    pub refuse: bool,
}

/// As `zen.spamhaus.org=4.0` or `zen.spamhaus.org=refuse`.
impl fmt::Display for BlockList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.as_str();
        if self.refuse {
            write!(f, "{zone}=refuse")
        } else {
            write!(f, "{zone}={}", self.points)
        }
    }
}

impl FromStr for BlockList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (zone, what) = text.split_once('=').unwrap_or((text, "3"));
        let zone = Domain::parse(zone.trim())
            .map_err(|_| format!("`{zone}` is no name of a list, such as zen.spamhaus.org."))?;
        let refuse = what.trim() == "refuse";
        let points = if refuse { Points::default() } else { what.parse()? };
        Ok(Self { zone, points, refuse })
    }
}

/// The setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Judging {
    /// From so many points on mail goes to Junk.
    pub junk_at: Points,
    /// The name of the caller's address, confirmed by the name's own addresses.
    pub reverse_name: Strictness,
    /// The name in HELO.
    pub helo: Strictness,
    /// Whether the sender's domain can get mail.
    pub sender_domain: Strictness,
    /// Whether the wishes of senders' domains are followed.
    pub dmarc: bool,
    /// Points where SPF says no.
    pub spf_fail: Points,
    /// Points where SPF says rather not.
    pub spf_softfail: Points,
    /// Lists that are asked about the caller's address.
    pub lists: Vec<BlockList>,
    /// Lists that are asked about the domains of From and MAIL FROM and the name in HELO.
    pub domain_lists: Vec<BlockList>,
    /// Domains whose word is taken that a forwarded message was good when they got it (ARC).
    pub sealers: Vec<Domain>,
}

impl Default for Judging {
    fn default() -> Self {
        let lists = ["zen.spamhaus.org=4", "bl.spamcop.net=2"];
        Self {
            junk_at: Points(50),
            reverse_name: Strictness::Score,
            helo: Strictness::Score,
            sender_domain: Strictness::Score,
            dmarc: true,
            spf_fail: Points(30),
            spf_softfail: Points(10),
            lists: lists.iter().filter_map(|list| list.parse().ok()).collect(),
            domain_lists: Vec::new(),
            sealers: Vec::new(),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Knob {
    /// Its name.
    pub name: &'static str,
    /// What it is, for a person.
    pub what: &'static str,
    /// How it stands.
    pub value: String,
}

impl Judging {
    /// What is set, or the default.
    ///
    /// # Errors
    /// The store failed, or the setting cannot be read.
    pub fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        Ok(settings::read(snapshot, JUDGING)?.unwrap_or_default())
    }

    /// Asks nobody about a message's surroundings.
    #[must_use]
    pub fn unasking() -> Self {
        Self {
            reverse_name: Strictness::Off,
            helo: Strictness::Off,
            sender_domain: Strictness::Off,
            lists: Vec::new(),
            domain_lists: Vec::new(),
            ..Self::default()
        }
    }

    /// All of it.
    #[must_use]
    pub fn table(&self) -> Vec<Knob> {
        let knob = |name, what, value| Knob { name, what, value };
        vec![
            knob(
                "junk-at",
                "From so many points on mail goes to Junk",
                self.junk_at.to_string(),
            ),
            knob(
                "reverse-name",
                "A server whose address has no confirmed name: off, score or refuse",
                self.reverse_name.as_str().to_owned(),
            ),
            knob(
                "helo",
                "A server that introduces itself by a name that does not exist: off or score",
                self.helo.as_str().to_owned(),
            ),
            knob(
                "sender-domain",
                "A sender whose domain cannot get mail: off, score or refuse",
                self.sender_domain.as_str().to_owned(),
            ),
            knob(
                "dmarc",
                "Refuse forged mail, or put it into Junk, as the domain it claims wishes: on or off",
                if self.dmarc { "on" } else { "off" }.to_owned(),
            ),
            knob(
                "spf-fail",
                "Points for mail from a server that the sender's domain disowns",
                self.spf_fail.to_string(),
            ),
            knob(
                "spf-softfail",
                "Points for mail from a server that the sender's domain does not know",
                self.spf_softfail.to_string(),
            ),
            knob(
                "lists",
                "Block lists asked about a server's address, each with its points or =refuse, commas between",
                joined(&self.lists),
            ),
            knob(
                "domain-lists",
                "Block lists asked about the domains of From, of the sender and of the server's greeting, written as above; lists with the test entries of RFC 5782",
                joined(&self.domain_lists),
            ),
            knob(
                "sealers",
                "Domains that are believed about mail they forward (ARC), commas between",
                joined(&self.sealers),
            ),
        ]
    }

    /// Changes one line of the table.
    ///
    /// # Errors
    /// Why not, in words; nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let value = value.trim();
        match name {
            "junk-at" => self.junk_at = positive(value)?,
            "reverse-name" => self.reverse_name = value.parse()?,
            "helo" => {
                self.helo = match value.parse()? {
                    Strictness::Refuse => {
                        return Err("Nobody is refused for his HELO (RFC 5321 4.1.4).".to_owned());
                    }
                    other => other,
                }
            }
            "sender-domain" => self.sender_domain = value.parse()?,
            "dmarc" => {
                self.dmarc = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err(format!("`{value}` is neither on nor off.")),
                }
            }
            "spf-fail" => self.spf_fail = value.parse()?,
            "spf-softfail" => self.spf_softfail = value.parse()?,
            "lists" => self.lists = list(value, limits::LISTS, str::parse)?,
            "domain-lists" => self.domain_lists = list(value, limits::LISTS, str::parse)?,
            "sealers" => {
                self.sealers = list(value, limits::SEALERS, |text| {
                    Domain::parse(text).map_err(|_| format!("`{text}` is no domain, such as example.com."))
                })?;
            }
            _ => return Err(format!("There is no setting `{name}`.")),
        }
        Ok(())
    }
}

fn positive(text: &str) -> Result<Points, String> {
    let points: Points = text.parse()?;
    if points > Points(0) {
        Ok(points)
    } else {
        Err("Junk begins above 0 points.".to_owned())
    }
}

fn joined<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

fn list<T>(text: &str, most: usize, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let items = text
        .split([',', ' ', '\n', '\r'])
        .map(str::trim)
        .filter(|item| !item.is_empty());
    let items = items.map(parse).collect::<Result<Vec<T>, String>>()?;
    if items.len() > most {
        return Err(format!("At most {most} of them."));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_can_be_set_as_it_is_shown() {
        let judging = Judging::default();
        let mut copy = Judging {
            junk_at: Points(1),
            lists: Vec::new(),
            dmarc: false,
            ..Judging::default()
        };
        for knob in judging.table() {
            copy.set(knob.name, &knob.value).unwrap();
        }
        assert_eq!(copy, judging);
        let stored = serde_json::to_string(&judging).unwrap();
        assert_eq!(serde_json::from_str::<Judging>(&stored).unwrap(), judging);
        assert_eq!(serde_json::from_str::<Judging>("{}").unwrap(), judging);
    }

    #[test]
    fn nonsense_is_refused_in_words_and_changes_nothing() {
        let mut judging = Judging::default();
        for (name, value, words) in [
            ("junk-at", "0", "above 0"),
            ("junk-at", "many", "no number"),
            ("reverse-name", "maybe", "off, score and refuse"),
            ("helo", "refuse", "HELO"),
            ("dmarc", "1", "neither on nor off"),
            ("lists", "not a list!", "no name of a list"),
            ("lists", "a.example=9999", "no number"),
            ("lists", "a.b,b.b,c.b,d.b,e.b,f.b,g.b,h.b,i.b", "At most 8"),
            ("domain-lists", "a.b,b.b,c.b,d.b,e.b,f.b,g.b,h.b,i.b", "At most 8"),
            ("sealers", "..", "no domain"),
            ("colour", "red", "no setting"),
        ] {
            let refused = judging.set(name, value).unwrap_err();
            assert!(refused.contains(words), "{name}={value}: {refused}");
        }
        assert_eq!(judging, Judging::default());
        judging.set("lists", "").unwrap();
        assert!(judging.lists.is_empty());
        judging.set("lists", "a.example=refuse, b.example").unwrap();
        assert_eq!(judging.table()[7].value, "a.example=refuse, b.example=3.0");
    }
}
