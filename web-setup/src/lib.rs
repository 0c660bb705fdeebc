//! The pages: setup wizard on the first boot, the admin's pages after it.
//!
//! Rendered on the box, complete without JavaScript, and nothing on them comes from elsewhere.
//! Knows no board and no store: [`Appliance`] is what it asks.

mod access;
mod accounts;
mod appliance;
mod claim;
mod clock;
mod devices;
mod dns_plan;
mod events;
mod filtering;
mod folder;
mod judging;
mod keys;
mod links;
mod logins;
mod names;
mod page;
mod pages;
mod printers;
mod queue;
mod rules;
mod screening;
mod sending;
mod sessions;
mod sign_in;
mod transport;
mod watch;

pub use access::{Access, ROUTES, Route};
pub use accounts::{Account, AccountState, AccountsRoom};
pub use appliance::{
    Appliance, DkimRecord, Facts, Fault, Glance, Office, Outsider, Panel, Peer, Ports, Power, Progress,
};
pub use clock::{ClockRoom, ClockSeen, leap, time_typed};
pub use devices::{Device, Devices, DevicesRoom};
pub use events::{EventFilter, EventRow, Events, EventsRoom};
pub use filtering::{FilterRoom, FilterWish, GreyRow, JunkMail, SenderRow, SenderWish};
pub use folder::{FolderDesk, FolderHealth, FolderRoom, FolderWish, OtherPlace, StickRow};
pub use judging::{JudgeRoom, JudgedMail, JudgedRow, Knob, ReasonRow};
pub use keys::{KeyRow, Keys, KeysRoom, NextPair, Retired, Rotated};
pub use links::{
    AccountLinks, LinkCheck, LinkDesk, LinkDirection, LinkRow, LinkRules, LinkState, LinkWish, LinksRoom,
    Octets, Piece, Shared, SharedFile,
};
pub use logins::{FailedLogin, FailedLogins, LoginFilter, LoginMail, LoginsRoom, RecentLogin};
pub use names::{AliasRow, AliasWish, DomainRow, DomainWish, Names, NamesRoom};
pub use page::blocked;
pub use printers::{Printer, PrinterDeed, PrinterTerms, PrinterWish, Printers, PrintersRoom, Tried};
pub use queue::{HeldDomain, QueueDeed, QueueDone, QueuePlace, QueueRoom, QueueScope, Queued};
pub use rules::{good_password, server as server_typed};
pub use screening::{BlockedRow, ListEntry, ListWish, Rule, ScreenRoom, Screening, ShieldRow};
pub use sending::{Outgoing, Protection, SendingRoom, Smarthost, WaitState, Waiting};
pub use sign_in::{Login, Pass, SecondFactor, SignInRoom};
pub use transport::{PolicyRow, Transport, TransportRoom};
pub use watch::{Choice, Count, Finding, GuardRoom, Left, Watch};

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{get, post};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tower_http::csrf::CsrfLayer;
use tower_http::timeout::TimeoutLayer;

/// Most octets of a posted form.
pub const BODY_LIMIT: usize = 64 * 1024;
/// Longest that a request may take, its body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What the handlers share.
struct Site<A> {
    appliance: A,
    sessions: Arc<sessions::Sessions>,
    tries: Arc<claim::Tries>,
}

impl<A> Site<A> {
    fn new(appliance: A) -> Self {
        Self {
            appliance,
            sessions: Arc::default(),
            tries: Arc::default(),
        }
    }
}

// Whatever a handler does, it does for the session that its request came with.
impl<A: Appliance> FromRequestParts<Self> for Site<A> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Self) -> Result<Self, Infallible> {
        let role = parts
            .extensions
            .get::<access::Visit>()
            .and_then(|visit| visit.role);
        Ok(Self {
            appliance: site.appliance.for_session(role.and_then(sessions::Role::pass)),
            ..site.clone()
        })
    }
}

impl<A: Clone> Clone for Site<A> {
    fn clone(&self) -> Self {
        Self {
            appliance: self.appliance.clone(),
            sessions: Arc::clone(&self.sessions),
            tries: Arc::clone(&self.tries),
        }
    }
}

/// The pages, to be served over TLS. The listener adds [`Peer`] to every request's extensions, and
/// [`Outsider`] where the pages are not for him.
pub fn router<A: Appliance>(appliance: A) -> Router {
    let site = Site::new(appliance);
    let routes = routes::<A>().route_layer(from_fn_with_state(site.clone(), access::gate::<A>));
    kept_in_bounds(routes)
        .layer(map_response(page::dress))
        .with_state(site)
}

