//! MAIL, RCPT, DATA: one message on its way in (RFC 5321 3.3).

use super::chunks::Chunks;
use super::command::{ForwardPath, Wrong};
use super::params::{Mail, Rcpt};
use super::{Asked, Smtp, State, Tls, refusal_in};
use crate::ask::{Answer, Envelope, Question};
use crate::limits::smtp::{HOLD, RECIPIENTS};
use crate::refusal::{Refusal, SmtpReply};
use crate::session::{BareLf, Output, Spooled};
use crate::types::{Address, BodyKind, Domain, Hold, RecipientWishes, ReversePath, Wishes};
use std::collections::BTreeMap;

/// What MAIL began.
#[derive(Debug)]
pub(super) struct Transaction {
    from: ReversePath,
    pub(super) wishes: Wishes,
    /// Accepted, each once.
    to: Vec<Address>,
    /// What was asked for some of them.
    asked: BTreeMap<Address, RecipientWishes>,
    /// A recipient was refused.
    refused: bool,
    /// What becomes of a bare LF in the message.
    pub(super) bare_lf: BareLf,
    /// The message is coming in pieces.
    pub(super) chunks: Option<Chunks>,
}

impl Smtp {
    pub(super) fn mail(&mut self, mail: Mail, out: &mut Vec<Output>) {
        if self.client.is_none() {
            return self.refuse(503, "5.5.1", "Say EHLO first.", out);
        }
        if self.transaction.is_some() {
            return self.refuse(503, "5.5.1", "A message has begun already; RSET ends it.", out);
        }
        if let Some(reply) = self.not_offered(&mail.wishes) {
            return self.refuse_with(&reply, out);
        }
        let limit = self.config.max_size;
        if mail.size.is_some_and(|size| size > limit) {
            return self.refuse_with(&Refusal::TooBig { limit }.smtp(), out);
        }
        let (from, size) = (mail.from.clone(), mail.size);
        let question = if self.config.submission && self.identity.is_none() {
            Question::Printer { from, size }
        } else {
            Question::Sender { from, size }
        };
        let transaction = Transaction {
            from: mail.from,
            wishes: mail.wishes,
            to: Vec::new(),
            asked: BTreeMap::new(),
            refused: false,
            bare_lf: BareLf::Refused,
            chunks: None,
        };
        self.ask(question, Asked::Sender(transaction), out);
    }

    /// Why a parameter is not taken, although it is understood.
    fn not_offered(&self, wishes: &Wishes) -> Option<SmtpReply> {
        let reply = |code, text: &str| SmtpReply {
            code,
            status: "5.5.4",
            text: text.to_owned(),
        };
        if wishes.requires_tls() && self.config.tls != Tls::Active {
            return Some(reply(555, "REQUIRETLS is offered under TLS only.")); // RFC 8689 2
        }
        let hold = wishes.hold?;
        let Some(latest) = self.config.hold_until.filter(|_| self.config.submission) else {
            return Some(reply(555, "That parameter is not offered."));
        };
        let within = match hold {
            Hold::For(seconds) => seconds <= HOLD,
            Hold::Until(then) => then <= latest,
        };
        // RFC 4865 4.2
        (!within).then(|| reply(501, "No message is held back for so long."))
    }

    pub(super) fn sender_answered(
        &mut self,
        mut transaction: Transaction,
        answer: Answer,
        out: &mut Vec<Output>,
    ) {
        // RFC 6409 8: a submission may be mended, whichever door it comes by; a stranger's mail never is.
        transaction.bare_lf = match answer {
            Answer::Done => BareLf::Refused,
            Answer::Submits => BareLf::Mended,
            answer => return self.refuse_with(&refusal_in(answer).smtp(), out),
        };
        self.transaction = Some(transaction);
        self.say(250, "2.1.0", "OK", out);
    }

    pub(super) fn rcpt(&mut self, rcpt: Rcpt, out: &mut Vec<Output>) {
        let most = self.most_recipients();
        let address = match rcpt.path {
            ForwardPath::Mailbox(address) => address,
            ForwardPath::Postmaster => match postmaster(&self.config.domain) {
                Some(address) => address,
                None => return self.refuse_with(&Refusal::UnknownRecipient.smtp(), out),
            },
        };
        let Some(transaction) = &self.transaction else {
            return self.refuse(503, "5.5.1", "Say MAIL first.", out);
        };
        if transaction.chunks.is_some() {
            return self.refuse(503, "5.5.1", "The message has begun; RSET ends it.", out);
        }
        if !rcpt.ascii && !transaction.wishes.utf8 {
            return self.wrong(Wrong::NotAscii, out);
        }
        if transaction.to.contains(&address) {
            return self.say(250, "2.1.5", "OK", out);
        }
        // RFC 5321 4.5.3.1.10: 452 makes the client send the others their copy later.
        if transaction.to.len() >= most {
            return self.say(
                452,
                "4.5.3",
                "Too many recipients at once; send the others next.",
                out,
            );
        }
        // A report goes to the one who sent the message, so to several it is somebody else's doing.
        if transaction.from.is_none() && !transaction.to.is_empty() {
            return self.say(
                452,
                "4.5.3",
                "Mail without a sender is taken for one recipient at a time.",
                out,
            );
        }
        let question = Question::Recipient {
            address: address.clone(),
        };
        self.ask(question, Asked::Recipient(address, rcpt.wishes), out);
    }

