//! Looking through a spooled message without holding it in memory.

use crate::limits::PIECE;
use crate::spool::Spool;
use proto::limits::message::HEADER;
use proto::message::header;
use proto::message::scan::Scanner;
use proto::types::Structure;
use std::io::{self, Read};

/// The message's header with its empty line, or as much of it as is ever looked at.
///
/// # Errors
/// The spool cannot be read.
pub fn header_of(spool: &Spool) -> io::Result<Vec<u8>> {
    let mut top = Vec::new();
    spool.reader().take(HEADER as u64).read_to_end(&mut top)?;
    top.truncate(header::len(&top));
    Ok(top)
}

/// The structure of a message that is `prefix` and then what `rest` gives.
///
/// # Errors
/// `rest` cannot be read.
pub fn structure(prefix: &[u8], mut rest: impl Read) -> io::Result<Structure> {
    let mut scanner = Scanner::new();
    scanner.push(prefix);
    let mut piece = vec![0; PIECE];
    loop {
        match rest.read(&mut piece)? {
            0 => return Ok(scanner.finish()),
            count => scanner.push(piece.get(..count).unwrap_or_default()),
        }
    }
}

/// Throws away the first `count` octets.
///
/// # Errors
/// They cannot be read.
pub fn skip(mut rest: impl Read, count: u64) -> io::Result<impl Read> {
    io::copy(&mut rest.by_ref().take(count), &mut io::sink())?;
    Ok(rest)
}
