//! The plug is pulled at each state of a row in the queue, from the real binary: afterwards exactly that
//! happens which the table of states in ARCHITECTURE says.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tests::fake_dns::FakeDns;
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Point, Sink};
use tests::smtp::Smtp;

const PATIENCE: Duration = Duration::from_secs(60);
const TO: &str = "x@third.example";

/// A box, and the server that its mail for third.example goes to.
struct World {
    office: Pillarbox,
    sink: Sink,
    _dns: FakeDns,
}

impl World {
    fn open(behaviour: Behaviour) -> Result<Self> {
        let (office, sink, dns) = Pillarbox::with_sink(behaviour)?;
        Ok(Self {
            office,
            sink,
            _dns: dns,
        })
    }

    fn submit(&self, name: &str, subject: &str, parameters: &str) -> Result<()> {
        let from = format!("{name}@{DOMAIN}");
        let mut smtp = Smtp::submissions(self.office.port("submissions")?, &from, PASSWORD)?;
        smtp.command(&format!("MAIL FROM:<{from}>{parameters}"), "250")?;
        smtp.command(&format!("RCPT TO:<{TO}>"), "250")?;
        smtp.command("DATA", "354")?;
        smtp.send(format!("From: {from}\r\nSubject: {subject}\r\n\r\none\r\ntwo\r\n").as_bytes())?;
        smtp.command(".", "250")?;
        Ok(())
    }

    /// The plug is pulled and put in again; from then on the other side behaves so.
    fn cut(&mut self, then: Behaviour) -> Result<()> {
        self.office.kill()?;
        self.sink.behave(then);
        self.office.restart()
    }

    fn queue(&self, args: &[&str]) -> Result<Value> {
        let answer = self
            .office
            .cli_ok(&[&["queue"], args, &["--json"]].concat(), "")?;
        Ok(serde_json::from_str(&answer)?)
    }

    fn rows(&self) -> Result<Vec<Value>> {
        Ok(serde_json::from_value(self.queue(&["list"])?)?)
    }

    fn only_row(&self) -> Result<Value> {
        let mut rows = self.rows()?;
        ensure!(rows.len() == 1, "{rows:?}");
        rows.pop().context("no row")
    }

