//! One recipient's waiting mail: where it stands, what was said, and what is to be done with it.

use super::outgoing::Row;
use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::page::{Failure, Frame, Page, Posted, Tab, show};
use crate::queue::{QueueDeed, QueueDone, QueueScope, Queued};
use askama::Template;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use proto::message::linking::size_words;
use serde::Deserialize;

/// Recipients of one message that are named.
const NAMED: usize = 100;

#[derive(Template)]
#[template(path = "queued.html")]
struct QueuedPage {
    frame: Frame,
    id: u64,
    row: Row,
    size: String,
    domain: String,
    others: Vec<Row>,
    more: usize,
    message: usize,
    at_domain: u64,
    total: u64,
}

#[derive(Template)]
#[template(path = "delete_queued.html")]
struct SurePage {
    frame: Frame,
    id: u64,
    scope: &'static str,
    which: String,
    rows: u64,
}

fn number(id: &str) -> Result<u64, Failure> {
    id.parse().map_err(|_| Failure::not_found())
}

fn gone(fault: Fault) -> Failure {
    match fault {
        Fault::Gone => Failure::new(
            axum::http::StatusCode::NOT_FOUND,
            "It does not wait any more",
            "That mail has left, was given back to its sender, or was deleted. The page Events says which.",
        ),
        fault => fault.into(),
    }
}

pub(crate) async fn one<A: Appliance>(site: Site<A>, Path(id): Path<String>) -> Page {
    let id = number(&id)?;
    let queued = site.appliance.queued(id).await.map_err(gone)?;
    let message = queued.message.len();
    let others = queued.message.into_iter().filter(|other| other.id != id);
    show(&QueuedPage {
        frame: Frame::admin("Waiting mail", Tab::Outgoing),
        id,
        domain: queued.row.to.domain().to_string(),
        row: queued.row.into(),
        size: size_words(queued.size),
        others: others.take(NAMED).map(Row::from).collect(),
        more: message.saturating_sub(NAMED + 1),
        message,
        at_domain: queued.at_domain,
        total: queued.total,
    })
}

#[derive(Deserialize)]
pub(crate) struct OrderForm {
    scope: String,
    order: String,
    #[serde(default)]
    sure: String,
    #[serde(default)]
    tell: String,
}

fn scope(form: &OrderForm) -> Result<(QueueScope, &'static str), Failure> {
    Ok(match form.scope.as_str() {
        "row" => (QueueScope::Row, "row"),
        "message" => (QueueScope::Message, "message"),
        "domain" => (QueueScope::Domain, "domain"),
        "all" => (QueueScope::All, "all"),
        _ => return Err(Failure::not_found()),
    })
}

pub(crate) async fn order<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(form): Posted<OrderForm>,
) -> Page {
    let id = number(&id)?;
    let (scope, scope_name) = scope(&form)?;
    let deed = match form.order.as_str() {
        "hold" => QueueDeed::Hold,
        "release" => QueueDeed::Release,
        "retry" => QueueDeed::Retry,
        "delete" if form.sure != "yes" => {
            let queued = site.appliance.queued(id).await.map_err(gone)?;
            return ask(id, scope, scope_name, &queued);
        }
        "delete" => QueueDeed::Delete {
            tell: form.tell == "yes",
        },
        _ => return Err(Failure::not_found()),
    };
    let QueueDone { rows, sending } = site.appliance.order(id, scope, deed).await.map_err(gone)?;
    let to = format!("/outgoing?said={}&rows={rows}&sending={sending}", form.order);
    Ok(Redirect::to(&to).into_response())
}

fn ask(id: u64, scope: QueueScope, scope_name: &'static str, queued: &Queued) -> Page {
    let to = &queued.row.to;
    let (which, rows) = match scope {
        QueueScope::Row => (format!("the mail for {to}"), 1),
        QueueScope::Message => (
            "the message, for all its recipients who wait".to_owned(),
            queued.message.len() as u64,
        ),
        QueueScope::Domain => (format!("all mail for {}", to.domain()), queued.at_domain),
        QueueScope::All => ("all mail that waits".to_owned(), queued.total),
    };
    show(&SurePage {
        frame: Frame::admin("Delete waiting mail", Tab::Outgoing),
        id,
        scope: scope_name,
        which,
        rows,
    })
}
