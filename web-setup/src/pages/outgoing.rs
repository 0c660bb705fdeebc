//! Mail on its way out: what waits, and by which way it leaves.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::page::{Frame, Moment, Page, Posted, Said, Tab, secret, show, show_again};
use crate::queue::QueueDone;
use crate::rules;
use crate::sending::{Protection, Smarthost, WaitState, Waiting};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use proto::types::{Domain, Secret};
use serde::Deserialize;

/// Rows on the page; more are only counted.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "outgoing.html")]
struct OutgoingPage {
    frame: Frame,
    said: Option<String>,
    places: Vec<PlaceRow>,
    held: Vec<HeldRow>,
    hold: HoldForm,
    rows: Vec<Row>,
    more: u64,
    // Whether mail leaves through a smarthost now.
    through: Option<String>,
    // For some domains: their name, the server, its user.
    named: Vec<(String, String, String)>,
    form: SmarthostForm,
    fault: Option<String>,
    hold_fault: Option<String>,
}

/// A recipient who waits, in words.
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) since: Moment,
    pub(crate) sending: bool,
    pub(crate) by_admin: bool,
    pub(crate) frozen: bool,
    /// Until when its sender keeps it back.
    pub(crate) kept: Option<Moment>,
    /// When it is tried next.
    pub(crate) next: Option<Moment>,
    pub(crate) tries: u32,
    pub(crate) words: String,
}

impl From<Waiting> for Row {
    fn from(waiting: Waiting) -> Self {
        let (mut kept, mut next) = (None, None);
        let (mut by_admin, mut frozen) = (false, false);
        match waiting.state {
            WaitState::Sending => {}
            WaitState::Held {
                by_admin: admin,
                frozen: guard,
            } => (by_admin, frozen) = (admin, guard),
            WaitState::KeptBack(until) => kept = Some(until.into()),
            WaitState::Waits(at) => next = Some(at.into()),
        }
        Self {
            id: waiting.id,
            sending: waiting.state == WaitState::Sending,
            by_admin,
            frozen,
            kept,
            next,
            from: waiting
                .from
                .map_or_else(|| "(this box)".to_owned(), |from| from.to_string()),
            to: waiting.to.to_string(),
            since: waiting.since.into(),
            tries: waiting.tries,
            words: waiting.words.unwrap_or_default(),
        }
    }
}

struct HeldRow {
    domain: String,
    since: Moment,
    by: String,
    rows: u64,
}

struct PlaceRow {
    name: String,
    sending: usize,
    at_once: usize,
    rest: Option<(Moment, String)>,
}

/// The smarthost as it is typed.
#[derive(Deserialize)]
pub(crate) struct SmarthostForm {
    // For which domains; empty: for all mail.
    #[serde(default)]
    domains: String,
    host: String,
    port: String,
    protection: String,
    #[serde(default)]
    user: String,
    #[serde(default = "nothing", deserialize_with = "secret")]
    password: Secret,
    trust: Option<String>,
}

fn nothing() -> Secret {
    Secret::new(Vec::new())
}

impl From<Option<Smarthost>> for SmarthostForm {
    fn from(smarthost: Option<Smarthost>) -> Self {
        let Some(smarthost) = smarthost else {
            return Self {
                domains: String::new(),
                host: String::new(),
                port: "587".to_owned(),
                protection: "starttls".to_owned(),
                user: String::new(),
                password: nothing(),
                trust: None,
            };
        };
        let protection = match smarthost.protection {
            Protection::Implicit => "implicit",
            Protection::Starttls => "starttls",
            Protection::None => "none",
        };
        Self {
            domains: String::new(),
            host: smarthost.host,
            port: smarthost.port.to_string(),
            protection: protection.to_owned(),
            user: smarthost.user.unwrap_or_default(),
            password: nothing(), // never shown
            trust: smarthost.trust_any_certificate.then(|| "yes".to_owned()),
        }
    }
}

/// Recipients that an order concerned, and those that were being sent.
#[derive(Deserialize)]
pub(crate) struct Concerned {
    #[serde(default)]
    rows: u64,
    #[serde(default)]
    sending: u64,
}

fn words(said: &Said, concerned: &Concerned) -> Option<String> {
    let (rows, sending) = (concerned.rows, concerned.sending);
    let (done, rest) = match said.word()? {
        "through" => {
            let words =
                "From now on this mail leaves through that server. What waits goes there at its next try.";
            return Some(words.to_owned());
        }
        "direct" => {
            let words = "From now on this mail does not leave through that server any more; what waits takes its new way at its next try.";
            return Some(words.to_owned());
        }
        "held" => {
            return Some(format!(
                "All mail for that domain stays here from now on, what comes later too. Waiting for it now: {rows}."
            ));
        }
        "hold" => ("held from now on", "stay here if they do not leave now"),
        "release" => ("let go", "are on their way"),
        "retry" => ("tried now", "are on their way"),
        "delete" => ("deleted", "were left alone: look again in a moment"),
        _ => return None,
    };
    let rows = match rows {
        0 => format!("Nobody's mail had to be {done}."),
        rows => format!("Recipients whose mail is {done}: {rows}."),
    };
    Some(match sending {
        0 => rows,
        sending => format!("{rows} Being sent right now: {sending}; these {rest}."),
    })
}

