//! The pages, one module for each thing a person does.

pub(crate) mod accounts;
pub(crate) mod assets;
pub(crate) mod blocked;
pub(crate) mod codes;
pub(crate) mod devices;
pub(crate) mod dns;
pub(crate) mod events;
pub(crate) mod failed_logins;
pub(crate) mod folder;
pub(crate) mod front;
pub(crate) mod guard;
pub(crate) mod judging;
pub(crate) mod junk;
pub(crate) mod links;
pub(crate) mod me;
pub(crate) mod names;
pub(crate) mod outgoing;
pub(crate) mod overview;
pub(crate) mod password;
pub(crate) mod plain;
pub(crate) mod power;
pub(crate) mod printers;
pub(crate) mod programs;
pub(crate) mod shared;
pub(crate) mod shield;
pub(crate) mod wizard;
