//! The wizard: four steps, each kept as soon as it is done, so that it can be left and resumed.

use crate::Site;
use crate::access::Visit;
use crate::appliance::{Appliance, Fault, Office, Progress};
use crate::dns_plan::{self, Plan};
use crate::folder::FolderWish;
use crate::page::{Failure, Frame, Page, Posted, secret, show, show_again};
use crate::pages::folder::{Choice, FolderForm};
use crate::pages::front::signed_in;
use crate::rules;
use crate::sessions::Role;
use askama::Template;
use axum::Extension;
use axum::response::{IntoResponse, Redirect};
use proto::types::Secret;
use serde::Deserialize;

/// The steps, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Admin,
    Office,
    Account,
    Dns,
}

impl Step {
    const ALL: [Self; 4] = [Self::Admin, Self::Office, Self::Account, Self::Dns];

    const fn path(self) -> &'static str {
        match self {
            Self::Admin => "/setup/admin",
            Self::Office => "/setup/office",
            Self::Account => "/setup/account",
            Self::Dns => "/setup/dns",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Admin => "Password",
            Self::Office => "Domain",
            Self::Account => "First account",
            Self::Dns => "DNS records",
        }
    }

    /// The first one that is not done. The last is done by finishing.
    const fn next(progress: &Progress) -> Self {
        if !progress.admin {
            Self::Admin
        } else if progress.office.is_none() {
            Self::Office
        } else if progress.first_account.is_none() {
            Self::Account
        } else {
            Self::Dns
        }
    }
}

/// Where the wizard goes on.
pub(crate) async fn resume<A: Appliance>(appliance: &A) -> Result<&'static str, Failure> {
    Ok(Step::next(&appliance.progress().await?).path())
}

/// The progress, or the redirect to the step that has to come first.
async fn at<A: Appliance>(site: &Site<A>, step: Step) -> Result<Result<Progress, Redirect>, Fault> {
    let progress = site.appliance.progress().await?;
    let next = Step::next(&progress);
    Ok(if step <= next {
        Ok(progress)
    } else {
        Err(Redirect::to(next.path()))
    })
}

macro_rules! at {
    ($site:expr, $step:expr) => {
        match at(&$site, $step).await? {
            Ok(progress) => progress,
            Err(elsewhere) => return Ok(elsewhere.into_response()),
        }
    };
}

/// The list of steps beside each page.
struct Steps {
    all: Vec<StepView>,
    number: usize,
    name: &'static str,
}

struct StepView {
    name: &'static str,
    path: &'static str,
    now: bool,
    done: bool,
}

impl Steps {
    fn new(now: Step, progress: &Progress) -> Self {
        let next = Step::next(progress);
        let view = |step: Step| StepView {
            name: step.name(),
            path: step.path(),
            now: step == now,
            done: step < next,
        };
        Self {
            all: Step::ALL.map(view).into(),
            number: now as usize + 1,
            name: now.name(),
        }
    }
}

#[derive(Template)]
#[template(path = "setup_admin.html")]
struct AdminPage {
    frame: Frame,
    steps: Steps,
    done: bool,
    fault: Option<String>,
    least: usize,
}

fn admin_page(progress: &Progress, fault: Option<String>) -> AdminPage {
    AdminPage {
        frame: Frame::bare("Admin password"),
        steps: Steps::new(Step::Admin, progress),
        done: progress.admin,
        fault,
        least: rules::PASSWORD_LENGTH,
    }
}

pub(crate) async fn admin<A: Appliance>(site: Site<A>) -> Page {
    show(&admin_page(&at!(site, Step::Admin), None))
}

#[derive(Deserialize)]
pub(crate) struct AdminForm {
    #[serde(deserialize_with = "secret")]
    password: Secret,
    #[serde(deserialize_with = "secret")]
    again: Secret,
}

pub(crate) async fn set_admin<A: Appliance>(site: Site<A>, Posted(form): Posted<AdminForm>) -> Page {
    let progress = at!(site, Step::Admin);
    if let Err(words) = rules::password(form.password.expose(), form.again.expose(), &[]) {
        return show_again(&admin_page(&progress, Some(words)));
    }
    site.appliance.set_admin_password(form.password).await?;
    Ok(Redirect::to(Step::Office.path()).into_response())
}

#[derive(Template)]
#[template(path = "setup_office.html")]
struct OfficePage {
    frame: Frame,
    steps: Steps,
    domain: String,
    hostname: String,
    domain_fault: Option<String>,
    hostname_fault: Option<String>,
}

fn office_page(progress: &Progress, domain: String, hostname: String) -> OfficePage {
    OfficePage {
        frame: Frame::bare("Domain"),
        steps: Steps::new(Step::Office, progress),
        domain,
        hostname,
        domain_fault: None,
        hostname_fault: None,
    }
}

pub(crate) async fn office<A: Appliance>(site: Site<A>) -> Page {
    let progress = at!(site, Step::Office);
    let (domain, hostname) = match &progress.office {
        Some(office) => (office.domain.to_string(), office.hostname.to_string()),
        None => (String::new(), String::new()),
    };
    show(&office_page(&progress, domain, hostname))
}

#[derive(Deserialize)]
pub(crate) struct OfficeForm {
    domain: String,
    #[serde(default)]
    hostname: String,
}