async fn page<A: Appliance>(site: &Site<A>) -> Result<OutgoingPage, Fault> {
    let outgoing = site.appliance.outgoing(ROWS).await?;
    let rows: Vec<Row> = outgoing.rows.into_iter().map(Row::from).collect();
    let smarthost = site.appliance.smarthost().await?;
    let named = site.appliance.smarthosts().await?.into_iter();
    let named = named.map(|(name, smarthost)| {
        let server = format!("{}, port {}", smarthost.host, smarthost.port);
        (name, server, smarthost.user.unwrap_or_default())
    });
    let places = site.appliance.places().await?.into_iter().take(ROWS);
    let places = places.map(|place| PlaceRow {
        name: place.name,
        sending: place.sending,
        at_once: place.at_once,
        rest: place.rest.map(|(until, words)| (until.into(), words)),
    });
    let held = site.appliance.held_domains().await?.into_iter();
    let held = held.map(|held| HeldRow {
        domain: held.domain.to_string(),
        since: held.since.into(),
        by: held.by,
        rows: held.rows,
    });
    Ok(OutgoingPage {
        frame: Frame::admin("Outgoing mail", Tab::Outgoing),
        said: None,
        places: places.collect(),
        held: held.collect(),
        hold: HoldForm::default(),
        more: outgoing.total.saturating_sub(rows.len() as u64),
        rows,
        through: smarthost.as_ref().map(|smarthost| smarthost.host.clone()),
        named: named.collect(),
        form: smarthost.into(),
        fault: None,
        hold_fault: None,
    })
}

pub(crate) async fn outgoing<A: Appliance>(
    site: Site<A>,
    Query(said): Query<Said>,
    Query(concerned): Query<Concerned>,
) -> Page {
    show(&OutgoingPage {
        said: words(&said, &concerned),
        ..page(&site).await?
    })
}

pub(crate) async fn through<A: Appliance>(site: Site<A>, Posted(form): Posted<SmarthostForm>) -> Page {
    let protection = match form.protection.as_str() {
        "implicit" => Protection::Implicit,
        "none" => Protection::None,
        _ => Protection::Starttls,
    };
    let user = form.user.trim();
    let checked = rules::server(&form.host, &form.port).and_then(|(host, port)| {
        if protection == Protection::None && !user.is_empty() {
            return Err(
                "A password is never sent without TLS. Please choose one of the other two.".to_owned(),
            );
        }
        Ok(Smarthost {
            host,
            port,
            protection,
            user: (!user.is_empty()).then(|| user.to_owned()),
            trust_any_certificate: form.trust.is_some(),
        })
    });
    let words = match checked {
        Ok(smarthost) => {
            let typed = !form.password.expose().is_empty();
            let password = typed.then(|| form.password.clone());
            let domains = form.domains.trim().to_owned();
            match site.appliance.send_through(domains, smarthost, password).await {
                Ok(()) => return Ok(Redirect::to("/outgoing?said=through").into_response()),
                Err(Fault::Refused(words)) => words,
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(words) => words,
    };
    show_again(&OutgoingPage {
        form,
        fault: Some(words),
        ..page(&site).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct DirectForm {
    #[serde(default)]
    domains: String,
}

pub(crate) async fn direct<A: Appliance>(site: Site<A>, Posted(form): Posted<DirectForm>) -> Page {
    match site.appliance.send_directly(form.domains).await {
        // It was taken away already.
        Ok(()) | Err(Fault::Refused(_)) => Ok(Redirect::to("/outgoing?said=direct").into_response()),
        Err(fault) => Err(fault.into()),
    }
}

/// A domain that mail is to be held for, or released.
#[derive(Default, Deserialize)]
pub(crate) struct HoldForm {
    domain: String,
    #[serde(default)]
    release: String,
}

pub(crate) async fn hold<A: Appliance>(site: Site<A>, Posted(form): Posted<HoldForm>) -> Page {
    let hold = form.release != "yes";
    let done = match Domain::parse(form.domain.trim()) {
        Ok(domain) => site.appliance.hold_domain(domain, hold).await,
        Err(_) => Err(Fault::Refused(format!("`{}` is no domain.", form.domain.trim()))),
    };
    let QueueDone { rows, sending } = match done {
        Ok(done) => done,
        // It was released already.
        Err(Fault::Gone) => QueueDone { rows: 0, sending: 0 },
        Err(Fault::Refused(words)) => {
            return show_again(&OutgoingPage {
                hold: form,
                hold_fault: Some(words),
                ..page(&site).await?
            });
        }
        Err(fault) => return Err(fault.into()),
    };
    let said = if hold { "held" } else { "release" };
    let to = format!("/outgoing?said={said}&rows={rows}&sending={sending}");
    Ok(Redirect::to(&to).into_response())
}
