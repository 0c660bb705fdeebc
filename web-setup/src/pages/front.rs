//! The doors: the claim code on the first boot, the admin's password after it.

use crate::Site;
use crate::access::Visit;
use crate::appliance::{Appliance, Panel, Peer};
use crate::claim::Try;
use crate::page::{
    Failure, Frame, Later, Page, Posted, SOME_MINUTES, secret, short_fingerprint, show, show_again,
    show_later,
};
use crate::pages::overview::PanelView;
use crate::sessions::Role;
use crate::sign_in::{Login, Pass};
use askama::Template;
use axum::Extension;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect};
use proto::types::Secret;
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;

#[derive(Template)]
#[template(path = "claim.html")]
struct ClaimPage {
    frame: Frame,
    fault: Option<String>,
    short: String,
    fingerprint: String,
    panel: Option<PanelView>,
}

pub(crate) async fn front<A: Appliance>(site: Site<A>, Extension(visit): Extension<Visit>) -> Page {
    let door = match (visit.finished, visit.role) {
        (true, Some(Role::Person(_))) => "/me",
        (true, Some(Role::Half(_))) => "/login/code",
        (true, Some(_)) => "/overview",
        (true, None) => "/login",
        (false, Some(_)) => crate::pages::wizard::resume(&site.appliance).await?,
        (false, None) => return show(&claim_page(&site, visit, None).await?),
    };
    Ok(Redirect::to(door).into_response())
}

async fn claim_page<A: Appliance>(
    site: &Site<A>,
    visit: Visit,
    fault: Option<String>,
) -> Result<ClaimPage, Failure> {
    let panel: Option<Panel> = if visit.sees_panel {
        Some(site.appliance.panel().await?)
    } else {
        None
    };
    let facts = site.appliance.facts();
    let frame = Frame::bare("Welcome");
    Ok(ClaimPage {
        frame,
        fault,
        short: short_fingerprint(&facts.fingerprint),
        fingerprint: facts.fingerprint,
        panel: panel.map(PanelView::from),
    })
}

#[derive(Deserialize)]
pub(crate) struct ClaimForm {
    code: String,
}

pub(crate) async fn claim<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<ClaimForm>,
) -> Page {
    let Some(code) = site.appliance.claim_code() else {
        return Err(Failure::not_found());
    };
    let from = visit.peer.map(|Peer(ip)| ip);
    let (wait, words) = match site.tries.attempt(from, &form.code, &code) {
        Try::Right => {
            tracing::info!(ip = %shown(from), "claim code accepted");
            return signed_in(&site, Role::Setup, "/");
        }
        Try::Wrong => {
            tracing::warn!(ip = %shown(from), "wrong claim code");
            let words = "That is not the code on the panel. Please look again; it has eight characters.";
            return show_again(&claim_page(&site, visit, Some(words.to_owned())).await?);
        }
        Try::Wait(wait) => {
            let words = format!("Too many wrong codes. Please try again in {}.", in_words(wait));
            (wait, words)
        }
        Try::AllWait(wait) => {
            tracing::warn!(ip = %shown(from), "claim codes are not taken: too many wrong ones");
            let words = format!(
                "Somebody typed many wrong codes. To be safe, the box takes none for {}. \
                 Switching it off and on again ends the wait.",
                in_words(wait)
            );
            (wait, words)
        }
    };
    // Not a moment too early.
    let later = Later::In(wait + Duration::from_secs(1));
    show_later(Some(later), &claim_page(&site, visit, Some(words)).await?)
}

fn shown(ip: Option<IpAddr>) -> String {
    ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
}

fn in_words(wait: Duration) -> String {
    match wait.as_secs() {
        0..=90 => format!("{} seconds", wait.as_secs() + 1),
        seconds => format!("{} minutes", seconds / 60 + 1),
    }
}

/// Opens a session and goes to `door`. A session that was there before ends: its cookie is
/// replaced in the browser.
pub(crate) fn signed_in<A: Appliance>(site: &Site<A>, role: Role, door: &str) -> Page {
    with_session(site, role, Redirect::to(door))
}

