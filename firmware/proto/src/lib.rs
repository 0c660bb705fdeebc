//! The protocols, pure: bytes in, commands and replies out. No I/O, no clock, no database.
//!
//! A protocol is a [`session::Session`]: a state machine that takes an [`session::Input`] and gives
//! [`session::Output`]s. What it may ask the world is the closed enum [`ask::Question`]; reading
//! that enum is reading the attack surface.

pub mod ask;
pub mod frame;
pub mod imap;
pub mod limits;
pub mod message;
pub mod pop3;
pub mod refusal;
pub mod sasl;
pub mod session;
pub mod smtp;
pub mod spf;
pub mod totp;
pub mod types;
