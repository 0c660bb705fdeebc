//! The store from outside, on real folders and on backends that fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may fail loudly

mod crash;
mod disk;
mod filter;
mod folder;
mod guard;
mod life;
mod links;
mod model;
mod names;
mod office;
mod printers;
mod queue;
