//! Mail to the admins about failed logins, as often as they like.

use super::failed_logins::{self, Filter, same};
use crate::clock::DAY;
use crate::guard::screen::SettingError;
use crate::house::House;
use crate::notify;
use crate::settings;
use proto::types::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use store::{EventKind, Snapshot, StoreError};
use tokio::time::{MissedTickBehavior, interval};
use tracing::error;
use web_setup::{FailedLogin, LoginFilter};

/// Key of [`FailedLoginMail`] in the settings.
pub const FAILED_LOGIN_MAIL: &str = "failed_login_mail";
/// Key of what was told already.
const TOLD: &str = "failed_login_mail_told";
/// How often is looked whether there is something to tell.
const TICK: Duration = Duration::from_secs(60);
/// Letters of the mode `each` are at least so many seconds apart.
const APART: i64 = 300;
/// Rows of one letter.
const ROWS: usize = 100;
/// Days before yesterday that a digest tells of at most, if it could not be written in time.
const DAYS: i64 = 30;
/// Addresses counted for the threshold.
const SOURCES: usize = 4096;
/// Newest events that are looked at in one turn.
const LOOKED_AT: usize = 10_000;

/// How the admins hear of failed logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FailedLoginMail {
    /// How often.
    pub mode: Mode,
    /// Failed logins from one address on one day that are worth a letter.
    pub threshold: u32,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Never.
    Off,
    /// Soon after each, those that come together in one letter.
    Each,
    /// When there are many from one address.
    Threshold,
    /// Once a day.
    Digest,
}

impl Mode {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Off, "off"),
        (Self::Each, "each"),
        (Self::Threshold, "threshold"),
        (Self::Digest, "digest"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find_map(|(mode, name)| (*mode == self).then_some(*name))
            .unwrap_or_default()
    }
}

impl Default for FailedLoginMail {
    fn default() -> Self {
        Self {
            mode: Mode::Threshold,
            threshold: 10,
        }
    }
}

impl FailedLoginMail {
    /// From what a person typed.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(mode: &str, threshold: u32) -> Result<Self, String> {
        let Some((mode, _)) = Mode::ALL.into_iter().find(|(_, name)| *name == mode) else {
            return Err("The mode is off, each, threshold or digest.".to_owned());
        };
        if !(1..=10_000).contains(&threshold) {
            return Err(format!("The threshold {threshold} is not between 1 and 10000."));
        }
        Ok(Self { mode, threshold })
    }
}

/// Sets how the admins hear of failed logins; what makes no sense changes nothing, and is recorded.
///
/// # Errors
/// Why not, in words, or the store failed.
pub async fn set(house: &House, mode: &str, threshold: u32) -> Result<FailedLoginMail, SettingError> {
    let setting = match FailedLoginMail::new(mode, threshold) {
        Ok(setting) => setting,
        Err(why) => {
            house.ledger.record(EventKind::SettingRefused {
                key: FAILED_LOGIN_MAIL.to_owned(),
                why: why.clone(),
            });
            return Err(SettingError::Refused(why));
        }
    };
    settings::write(&house.store, FAILED_LOGIN_MAIL, &setting).await?;
    let key = FAILED_LOGIN_MAIL.to_owned();
    house.ledger.record(EventKind::SettingChanged { key });
    Ok(setting)
}

/// What was told already, kept over a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    // The last event.
    number: Option<u64>,
    // The last day of a digest.
    day: i64,
}

/// Tells the admins.
pub struct Reports {
    told: Told,
    kept: Told,
    pending: Vec<FailedLogin>,
    last_letter: Timestamp,
    today: i64,
    sources: HashMap<IpAddr, u64>,
}

impl Reports {
    /// Goes on from what was told before a restart; the first time, from now.
    ///
    /// # Errors
    /// The store failed.
    pub fn open(snapshot: &Snapshot, now: Timestamp) -> Result<Self, StoreError> {
        let newest = || -> Result<_, StoreError> {
            let events = snapshot.events(None, 1, |_| true)?;
            Ok(Told {
                number: events.first().map(|(number, _)| *number),
                day: now.0.div_euclid(DAY) - 1,
            })
        };
        let told = match settings::read(snapshot, TOLD)? {
            Some(told) => told,
            None => newest()?,
        };
        Ok(Self {
            told,
            kept: told,
            pending: Vec::new(),
            last_letter: Timestamp(0),
            today: 0,
            sources: HashMap::new(),
        })
    }

