//! Switching the box off and on again, cleanly.

use crate::Site;
use crate::appliance::{Appliance, Power};
use crate::page::{Frame, Page, Tab, show};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "power.html")]
struct PowerPage {
    frame: Frame,
    simulated: bool,
}

pub(crate) async fn choose<A: Appliance>(site: Site<A>) -> Page {
    let simulated = site.appliance.facts().simulated_board;
    show(&PowerPage {
        frame: Frame::admin("Switch off or restart", Tab::Overview),
        simulated,
    })
}

pub(crate) async fn off<A: Appliance>(site: Site<A>) -> Page {
    site.appliance.power(Power::Off).await?;
    Ok(Redirect::to("/goodbye").into_response())
}

pub(crate) async fn restart<A: Appliance>(site: Site<A>) -> Page {
    site.appliance.power(Power::Restart).await?;
    Ok(Redirect::to("/goodbye?restart=yes").into_response())
}

#[derive(Template)]
#[template(path = "goodbye.html")]
struct Goodbye {
    frame: Frame,
    restart: bool,
}

#[derive(Deserialize)]
pub(crate) struct Wish {
    restart: Option<String>,
}

pub(crate) async fn goodbye(Query(wish): Query<Wish>) -> Page {
    show(&Goodbye {
        frame: Frame::bare("Goodbye"),
        restart: wish.restart.is_some(),
    })
}
