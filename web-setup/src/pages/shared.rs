//! What a stranger with a link sees: one page without scripts, and the file.

use crate::Site;
use crate::access::Visit;
use crate::appliance::{Appliance, Peer};
use crate::links::{Shared, SharedFile};
use crate::page::{Failure, Frame, Page, Posted, secret, show};
use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use proto::message::linking::{day_words, size_words};
use proto::types::Secret;
use serde::Deserialize;

/// The cookie that says that the password was given.
const COOKIE: &str = "pillarbox-link";

#[derive(Template)]
#[template(path = "shared.html")]
struct SharedPage<'a> {
    frame: Frame,
    token: &'a str,
    file: Option<Shown>,
}

struct Shown {
    office: String,
    name: String,
    size: String,
    sha256: String,
    until: String,
}

impl From<SharedFile> for Shown {
    fn from(file: SharedFile) -> Self {
        Self {
            office: file.office,
            name: file.name,
            size: size_words(file.size),
            sha256: file.sha256,
            until: day_words(file.until),
        }
    }
}

pub(crate) async fn page<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Page {
    let found = look(&site, visit, &token, &headers).await?;
    let file = match found {
        Shared::File(file) => Some(file.into()),
        Shared::Locked => None,
        other => return Err(refused(other)),
    };
    let page = SharedPage {
        frame: Frame::bare("A file for you"),
        token: &token,
        file,
    };
    show(&page)
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(deserialize_with = "secret")]
    password: Secret,
}

/// Takes the password and comes back to the page with a cookie that opens it for an hour.
pub(crate) async fn unlock<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    Posted(form): Posted<PasswordForm>,
) -> Page {
    let key = site
        .appliance
        .unlock_link(peer(visit), token.clone(), form.password)
        .await?;
    let Some(key) = key else {
        return Err(refused(Shared::Nothing));
    };
    let path = format!("/l/{token}");
    let cookie = format!("{COOKIE}={key}; Path={path}; Max-Age=3600; HttpOnly; Secure; SameSite=Strict");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&path)).into_response())
}

/// What the box hears when it asks itself through the world.
pub(crate) async fn reachable<A: Appliance>(site: Site<A>, Path(question): Path<String>) -> Page {
    let answer = site.appliance.own_answer(&question);
    let answer = answer.ok_or_else(Failure::not_found)?;
    Ok(answer.into_response())
}

/// What is found at a link's address by somebody with these headers.
pub(super) async fn look<A: Appliance>(
    site: &Site<A>,
    visit: Visit,
    token: &str,
    headers: &HeaderMap,
) -> Result<Shared, Failure> {
    let key = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .map(str::to_owned);
    Ok(site
        .appliance
        .shared_link(peer(visit), token.to_owned(), key)
        .await?)
}

pub(super) fn peer(visit: Visit) -> Peer {
    visit.peer.unwrap_or(Peer(std::net::Ipv6Addr::UNSPECIFIED.into()))
}

/// Whatever is wrong with a link, the page is the same.
pub(super) fn refused(found: Shared) -> Failure {
    match found {
        Shared::Stopped(reason) => Failure::new(
            StatusCode::FORBIDDEN,
            "This file cannot be fetched now",
            format!("The account that sent it is stopped: {reason}. Please ask the sender by phone."),
        ),
        Shared::Away => Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "This file is not available at the moment",
            "The link is good, but the disk with the file is not there. Please try again later, or tell \
             the one who sent it.",
        ),
        Shared::Damaged => Failure::new(
            StatusCode::GONE,
            "This file was damaged",
            "The link is good, but the disk has damaged the file. Please ask the one who sent it to send it \
             again.",
        ),
        _ => Failure::new(
            StatusCode::NOT_FOUND,
            "This link does not work",
            "It may be mistyped, expired or withdrawn, or the password was wrong: then go back and try again. \
             Otherwise please ask the one who sent it.",
        ),
    }
}
