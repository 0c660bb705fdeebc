//! Who may do what: one table, checked before any handler runs. A route that is not in the table
//! is never answered.

use crate::Site;
use crate::appliance::{Appliance, Outsider, Peer};
use crate::page::{Failure, for_strangers};
use crate::sessions::Role;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, always. Shows nothing about the office and changes nothing.
    Open,
    /// Everybody, until the setup is finished: the way in with the claim code.
    Claim,
    /// Whoever entered the claim code, until the setup is finished.
    Setup,
    /// Everybody, once the setup is finished: the way in with the admin's password.
    SignIn,
    /// Whoever gave the right password and has yet to give a code.
    Code,
    /// The admin, once the setup is finished.
    Admin,
    /// Everybody who is signed in, admin or not: shows and changes what is the caller's own.
    Person,
    /// Whoever has a link, once the setup is finished. Shows what that link leads to and no more.
    Link,
    /// The owner of the moment: [`Access::Setup`] before, [`Access::Admin`] after.
    Owner,
    /// The admin; or, when the panel is a simulated one, a browser on this very machine. The
    /// panel shows the claim code, so nobody else may see it over the network.
    Panel,
}

/// A route and who may use it.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `GET` (HEAD goes with it) or `POST`.
    pub method: &'static str,
    /// The path; `{id}` stands for a number, such as an account's, `{token}` for a link's secret,
    /// `{question}` for what the box asks itself, `{deed}` for what is done.
    pub path: &'static str,
    /// Who.
    pub access: Access,
}

const fn route(method: &'static str, path: &'static str, access: Access) -> Route {
    Route { method, path, access }
}

