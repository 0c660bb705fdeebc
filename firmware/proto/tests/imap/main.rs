//! The IMAP session, run on transcripts, tables and chance.

#[cfg(test)]
mod chance;
#[cfg(test)]
mod driver;
#[cfg(test)]
#[path = "../sessions/harness.rs"]
mod harness;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod transcripts;
#[cfg(test)]
mod world;
