//! Printers and scanners that send without a login.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::page::{Failure, Frame, Moment, Page, Posted, Said, Tab, show, show_again};
use crate::printers::{Printer, PrinterDeed, PrinterTerms, PrinterWish, Tried};
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect};
use proto::types::{AccountId, Address};
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

impl TriedView {
    // The one sender as which it can be allowed.
    fn sender(&self) -> Option<&Address> {
        self.tried
            .from
            .as_ref()
            .filter(|_| self.tried.fits && !self.tried.others)
    }
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

fn words(said: &Said) -> Option<&'static str> {
    match said.word()? {
        "changed" => Some("From now on it may do what you said."),
        "allowed" => Some("That device may send now, from its address and as its sender only."),
        "pause" => Some("It sends nothing until you let it. What of its mail waits is held."),
        "resume" => Some("It may send again."),
        "release" => Some("Its held mail goes on its way."),
        "discard" => Some("Its held mail was dropped."),
        "remove" => Some("It is forgotten: without a login it sends nothing any more."),
        _ => None,
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

pub(crate) async fn list<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    show(&PrintersPage {
        said: words(&said),
        ..page(&site).await?
    })
}

pub(crate) async fn allow<A: Appliance>(site: Site<A>, Posted(form): Posted<PrinterForm>) -> Page {
    let limit = match form.limit.trim() {
        "" => Ok(None),
        typed => number(typed).map(Some),
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
        Err(fault) => Err(fault),
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

fn number(typed: &str) -> Result<u32, Fault> {
    let refused = |_| Fault::Refused("Messages in an hour: please write a number.".to_owned());
    typed.trim().parse().map_err(refused)
}

/// What a device may do, as it is typed.
#[derive(Deserialize)]
pub(crate) struct TermsForm {
    #[serde(default)]
    name: String,
    limit: String,
    reach: String,
}

pub(crate) async fn set<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(form): Posted<TermsForm>,
) -> Page {
    let id = id.parse().map(AccountId).map_err(|_| Failure::not_found())?;
    let here_only = match form.reach.as_str() {
        "here" => true,
        "everywhere" => false,
        _ => return Err(Failure::not_found()),
    };
    let set = match number(&form.limit) {
        Ok(limit) => {
            let name = form.name;
            let terms = PrinterTerms {
                name,
                limit,
                here_only,
            };
            site.appliance.set_printer(id, terms).await
        }
        Err(fault) => Err(fault),
    };
    match set {
        Ok(()) => Ok(Redirect::to("/printers?said=changed").into_response()),
        Err(Fault::Refused(words)) => show_again(&PrintersPage {
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
    site: Site<A>,
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
