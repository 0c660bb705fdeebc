//! The pages: setup wizard on the first boot, the admin's pages after it.
//!
//! Rendered on the box, complete without JavaScript, and nothing on them comes from elsewhere.
//! Knows no board and no store: [`Appliance`] is what it asks.

mod appliance;

pub use appliance::{
    Account, AccountState, Appliance, DkimRecord, Facts, FailedLogin, FailedLogins, Fault, Glance, Login,
    Office, Panel, Peer, Ports, Progress,
};

/// The pages, to be served over TLS. The listener adds [`Peer`] to every request's extensions.
pub fn router<A: Appliance>(appliance: A) -> axum::Router {
    axum::Router::new().with_state(appliance)
}

/// What answers on plain HTTP: explains the certificate on an unclaimed box, else redirects to TLS.
pub fn plain_router<A: Appliance>(appliance: A) -> axum::Router {
    axum::Router::new().with_state(appliance)
}
