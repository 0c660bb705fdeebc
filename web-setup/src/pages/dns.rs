//! The DNS records, to look at again and to download.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::dns_plan::{self, Plan};
use crate::page::{Frame, Page, Tab, show};
use askama::Template;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;

#[derive(Template)]
#[template(path = "dns.html")]
struct DnsPage {
    frame: Frame,
    plan: Option<Plan>,
    // Of the further domains.
    further: Vec<Plan>,
    // Whether one of them waits for its keys.
    missing: bool,
}

// The further domains' plans, and whether one is missing because its keys are being made.
async fn further<A: Appliance>(site: &Site<A>) -> Result<(Vec<Plan>, bool), Fault> {
    let progress = site.appliance.progress().await?;
    let Some(office) = progress.office.filter(|_| progress.finished) else {
        return Ok((Vec::new(), false));
    };
    let domains = site.appliance.names().await?.domains;
    let mut plans = Vec::new();
    let mut missing = false;
    for row in domains.iter().filter(|row| !row.main) {
        match &row.dkim {
            Some(keys) => plans.push(dns_plan::further(&office, &row.domain, keys)),
            None => missing = true,
        }
    }
    Ok((plans, missing))
}

async fn current<A: Appliance>(site: &Site<A>) -> Result<Option<Plan>, Fault> {
    let office = site.appliance.progress().await?.office;
    let office = office.ok_or_else(|| Fault::Refused("Please name the domain first.".to_owned()))?;
    let keys = site.appliance.dkim().await?;
    Ok(keys.map(|keys| dns_plan::plan(&office, &site.appliance.addresses(), &keys)))
}

pub(crate) async fn records<A: Appliance>(site: Site<A>) -> Page {
    let (further, missing) = further(&site).await?;
    show(&DnsPage {
        further,
        missing,
        frame: Frame::admin("DNS records", Tab::Dns),
        plan: current(&site).await?,
    })
}

pub(crate) async fn zone<A: Appliance>(site: Site<A>) -> Page {
    let Some(plan) = current(&site).await? else {
        return Err(Fault::Refused("The signing keys are still being made.".to_owned()).into());
    };
    // The domain is of letters, digits, hyphens and dots: it needs no quoting.
    let name = format!("attachment; filename=\"{}.zone.txt\"", plan.domain);
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    let (further, _) = further(&site).await?;
    let zones: Vec<String> = std::iter::once(&plan).chain(&further).map(Plan::zone).collect();
    Ok((headers, zones.join("\n")).into_response())
}