/// What answers at the door for strangers with links, over TLS like [`router`]: their pages and
/// nothing else. Nobody can sign in there.
pub fn links_router<A: Appliance>(appliance: A) -> Router {
    let site = Site::new(appliance);
    let routes = link_routes::<A>()
        .route_layer(from_fn_with_state(site.clone(), access::link_gate::<A>))
        .route("/style.css", get(pages::assets::style))
        .route("/pillarbox.svg", get(pages::assets::icon))
        .route("/robots.txt", get(pages::assets::robots));
    kept_in_bounds(routes)
        .layer(map_response(page::for_strangers))
        .layer(map_response(page::dress))
        .with_state(site)
}

fn kept_in_bounds<A: Appliance>(routes: Router<Site<A>>) -> Router<Site<A>> {
    routes
        .fallback(async || page::Failure::not_found())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            REQUEST_TIMEOUT,
        ))
        .layer(CsrfLayer::new())
}

// Each also stands in `access::ROUTES`, or is not answered.
fn routes<A: Appliance>() -> Router<Site<A>> {
    use pages::{assets, codes, front, me, wizard};
    Router::new()
        .merge(account_routes())
        .merge(office_routes())
        .merge(link_routes())
        .route("/", get(front::front::<A>))
        .route("/style.css", get(assets::style))
        .route("/pillarbox.js", get(assets::script))
        .route("/pillarbox.svg", get(assets::icon))
        .route("/claim", post(front::claim::<A>))
        .route(
            "/setup/admin",
            get(wizard::admin::<A>).post(wizard::set_admin::<A>),
        )
        .route(
            "/setup/office",
            get(wizard::office::<A>).post(wizard::set_office::<A>),
        )
        .route(
            "/setup/account",
            get(wizard::account::<A>).post(wizard::set_account::<A>),
        )
        .route("/setup/dns", get(wizard::dns::<A>))
        .route("/setup/folder", post(wizard::set_folder::<A>))
        .route("/setup/finish", post(wizard::finish::<A>))
        .route("/login", get(front::login_form).post(front::login::<A>))
        .route("/login/code", get(front::code_form::<A>).post(front::code::<A>))
        .route("/logout", post(front::logout::<A>))
        .route("/me", get(me::account::<A>))
        .route("/me/password", post(me::set_password::<A>))
        .route("/me/devices", get(me::devices::<A>).post(me::add_device::<A>))
        .route("/me/devices/revoke", post(me::revoke_device::<A>))
        .route("/me/mail-programs", get(me::programs::<A>))
        .route("/me/links", get(me::links::<A>))
        .route("/me/links/{deed}", post(me::change_link::<A>))
        .route("/me/codes", get(codes::status::<A>))
        .route("/me/codes/begin", post(codes::begin::<A>))
        .route("/me/codes/confirm", post(codes::confirm::<A>))
        .route("/me/codes/off", post(codes::off::<A>))
}

// Strangers come here, at this door and at their own.
fn link_routes<A: Appliance>() -> Router<Site<A>> {
    use pages::{download, shared};
    Router::new()
        .route("/l/{token}", get(shared::page::<A>).post(shared::unlock::<A>))
        .route("/l/{token}/file", get(download::file::<A>))
        .route("/reachable/{question}", get(shared::reachable::<A>))
        .layer(map_response(page::for_strangers))
}

fn account_routes<A: Appliance>() -> Router<Site<A>> {
    use pages::{accounts, codes, devices, guard, links, overview};
    Router::new()
        .route("/accounts/{id}/codes/reset", post(codes::reset::<A>))
        .route("/overview", get(overview::overview::<A>))
        .route("/overview/live", get(overview::live::<A>))
        .route("/accounts", get(accounts::list::<A>).post(accounts::create::<A>))
        .route("/main-passwords", post(devices::office::<A>))
        .route("/accounts/{id}", get(accounts::one::<A>))
        .route("/accounts/{id}/password", post(accounts::set_password::<A>))
        .route(
            "/accounts/{id}/devices",
            get(devices::list::<A>).post(devices::add::<A>),
        )
        .route("/accounts/{id}/devices/revoke", post(devices::revoke::<A>))
        .route("/accounts/{id}/devices/main", post(devices::main_password::<A>))
        .route("/accounts/{id}/freeze", post(accounts::freeze::<A>))
        .route("/accounts/{id}/unfreeze", post(accounts::unfreeze::<A>))
        .route("/accounts/{id}/release", post(guard::release::<A>))
        .route("/accounts/{id}/discard", post(guard::discard::<A>))
        .route("/accounts/{id}/acknowledge", post(guard::acknowledge::<A>))
        .route("/accounts/{id}/notices", post(accounts::set_outside::<A>))
        .route(
            "/accounts/{id}/limits",
            get(guard::account::<A>).post(guard::set_account::<A>),
        )
        .route("/accounts/{id}/links", get(links::account::<A>))
        .route("/accounts/{id}/links/switch", post(links::switch::<A>))
        .route("/accounts/{id}/links/{deed}", post(links::change::<A>))
}

