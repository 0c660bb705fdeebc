//! The appliance: wiring, network, delivery, guard, ledger. The only crate that knows the others.

pub mod facts;
pub mod spool;
