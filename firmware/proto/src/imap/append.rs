//! APPEND (RFC 9051 6.3.12): its message goes to the spool while the command is being read.

use super::read::Literal;
use super::reply::{Reply, refusal_text};
use super::script::Script;
use super::syntax::store::Append;
use super::wire::Heard;
use crate::ask::{Answer, Question};
use crate::limits::imap as limits;
use crate::refusal::Refusal;

impl Script {
    pub(super) async fn append(&mut self, append: Append, message: Literal) -> Reply {
        if let Err(reply) = self.may_append(&append, message).await {
            // A client that does not wait for us has sent it already.
            if !message.waits {
                self.forget(message).await;
            }
            return reply;
        }
        if message.waits {
            self.wire.line("+ Go on.");
        }
        let spooled = self.wire.spool(message.count, self.config.max_append).await;
        let rest = self.wire.hear(limits::REST, self.silence(), false).await;
        let refused = match rest {
            Heard::Line(rest) if rest.as_slice() == if append.wrapped { &b")"[..] } else { b"" } => {
                if spooled.failed {
                    Some(Reply::no(refusal_text(&Refusal::NoSpace)))
                } else if spooled.too_big {
                    Some(self.too_big())
                } else {
                    None
                }
            }
            _ => Some(Reply::bad("Not understood: something follows the message.")),
        };
        if let Some(reply) = refused {
            self.wire.drop_spool();
            return reply;
        }
        let Append {
            name, flags, date, ..
        } = append;
        match self.wire.ask(Question::Append { name, flags, date }).await {
            Answer::Appended { validity, uid } => {
                self.synced(Reply::ok(format!("[APPENDUID {validity} {uid}] Appended.")))
                    .await
            }
            answer => {
                self.wire.drop_spool();
                Reply::failed_into_mailbox(&answer)
            }
        }
    }

    /// Everything that can be known before the message is sent.
    async fn may_append(&mut self, append: &Append, message: Literal) -> Result<(), Reply> {
        if self.identity.is_none() {
            return Err(Reply::bad("Log in first."));
        }
        if message.count > self.config.max_append {
            return Err(self.too_big());
        }
        // RFC 7888 5
        if !message.waits && message.count > limits::UNANNOUNCED {
            return Err(Reply::bad(
                "[TOOBIG] A literal over 4096 octets has to wait for our go.",
            ));
        }
        // RFC 3502 4 gives the empty message this meaning.
        if message.count == 0 {
            return Err(Reply::no("An empty message is not appended."));
        }
        match self
            .wire
            .ask(Question::Status {
                name: append.name.clone(),
            })
            .await
        {
            Answer::Status(_) => Ok(()),
            answer => Err(Reply::failed_into_mailbox(&answer)),
        }
    }

    fn too_big(&self) -> Reply {
        Reply::no(format!(
            "[TOOBIG] At most {} octets are taken.",
            self.config.max_append
        ))
    }

    async fn forget(&mut self, message: Literal) {
        if !self.swallow(message).await {
            self.say_bye("That literal is too long to be read.");
            return;
        }
        self.wire.hear(limits::REST, self.silence(), false).await;
    }
}