fn office_routes<A: Appliance>() -> Router<Site<A>> {
    use pages::{
        blocked, clock, dns, events, failed_logins, folder, guard, judging, junk, keys, links, names,
        outgoing, overview, password, power, printers, programs, queue, shield, transport,
    };
    Router::new()
        .route("/links", get(links::office::<A>))
        .route("/links/rules", post(links::set::<A>))
        .route("/links/folder", get(folder::folder::<A>).post(folder::set::<A>))
        .route("/links/check", post(links::check::<A>))
        .route("/limits", get(guard::office::<A>).post(guard::set_office::<A>))
        .route("/failed-logins", get(failed_logins::list::<A>))
        .route("/failed-logins/mail", post(failed_logins::set_mail::<A>))
        .route("/failed-logins.csv", get(failed_logins::export::<A>))
        .route("/blocked", get(blocked::list::<A>))
        .route("/blocked/release", post(blocked::release::<A>))
        .route("/blocked/put", post(blocked::put::<A>))
        .route("/blocked/remove", post(blocked::remove::<A>))
        .route("/blocked/rules", post(blocked::set::<A>))
        .route("/judging", get(judging::knobs::<A>).post(judging::set::<A>))
        .route("/received", get(judging::received::<A>))
        .route("/received/{id}", get(judging::explanation::<A>))
        .route("/junk", get(junk::overview::<A>))
        .route("/junk/senders", post(junk::put::<A>))
        .route("/junk/senders/remove", post(junk::remove::<A>))
        .route("/junk/rules", post(junk::set::<A>))
        .route("/junk/forget", post(junk::forget::<A>))
        .route("/events", get(events::list::<A>))
        .route("/events.csv", get(events::export::<A>))
        .route("/printers", get(printers::list::<A>).post(printers::allow::<A>))
        .route("/printers/{id}", post(printers::act::<A>))
        .route("/printers/{id}/terms", post(printers::set::<A>))
        .route("/names", get(names::list::<A>))
        .route("/names/domain/add", post(names::add_domain::<A>))
        .route("/names/domain/set", post(names::set_domain::<A>))
        .route("/names/domain/remove", post(names::remove_domain::<A>))
        .route("/names/alias/put", post(names::put_alias::<A>))
        .route("/names/alias/remove", post(names::remove_alias::<A>))
        .route("/names/plus", post(names::set_plus::<A>))
        .route("/shield", get(shield::table::<A>))
        .route("/shield/set", post(shield::set::<A>))
        .route("/shield/remove", post(shield::remove::<A>))
        .route("/outgoing", get(outgoing::outgoing::<A>))
        .route("/outgoing/through", post(outgoing::through::<A>))
        .route("/outgoing/direct", post(outgoing::direct::<A>))
        .route("/outgoing/hold", post(outgoing::hold::<A>))
        .route(
            "/transport",
            get(transport::overview::<A>).post(transport::set::<A>),
        )
        .route("/outgoing/{id}", get(queue::one::<A>).post(queue::order::<A>))
        .route("/dns", get(dns::records::<A>))
        .route("/zone.txt", get(dns::zone::<A>))
        .route("/keys", get(keys::table::<A>))
        .route("/keys/rotate", post(keys::rotate::<A>))
        .route("/keys/life", post(keys::set_life::<A>))
        .route("/mail-programs", get(programs::programs::<A>))
        .route("/mail-programs/test", post(programs::test::<A>))
        .route("/password", get(password::form).post(password::change::<A>))
        .route("/clock", get(clock::clock::<A>).post(clock::set::<A>))
        .route("/power", get(power::choose::<A>))
        .route("/power-off", post(power::off::<A>))
        .route("/restart", post(power::restart::<A>))
        .route("/goodbye", get(power::goodbye))
        .route("/panel", get(overview::panel::<A>))
        .route("/panel/live", get(overview::panel_live::<A>))
        .route("/panel.png", get(overview::panel_png::<A>))
}

/// What answers on plain HTTP: on an unclaimed box a page that explains the certificate warning
/// to come, after that a redirect to TLS.
pub fn plain_router<A: Appliance>(appliance: A) -> Router {
    Router::new()
        .route("/style.css", get(pages::assets::style))
        .route("/pillarbox.svg", get(pages::assets::icon))
        .fallback(pages::plain::lead_to_tls::<A>)
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            REQUEST_TIMEOUT,
        ))
        .layer(map_response(page::dress))
        .with_state(appliance)
}