    /// Tells what there is to tell now.
    ///
    /// # Errors
    /// The store failed.
    pub async fn turn(&mut self, house: &House) -> Result<(), StoreError> {
        let snapshot = house.store.snapshot()?;
        let setting: FailedLoginMail = settings::read(&snapshot, FAILED_LOGIN_MAIL)?.unwrap_or_default();
        let now = house.clock.now();
        let fresh = self.fresh(&snapshot)?;
        let letter = match setting.mode {
            Mode::Off => None,
            Mode::Each => self.each(fresh, now),
            Mode::Threshold => self.threshold(&snapshot, &fresh, setting.threshold, now)?,
            Mode::Digest => self.digest(&snapshot, now)?,
        };
        if setting.mode != Mode::Digest {
            self.told.day = now.0.div_euclid(DAY) - 1; // so that no old days are told when it is switched on
        }
        if let Some((subject, text)) = letter {
            notify::to_admins(house, &subject, &text).await?;
            self.last_letter = now;
        }
        // What is pending is told again after a power cut, never lost.
        if self.told != self.kept && self.pending.is_empty() {
            let day_passed = self.told.day != self.kept.day;
            if self.last_letter == now || day_passed {
                settings::write(&house.store, TOLD, &self.told).await?;
                self.kept = self.told;
            }
        }
        Ok(())
    }

    // Failed logins that were not looked at yet, oldest first.
    fn fresh(&mut self, snapshot: &Snapshot) -> Result<Vec<FailedLogin>, StoreError> {
        let mut fresh = Vec::new();
        let told = self.told.number;
        snapshot.events_after(told, LOOKED_AT, |number, event| {
            self.told.number = self.told.number.max(Some(number));
            fresh.extend(failed_logins::row(&event));
        })?;
        fresh.reverse();
        Ok(fresh)
    }

    fn each(&mut self, fresh: Vec<FailedLogin>, now: Timestamp) -> Option<(String, String)> {
        for row in fresh {
            let room = self.pending.len() < 10 * ROWS;
            match self.pending.iter_mut().find(|above| same(above, &row)) {
                Some(above) => {
                    above.count += row.count;
                    above.at = above.at.max(row.at);
                }
                None if room => self.pending.push(row),
                None => {}
            }
        }
        let soon = (self.last_letter.0..self.last_letter.0 + APART).contains(&now.0);
        if self.pending.is_empty() || soon {
            return None;
        }
        let rows = std::mem::take(&mut self.pending);
        let count: u64 = rows.iter().map(|row| row.count).sum();
        let subject = match count {
            1 => "A failed login".to_owned(),
            count => format!("{count} failed logins"),
        };
        Some((subject, text("Somebody tried to log in and could not:", &rows)))
    }

    fn threshold(
        &mut self,
        snapshot: &Snapshot,
        fresh: &[FailedLogin],
        threshold: u32,
        now: Timestamp,
    ) -> Result<Option<(String, String)>, StoreError> {
        let today = now.0.div_euclid(DAY);
        if today != self.today {
            self.today = today;
            self.sources.clear();
        }
        let threshold = u64::from(threshold);
        let mut over = Vec::new();
        for row in fresh.iter().filter(|row| row.at.0.div_euclid(DAY) == today) {
            if self.sources.len() >= SOURCES && !self.sources.contains_key(&row.ip) {
                continue;
            }
            let count = self.sources.entry(row.ip).or_default();
            let before = *count;
            *count += row.count;
            if before < threshold && *count >= threshold {
                over.push(row.ip);
            }
        }
        let Some(first) = over.first() else {
            return Ok(None);
        };
        let subject = match over.len() {
            1 => format!("Many failed logins from {first}"),
            more => format!("Many failed logins from {first} and {} more", more - 1),
        };
        let mut rows = Vec::new();
        for ip in over.iter().take(ROWS) {
            let filter = LoginFilter {
                from: ip.to_string(),
                day: Some(today),
                ..LoginFilter::default()
            };
            let Ok(filter) = Filter::new(filter) else { continue };
            rows.extend(failed_logins::page(snapshot, &filter, None, ROWS)?.rows);
            if rows.len() >= ROWS {
                break;
            }
        }
        let begin = format!("{threshold} or more failed logins from one address today:");
        Ok(Some((subject, text(&begin, &rows))))
    }