/// Every route there is.
pub const ROUTES: &[Route] = &[
    route("GET", "/", Access::Open),
    route("GET", "/style.css", Access::Open),
    route("GET", "/pillarbox.js", Access::Open),
    route("GET", "/pillarbox.svg", Access::Open),
    route("POST", "/claim", Access::Claim),
    route("GET", "/setup/admin", Access::Setup),
    route("POST", "/setup/admin", Access::Setup),
    route("GET", "/setup/office", Access::Setup),
    route("POST", "/setup/office", Access::Setup),
    route("GET", "/setup/account", Access::Setup),
    route("POST", "/setup/account", Access::Setup),
    route("GET", "/setup/dns", Access::Setup),
    route("POST", "/setup/folder", Access::Setup),
    route("POST", "/setup/finish", Access::Setup),
    route("GET", "/login", Access::SignIn),
    route("POST", "/login", Access::SignIn),
    route("GET", "/l/{token}", Access::Link),
    route("POST", "/l/{token}", Access::Link),
    route("GET", "/l/{token}/file", Access::Link),
    route("GET", "/reachable/{question}", Access::Link),
    route("GET", "/login/code", Access::Code),
    route("POST", "/login/code", Access::Code),
    route("POST", "/logout", Access::Person),
    route("GET", "/me", Access::Person),
    route("POST", "/me/password", Access::Person),
    route("GET", "/me/devices", Access::Person),
    route("POST", "/me/devices", Access::Person),
    route("POST", "/me/devices/revoke", Access::Person),
    route("GET", "/me/mail-programs", Access::Person),
    route("GET", "/me/links", Access::Person),
    route("POST", "/me/links/{deed}", Access::Person),
    route("GET", "/me/codes", Access::Person),
    route("POST", "/me/codes/begin", Access::Person),
    route("POST", "/me/codes/confirm", Access::Person),
    route("POST", "/me/codes/off", Access::Person),
    route("GET", "/overview", Access::Admin),
    route("GET", "/overview/live", Access::Admin),
    route("GET", "/accounts", Access::Admin),
    route("POST", "/accounts", Access::Admin),
    route("POST", "/main-passwords", Access::Admin),
    route("GET", "/accounts/{id}", Access::Admin),
    route("POST", "/accounts/{id}/password", Access::Admin),
    route("GET", "/accounts/{id}/devices", Access::Admin),
    route("POST", "/accounts/{id}/devices", Access::Admin),
    route("POST", "/accounts/{id}/devices/revoke", Access::Admin),
    route("POST", "/accounts/{id}/devices/main", Access::Admin),
    route("POST", "/accounts/{id}/codes/reset", Access::Admin),
    route("POST", "/accounts/{id}/freeze", Access::Admin),
    route("POST", "/accounts/{id}/unfreeze", Access::Admin),
    route("POST", "/accounts/{id}/release", Access::Admin),
    route("POST", "/accounts/{id}/discard", Access::Admin),
    route("POST", "/accounts/{id}/acknowledge", Access::Admin),
    route("POST", "/accounts/{id}/notices", Access::Admin),
    route("GET", "/accounts/{id}/limits", Access::Admin),
    route("POST", "/accounts/{id}/limits", Access::Admin),
    route("GET", "/accounts/{id}/links", Access::Admin),
    route("POST", "/accounts/{id}/links/switch", Access::Admin),
    route("POST", "/accounts/{id}/links/{deed}", Access::Admin),
    route("GET", "/links", Access::Admin),
    route("POST", "/links/rules", Access::Admin),
    route("GET", "/links/folder", Access::Admin),
    route("POST", "/links/folder", Access::Admin),
    route("POST", "/links/check", Access::Admin),
    route("GET", "/limits", Access::Admin),
    route("POST", "/limits", Access::Admin),
    route("GET", "/failed-logins", Access::Admin),
    route("POST", "/failed-logins/mail", Access::Admin),
    route("GET", "/failed-logins.csv", Access::Admin),
    route("GET", "/blocked", Access::Admin),
    route("POST", "/blocked/release", Access::Admin),
    route("POST", "/blocked/put", Access::Admin),
    route("POST", "/blocked/remove", Access::Admin),
    route("POST", "/blocked/rules", Access::Admin),
    route("GET", "/judging", Access::Admin),
    route("POST", "/judging", Access::Admin),
    route("GET", "/received", Access::Admin),
    route("GET", "/received/{id}", Access::Admin),
    route("GET", "/junk", Access::Admin),
    route("POST", "/junk/senders", Access::Admin),
    route("POST", "/junk/senders/remove", Access::Admin),
    route("POST", "/junk/rules", Access::Admin),
    route("POST", "/junk/forget", Access::Admin),
    route("GET", "/events", Access::Admin),
    route("GET", "/events.csv", Access::Admin),
    route("GET", "/printers", Access::Admin),
    route("POST", "/printers", Access::Admin),
    route("POST", "/printers/{id}", Access::Admin),
    route("POST", "/printers/{id}/terms", Access::Admin),
    route("GET", "/names", Access::Admin),
    route("POST", "/names/domain/add", Access::Admin),
    route("POST", "/names/domain/set", Access::Admin),
    route("POST", "/names/domain/remove", Access::Admin),
    route("POST", "/names/alias/put", Access::Admin),
    route("POST", "/names/alias/remove", Access::Admin),
    route("POST", "/names/plus", Access::Admin),
    route("GET", "/shield", Access::Admin),
    route("POST", "/shield/set", Access::Admin),
    route("POST", "/shield/remove", Access::Admin),
    route("GET", "/outgoing", Access::Admin),
    route("POST", "/outgoing/through", Access::Admin),
    route("POST", "/outgoing/direct", Access::Admin),
    route("POST", "/outgoing/hold", Access::Admin),
    route("GET", "/transport", Access::Admin),
    route("POST", "/transport", Access::Admin),
    route("GET", "/outgoing/{id}", Access::Admin),
    route("POST", "/outgoing/{id}", Access::Admin),
    route("GET", "/dns", Access::Admin),
    route("GET", "/zone.txt", Access::Owner),
    route("GET", "/keys", Access::Admin),
    route("POST", "/keys/rotate", Access::Admin),
    route("POST", "/keys/life", Access::Admin),
    route("GET", "/mail-programs", Access::Admin),
    route("POST", "/mail-programs/test", Access::Admin),
    route("GET", "/password", Access::Admin),
    route("POST", "/password", Access::Admin),
    route("GET", "/clock", Access::Admin),
    route("POST", "/clock", Access::Admin),
    route("GET", "/power", Access::Admin),
    route("POST", "/power-off", Access::Admin),
    route("POST", "/restart", Access::Admin),
    route("GET", "/goodbye", Access::Admin),
    route("GET", "/panel", Access::Panel),
    route("GET", "/panel/live", Access::Panel),
    route("GET", "/panel.png", Access::Panel),
];

/// What the gate found out about a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    /// The session's role, if it counts at this stage of the box's life.
    pub(crate) role: Option<Role>,
    /// The setup is finished.
    pub(crate) finished: bool,
    /// A browser on this machine, looking at a simulated board.
    pub(crate) sees_panel: bool,
    pub(crate) peer: Option<Peer>,
    /// Somebody who would not see the pages, were the setup finished.
    pub(crate) outside: bool,
}

