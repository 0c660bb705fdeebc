//! How mail from the world is judged, and why some of it landed where it is.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::judging::{JudgedMail, JudgedRow, Knob, ReasonRow};
use crate::page::{Frame, Moment, Page, Posted, Said, Tab, show, show_again};
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect};

#[derive(Template)]
#[template(path = "judging.html")]
struct JudgingPage {
    frame: Frame,
    said: bool,
    knobs: Vec<Knob>,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "received.html")]
struct ReceivedPage {
    frame: Frame,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "explanation.html")]
struct ExplanationPage {
    frame: Frame,
    row: Row,
    ip: String,
    helo: String,
    because: String,
    junk_at: String,
    reasons: Vec<ReasonRow>,
}

struct Row {
    id: String,
    at: Moment,
    from: String,
    to: String,
    place: String,
    points: String,
}

impl From<JudgedRow> for Row {
    fn from(row: JudgedRow) -> Self {
        Self {
            id: row.id,
            at: row.at.into(),
            from: row.from,
            to: row.to,
            place: row.place,
            points: row.points,
        }
    }
}

pub(crate) async fn knobs<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    show(&JudgingPage {
        frame: Frame::admin("Judging", Tab::Junk),
        said: said.word() == Some("set"),
        knobs: site.appliance.judging().await?,
        fault: None,
    })
}

pub(crate) async fn set<A: Appliance>(site: Site<A>, Posted(values): Posted<Vec<(String, String)>>) -> Page {
    match site.appliance.set_judging(values.clone()).await {
        Ok(()) => Ok(Redirect::to("/judging?said=set").into_response()),
        Err(Fault::Refused(words)) => {
            // As it was typed, so that it can be put right.
            let mut knobs = site.appliance.judging().await?;
            for knob in &mut knobs {
                let typed = values.iter().find(|(name, _)| *name == knob.name);
                if let Some((_, value)) = typed {
                    knob.value.clone_from(value);
                }
            }
            show_again(&JudgingPage {
                frame: Frame::admin("Judging", Tab::Junk),
                said: false,
                knobs,
                fault: Some(words),
            })
        }
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn received<A: Appliance>(site: Site<A>) -> Page {
    let rows = site.appliance.judged().await?;
    show(&ReceivedPage {
        frame: Frame::admin("Received mail", Tab::Junk),
        rows: rows.into_iter().map(Row::from).collect(),
    })
}

pub(crate) async fn explanation<A: Appliance>(site: Site<A>, Path(id): Path<String>) -> Page {
    let JudgedMail {
        row,
        ip,
        helo,
        because,
        junk_at,
        reasons,
    } = site.appliance.explanation(id).await?;
    show(&ExplanationPage {
        frame: Frame::admin("Why did this mail land here?", Tab::Junk),
        row: row.into(),
        ip,
        helo,
        because,
        junk_at,
        reasons,
    })
}
