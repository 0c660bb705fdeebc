//! The accounts: make one, change its password, freeze it, give it back.

use super::devices::{FirstDevice, Owner};
use super::guard::WatchView;
use crate::Site;
use crate::accounts::{Account, AccountState};
use crate::appliance::{Appliance, Fault, Office};
use crate::page::{Failure, Frame, Moment, Page, Posted, Said, Tab, secret, show, show_again};
use crate::rules;
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use proto::types::{AccountId, Address, Domain, Secret};
use serde::Deserialize;

fn words(said: &Said) -> Option<&'static str> {
    match said.word()? {
        "created" => Some(
            "The account is ready. Make a password for its owner’s phone or PC now, or let the owner do it under Passwords for phones and PCs.",
        ),
        "password" => Some(
            "The password was changed. Passwords of phones and PCs stay as they are; a mail program that used the main one asks for the new one.",
        ),
        "frozen" => Some("The account is frozen. Its sessions were cut; mail to it is still accepted."),
        "unfrozen" => Some("The account works again. Mail that is held waits for your decision."),
        "released" => Some("The mail that was held is on its way."),
        "discarded" => Some("The mail that was held is gone."),
        "codes" => Some("No code is asked for at this account’s sign-in any more."),
        "notices" => Some("The notices go there from now on."),
        "acknowledged" => Some("The panel shows other things again. The account is still frozen."),
        _ => None,
    }
}

/// An account as the templates show it.
struct AccountView {
    id: AccountId,
    address: String,
    admin: bool,
    state: &'static str,
    frozen: Option<(Moment, String)>,
    created: Moment,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        let (state, frozen) = match account.state {
            AccountState::Active => ("active", None),
            AccountState::Limited => ("limited", None),
            AccountState::Frozen { since, reason } => ("frozen", Some((since.into(), reason))),
            AccountState::Disabled => ("disabled", None),
        };
        Self {
            id: account.id,
            address: account.address.to_string(),
            admin: account.admin,
            state,
            frozen,
            created: account.created.into(),
        }
    }
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct ListPage {
    frame: Frame,
    accounts: Vec<AccountView>,
    /// What an address may end in, the main domain first.
    domains: Vec<String>,
    /// Which of them is chosen.
    domain: String,
    local: String,
    /// Main passwords open the web only.
    web_only: bool,
    local_fault: Option<String>,
    password_fault: Option<String>,
    least: usize,
}

async fn office<A: Appliance>(site: &Site<A>) -> Result<Office, Fault> {
    site.appliance.progress().await?.office.ok_or(Fault::Internal)
}

async fn list_page<A: Appliance>(site: &Site<A>, office: &Office) -> Result<ListPage, Fault> {
    Ok(ListPage {
        frame: Frame::admin("Accounts", Tab::Accounts),
        accounts: site
            .appliance
            .accounts()
            .await?
            .into_iter()
            .map(AccountView::from)
            .collect(),
        domains: domains(site).await?,
        domain: office.domain.to_string(),
        local: String::new(),
        web_only: site.appliance.office_web_only().await?,
        local_fault: None,
        password_fault: None,
        least: rules::PASSWORD_LENGTH,
    })
}

async fn domains<A: Appliance>(site: &Site<A>) -> Result<Vec<String>, Fault> {
    let rows = site.appliance.names().await?.domains;
    Ok(rows.iter().map(|row| row.domain.to_string()).collect())
}

pub(crate) async fn list<A: Appliance>(site: Site<A>) -> Page {
    show(&list_page(&site, &office(&site).await?).await?)
}

#[derive(Deserialize)]
pub(crate) struct CreateForm {
    local: String,
    domain: Option<String>,
    #[serde(deserialize_with = "secret")]
    password: Secret,
    #[serde(deserialize_with = "secret")]
    again: Secret,
    admin: Option<String>,
}