    fn digest(
        &mut self,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Option<(String, String)>, StoreError> {
        let yesterday = now.0.div_euclid(DAY) - 1;
        if self.told.day >= yesterday {
            return Ok(None);
        }
        // The box may have been off at midnight, for days.
        let first = (self.told.day + 1).max(yesterday - DAYS);
        self.told.day = yesterday;
        let filter = Filter::of_days(first..=yesterday);
        let rows = failed_logins::page(snapshot, &filter, None, 10 * ROWS)?.rows;
        if rows.is_empty() {
            return Ok(None);
        }
        let count: u64 = rows.iter().map(|row| row.count).sum();
        let days = match first == yesterday {
            true => format!("on {}", date(first)),
            false => format!("from {} to {}", date(first), date(yesterday)),
        };
        let begin = format!("All failed logins {days} (UTC):");
        Ok(Some((
            format!("{count} failed logins {days}"),
            text(&begin, &rows),
        )))
    }
}

/// Looks every minute, as long as the box runs.
pub async fn watch(house: Arc<House>) {
    let opened = house
        .store
        .snapshot()
        .and_then(|snapshot| Reports::open(&snapshot, house.clock.now()));
    let mut reports = match opened {
        Ok(reports) => reports,
        Err(error) => return error!(%error, "the admins cannot be told of failed logins"),
    };
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = reports.turn(&house).await {
            error!(%error, "the admins could not be told of failed logins");
        }
    }
}

fn text(begin: &str, rows: &[FailedLogin]) -> String {
    let mut text = format!("{begin}\n\n");
    for row in rows.iter().take(ROWS) {
        let _ = writeln!(text, "{}", line(row)); // a String takes everything
    }
    if let Some(more) = rows.len().checked_sub(ROWS).filter(|more| *more > 0) {
        let _ = writeln!(text, "... and {more} more.");
    }
    text.push_str("\nThe page \"Failed logins\" shows them all; who guesses is blocked by itself.\n");
    text
}

fn line(row: &FailedLogin) -> String {
    let when = if row.first == row.at {
        moment(row.at)
    } else {
        format!("{} to {}", moment(row.first), moment(row.at))
    };
    let exists = if row.known { "exists" } else { "no such account" };
    format!(
        "{when}  {}  {}  {:?} ({exists})  {}  {} times: {}",
        row.ip,
        row.protocol,
        row.login,
        row.mechanism.as_str(),
        row.count,
        row.reason
    )
}

fn date(day: i64) -> String {
    let mut date = moment(Timestamp(day * DAY));
    date.truncate(10);
    date
}