    fn until(&self, what: &str, is_so: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !is_so(self)? {
            ensure!(start.elapsed() < PATIENCE, "{what}: it never came to that");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn until_state(&self, state: &str) -> Result<Value> {
        self.until(state, |world| Ok(world.only_row()?["state"] == state))?;
        self.only_row()
    }

    fn until_settled(&self) -> Result<()> {
        self.until("the queue is empty", |world| Ok(world.rows()?.is_empty()))
    }

    /// How often the other side took each message, by subject.
    fn came(&self) -> BTreeMap<String, usize> {
        let mut came = BTreeMap::new();
        for caught in self.sink.caught() {
            let text = String::from_utf8_lossy(&caught.data).into_owned();
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
            *came.entry(subject.unwrap_or_default().to_owned()).or_default() += 1;
        }
        came
    }

    /// How many notices `name` has in the inbox.
    fn told(&self, name: &str) -> Result<u32> {
        let user = format!("{name}@{DOMAIN}");
        Imap::login(self.office.port("imaps")?, &user, PASSWORD)?.count("INBOX")
    }

    /// The store is whole, and nothing else ever comes.
    fn end(mut self, expected: &[(&str, usize)]) -> Result<()> {
        let expected = expected
            .iter()
            .map(|(subject, times)| ((*subject).to_owned(), *times));
        let expected: BTreeMap<String, usize> = expected.collect();
        ensure!(self.came() == expected, "{:?}", self.came());
        self.cut(Behaviour::Accept)?;
        self.office.cli_ok(&["check"], "")?;
        ensure!(self.rows()?.is_empty() && self.came() == expected);
        Ok(())
    }
}

#[test]
fn a_try_that_was_under_way_is_made_again_and_only_a_taken_message_comes_twice() -> Result<()> {
    let mut world = World::open(Behaviour::Accept)?;
    let points = [
        (Point::Mail, 1),
        (Point::Body, 1),
        (Point::Dot, 1),
        (Point::Taken, 2), // RFC 5321 6.1
    ];
    let mut expected = Vec::new();
    for (point, times) in points {
        let subject = format!("at {point:?}");
        world.sink.stand_still(point);
        world.submit("anna", &subject, "")?;
        world.until("stands still", |world| Ok(world.sink.stood_still() == 1))?;
        ensure!(world.only_row()?["state"] == "sending");
        world.cut(Behaviour::Accept)?;
        world.until_settled()?;
        expected.push((subject, times));
    }
    // The answer was given, and the plug pulled before it was read.
    world.sink.stand_still(Point::Taken);
    world.submit("anna", "answered", "")?;
    world.until("stands still", |world| Ok(world.sink.stood_still() == 1))?;
    world.office.freeze()?;
    world.sink.go_on();
    world.cut(Behaviour::Accept)?;
    world.until_settled()?;
    expected.push(("answered".to_owned(), 2));
    ensure!(world.told("anna")? == 0, "nobody hears of it");
    let expected: Vec<_> = expected
        .iter()
        .map(|(subject, times)| (subject.as_str(), *times))
        .collect();
    world.end(&expected)
}

// The moment between the answer and the commit is met or missed: both are right, and agree with the queue.
#[test]
fn the_plug_pulled_at_the_moment_of_the_answer_sends_twice_what_was_not_settled_and_nothing_else()
-> Result<()> {
    let mut world = World::open(Behaviour::Accept)?;
    let mut expected = BTreeMap::new();
    for round in 0..6 {
        let subject = format!("round {round}");
        world.sink.stand_still(Point::Taken);
        world.submit("anna", &subject, "")?;
        world.until("stands still", |world| Ok(world.sink.stood_still() == 1))?;
        world.sink.go_on();
        std::thread::sleep(Duration::from_millis(round * 3));
        world.office.kill()?;
        let left = {
            let store = store::Store::open(world.office.data(), &store::Options::default())?;
            tests::queue::len(&store)?
        };
        ensure!(left <= 1);
        world.sink.behave(Behaviour::Accept);
        world.office.restart()?;
        world.until_settled()?;
        expected.insert(subject, if left == 1 { 2 } else { 1 });
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|(subject, times)| (subject.as_str(), *times))
        .collect();
    world.end(&expected)
}

#[test]
fn what_is_due_and_has_no_turn_yet_is_due_again() -> Result<()> {
    let mut world = World::open(Behaviour::StandStill(Point::Dot))?;
    let subjects = ["1", "2", "3", "4", "5"];
    for subject in subjects {
        world.submit("anna", subject, "")?;
    }
    // Nothing is known of the place: two tries at once.
    world.until("two are sent and three are due", |world| {
        let rows = world.rows()?;
        let count = |state: &str| rows.iter().filter(|row| row["state"] == state).count();
        Ok(world.sink.stood_still() == 2 && count("sending") == 2 && count("due") == 3)
    })?;
    world.cut(Behaviour::Accept)?;
    world.until_settled()?;
    world.end(&subjects.map(|subject| (subject, 1)))
}

#[test]
fn what_waits_for_its_next_try_waits_on_as_long_as_it_would_have() -> Result<()> {
    let mut world = World::open(Behaviour::Greylist(1))?;
    world.submit("anna", "grey", "")?;
    let before = world.until_state("waiting")?;
    ensure!(
        before["tries"] == 1 && before["words"].to_string().contains("450 4.7.1 greylisted"),
        "{before}"
    );
    world.cut(Behaviour::Accept)?;
    ensure!(world.only_row()? == before, "{}", world.only_row()?);
    ensure!(world.sink.connections() == 1, "nobody was asked again");
    world.queue(&["retry", "--all"])?;
    world.until_settled()?;
    world.end(&[("grey", 1)])
}

#[test]
fn what_its_sender_keeps_back_leaves_when_he_said_and_not_before() -> Result<()> {
    let mut world = World::open(Behaviour::Accept)?;
    world.submit("anna", "tomorrow", " HOLDFOR=86400")?;
    let before = world.until_state("kept-back")?;
    world.submit("anna", "soon", " HOLDFOR=2")?;
    world.cut(Behaviour::Accept)?;
    world.until("one has left", |world| Ok(world.rows()?.len() == 1))?;
    ensure!(world.only_row()? == before, "{}", world.only_row()?);
    world.queue(&["retry", "--all"])?;
    ensure!(
        world.until_state("kept-back")? == before,
        "an admin's retry does not break his word"
    );
    world.queue(&["delete", "--all"])?;
    world.end(&[("soon", 1)])
}

#[test]
fn what_is_held_stays_held_until_it_is_released() -> Result<()> {
    let mut world = World::open(Behaviour::Greylist(2))?;
    world.submit("anna", "by the admin", "")?;
    world.until_state("waiting")?;
    world.queue(&["hold", "--all"])?;
    world.submit("ben", "of a frozen account", "")?;
    world.until("both wait", |world| {
        Ok(world.rows()?.len() == 2 && world.rows()?.iter().all(|row| row["tries"] == 1))
    })?;
    world
        .office
        .cli_ok(&["guard", "freeze", &format!("ben@{DOMAIN}")], "")?;
    let before = world.rows()?;
    ensure!(before.iter().all(|row| row["state"] == "held"), "{before:?}");
    world.cut(Behaviour::Accept)?;
    world.queue(&["retry", "--all"])?;
    ensure!(
        world.rows()? == before && world.sink.taken() == 0,
        "{:?}",
        world.rows()?
    );
    world.queue(&["release", "--all"])?;
    world.until("the admin's has left", |world| Ok(world.rows()?.len() == 1))?;
    ensure!(world.only_row()?["sender_frozen"] == true);
    world
        .office
        .cli_ok(&["guard", "unfreeze", &format!("ben@{DOMAIN}")], "")?;
    world.cut(Behaviour::Accept)?;
    ensure!(
        world.only_row()?["state"] == "held",
        "an unfreeze lets nothing go"
    );
    world
        .office
        .cli_ok(&["guard", "release", &format!("ben@{DOMAIN}")], "")?;
    world.until("ben's is due", |world| {
        Ok(world.rows()?.iter().all(|row| row["state"] != "held"))
    })?;
    world.cut(Behaviour::Accept)?;
    ensure!(world.rows()?.iter().all(|row| row["state"] != "held"));
    match world.queue(&["retry", "--all"]) {
        Ok(_) => {}
        Err(error) if error.to_string().contains("nothing waits there") => {} // it was faster
        Err(error) => return Err(error),
    }
    world.until_settled()?;
    world.end(&[("by the admin", 1), ("of a frozen account", 1)])
}

#[test]
fn a_held_domain_stays_held_for_what_comes_later_too() -> Result<()> {
    let mut world = World::open(Behaviour::Accept)?;
    let hold = world.queue(&["hold", "--to", "Third.example"])?;
    ensure!(hold["domains"] == 1 && hold["rows"] == 0, "{hold}");
    world.submit("anna", "before", "")?;
    world.cut(Behaviour::Accept)?;
    world.submit("ben", "after", "")?;
    ensure!(
        world
            .rows()?
            .iter()
            .all(|row| row["state"] == "held" && row["held_by_admin"] == true)
    );
    let holds = world.queue(&["holds"])?;
    ensure!(
        holds[0]["domain"] == "third.example" && holds[0]["rows"] == 2 && holds[0]["by"] == "command line",
        "{holds}"
    );
    ensure!(world.sink.connections() == 0);
    ensure!(world.queue(&["release", "--to", "third.example"])?["rows"] == 2);
    world.until_settled()?;
    world.submit("anna", "free", "")?;
    world.until("the last has come", |world| Ok(world.sink.taken() == 3))?;
    world.until_settled()?;
    let again = world
        .office
        .cli(&["queue", "release", "--to", "third.example"], "")?;
    ensure!(!again.status.success(), "there is no hold any more");
    let events = world.office.cli_ok(&["events", "--kind", "queue_changed"], "")?;
    ensure!(
        events.contains(
            "command line held mail (all for third.example, what comes later too); none of it waited"
        ),
        "{events}"
    );
    world.end(&[("before", 1), ("after", 1), ("free", 1)])
}

#[test]
fn a_failure_is_told_once_whenever_the_plug_is_pulled() -> Result<()> {
    let mut world = World::open(Behaviour::StandStill(Point::Refusal))?;
    // The refusal was not read yet.
    world.submit("anna", "refused", "")?;
    world.until("stands still", |world| Ok(world.sink.stood_still() == 1))?;
    world.office.freeze()?;
    world.sink.go_on();
    world.until("it says no", |world| Ok(world.sink.refused() == 1))?;
    world.cut(Behaviour::Reject)?;
    world.until_settled()?;
    ensure!(world.told("anna")? == 1);
    ensure!(world.sink.refused() == 2, "it was asked a second time");
    // The notice is being made, or was just committed with the row's end.
    for round in 0..6_u32 {
        let before = world.sink.refused();
        world.submit("anna", "refused", "")?;
        world.until("it says no", |world| Ok(world.sink.refused() > before))?;
        std::thread::sleep(Duration::from_millis(u64::from(round) * 4));
        world.cut(Behaviour::Reject)?;
        world.until_settled()?;
        ensure!(
            world.told("anna")? == 2 + round,
            "round {round}: {}",
            world.told("anna")?
        );
    }
    world.end(&[])
}

#[test]
fn what_was_deleted_is_gone_with_its_notice_and_its_event() -> Result<()> {
    let mut world = World::open(Behaviour::Greylist(1))?;
    world.submit("anna", "deleted", "")?;
    world.until_state("waiting")?;
    ensure!(world.queue(&["delete", "--all", "--tell"])?["rows"] == 1);
    world.cut(Behaviour::Accept)?;
    ensure!(world.rows()?.is_empty() && world.told("anna")? == 1);
    let events = world.office.cli_ok(&["events", "--kind", "queue_changed"], "")?;
    ensure!(events.contains("command line deleted"), "{events}");
    world.end(&[])
}
