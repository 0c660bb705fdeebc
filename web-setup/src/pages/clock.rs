//! The box's time, and telling it to a box that nobody else tells it.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::clock::{leap, time_typed};
use crate::page::{Frame, Moment, Page, Posted, Said, Tab, show, show_again};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "clock.html")]
struct ClockPage {
    frame: Frame,
    said: Option<&'static str>,
    fault: Option<String>,
    simulated: bool,
    known: bool,
    now: Moment,
    typed: String,
    /// What is asked once more before it is done.
    asked: Option<Asked>,
}

/// A time far from what the box thinks.
struct Asked {
    at: Moment,
    leap: String,
}

/// The form as it is sent.
#[derive(Deserialize)]
pub(crate) struct Typed {
    time: String,
    /// There once somebody was asked whether it is right.
    sure: Option<String>,
}

fn page<A: Appliance>(site: &Site<A>) -> ClockPage {
    let seen = site.appliance.clock();
    ClockPage {
        frame: Frame::admin("Clock", Tab::Overview),
        said: None,
        fault: None,
        simulated: site.appliance.facts().simulated_board,
        known: seen.known,
        now: seen.now.into(),
        typed: String::new(),
        asked: None,
    }
}

pub(crate) async fn clock<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    let said = said.word().map(|_| "The clock is set.");
    show(&ClockPage { said, ..page(&site) })
}

pub(crate) async fn set<A: Appliance>(site: Site<A>, Posted(form): Posted<Typed>) -> Page {
    let at = time_typed(&form.time);
    if let (Some(at), None) = (at, &form.sure)
        && let Some(leap) = leap(site.appliance.clock().now, at)
    {
        return show_again(&ClockPage {
            typed: form.time,
            asked: Some(Asked { at: at.into(), leap }),
            ..page(&site)
        });
    }
    let done = match at {
        Some(at) => site.appliance.set_clock(at).await,
        None => Err(Fault::Refused(
            "Please type the day and the time in UTC, such as 2026-11-24 19:05.".to_owned(),
        )),
    };
    match done {
        Ok(()) => Ok(Redirect::to("/clock?said=set").into_response()),
        Err(Fault::Refused(words)) => show_again(&ClockPage {
            fault: Some(words),
            typed: form.time,
            ..page(&site)
        }),
        Err(fault) => Err(fault.into()),
    }
}
