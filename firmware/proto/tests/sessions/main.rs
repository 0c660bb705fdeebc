//! The protocol sessions against a small office: transcripts, and what holds for any client.

#[cfg(test)]
mod harness;
#[cfg(test)]
mod office;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod transcripts;
