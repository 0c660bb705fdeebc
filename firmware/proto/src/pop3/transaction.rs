//! The commands of the transaction state (RFC 1939 5 and 7).

use super::command::Command;
use super::maildrop::{Top, unique_id};
use super::{Asked, Pop3, State};
use crate::ask::{DropMessage, Question};
use crate::session::Output;
use crate::types::Span;

const NO_SUCH: &str = "There is no such message.";

impl Pop3 {
    pub(super) fn transaction(&mut self, command: Command<'_>, out: &mut Vec<Output>) {
        let Some(maildrop) = &mut self.maildrop else {
            return self.refuse("Log in first.", out);
        };
        match command {
            Command::Stat => {
                let (count, size) = maildrop.stat();
                self.ok(format_args!("{count} {size}"), out);
            }
            Command::Noop => self.ok("Still here.", out),
            Command::Rset => {
                maildrop.reset();
                let (count, size) = maildrop.stat();
                self.ok(format_args!("{count} messages ({size} octets)."), out);
            }
            Command::Dele(number) => {
                if maildrop.delete(number) {
                    self.ok("Marked for deletion.", out);
                } else {
                    self.refuse(NO_SUCH, out);
                }
            }
            Command::List(number) => self.list(number, |message| message.size.to_string(), out),
            Command::Uidl(number) => self.list(number, unique_id, out),
            Command::Retr(number) => match maildrop.get(number) {
                Some(message) => {
                    let span = Span {
                        start: 0,
                        end: message.size,
                    };
                    self.body(&message, span, out);
                }
                None => self.refuse(NO_SUCH, out),
            },
            Command::Top { number, lines } => match maildrop.get(number) {
                Some(message) => self.top(Top::new(message, lines), out),
                None => self.refuse(NO_SUCH, out),
            },
            _ => self.refuse("You are logged in already.", out),
        }
    }

    fn list(&mut self, number: Option<u32>, what: impl Fn(&DropMessage) -> String, out: &mut Vec<Output>) {
        let Some(maildrop) = &self.maildrop else {
            return self.refuse("Log in first.", out);
        };
        match number {
            None => {
                let (count, size) = maildrop.stat();
                let text = format!(
                    "+OK {count} messages ({size} octets).\r\n{}",
                    maildrop.listing(what)
                );
                self.send(text, State::Command, out);
            }
            Some(number) => match maildrop.get(number) {
                Some(message) => self.ok(format_args!("{number} {}", what(&message)), out),
                None => self.refuse(NO_SUCH, out),
            },
        }
    }

    fn body(&mut self, message: &DropMessage, span: Span, out: &mut Vec<Output>) {
        self.ok(format_args!("{} octets.", span.len()), out);
        out.push(Output::SendBody {
            blob: message.blob,
            span,
            dotted: true,
        });
    }

    fn top(&mut self, top: Top, out: &mut Vec<Output>) {
        match top.next() {
            Some(span) => {
                let question = Question::Octets {
                    blob: top.message.blob,
                    span,
                };
                self.ask(question, Asked::Top(top), out);
            }
            None => self.body(&top.message, top.span(), out),
        }
    }

    pub(super) fn top_piece(&mut self, mut top: Top, octets: &[u8], out: &mut Vec<Output>) {
        top.look(octets);
        self.top(top, out);
    }

    pub(super) fn quit(&mut self, out: &mut Vec<Output>) {
        match self.maildrop.take() {
            Some(maildrop) => {
                let question = Question::CloseMaildrop {
                    deleted: maildrop.deleted(),
                };
                self.ask(question, Asked::Update, out);
            }
            None => self.close(true, "Goodbye.", out),
        }
    }
}