pub(crate) async fn set_office<A: Appliance>(site: Site<A>, Posted(form): Posted<OfficeForm>) -> Page {
    let progress = at!(site, Step::Office);
    match rules::office(&form.domain, &form.hostname) {
        Ok(office) => {
            site.appliance.set_office(office).await?;
            // The keys take a while: they are made while the next step is filled in.
            site.appliance.dkim().await?;
            Ok(Redirect::to(Step::Account.path()).into_response())
        }
        Err((field, words)) => {
            let mut page = office_page(&progress, form.domain, form.hostname);
            match field {
                rules::Field::Domain => page.domain_fault = Some(words),
                rules::Field::Hostname => page.hostname_fault = Some(words),
            }
            show_again(&page)
        }
    }
}

#[derive(Template)]
#[template(path = "setup_account.html")]
struct AccountPage {
    frame: Frame,
    steps: Steps,
    domain: String,
    local: String,
    done: bool,
    local_fault: Option<String>,
    password_fault: Option<String>,
    least: usize,
}

fn account_page(progress: &Progress, office: &Office, local: String) -> AccountPage {
    AccountPage {
        frame: Frame::bare("First account"),
        steps: Steps::new(Step::Account, progress),
        domain: office.domain.to_string(),
        local,
        done: progress.first_account.is_some(),
        local_fault: None,
        password_fault: None,
        least: rules::PASSWORD_LENGTH,
    }
}

pub(crate) async fn account<A: Appliance>(site: Site<A>) -> Page {
    let progress = at!(site, Step::Account);
    let office = progress.office.as_ref().ok_or(Fault::Internal)?;
    let local = progress.first_account.clone().unwrap_or_default();
    show(&account_page(&progress, office, local))
}

#[derive(Deserialize)]
pub(crate) struct AccountForm {
    local: String,
    #[serde(deserialize_with = "secret")]
    password: Secret,
    #[serde(deserialize_with = "secret")]
    again: Secret,
}

pub(crate) async fn set_account<A: Appliance>(site: Site<A>, Posted(form): Posted<AccountForm>) -> Page {
    let progress = at!(site, Step::Account);
    let office = progress.office.as_ref().ok_or(Fault::Internal)?;
    let address = match rules::account(&form.local, &office.domain) {
        Ok(address) => address,
        Err(words) => {
            let mut page = account_page(&progress, office, form.local);
            page.local_fault = Some(words);
            return show_again(&page);
        }
    };
    let also = [address.local(), office.domain.as_str(), &address.to_string()];
    if let Err(words) = rules::password(form.password.expose(), form.again.expose(), &also) {
        let mut page = account_page(&progress, office, address.local().to_owned());
        page.password_fault = Some(words);
        return show_again(&page);
    }
    site.appliance
        .set_first_account(address.local().to_owned(), form.password)
        .await?;
    Ok(Redirect::to(Step::Dns.path()).into_response())
}

#[derive(Template)]
#[template(path = "setup_dns.html")]
struct DnsPage {
    frame: Frame,
    steps: Steps,
    /// `None` while the keys are being made.
    plan: Option<Plan>,
    /// Where attachments are kept.
    choice: Choice,
}

pub(crate) async fn dns<A: Appliance>(site: Site<A>) -> Page {
    let progress = at!(site, Step::Dns);
    show(&dns_page(&site, progress).await?)
}

async fn dns_page<A: Appliance>(site: &Site<A>, progress: Progress) -> Result<DnsPage, Fault> {
    let office = progress.office.as_ref().ok_or(Fault::Internal)?;
    let keys = site.appliance.dkim().await?;
    let plan = keys.map(|keys| dns_plan::plan(office, &site.appliance.addresses(), &keys));
    let steps = Steps::new(Step::Dns, &progress);
    let desk = site.appliance.attachment_folder().await?;
    Ok(DnsPage {
        frame: Frame::bare("DNS records"),
        steps,
        plan,
        choice: Choice::new("/setup/folder", &desk),
    })
}

pub(crate) async fn set_folder<A: Appliance>(site: Site<A>, Posted(form): Posted<FolderForm>) -> Page {
    let progress = at!(site, Step::Dns);
    let wish = form.wish().filter(|wish| !matches!(wish, FolderWish::GiveUp(_)));
    match site
        .appliance
        .wish_folder(wish.ok_or_else(Failure::not_found)?)
        .await
    {
        Ok(()) => Ok(Redirect::to("/setup/dns#attachments").into_response()),
        Err(Fault::Refused(words)) => {
            let mut page = dns_page(&site, progress).await?;
            page.choice.refuse(words, form.path);
            show_again(&page)
        }
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn finish<A: Appliance>(site: Site<A>, Extension(visit): Extension<Visit>) -> Page {
    at!(site, Step::Dns);
    if site.appliance.dkim().await?.is_none() {
        return Ok(Redirect::to(Step::Dns.path()).into_response());
    }
    let pass = site.appliance.finish().await?;
    if visit.outside {
        // A box that is set up from afar would show its pages to nobody.
        site.appliance.show_pages_everywhere().await?;
    }
    // Every setup session dies with the claim code; this person has just chosen the admin's password.
    site.sessions.close_all();
    signed_in(&site, Role::Admin(pass), "/mail-programs?said=finished")
}
