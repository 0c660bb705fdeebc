//! What a person sees and changes of the own account.

use super::accounts::find;
use super::devices::{AddForm, FirstDevice, Owner, RevokeForm, add_for, list_of, revoke_for};
use super::front::signed_in;
use super::links::{self, WishForm};
use super::programs;
use crate::Site;
use crate::access::Visit;
use crate::accounts::Account;
use crate::appliance::{Appliance, Fault, Peer};
use crate::logins::RecentLogin;
use crate::page::{Failure, Frame, Moment, Page, Posted, Said, Tab, secret, show, show_again};
use crate::rules;
use crate::sessions::Role;
use crate::sign_in::Login;
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use proto::types::Secret;
use serde::Deserialize;

/// Logins that the page shows.
const LOGINS: usize = 20;

/// A login as the page shows it.
struct LoginView {
    at: Moment,
    ip: String,
    protocol: &'static str,
    failed: Option<String>,
    count: u64,
}

impl From<RecentLogin> for LoginView {
    fn from(login: RecentLogin) -> Self {
        Self {
            at: login.at.into(),
            ip: login.ip.to_string(),
            protocol: login.protocol.as_str(),
            failed: login.failed,
            count: login.count,
        }
    }
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    frame: Frame,
    address: String,
    logins: Vec<LoginView>,
    first_device: Option<FirstDevice>,
    said: Option<&'static str>,
    current_fault: Option<&'static str>,
    password_fault: Option<String>,
    least: usize,
}

fn words(said: &Said) -> Option<&'static str> {
    match said.word()? {
        "password" => Some("Your password was changed. All other browsers were signed out."),
        _ => None,
    }
}

/// Somebody with an account. The login called admin has none: it is sent to its own page.
enum Me {
    Account(Box<Account>, bool),
    Admin,
}

async fn me<A: Appliance>(site: &Site<A>, visit: Visit) -> Result<Me, Failure> {
    let pass = visit.role.and_then(Role::pass).ok_or_else(Failure::not_found)?;
    let Some(id) = pass.account else {
        return Ok(Me::Admin);
    };
    let account = find(site, &id.to_string()).await?;
    Ok(Me::Account(Box::new(account), pass.admin))
}

fn elsewhere() -> Response {
    Redirect::to("/password").into_response()
}

async fn page<A: Appliance>(site: &Site<A>, account: &Account, admin: bool) -> Result<MePage, Fault> {
    let logins = site.appliance.recent_logins(account.id, LOGINS).await?;
    Ok(MePage {
        frame: Frame::own("Your account", Tab::Me, admin),
        address: account.address.to_string(),
        logins: logins.into_iter().map(LoginView::from).collect(),
        first_device: FirstDevice::of(site, &Owner::own(account, admin)).await?,
        said: None,
        current_fault: None,
        password_fault: None,
        least: rules::PASSWORD_LENGTH,
    })
}

pub(crate) async fn account<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Query(said): Query<Said>,
) -> Page {
    let Me::Account(account, admin) = me(&site, visit).await? else {
        return Ok(elsewhere());
    };
    show(&MePage {
        said: words(&said),
        ..page(&site, &account, admin).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(deserialize_with = "secret")]
    current: Secret,
    #[serde(deserialize_with = "secret")]
    password: Secret,
    #[serde(deserialize_with = "secret")]
    again: Secret,
}

pub(crate) async fn set_password<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<PasswordForm>,
) -> Page {
    let Me::Account(account, admin) = me(&site, visit).await? else {
        return Ok(elsewhere());
    };
    let address = account.address.to_string();
    let also = [
        account.address.local(),
        account.address.domain().as_str(),
        &address,
    ];
    if let Err(words) = rules::password(form.password.expose(), form.again.expose(), &also) {
        return show_again(&MePage {
            password_fault: Some(words),
            ..page(&site, &account, admin).await?
        });
    }
    let peer = visit.peer.unwrap_or(Peer(std::net::Ipv6Addr::UNSPECIFIED.into()));
    let fault = match site.appliance.login(peer, address, form.current).await? {
        Login::Welcome(_) | Login::Code(_) => {
            // With the new password, all sessions of the old one end.
            let set = site.appliance.set_account_password(account.id, form.password);
            return signed_in(&site, Role::of(set.await?), "/me?said=password");
        }
        Login::Wrong | Login::Shut(_) => "That is not your current password.",
        Login::Throttled | Login::Blocked { .. } => {
            "Too many wrong passwords from your address. Please wait a few minutes."
        }
    };
    show_again(&MePage {
        current_fault: Some(fault),
        ..page(&site, &account, admin).await?
    })
}

pub(crate) async fn devices<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Query(said): Query<Said>,
) -> Page {
    match me(&site, visit).await? {
        Me::Account(account, admin) => list_of(&site, &Owner::own(&account, admin), &said).await,
        Me::Admin => Ok(elsewhere()),
    }
}

pub(crate) async fn add_device<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<AddForm>,
) -> Page {
    match me(&site, visit).await? {
        Me::Account(account, admin) => add_for(&site, &Owner::own(&account, admin), form).await,
        Me::Admin => Ok(elsewhere()),
    }
}

pub(crate) async fn revoke_device<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Posted(form): Posted<RevokeForm>,
) -> Page {
    match me(&site, visit).await? {
        Me::Account(account, admin) => revoke_for(&site, &Owner::own(&account, admin), &form).await,
        Me::Admin => Ok(elsewhere()),
    }
}

pub(crate) async fn programs<A: Appliance>(site: Site<A>, Extension(visit): Extension<Visit>) -> Page {
    match me(&site, visit).await? {
        Me::Account(account, admin) => programs::own(&site, &account, admin).await,
        Me::Admin => Ok(elsewhere()),
    }
}

pub(crate) async fn links<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Query(said): Query<Said>,
    Query(older): Query<links::Older>,
) -> Page {
    match me(&site, visit).await? {
        Me::Account(account, admin) => {
            links::list_of(&site, &Owner::own(&account, admin), &said, &older).await
        }
        Me::Admin => Ok(elsewhere()),
    }
}

pub(crate) async fn change_link<A: Appliance>(
    site: Site<A>,
    Extension(visit): Extension<Visit>,
    Path(deed): Path<String>,
    Posted(form): Posted<WishForm>,
) -> Page {
    match me(&site, visit).await? {
        Me::Account(account, admin) => {
            links::change_of(&site, &Owner::own(&account, admin), &deed, form).await
        }
        Me::Admin => Ok(elsewhere()),
    }
}
