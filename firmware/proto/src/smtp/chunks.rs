//! BDAT (RFC 3030): a message in counted pieces. Whatever becomes of a piece, its octets are read
//! and never taken for commands.

use super::{Smtp, State};
use crate::limits::smtp as limits;
use crate::refusal::SmtpReply;
use crate::session::{Expect, Output, Spooled};
use crate::types::BodyKind;

/// The pieces of a message so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Chunks {
    size: u64,
    /// The last octet was a CR whose LF has to come with the next piece.
    after_cr: bool,
}

/// A piece that is being read.
#[derive(Debug)]
pub(super) struct Chunk {
    count: u64,
    last: bool,
    /// Why it is thrown away.
    refused: Option<SmtpReply>,
}

impl Smtp {
    pub(super) fn bdat(&mut self, count: u64, last: bool) {
        let refused = self.no_message_now();
        if let (None, Some(transaction)) = (&refused, &mut self.transaction) {
            transaction.chunks.get_or_insert_default();
        }
        self.state = State::Chunk(Chunk { count, last, refused });
    }

    /// What the piece is read with.
    pub(super) fn expects_chunk(&self, chunk: &Chunk) -> Expect {
        let transaction = self.transaction.as_ref().filter(|_| chunk.refused.is_none());
        let so_far = transaction.and_then(|t| t.chunks).unwrap_or_default();
        Expect::Chunk {
            count: chunk.count,
            limit: match transaction {
                Some(_) => self.config.max_size.saturating_sub(so_far.size),
                None => 0,
            },
            first: so_far.size == 0,
            lines: transaction
                .filter(|t| t.wishes.body != BodyKind::Binary)
                .map(|t| t.bare_lf),
            after_cr: so_far.after_cr,
        }
    }

    pub(super) fn chunk_spooled(&mut self, chunk: Chunk, mut spooled: Spooled, out: &mut Vec<Output>) {
        if let Some(reply) = &chunk.refused {
            out.push(Output::DropSpool);
            self.transaction = None; // RFC 3030 2: what was sent before is of no use either
            return self.refuse_with(reply, out);
        }
        // A message that ends with a CR has one that is not part of a line end.
        spooled.malformed |= chunk.last && spooled.ends_with_cr;
        let Some(transaction) = &mut self.transaction else {
            return self.spooled(spooled, out);
        };
        let so_far = transaction.chunks.get_or_insert_default();
        so_far.size = so_far.size.saturating_add(spooled.size);
        so_far.after_cr = spooled.ends_with_cr;
        if chunk.last || spooled.too_big || spooled.malformed || spooled.failed {
            return self.spooled(spooled, out);
        }
        self.say(250, "2.0.0", &format!("{} octets taken.", chunk.count), out);
    }

    /// A count that nobody understands: from here on commands and data cannot be told apart.
    pub(super) fn lost_count(&mut self, out: &mut Vec<Output>) {
        self.errors = limits::ERRORS;
        self.close(421, "4.5.4", "Expected: BDAT octets, or BDAT octets LAST.", out);
    }
}