    pub(super) fn recipient_answered(
        &mut self,
        address: Address,
        wishes: RecipientWishes,
        answer: Answer,
        out: &mut Vec<Output>,
    ) {
        let Some(transaction) = &mut self.transaction else {
            return self.refuse_with(&Refusal::Temporary.smtp(), out);
        };
        match answer {
            Answer::Done => {
                if wishes != RecipientWishes::default() {
                    transaction.asked.insert(address.clone(), wishes);
                }
                transaction.to.push(address);
                self.say(250, "2.1.5", "OK", out);
            }
            answer => {
                transaction.refused = true;
                self.refuse_with(&refusal_in(answer).smtp(), out);
            }
        }
    }

    /// Recipients of one message.
    pub(super) fn most_recipients(&self) -> usize {
        self.config.max_recipients.max(RECIPIENTS)
    }

    /// Why no message can come now.
    pub(super) fn no_message_now(&self) -> Option<SmtpReply> {
        let (code, text) = match &self.transaction {
            None => (503, "Say MAIL first."),
            // RFC 5321 3.3: 554 where all were refused, 503 where none was named
            Some(Transaction {
                to, refused: true, ..
            }) if to.is_empty() => (554, "No recipient was accepted."),
            Some(Transaction { to, .. }) if to.is_empty() => (503, "Say RCPT first."),
            Some(_) => return None,
        };
        Some(SmtpReply {
            code,
            status: "5.5.1",
            text: text.to_owned(),
        })
    }

    pub(super) fn data(&mut self, out: &mut Vec<Output>) {
        if let Some(reply) = self.no_message_now() {
            return self.refuse_with(&reply, out);
        }
        match &self.transaction {
            Some(transaction) if transaction.chunks.is_some() => {
                self.refuse(503, "5.5.1", "The message comes by BDAT; RSET ends it.", out); // RFC 3030 2
            }
            Some(transaction) if transaction.wishes.body == BodyKind::Binary => {
                self.refuse(503, "5.5.1", "BODY=BINARYMIME comes by BDAT only.", out); // RFC 3030 3
            }
            _ => self.ask_client("354 Send it; end with a line of one dot.", State::Data, out),
        }
    }

    /// The message that was being received is forgotten.
    pub(super) fn forget(&mut self, out: &mut Vec<Output>) {
        if self.transaction.take().is_some_and(|t| t.chunks.is_some()) {
            out.push(Output::DropSpool);
        }
    }

    pub(super) fn spooled(&mut self, spooled: Spooled, out: &mut Vec<Output>) {
        let fault = if spooled.too_big {
            Some(Refusal::TooBig {
                limit: self.config.max_size,
            })
        } else if spooled.malformed {
            // RFC 5321 2.3.8, 4.1.1.4: else two servers could see two different messages
            Some(Refusal::BadMessage(
                match self.transaction.as_ref().map(|t| t.bare_lf) {
                    Some(BareLf::Mended) => {
                        "The message has a CR that is not part of a CRLF line end, or a NUL."
                    }
                    _ => "The message has a CR or a LF that is not part of a CRLF line end, or a NUL.",
                },
            ))
        } else if spooled.failed {
            Some(Refusal::NoSpace)
        } else {
            None
        };
        let (Some(transaction), Some(client)) = (self.transaction.take(), &self.client) else {
            out.push(Output::DropSpool);
            return self.refuse_with(&Refusal::Temporary.smtp(), out);
        };
        if let Some(fault) = fault {
            out.push(Output::DropSpool);
            return self.refuse_with(&fault.smtp(), out);
        }
        let envelope = Envelope {
            helo: client.name.clone(),
            esmtp: client.esmtp,
            from: transaction.from,
            to: transaction.to,
            wishes: transaction.wishes,
            asked: transaction.asked,
        };
        self.ask(Question::Accept(envelope), Asked::Accept, out);
    }

    pub(super) fn accept_answered(&mut self, answer: Answer, out: &mut Vec<Output>) {
        match answer {
            Answer::Accepted { id } => {
                self.errors = 0;
                self.say(250, "2.0.0", &id, out);
            }
            answer => {
                out.push(Output::DropSpool);
                self.refuse_with(&refusal_in(answer).smtp(), out);
            }
        }
    }
}

fn postmaster(domain: &Domain) -> Option<Address> {
    Address::from_parts("postmaster", domain.clone()).ok()
}
