//! Waiting for news (RFC 9051 6.3.13).

use super::reply::Reply;
use super::script::Script;
use super::selected::Told;
use super::wire::Heard;
use crate::limits::imap as limits;

impl Script {
    pub(super) async fn idle(&mut self) -> Reply {
        self.wire.line("+ Waiting for news.");
        // What changed since the last command is news too.
        self.sync(true, &Told::new()).await;
        while !self.over {
            match self.wire.hear(limits::DONE, limits::SILENCE, true).await {
                Heard::News => self.sync(true, &Told::new()).await,
                Heard::Line(line) if line.eq_ignore_ascii_case(b"DONE") => {
                    return self.synced(Reply::ok("No longer waiting.")).await;
                }
                _ => return Reply::bad("DONE was expected."),
            }
        }
        Reply::ok("No longer waiting.")
    }
}
