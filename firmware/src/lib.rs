//! The appliance: wiring, network, delivery, guard, ledger. The only crate that knows the others.

pub mod blocking;
pub mod clock;
pub mod deliver;
pub mod dkim;
pub mod dns;
pub mod facts;
pub mod guard;
pub mod house;
pub mod ledger;
pub mod limits;
pub mod listen;
pub mod settings;
pub mod spool;
pub mod tls;
