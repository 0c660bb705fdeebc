//! The pages, through the router, against a box in memory.

// A failed step fails the test, in the double and the browser too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::cast_possible_truncation, missing_docs)]

mod access;
mod admin;
mod browser;
mod clock;
mod codes;
mod desk;
mod desk_state;
mod devices;
mod events;
mod folder;
mod judging;
mod junk;
mod keys;
mod link_rows;
mod links;
mod me;
mod names;
mod outgoing;
mod printers;
mod setup;
mod shared;
mod shield;
mod transport;
