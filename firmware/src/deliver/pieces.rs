//! Looking through a spooled message without holding it in memory twice.

use crate::spool::Spool;
use proto::limits::message::HEADER;
use proto::message::header;
use proto::message::scan::Scanner;
use proto::types::Structure;
use std::borrow::Cow;
use std::io::{self, Read};

/// The message's header with its empty line, or as much of it as is ever looked at.
///
/// # Errors
/// The spool cannot be read.
pub fn header_of(spool: &Spool) -> io::Result<Cow<'_, [u8]>> {
    if let Some(message) = spool.in_memory() {
        let seen = message.get(..HEADER).unwrap_or(message);
        return Ok(Cow::Borrowed(seen.get(..header::len(seen)).unwrap_or(seen)));
    }
    let mut top = Vec::new();
    spool.reader().take(HEADER as u64).read_to_end(&mut top)?;
    top.truncate(header::len(&top));
    Ok(Cow::Owned(top))
}

/// The structure of a message that is `prefix` and then all but the first `skip` octets of what is
/// spooled.
///
/// # Errors
/// The spool cannot be read.
pub fn structure(prefix: &[u8], spool: &Spool, skip: u64) -> io::Result<Structure> {
    let mut scanner = Scanner::new();
    scanner.push(prefix);
    spool.each_piece(skip, |octets| scanner.push(octets))?;
    Ok(scanner.finish())
}
