//! Printers and scanners that send without a login.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::page::{Failure, Frame, Moment, Page, Posted, Tab, show, show_again};
use crate::printers::{Printer, PrinterDeed, PrinterWish, Tried};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use proto::types::AccountId;
use serde::Deserialize;

struct PrinterView {
    printer: Printer,
    used: Option<Moment>,
    until: Option<Moment>,
}

impl From<Printer> for PrinterView {
    fn from(printer: Printer) -> Self {
        Self {
            used: printer.used.map(Moment::from),
            until: printer.until.map(Moment::from),
            printer,
        }
    }
}

struct TriedView {
    tried: Tried,
    last: Moment,
}

#[derive(Template)]
#[template(path = "printers.html")]
struct PrintersPage {
    frame: Frame,
    said: Option<&'static str>,
    printers: Vec<PrinterView>,
    tried: Vec<TriedView>,
    domain: String,
    form: PrinterForm,
    fault: Option<String>,
}

/// A printer as it is typed.
#[derive(Default, Deserialize)]
pub(crate) struct PrinterForm {
    ip: String,
    from: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    limit: String,
    #[serde(default)]
    reach: String,
}

/// What was just done, told on the page that follows.
#[derive(Deserialize)]
pub(crate) struct Said {
    said: Option<String>,
}

impl Said {
    fn words(&self) -> Option<&'static str> {
        match self.said.as_deref()? {
            "allowed" => Some("That device may send now, from its address and as its sender only."),
            "pause" => Some("It sends nothing until you let it. What of its mail waits is held."),
            "resume" => Some("It may send again."),
            "release" => Some("Its held mail goes on its way."),
            "discard" => Some("Its held mail was dropped."),
            "remove" => Some("It is forgotten: without a login it sends nothing any more."),
            _ => None,
        }
    }
}

async fn page<A: Appliance>(site: &Site<A>) -> Result<PrintersPage, Fault> {
    let printers = site.appliance.printers().await?;
    let tried = printers.tried.into_iter().map(|tried| TriedView {
        last: tried.last.into(),
        tried,
    });
    Ok(PrintersPage {
        frame: Frame::admin("Printers and scanners", Tab::Printers),
        said: None,
        printers: printers.list.into_iter().map(PrinterView::from).collect(),
        tried: tried.collect(),
        domain: printers.domain,
        form: PrinterForm::default(),
        fault: None,
    })
}

pub(crate) async fn list<A: Appliance>(State(site): State<Site<A>>, Query(said): Query<Said>) -> Page {
    show(&PrintersPage {
        said: said.words(),
        ..page(&site).await?
    })
}

pub(crate) async fn allow<A: Appliance>(
    State(site): State<Site<A>>,
    Posted(form): Posted<PrinterForm>,
) -> Page {
    let limit = match form.limit.trim() {
        "" => Ok(None),
        text => text.parse().map(Some),
    };
    let allowed = match limit {
        Ok(limit) => {
            let wish = PrinterWish {
                name: form.name.clone(),
                ip: form.ip.clone(),
                from: form.from.clone(),
                limit,
                here_only: form.reach == "here",
            };
            site.appliance.allow_printer(wish).await
        }
        Err(_) => Err(Fault::Refused(
            "Messages in an hour: please write a number.".to_owned(),
        )),
    };
    match allowed {
        Ok(()) => Ok(Redirect::to("/printers?said=allowed").into_response()),
        Err(Fault::Refused(words)) => show_again(&PrintersPage {
            form,
            fault: Some(words),
            ..page(&site).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

#[derive(Deserialize)]
pub(crate) struct DeedForm {
    deed: String,
}

pub(crate) async fn act<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Posted(form): Posted<DeedForm>,
) -> Page {
    let id = id.parse().map(AccountId).map_err(|_| Failure::not_found())?;
    let deed = match form.deed.as_str() {
        "pause" => PrinterDeed::Pause,
        "resume" => PrinterDeed::Resume,
        "release" => PrinterDeed::Release,
        "discard" => PrinterDeed::Discard,
        "remove" => PrinterDeed::Remove,
        _ => return Err(Failure::not_found()),
    };
    match site.appliance.act_on_printer(id, deed).await {
        Ok(()) => Ok(Redirect::to(&format!("/printers?said={}", form.deed)).into_response()),
        Err(Fault::Refused(words)) => show_again(&PrintersPage {
            fault: Some(words),
            ..page(&site).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}
