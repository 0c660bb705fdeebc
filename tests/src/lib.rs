//! What the whole-box tests and benches share: the running binary, small protocol clients that
//! owe nothing to our own parsers, and a load generator.

pub mod board;
mod callers;
pub mod children;
pub mod fake_dns;
pub mod imap;
pub mod load;
pub mod pillarbox;
pub mod policy_host;
pub mod queue;
pub mod sink;
pub mod smtp;
pub mod tls;
pub mod web;

/// What is promised within a second may take this long while other tests want the same processors.
pub const PROMPTLY: std::time::Duration = std::time::Duration::from_secs(10);
