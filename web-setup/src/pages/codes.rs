//! Codes at sign-in: the second factor of one's own login, and its reset by an admin.

use super::accounts::find;
use super::front::{signed_in, with_session};
use crate::Site;
use crate::access::Visit;
use crate::appliance::{Appliance, Fault, Peer};
use crate::page::{Failure, Frame, Moment, Page, Posted, Said, Tab, secret, show, show_again};
use crate::sessions::Role;
use crate::sign_in::{Login, Pass};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::qr::QRBuilder;
use proto::types::Secret;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage {
    frame: Frame,
    since: Option<Moment>,
    left: usize,
    /// The secret in groups of four, and as a picture.
    begun: Option<(String, String)>,
    /// This once.
    recovery: Vec<String>,
    said: Option<&'static str>,
    fault: Option<String>,
}

fn pass(visit: Visit) -> Result<Pass, Failure> {
    visit.role.and_then(Role::pass).ok_or_else(Failure::not_found)
}

async fn page<A: Appliance>(site: &Site<A>, pass: Pass) -> Result<CodesPage, Fault> {
    let second = site.appliance.second_factor(pass.account).await?;
    Ok(CodesPage {
        frame: Frame::own("Codes at sign-in", Tab::MyCodes, pass.admin),
        since: second.since.map(Moment::from),
        left: second.recovery_left,
        begun: None,
        recovery: Vec::new(),
        said: None,
        fault: None,
    })
}

// The secret, in text and as the picture that apps scan (the key URI format of Google Authenticator).
async fn begun<A: Appliance>(site: &Site<A>, pass: Pass) -> Result<(String, String), Fault> {
    let secret = site.appliance.begin_second_factor(pass.account).await?;
    let secret = String::from_utf8_lossy(secret.expose()).into_owned();
    let name = match pass.account {
        None => "admin".to_owned(),
        Some(id) => {
            let accounts = site.appliance.accounts().await?;
            let account = accounts.into_iter().find(|account| account.id == id);
            account.ok_or(Fault::Gone)?.address.to_string()
        }
    };
    let name: String = name.bytes().map(escaped).collect();
    let uri = format!("otpauth://totp/Pillarbox:{name}?secret={secret}&issuer=Pillarbox");
    let code = QRBuilder::new(uri).build().map_err(|error| {
        tracing::error!(%error, "no QR code");
        Fault::Internal
    })?;
    let letters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok((groups.join(" "), SvgBuilder::default().to_str(&code)))
}

// RFC 3986 2.3: the unreserved stay as they are.
fn escaped(octet: u8) -> String {
    match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
        octet => format!("%{octet:02X}"),
    }
}

pub(crate) async fn status<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Query(said): Query<Said>,
) -> Page {
    let off = said.word() == Some("off");
    show(&CodesPage {
        said: off.then_some("No code is asked for any more. All other browsers were signed out."),
        ..page(&site, pass(visit)?).await?
    })
}

pub(crate) async fn begin<A: Appliance>(site: Site<A>, Extension(visit): Extension<Visit>) -> Page {
    let pass = pass(visit)?;
    match begun(&site, pass).await {
        Ok(begun) => show(&CodesPage {
            begun: Some(begun),
            ..page(&site, pass).await?
        }),
        Err(Fault::Refused(words)) => show_again(&CodesPage {
            fault: Some(words),
            ..page(&site, pass).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

#[derive(Deserialize)]
pub(crate) struct CodeForm {
    #[serde(deserialize_with = "secret")]
    code: Secret,
}

// The answer carries the recovery codes, so it is no redirect: nothing keeps them for a second look.
pub(crate) async fn confirm<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Posted(form): Posted<CodeForm>,
) -> Page {
    let pass = pass(visit)?;
    match site
        .appliance
        .confirm_second_factor(pass.account, form.code)
        .await
    {
        Ok((pass, codes)) => {
            let text = |code: &Secret| String::from_utf8_lossy(code.expose()).into_owned();
            let shown = show(&CodesPage {
                recovery: codes.iter().map(text).collect(),
                ..page(&site, pass).await?
            })?;
            // All other sessions ended: they began without a code.
            let _ = site.sessions.close(&headers); // the cookie is replaced
            with_session(&site, Role::of(pass), shown)
        }
        Err(Fault::Refused(words)) => show_again(&CodesPage {
            begun: begun(&site, pass).await.ok(),
            fault: Some(words),
            ..page(&site, pass).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn off<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Posted(form): Posted<CodeForm>,
) -> Page {
    let pass = pass(visit)?;
    let peer = visit.peer.unwrap_or(Peer(std::net::Ipv6Addr::UNSPECIFIED.into()));
    let fault = match site.appliance.end_second_factor(peer, pass, form.code).await? {
        Login::Welcome(pass) => {
            let _ = site.sessions.close(&headers); // the cookie is replaced
            return signed_in(&site, Role::of(pass), "/me/codes?said=off");
        }
        Login::Wrong | Login::Code(_) | Login::Shut(_) => "That code is not right, or was used already.",
        Login::Throttled | Login::Blocked { .. } => {
            "Too many wrong codes. For an hour only a recovery code is taken."
        }
    };
    show_again(&CodesPage {
        fault: Some(fault.to_owned()),
        ..page(&site, pass).await?
    })
}

pub(crate) async fn reset<A: Appliance>(site: Site<A>, Path(id): Path<String>) -> Page {
    let account = find(&site, &id).await?;
    site.appliance.reset_second_factor(account.id).await?;
    Ok(Redirect::to(&format!("/accounts/{}?said=codes", account.id)).into_response())
}