pub(crate) async fn create<A: Appliance>(site: Site<A>, Posted(form): Posted<CreateForm>) -> Page {
    let office = office(&site).await?;
    // The chosen one, or the one that was typed, if it is one of ours; else the main one's words.
    let domains = domains(&site).await?;
    let typed = form
        .local
        .rsplit_once('@')
        .map(|(_, domain)| domain.trim().to_lowercase());
    let wanted = typed.or(form.domain);
    let wanted = wanted.filter(|wanted| domains.contains(wanted));
    let domain = match wanted.map(|wanted| Domain::parse(&wanted)) {
        Some(Ok(domain)) => domain,
        _ => office.domain.clone(),
    };
    let address = match rules::account(&form.local, &domain) {
        Ok(address) => address,
        Err(words) => {
            let page = list_page(&site, &office).await?;
            return show_again(&ListPage {
                local: form.local,
                local_fault: Some(words),
                domain: domain.to_string(),
                ..page
            });
        }
    };
    let local = address.local().to_owned();
    let also = [local.as_str(), domain.as_str(), &address.to_string()];
    if let Err(words) = rules::password(form.password.expose(), form.again.expose(), &also) {
        let page = list_page(&site, &office).await?;
        return show_again(&ListPage {
            local,
            password_fault: Some(words),
            domain: domain.to_string(),
            ..page
        });
    }
    match site
        .appliance
        .create_account(address, form.password, form.admin.is_some())
        .await
    {
        Ok(id) => Ok(Redirect::to(&format!("/accounts/{id}?said=created")).into_response()),
        Err(Fault::Refused(words)) => {
            let page = list_page(&site, &office).await?;
            show_again(&ListPage {
                local,
                local_fault: Some(words),
                domain: domain.to_string(),
                ..page
            })
        }
        Err(fault) => Err(fault.into()),
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct OnePage {
    frame: Frame,
    account: AccountView,
    watch: WatchView,
    first_device: Option<FirstDevice>,
    /// Whether its sign-in asks for a code.
    codes: bool,
    said: Option<&'static str>,
    password_fault: Option<String>,
    reason_fault: Option<String>,
    outside_fault: Option<String>,
    least: usize,
}

pub(crate) async fn find<A: Appliance>(site: &Site<A>, id: &str) -> Result<Account, Failure> {
    let id = id.parse().map(AccountId).map_err(|_| Failure::not_found())?;
    let accounts = site.appliance.accounts().await?;
    accounts
        .into_iter()
        .find(|a| a.id == id)
        .ok_or_else(Failure::not_found)
}

async fn one_page<A: Appliance>(
    site: &Site<A>,
    account: Account,
    said: Option<&'static str>,
) -> Result<OnePage, Fault> {
    let watch = site.appliance.watch(account.id).await?.into();
    let codes = site
        .appliance
        .second_factor(Some(account.id))
        .await?
        .since
        .is_some();
    Ok(OnePage {
        watch,
        codes,
        first_device: FirstDevice::of(site, &Owner::from(&account)).await?,
        frame: Frame::admin("Account", Tab::Accounts),
        account: account.into(),
        said,
        password_fault: None,
        reason_fault: None,
        outside_fault: None,
        least: rules::PASSWORD_LENGTH,
    })
}

pub(crate) async fn one<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Page {
    let account = find(&site, &id).await?;
    show(&one_page(&site, account, words(&said)).await?)
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(deserialize_with = "secret")]
    password: Secret,
    #[serde(deserialize_with = "secret")]
    again: Secret,
}

pub(crate) async fn set_password<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(form): Posted<PasswordForm>,
) -> Page {
    let account = find(&site, &id).await?;
    let address = account.address.to_string();
    let also = [
        account.address.local(),
        account.address.domain().as_str(),
        &address,
    ];
    if let Err(words) = rules::password(form.password.expose(), form.again.expose(), &also) {
        return show_again(&OnePage {
            password_fault: Some(words),
            ..one_page(&site, account, None).await?
        });
    }
    site.appliance
        .set_account_password(account.id, form.password)
        .await?;
    Ok(Redirect::to(&format!("/accounts/{}?said=password", account.id)).into_response())
}

#[derive(Deserialize)]
pub(crate) struct OutsideForm {
    outside: String,
}

pub(crate) async fn set_outside<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(form): Posted<OutsideForm>,
) -> Page {
    let account = find(&site, &id).await?;
    let typed = form.outside.trim().to_owned();
    let set = match Some(&typed)
        .filter(|typed| !typed.is_empty())
        .map(|typed| Address::parse(typed))
    {
        Some(Err(error)) => Err(Fault::Refused(format!("{error}."))),
        Some(Ok(address)) => site.appliance.set_outside(account.id, Some(address)).await,
        None => site.appliance.set_outside(account.id, None).await,
    };
    match set {
        Ok(()) => Ok(Redirect::to(&format!("/accounts/{}?said=notices", account.id)).into_response()),
        Err(Fault::Refused(words)) => {
            let mut page = one_page(&site, account, None).await?;
            page.watch.outside = typed;
            page.outside_fault = Some(words);
            show_again(&page)
        }
        Err(fault) => Err(fault.into()),
    }
}

#[derive(Deserialize)]
pub(crate) struct FreezeForm {
    reason: String,
}

pub(crate) async fn freeze<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(form): Posted<FreezeForm>,
) -> Page {
    let account = find(&site, &id).await?;
    if account.state == AccountState::Disabled {
        let words = "The account is switched off: nobody can sign in with it anyway.";
        return Err(Failure::new(StatusCode::CONFLICT, "Nothing to freeze", words));
    }
    match rules::reason(&form.reason) {
        Ok(reason) => site.appliance.freeze(account.id, reason).await?,
        Err(words) => {
            return show_again(&OnePage {
                reason_fault: Some(words),
                ..one_page(&site, account, None).await?
            });
        }
    }
    Ok(Redirect::to(&format!("/accounts/{}?said=frozen", account.id)).into_response())
}

pub(crate) async fn unfreeze<A: Appliance>(site: Site<A>, Path(id): Path<String>) -> Page {
    let account = find(&site, &id).await?;
    if matches!(account.state, AccountState::Frozen { .. } | AccountState::Limited) {
        site.appliance.unfreeze(account.id).await?;
    }
    Ok(Redirect::to(&format!("/accounts/{}?said=unfrozen", account.id)).into_response())
}
