//! The admin's own password.

use crate::Site;
use crate::access::Visit;
use crate::appliance::{Appliance, Peer};
use crate::page::{Frame, Page, Posted, Said, Tab, secret, show, show_again};
use crate::pages::front::signed_in;
use crate::rules;
use crate::sessions::Role;
use crate::sign_in::Login;
use askama::Template;
use axum::Extension;
use axum::extract::Query;
use proto::types::Secret;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
    changed: bool,
    current_fault: Option<&'static str>,
    fault: Option<String>,
    least: usize,
}

const fn page(changed: bool) -> PasswordPage {
    PasswordPage {
        frame: Frame::admin("Admin password", Tab::Password),
        changed,
        current_fault: None,
        fault: None,
        least: rules::PASSWORD_LENGTH,
    }
}

pub(crate) async fn form(Query(said): Query<Said>) -> Page {
    show(&page(said.word().is_some()))
}

#[derive(Deserialize)]
pub(crate) struct ChangeForm {
    #[serde(deserialize_with = "secret")]
    current: Secret,
    #[serde(deserialize_with = "secret")]
    password: Secret,
    #[serde(deserialize_with = "secret")]
    again: Secret,
}

pub(crate) async fn change<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<ChangeForm>,
) -> Page {
    if let Err(words) = rules::password(form.password.expose(), form.again.expose(), &[]) {
        return show_again(&PasswordPage {
            fault: Some(words),
            ..page(false)
        });
    }
    let peer = visit.peer.unwrap_or(Peer(std::net::Ipv6Addr::UNSPECIFIED.into()));
    let fault = match site
        .appliance
        .login(peer, "admin".to_owned(), form.current)
        .await?
    {
        Login::Welcome(_) | Login::Code(_) => {
            // With the new password, all sessions of the old one end.
            let pass = site.appliance.set_admin_password(form.password).await?;
            return signed_in(&site, Role::Admin(pass), "/password?said=changed");
        }
        Login::Wrong | Login::Shut(_) => "That is not the current password.",
        Login::Throttled | Login::Blocked { .. } => {
            "Too many wrong passwords from your address. Please wait a few minutes."
        }
    };
    show_again(&PasswordPage {
        current_fault: Some(fault),
        ..page(false)
    })
}
