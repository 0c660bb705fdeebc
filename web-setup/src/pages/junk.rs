//! Junk mail: what the filter learnt, who has to come again, who is always or never taken from.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::filtering::{FilterWish, GreyRow, JunkMail, SenderRow, SenderWish};
use crate::page::{Frame, Moment, Page, Posted, Said, Tab, show, show_again};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "junk.html")]
struct JunkPage {
    frame: Frame,
    said: Option<&'static str>,
    spam: u64,
    ham: u64,
    judging: bool,
    set: FilterWish,
    known: u64,
    waiting: u64,
    rows: Vec<Row>,
    senders: Vec<Sender>,
    who: String,
    note: String,
    sender_fault: Option<String>,
    set_fault: Option<String>,
}

struct Row {
    who: String,
    since: Moment,
}

impl From<GreyRow> for Row {
    fn from(row: GreyRow) -> Self {
        Self {
            who: row.who,
            since: row.since.into(),
        }
    }
}

struct Sender {
    allow: bool,
    who: String,
    note: String,
    until: Option<Moment>,
}

impl From<SenderRow> for Sender {
    fn from(row: SenderRow) -> Self {
        Self {
            allow: row.allow,
            who: row.who,
            note: row.note,
            until: row.until.map(Moment::from),
        }
    }
}

async fn page<A: Appliance>(site: &Site<A>) -> Result<JunkPage, Fault> {
    let junk: JunkMail = site.appliance.junk_mail().await?;
    Ok(JunkPage {
        frame: Frame::admin("Junk mail", Tab::Junk),
        said: None,
        spam: junk.spam,
        ham: junk.ham,
        judging: junk.set.bayes && junk.spam >= junk.minimum && junk.ham >= junk.minimum,
        set: junk.set,
        known: junk.known,
        waiting: junk.waiting,
        rows: junk.rows.into_iter().map(Row::from).collect(),
        senders: junk.senders.into_iter().map(Sender::from).collect(),
        who: String::new(),
        note: String::new(),
        sender_fault: None,
        set_fault: None,
    })
}

pub(crate) async fn overview<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    let said = match said.word() {
        Some("listed") => Some("The sender is on the list."),
        Some("removed") => Some("The sender is off the list."),
        Some("set") => Some("That counts from now on."),
        Some("forgotten") => Some("The filter knows nothing any more."),
        _ => None,
    };
    show(&JunkPage {
        said,
        ..page(&site).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct SenderForm {
    who: String,
    #[serde(default)]
    list: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    note: String,
}

pub(crate) async fn put<A: Appliance>(site: Site<A>, Posted(form): Posted<SenderForm>) -> Page {
    let wish = SenderWish {
        allow: form.list == "allow",
        who: form.who.clone(),
        note: form.note.clone(),
        days: form.days.parse().ok(),
    };
    match site.appliance.put_sender(wish).await {
        Ok(()) => Ok(Redirect::to("/junk?said=listed").into_response()),
        Err(Fault::Refused(words)) => show_again(&JunkPage {
            who: form.who,
            note: form.note,
            sender_fault: Some(words),
            ..page(&site).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn remove<A: Appliance>(site: Site<A>, Posted(form): Posted<SenderForm>) -> Page {
    match site.appliance.remove_sender(form.who).await {
        // Gone meanwhile: what was wanted is so.
        Ok(()) | Err(Fault::Gone) => Ok(Redirect::to("/junk?said=removed").into_response()),
        Err(fault) => Err(fault.into()),
    }
}

#[derive(Deserialize)]
pub(crate) struct SetForm {
    bayes: Option<String>,
    #[serde(default)]
    minimum: String,
    #[serde(default)]
    greylisting: String,
    #[serde(default)]
    minutes: String,
}

pub(crate) async fn set<A: Appliance>(site: Site<A>, Posted(form): Posted<SetForm>) -> Page {
    let wish = FilterWish {
        bayes: form.bayes.is_some(),
        minimum: form.minimum,
        greylisting: form.greylisting,
        minutes: form.minutes,
    };
    match site.appliance.set_filtering(wish.clone()).await {
        Ok(()) => Ok(Redirect::to("/junk?said=set").into_response()),
        Err(Fault::Refused(words)) => show_again(&JunkPage {
            set: wish,
            set_fault: Some(words),
            ..page(&site).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn forget<A: Appliance>(site: Site<A>) -> Page {
    site.appliance.forget_learnt().await?;
    Ok(Redirect::to("/junk?said=forgotten").into_response())
}
