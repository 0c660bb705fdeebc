//! The names of the box: domains, aliases, who gets the rest, what may stand behind a name.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::names::{AliasRow, AliasWish, DomainRow, DomainWish};
use crate::page::{Frame, Page, Posted, Said, Tab, show, show_again};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "names.html")]
struct NamesPage {
    frame: Frame,
    said: Option<&'static str>,
    fault: Option<String>,
    domains: Vec<DomainRow>,
    aliases: Vec<AliasView>,
    separator: String,
    // What was typed when something was wrong about it.
    domain: String,
    alias: AliasForm,
}

/// An alias as the table shows it.
struct AliasView {
    address: String,
    // As people read it.
    shown: String,
    targets: String,
    send_as: bool,
}

impl From<AliasRow> for AliasView {
    fn from(alias: AliasRow) -> Self {
        let targets: Vec<String> = alias.targets.iter().map(ToString::to_string).collect();
        Self {
            address: alias.address.to_string(),
            shown: format!("{}@{}", alias.address.local(), alias.address.domain().readable()),
            targets: targets.join(", "),
            send_as: alias.send_as,
        }
    }
}

/// An alias to be changed.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    alias: Option<String>,
}

#[derive(Default, Deserialize)]
pub(crate) struct DomainForm {
    domain: String,
    same_names: Option<String>,
    #[serde(default)]
    catch_all: String,
}

#[derive(Default, Deserialize)]
pub(crate) struct AliasForm {
    address: String,
    #[serde(default)]
    targets: String,
    send_as: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct PlusForm {
    separator: String,
}

async fn page<A: Appliance>(site: &Site<A>) -> Result<NamesPage, Fault> {
    let names = site.appliance.names().await?;
    Ok(NamesPage {
        frame: Frame::admin("Names", Tab::Accounts),
        said: None,
        fault: None,
        domains: names.domains,
        aliases: names.aliases.into_iter().map(AliasView::from).collect(),
        separator: names.separator,
        domain: String::new(),
        alias: AliasForm::default(),
    })
}

pub(crate) async fn list<A: Appliance>(
    site: Site<A>,
    Query(said): Query<Said>,
    Query(wanted): Query<Wanted>,
) -> Page {
    let mut page = page(&site).await?;
    page.said = match said.word() {
        Some("domain") => Some("The domain is set. Its DNS records are on their page."),
        Some("no-domain") => Some("Mail for that domain is no longer taken."),
        Some("alias") => Some("The alias is set."),
        Some("no-alias") => Some("The alias is gone."),
        Some("plus") => Some("Names are read that way from now on."),
        _ => None,
    };
    let is_it = |alias: &&AliasView| Some(&alias.address) == wanted.alias.as_ref();
    if let Some(alias) = page.aliases.iter().find(is_it) {
        page.alias = AliasForm {
            address: alias.address.clone(),
            targets: alias.targets.clone(),
            send_as: alias.send_as.then(|| "yes".to_owned()),
        };
    }
    show(&page)
}

// Back to the page; or, with what was typed and the reason, the page again.
async fn done<A: Appliance>(
    site: &Site<A>,
    outcome: Result<(), Fault>,
    said: &str,
    typed: impl FnOnce(&mut NamesPage) + Send,
) -> Page {
    match outcome {
        Ok(()) => Ok(Redirect::to(&format!("/names?said={said}")).into_response()),
        Err(Fault::Refused(words)) => {
            let mut page = page(site).await?;
            page.fault = Some(words);
            typed(&mut page);
            show_again(&page)
        }
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn add_domain<A: Appliance>(site: Site<A>, Posted(form): Posted<DomainForm>) -> Page {
    let added = site
        .appliance
        .add_domain(form.domain.clone(), form.same_names.is_some())
        .await;
    done(&site, added, "domain", |page| page.domain = form.domain).await
}

pub(crate) async fn set_domain<A: Appliance>(site: Site<A>, Posted(form): Posted<DomainForm>) -> Page {
    let wish = DomainWish {
        domain: form.domain,
        same_names: form.same_names.is_some(),
        catch_all: form.catch_all,
    };
    let set = site.appliance.set_domain(wish).await;
    done(&site, set, "domain", |_| {}).await
}

pub(crate) async fn remove_domain<A: Appliance>(site: Site<A>, Posted(form): Posted<DomainForm>) -> Page {
    let removed = gone_is_fine(site.appliance.remove_domain(form.domain).await);
    done(&site, removed, "no-domain", |_| {}).await
}

pub(crate) async fn put_alias<A: Appliance>(site: Site<A>, Posted(form): Posted<AliasForm>) -> Page {
    let wish = AliasWish {
        address: form.address.clone(),
        targets: form.targets.clone(),
        send_as: form.send_as.is_some(),
    };
    let put = site.appliance.put_alias(wish).await;
    done(&site, put, "alias", |page| page.alias = form).await
}

pub(crate) async fn remove_alias<A: Appliance>(site: Site<A>, Posted(form): Posted<AliasForm>) -> Page {
    let removed = gone_is_fine(site.appliance.remove_alias(form.address).await);
    done(&site, removed, "no-alias", |_| {}).await
}

pub(crate) async fn set_plus<A: Appliance>(site: Site<A>, Posted(form): Posted<PlusForm>) -> Page {
    let set = site.appliance.set_plus(form.separator).await;
    done(&site, set, "plus", |_| {}).await
}

// What was wanted is so.
fn gone_is_fine(outcome: Result<(), Fault>) -> Result<(), Fault> {
    match outcome {
        Err(Fault::Gone) => Ok(()),
        outcome => outcome,
    }
}
