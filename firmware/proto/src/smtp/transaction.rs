//! MAIL, RCPT, DATA: one message on its way in (RFC 5321 3.3).

use super::command::{ForwardPath, Mail};
use super::{Asked, Smtp, State, refusal_in};
use crate::ask::{Answer, Envelope, Question};
use crate::limits::smtp::RECIPIENTS;
use crate::refusal::Refusal;
use crate::session::{Output, Spooled};
use crate::types::{Address, Domain, ReversePath};

/// What MAIL began.
#[derive(Debug)]
pub(super) struct Transaction {
    from: ReversePath,
    eight_bit: bool,
    /// Accepted, each once.
    to: Vec<Address>,
    /// A recipient was refused.
    refused: bool,
}

impl Smtp {
    pub(super) fn mail(&mut self, mail: Mail, out: &mut Vec<Output>) {
        if self.client.is_none() {
            return self.refuse(503, "5.5.1", "Say EHLO first.", out);
        }
        if self.config.submission && self.identity.is_none() {
            // RFC 4954 6
            return self.refuse(
                530,
                "5.7.0",
                "Log in first: turn on authentication in your mail program.",
                out,
            );
        }
        if self.transaction.is_some() {
            return self.refuse(503, "5.5.1", "A message has begun already; RSET ends it.", out);
        }
        let limit = self.config.max_size;
        if mail.size.is_some_and(|size| size > limit) {
            return self.refuse_with(&Refusal::TooBig { limit }.smtp(), out);
        }
        let question = Question::Sender {
            from: mail.from.clone(),
        };
        let transaction = Transaction {
            from: mail.from,
            eight_bit: mail.eight_bit,
            to: Vec::new(),
            refused: false,
        };
        self.ask(question, Asked::Sender(transaction), out);
    }

    pub(super) fn sender_answered(
        &mut self,
        transaction: Transaction,
        answer: Answer,
        out: &mut Vec<Output>,
    ) {
        match answer {
            Answer::Done => {
                self.transaction = Some(transaction);
                self.say(250, "2.1.0", "OK", out);
            }
            answer => self.refuse_with(&refusal_in(answer).smtp(), out),
        }
    }

    pub(super) fn rcpt(&mut self, path: ForwardPath, out: &mut Vec<Output>) {
        let most = self.config.max_recipients.max(RECIPIENTS);
        let address = match path {
            ForwardPath::Mailbox(address) => address,
            ForwardPath::Postmaster => match postmaster(&self.config.domain) {
                Some(address) => address,
                None => return self.refuse_with(&Refusal::UnknownRecipient.smtp(), out),
            },
        };
        let Some(transaction) = &self.transaction else {
            return self.refuse(503, "5.5.1", "Say MAIL first.", out);
        };
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
        self.ask(question, Asked::Recipient(address), out);
    }

    pub(super) fn recipient_answered(&mut self, address: Address, answer: Answer, out: &mut Vec<Output>) {
        let Some(transaction) = &mut self.transaction else {
            return self.refuse_with(&Refusal::Temporary.smtp(), out);
        };
        match answer {
            Answer::Done => {
                transaction.to.push(address);
                self.say(250, "2.1.5", "OK", out);
            }
            answer => {
                transaction.refused = true;
                self.refuse_with(&refusal_in(answer).smtp(), out);
            }
        }
    }

    pub(super) fn data(&mut self, out: &mut Vec<Output>) {
        match &self.transaction {
            None => self.refuse(503, "5.5.1", "Say MAIL first.", out),
            Some(Transaction { to, refused, .. }) if to.is_empty() => {
                // RFC 5321 3.3: 554 where all were refused, 503 where none was named
                if *refused {
                    self.refuse(554, "5.5.1", "No recipient was accepted.", out);
                } else {
                    self.refuse(503, "5.5.1", "Say RCPT first.", out);
                }
            }
            Some(_) => self.ask_client("354 Send it; end with a line of one dot.", State::Data, out),
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
                "The message has a CR or a LF that is not part of a CRLF line end.",
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
            eight_bit: transaction.eight_bit,
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
