//! From where mail may claim a domain without a login.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::page::{Frame, Page, Posted, Said, Tab, show, show_again};
use crate::screening::ShieldRow;
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "shield.html")]
struct ShieldPage {
    frame: Frame,
    said: Option<&'static str>,
    rows: Vec<ShieldRow>,
    form: ShieldForm,
    fault: Option<String>,
}

/// A row as it is typed.
#[derive(Default, Deserialize)]
pub(crate) struct ShieldForm {
    domain: String,
    #[serde(default)]
    networks: String,
}

async fn page<A: Appliance>(site: &Site<A>) -> Result<ShieldPage, Fault> {
    Ok(ShieldPage {
        frame: Frame::admin("Shield", Tab::Blocked),
        said: None,
        rows: site.appliance.shield().await?,
        form: ShieldForm::default(),
        fault: None,
    })
}

pub(crate) async fn table<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    let said = match said.word() {
        Some("set") => Some("From now on that domain is taken from there only."),
        Some("removed") => Some("It is out of the table."),
        _ => None,
    };
    show(&ShieldPage {
        said,
        ..page(&site).await?
    })
}

pub(crate) async fn set<A: Appliance>(site: Site<A>, Posted(form): Posted<ShieldForm>) -> Page {
    let set = site
        .appliance
        .set_shield(form.domain.clone(), form.networks.clone())
        .await;
    match set {
        Ok(()) => Ok(Redirect::to("/shield?said=set").into_response()),
        Err(Fault::Refused(words)) => show_again(&ShieldPage {
            form,
            fault: Some(words),
            ..page(&site).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn remove<A: Appliance>(site: Site<A>, Posted(form): Posted<ShieldForm>) -> Page {
    match site.appliance.remove_shield(form.domain).await {
        // Gone meanwhile: what was wanted is so.
        Ok(()) | Err(Fault::Gone) => Ok(Redirect::to("/shield?said=removed").into_response()),
        Err(fault) => Err(fault.into()),
    }
}