/// Lets a request through to its handler, or not.
pub(crate) async fn gate<A: Appliance>(
    State(site): State<Site<A>>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let method = if request.method() == Method::HEAD {
        "GET"
    } else {
        request.method().as_str()
    };
    let Some(access) = find(method, path.as_str()) else {
        return Ok(wrong_method(path.as_str()));
    };
    let finished = site.appliance.progress().await?.finished;
    let peer = request.extensions().get::<Peer>().copied();
    let outside = request.extensions().get::<Outsider>().is_some();
    if outside && finished && !is_for_outsiders(access, path.as_str()) {
        let failure = Failure::new(
            StatusCode::FORBIDDEN,
            "These pages are for the office",
            "They answer only in the office's own network. Links to attachments work from everywhere.",
        );
        return Ok(for_strangers(failure.into_response()).await);
    }
    // These refresh themselves.
    let by_person = !matches!(
        path.as_str(),
        "/overview/live" | "/panel" | "/panel/live" | "/panel.png"
    );
    let role = match site.sessions.role(request.headers(), by_person) {
        Some(Role::Setup) if !finished => Some(Role::Setup),
        Some(role @ (Role::Admin(pass) | Role::Person(pass) | Role::Half(pass)))
            if finished && site.appliance.still_welcome(pass).await? =>
        {
            Some(role)
        }
        _ => None,
    };
    let sees_panel = is_here(peer, request.headers()) && site.appliance.facts().simulated_board;
    let visit = Visit {
        role,
        finished,
        sees_panel,
        peer,
        outside,
    };
    if allowed(access, visit) {
        request.extensions_mut().insert(visit);
        return Ok(next.run(request).await);
    }
    if method == "GET" {
        let door = match role {
            Some(Role::Half(_)) => "/login/code",
            None if finished => "/login",
            _ => "/",
        };
        return Ok(Redirect::to(door).into_response());
    }
    Err(match access {
        _ if matches!(role, Some(Role::Person(_))) => Failure::new(
            StatusCode::FORBIDDEN,
            "That is for the admin",
            "You are signed in, but not as an admin. Nothing was changed.",
        ),
        Access::Claim | Access::Setup if finished => Failure::new(
            StatusCode::FORBIDDEN,
            "The setup is finished",
            "The claim code is no longer valid. Sign in as admin to change things.",
        ),
        _ => Failure::new(
            StatusCode::FORBIDDEN,
            "Please sign in first",
            "You were away for a while, or the box was restarted. Nothing was changed.",
        ),
    })
}

// The front page shows where to sign in; what else is open to everybody goes with a link's page.
fn is_for_outsiders(access: Access, path: &str) -> bool {
    access == Access::Link || (access == Access::Open && path != "/")
}

/// Lets a request through at the door that is for links only: whoever comes, nobody is signed in.
pub(crate) async fn link_gate<A: Appliance>(
    State(site): State<Site<A>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    if !site.appliance.progress().await?.finished {
        return Err(Failure::not_found());
    }
    let peer = request.extensions().get::<Peer>().copied();
    request.extensions_mut().insert(Visit {
        role: None,
        finished: true,
        sees_panel: false,
        peer,
        outside: true,
    });
    Ok(next.run(request).await)
}

// A browser on this machine, and nobody who comes through a proxy on it or by another name.
fn is_here(peer: Option<Peer>, headers: &HeaderMap) -> bool {
    const PASSED_ON: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    // host [ ":" port ]; an IPv6 address has brackets around it (RFC 9110 7.2).
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    let loopback = |ip: std::net::IpAddr| ip.to_canonical().is_loopback();
    let named = name == "localhost"
        || name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .is_ok_and(loopback);
    named && peer.is_some_and(|Peer(ip)| loopback(ip)) && !PASSED_ON.iter().any(|n| headers.contains_key(*n))
}

fn find(method: &str, path: &str) -> Option<Access> {
    ROUTES
        .iter()
        .find(|r| r.method == method && r.path == path)
        .map(|r| r.access)
}

// 405 with the methods that there are (RFC 9110 15.5.6).
fn wrong_method(path: &str) -> Response {
    let methods: Vec<&str> = ROUTES
        .iter()
        .filter(|r| r.path == path)
        .map(|r| r.method)
        .collect();
    (
        StatusCode::METHOD_NOT_ALLOWED,
        [(header::ALLOW, methods.join(", "))],
    )
        .into_response()
}

fn allowed(access: Access, visit: Visit) -> bool {
    match access {
        Access::Open => true,
        Access::Claim => !visit.finished,
        Access::SignIn | Access::Link => visit.finished,
        Access::Setup => visit.role == Some(Role::Setup),
        Access::Admin => matches!(visit.role, Some(Role::Admin(_))),
        Access::Code => matches!(visit.role, Some(Role::Half(_))),
        Access::Person => matches!(visit.role, Some(Role::Admin(_) | Role::Person(_))),
        Access::Owner => matches!(visit.role, Some(Role::Setup | Role::Admin(_))),
        Access::Panel => visit.sees_panel || matches!(visit.role, Some(Role::Admin(_))),
    }
}