/// The same with any answer.
pub(crate) fn with_session<A: Appliance>(site: &Site<A>, role: Role, answer: impl IntoResponse) -> Page {
    let Some(cookie) = site.sessions.open(role) else {
        tracing::error!("no randomness for a session");
        return Err(crate::appliance::Fault::Internal.into());
    };
    Ok(([(header::SET_COOKIE, cookie)], answer).into_response())
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    frame: Frame,
    name: &'a str,
    fault: Option<&'a str>,
}

pub(crate) async fn login_form(Extension(visit): Extension<Visit>) -> Page {
    if visit.role.is_some_and(|role| !matches!(role, Role::Half(_))) {
        return Ok(Redirect::to("/").into_response());
    }
    show(&LoginPage {
        frame: Frame::bare("Sign in"),
        name: "",
        fault: None,
    })
}

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    name: String,
    #[serde(deserialize_with = "secret")]
    password: Secret,
}

pub(crate) async fn login<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<LoginForm>,
) -> Page {
    let name: String = form.name.trim().chars().take(254).collect();
    let peer = visit.peer.unwrap_or(Peer(std::net::Ipv6Addr::UNSPECIFIED.into()));
    let again = |fault| LoginPage {
        frame: Frame::bare("Sign in"),
        name: &name,
        fault: Some(fault),
    };
    match site.appliance.login(peer, name.clone(), form.password).await? {
        Login::Welcome(pass) => {
            let door = if pass.admin { "/overview" } else { "/me" };
            signed_in(&site, Role::of(pass), door)
        }
        Login::Code(pass) => signed_in(&site, Role::Half(pass), "/login/code"),
        Login::Wrong => show_again(&again(
            "Name and password do not match. The attempt was recorded.",
        )),
        Login::Blocked { words, until } => show_later(until.map(Later::At), &again(&words)),
        Login::Shut(reason) => {
            let words = format!("This account is shut: {reason}. An admin can give it back.");
            show_again(&again(&words))
        }
        Login::Throttled => show_later(
            Some(SOME_MINUTES),
            &again("Too many wrong passwords from your address. Please wait a few minutes."),
        ),
    }
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage {
    frame: Frame,
    fault: Option<String>,
    clock_known: bool,
}

async fn code_page<A: Appliance>(
    site: &Site<A>,
    pass: Pass,
    fault: Option<String>,
) -> Result<CodePage, Failure> {
    let second = site.appliance.second_factor(pass.account).await?;
    Ok(CodePage {
        frame: Frame::bare("Sign in"),
        fault,
        clock_known: second.clock_known,
    })
}

pub(crate) async fn code_form<A: Appliance>(site: Site<A>, Extension(visit): Extension<Visit>) -> Page {
    let pass = visit.role.and_then(Role::pass).ok_or_else(Failure::not_found)?;
    show(&code_page(&site, pass, None).await?)
}

#[derive(Deserialize)]
pub(crate) struct CodeForm {
    #[serde(deserialize_with = "secret")]
    code: Secret,
}

pub(crate) async fn code<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Posted(form): Posted<CodeForm>,
) -> Page {
    let pass = visit.role.and_then(Role::pass).ok_or_else(Failure::not_found)?;
    let peer = visit.peer.unwrap_or(Peer(std::net::Ipv6Addr::UNSPECIFIED.into()));
    let again = |words: String| code_page(&site, pass, Some(words));
    match site.appliance.login_code(peer, pass, form.code).await? {
        Login::Welcome(pass) => {
            let _ = site.sessions.close(&headers); // the cookie is replaced
            let door = if pass.admin { "/overview" } else { "/me" };
            signed_in(&site, Role::of(pass), door)
        }
        Login::Wrong | Login::Code(_) => {
            let words = "That code is not right, or was used already. The attempt was recorded.";
            show_again(&again(words.to_owned()).await?)
        }
        Login::Throttled => {
            let words = "Too many wrong codes. For an hour only a recovery code is taken.";
            let hour = Later::In(Duration::from_secs(3600));
            show_later(Some(hour), &again(words.to_owned()).await?)
        }
        Login::Blocked { words, until } => show_later(until.map(Later::At), &again(words).await?),
        Login::Shut(reason) => {
            let words = format!("This account is shut: {reason}. An admin can give it back.");
            show_again(&again(words).await?)
        }
    }
}

pub(crate) async fn logout<A: Appliance>(site: Site<A>, headers: HeaderMap) -> Page {
    let cookie = site.sessions.close(&headers);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}