fn moment(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board_link::Board;
    use crate::clock::Clock;
    use proto::types::{Address, Domain, Mechanism, Protocol};
    use store::NewAccount;

    const NOON: Timestamp = Timestamp(20_000 * DAY + 43_200);

    struct Bench {
        house: House,
        reports: Reports,
        _folder: tempfile::TempDir,
    }

    impl Bench {
        async fn new(mode: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Clock::standing(NOON);
            let (board, _) = Board::from_environment(clock.clone(), 443).unwrap();
            let (house, writer) = House::open(folder.path(), clock, board).unwrap();
            tokio::spawn(writer.run(house.store.clone()));
            let office = settings::Office {
                domain: Domain::parse("firm.example").unwrap(),
                hostname: Domain::parse("mail.firm.example").unwrap(),
            };
            let store = &house.store;
            settings::write(store, settings::OFFICE, &office).await.unwrap();
            let setting = FailedLoginMail::new(mode, 10).unwrap();
            settings::write(store, FAILED_LOGIN_MAIL, &setting).await.unwrap();
            for (name, admin) in [("chief", true), ("anna", false)] {
                let account = NewAccount {
                    address: Address::parse(&format!("{name}@firm.example")).unwrap(),
                    password_hash: String::new(),
                    admin,
                    created: NOON,
                };
                store.create_account(account).await.unwrap();
            }
            let reports = Reports::open(&store.snapshot().unwrap(), NOON).unwrap();
            Self {
                house,
                reports,
                _folder: folder,
            }
        }

        fn fail(&self, ip: &str, login: &str, times: u32) {
            for _ in 0..times {
                self.house.ledger.record(EventKind::LoginFailed {
                    protocol: Protocol::Imap,
                    ip: ip.parse().unwrap(),
                    login: login.to_owned(),
                    account: None,
                    mechanism: Mechanism::Plain,
                    tls: true,
                    reason: "unknown account".to_owned(),
                    count: 1,
                    client: String::new(),
                    last: None,
                });
            }
        }

        async fn turn(&mut self, seconds: i64) -> Vec<String> {
            let now = self.house.clock.now().plus(seconds);
            self.house.clock.set(now);
            self.house.ledger.flush().await;
            self.reports.turn(&self.house).await.unwrap();
            self.subjects("chief@firm.example")
        }

        fn letters(&self, address: &str) -> Vec<String> {
            let snapshot = self.house.store.snapshot().unwrap();
            let account = snapshot.account_by_address(&Address::parse(address).unwrap());
            let inbox = snapshot
                .mailbox(account.unwrap().unwrap().id, "INBOX")
                .unwrap()
                .unwrap();
            let uids = snapshot.open(inbox.id).unwrap().uids;
            let rows = snapshot
                .rows(inbox.id, &uids, proto::ask::Want::default())
                .unwrap();
            let read = |row: &proto::ask::Row| {
                let mut body = snapshot.body(row.blob).unwrap().unwrap();
                std::io::read_to_string(&mut body).unwrap()
            };
            rows.iter().map(read).collect()
        }

        fn subjects(&self, address: &str) -> Vec<String> {
            let subject = |letter: &String| {
                let line = letter.lines().find_map(|line| line.strip_prefix("Subject: "));
                line.unwrap_or_default().to_owned()
            };
            self.letters(address).iter().map(subject).collect()
        }
    }

    #[tokio::test]
    async fn off_says_nothing() {
        let mut bench = Bench::new("off").await;
        bench.fail("192.0.2.7", "x", 100);
        assert!(bench.turn(60).await.is_empty());
    }

    #[tokio::test]
    async fn each_tells_soon_and_folds_what_comes_together() {
        let mut bench = Bench::new("each").await;
        bench.fail("192.0.2.7", "bert\r\nBcc: all@x.example", 3);
        assert_eq!(bench.turn(60).await, ["3 failed logins"]);
        bench.fail("192.0.2.8", "y", 1);
        assert_eq!(bench.turn(60).await.len(), 1, "not every minute");
        bench.fail("192.0.2.8", "y", 1);
        assert_eq!(bench.turn(240).await, ["3 failed logins", "2 failed logins"]);
        assert_eq!(bench.turn(600).await.len(), 2, "told once");
        let letter = &bench.letters("chief@firm.example")[0];
        assert!(letter.contains("Auto-Submitted: auto-generated"));
        let row = r#"192.0.2.7  imap  "bert\r\nBcc: all@x.example" (no such account)  plain  3 times: unknown account"#;
        assert!(letter.contains(row), "{letter}");
        assert!(letter.contains("\r\n2024-10-04 12:00:00  "), "{letter}");
        assert!(bench.letters("anna@firm.example").is_empty(), "admins only");
    }

    #[tokio::test]
    async fn the_threshold_is_for_one_address_and_told_once_a_day() {
        let mut bench = Bench::new("threshold").await;
        for ip in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            bench.fail(ip, "x", 9);
        }
        assert!(bench.turn(60).await.is_empty());
        bench.fail("192.0.2.2", "y", 1);
        assert_eq!(bench.turn(60).await, ["Many failed logins from 192.0.2.2"]);
        bench.fail("192.0.2.2", "y", 100);
        assert_eq!(bench.turn(60).await.len(), 1);
        bench.turn(DAY).await;
        bench.fail("192.0.2.2", "z", 10);
        assert_eq!(bench.turn(60).await.len(), 2);
    }

    #[tokio::test]
    async fn a_digest_tells_of_the_days_that_passed_while_the_box_was_off() {
        let mut bench = Bench::new("digest").await;
        bench.turn(60).await;
        for (ip, after) in [("192.0.2.1", 0), ("192.0.2.2", DAY), ("192.0.2.3", 3 * DAY)] {
            bench.house.clock.set(NOON.plus(after));
            bench.fail(ip, "x", 2);
            bench.house.ledger.flush().await;
        }
        let told = ["4 failed logins from 2024-10-04 to 2024-10-06"];
        assert_eq!(bench.turn(0).await, told, "today's are not over yet");
        let letter = &bench.letters("chief@firm.example")[0];
        assert!(letter.contains("192.0.2.1  ") && letter.contains("192.0.2.2  "));
        assert!(!letter.contains("192.0.2.3  "), "{letter}");
        assert_eq!(bench.turn(60).await.len(), 1, "told once");
    }

    #[tokio::test]
    async fn the_digest_comes_once_a_day_and_not_again_after_a_restart() {
        let mut bench = Bench::new("digest").await;
        bench.fail("192.0.2.1", "x", 7);
        assert!(bench.turn(60).await.is_empty());
        assert_eq!(bench.turn(DAY / 2).await, ["7 failed logins on 2024-10-04"]);
        let snapshot = bench.house.store.snapshot().unwrap();
        bench.reports = Reports::open(&snapshot, bench.house.clock.now()).unwrap();
        assert_eq!(bench.turn(60).await.len(), 1);
        assert_eq!(bench.turn(DAY).await.len(), 1, "nothing happened on the next day");
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        assert!(
            FailedLoginMail::new("sometimes", 10)
                .unwrap_err()
                .contains("off, each")
        );
        assert!(
            FailedLoginMail::new("each", 0)
                .unwrap_err()
                .contains("not between")
        );
        assert_eq!(
            FailedLoginMail::new("threshold", 10),
            Ok(FailedLoginMail::default())
        );
    }
}
