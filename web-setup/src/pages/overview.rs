//! The overview and the panel: what the box shows on its front.

use crate::Site;
use crate::access::Visit;
use crate::appliance::{Appliance, Glance, Panel};
use crate::page::{Frame, Page, Tab, show};
use crate::sessions::Role;
use askama::Template;
use axum::Extension;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The panel as a template shows it.
pub(crate) struct PanelView {
    /// Changes when the picture does.
    pub(crate) version: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The lines as one sentence, for those who do not see the picture.
    pub(crate) text: String,
}

impl From<Panel> for PanelView {
    fn from(panel: Panel) -> Self {
        let hash = blake3::hash(&panel.png).to_hex();
        Self {
            version: hash.chars().take(8).collect(),
            width: panel.size.0,
            height: panel.size.1,
            text: panel.lines.join(", "),
        }
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    panel: PanelView,
    glance: Glance,
}

#[derive(Template)]
#[template(path = "overview_live.html")]
struct OverviewLive {
    panel: PanelView,
    glance: Glance,
}

pub(crate) async fn overview<A: Appliance>(site: Site<A>) -> Page {
    let panel = site.appliance.panel().await?.into();
    let glance = site.appliance.glance().await?;
    show(&OverviewPage {
        frame: Frame::admin("Overview", Tab::Overview).reloading(10),
        panel,
        glance,
    })
}

pub(crate) async fn live<A: Appliance>(site: Site<A>) -> Page {
    let panel = site.appliance.panel().await?.into();
    let glance = site.appliance.glance().await?;
    show(&OverviewLive { panel, glance })
}

#[derive(Template)]
#[template(path = "panel.html")]
struct PanelPage {
    frame: Frame,
    panel: PanelView,
}

#[derive(Template)]
#[template(path = "panel_live.html")]
struct PanelLive {
    panel: PanelView,
}

pub(crate) async fn panel<A: Appliance>(site: Site<A>, Extension(visit): Extension<Visit>) -> Page {
    let mut frame = Frame::bare("Panel").reloading(10);
    if matches!(visit.role, Some(Role::Admin(_))) {
        frame.tab = Some(Tab::Overview);
    }
    show(&PanelPage {
        frame,
        panel: site.appliance.panel().await?.into(),
    })
}

pub(crate) async fn panel_live<A: Appliance>(site: Site<A>) -> Page {
    show(&PanelLive {
        panel: site.appliance.panel().await?.into(),
    })
}

pub(crate) async fn panel_png<A: Appliance>(site: Site<A>) -> Page {
    let png = site.appliance.panel().await?.png;
    Ok(([(CONTENT_TYPE, "image/png")], png).into_response())
}
