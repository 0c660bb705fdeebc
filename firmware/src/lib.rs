//! The appliance: wiring, network, delivery, guard, ledger. The only crate that knows the others.

pub mod appliance;
pub mod attend;
pub mod blocking;
pub mod board_link;
pub mod claim;
pub mod cli;
pub mod clock;
pub mod control;
pub mod deliver;
pub mod dkim;
pub mod dns;
pub mod driver;
pub mod facts;
pub mod guard;
pub mod health;
pub mod house;
mod https;
pub mod judge;
pub mod ledger;
pub mod limits;
pub mod lines;
pub mod links;
pub mod listen;
pub mod memory;
pub mod names;
pub mod notify;
pub mod opening;
pub mod panel;
pub mod serve;
pub mod settings;
pub mod setup;
pub mod spool;
pub mod tls;
#[cfg(test)]
mod trial;
pub mod web;
pub mod world;
