//! What the whole-box tests and benches share: the running binary, small protocol clients that
//! owe nothing to our own parsers, and a load generator.

mod callers;
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
