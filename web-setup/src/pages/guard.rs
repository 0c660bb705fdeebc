//! What accounts may send, and what becomes of held mail.

use super::accounts::find;
use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::page::{Frame, Moment, Page, Posted, Said, Tab, show, show_again};
use crate::watch::{Choice, Finding, Watch};
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect};

/// What is shown of an account's mail on its page.
pub(crate) struct WatchView {
    pub(crate) held: u64,
    pub(crate) seen: bool,
    pub(crate) limited: Option<(Moment, String)>,
    pub(crate) watched_until: Option<Moment>,
    pub(crate) finding: Option<Finding>,
    pub(crate) left: Vec<(Moment, String, String)>,
    pub(crate) more_left: bool,
    pub(crate) choice: Choice,
    pub(crate) outside: String,
}

impl From<Watch> for WatchView {
    fn from(watch: Watch) -> Self {
        let left = watch.left.into_iter();
        Self {
            held: watch.held,
            seen: watch.seen,
            limited: watch.limited.map(|(until, reason)| (until.into(), reason)),
            watched_until: watch.watched_until.map(Moment::from),
            finding: watch.finding,
            left: left
                .map(|left| (left.at.into(), left.to.to_string(), left.host))
                .collect(),
            more_left: watch.more_left,
            choice: watch.choice,
            outside: watch
                .outside
                .map(|address| address.to_string())
                .unwrap_or_default(),
        }
    }
}

fn back(id: proto::types::AccountId, said: &str) -> Page {
    Ok(Redirect::to(&format!("/accounts/{id}?said={said}")).into_response())
}

pub(crate) async fn release<A: Appliance>(site: Site<A>, Path(id): Path<String>) -> Page {
    let account = find(&site, &id).await?;
    site.appliance.release_held(account.id).await?;
    back(account.id, "released")
}

pub(crate) async fn discard<A: Appliance>(site: Site<A>, Path(id): Path<String>) -> Page {
    let account = find(&site, &id).await?;
    site.appliance.discard_held(account.id).await?;
    back(account.id, "discarded")
}

pub(crate) async fn acknowledge<A: Appliance>(site: Site<A>, Path(id): Path<String>) -> Page {
    let account = find(&site, &id).await?;
    site.appliance.acknowledge(account.id).await?;
    back(account.id, "acknowledged")
}

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    frame: Frame,
    /// Whose, where it is not the office's.
    account: Option<(String, String)>,
    choice: Choice,
    said: bool,
    fault: Option<String>,
}

async fn office_page<A: Appliance>(site: &Site<A>) -> Result<LimitsPage, Fault> {
    Ok(LimitsPage {
        frame: Frame::admin("Sending limits", Tab::Accounts),
        account: None,
        choice: site.appliance.limits().await?,
        said: false,
        fault: None,
    })
}

pub(crate) async fn office<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    show(&LimitsPage {
        said: said.word().is_some(),
        ..office_page(&site).await?
    })
}

/// Names and values as the form has them; an empty value takes back what was set.
type Fields = Vec<(String, String)>;

fn changes(fields: Fields) -> Fields {
    let value = |value: String| {
        let value = value.trim().to_owned();
        if value.is_empty() {
            "default".to_owned()
        } else {
            value
        }
    };
    fields
        .into_iter()
        .map(|(name, text)| (name, value(text)))
        .collect()
}

pub(crate) async fn set_office<A: Appliance>(site: Site<A>, Posted(fields): Posted<Fields>) -> Page {
    match site.appliance.set_limits(None, changes(fields)).await {
        Ok(()) => Ok(Redirect::to("/limits?said=set").into_response()),
        Err(Fault::Refused(words)) => show_again(&LimitsPage {
            fault: Some(words),
            ..office_page(&site).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

async fn account_page<A: Appliance>(site: &Site<A>, id: &str) -> Result<LimitsPage, crate::page::Failure> {
    let account = find(site, id).await?;
    let watch = site.appliance.watch(account.id).await?;
    Ok(LimitsPage {
        frame: Frame::admin("Sending limits", Tab::Accounts),
        account: Some((account.id.to_string(), account.address.to_string())),
        choice: watch.choice,
        said: false,
        fault: None,
    })
}

pub(crate) async fn account<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Page {
    show(&LimitsPage {
        said: said.word().is_some(),
        ..account_page(&site, &id).await?
    })
}

pub(crate) async fn set_account<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(fields): Posted<Fields>,
) -> Page {
    let account = find(&site, &id).await?;
    match site.appliance.set_limits(Some(account.id), changes(fields)).await {
        Ok(()) => Ok(Redirect::to(&format!("/accounts/{}/limits?said=set", account.id)).into_response()),
        Err(Fault::Refused(words)) => show_again(&LimitsPage {
            fault: Some(words),
            ..account_page(&site, &id).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}
