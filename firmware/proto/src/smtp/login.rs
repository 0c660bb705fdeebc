//! AUTH (RFC 4954): only on submission, only under TLS.

use super::{Asked, Smtp, State, Tls};
use crate::ask::Answer;
use crate::limits::smtp::LOGINS;
use crate::refusal::Refusal;
use crate::sasl::{Exchange, Fault, Step};
use crate::session::Output;

impl Smtp {
    /// Whether AUTH is offered now.
    pub(super) fn may_login(&self) -> bool {
        self.config.submission && self.config.tls == Tls::Active && self.identity.is_none()
    }

    pub(super) fn auth(&mut self, mechanism: &[u8], initial: Option<&[u8]>, out: &mut Vec<Output>) {
        if !self.config.submission {
            return self.refuse(502, "5.5.1", "Logins are for ports 465 and 587.", out);
        }
        if self.config.tls != Tls::Active {
            return self.refuse_with(&Refusal::TlsRequired.smtp(), out);
        }
        if self.identity.is_some() {
            return self.refuse(503, "5.5.1", "You are logged in already.", out);
        }
        if self.transaction.is_some() {
            // RFC 4954 4: else the message would have two senders
            return self.refuse(503, "5.5.1", "Finish the message first, or say RSET.", out);
        }
        if !self.client.as_ref().is_some_and(|client| client.esmtp) {
            return self.refuse(503, "5.5.1", "Say EHLO first.", out);
        }
        let (exchange, step) = Exchange::start(mechanism, initial, self.config.binding);
        self.step(exchange, step, out);
    }

    pub(super) fn login_line(&mut self, mut exchange: Exchange, line: &[u8], out: &mut Vec<Output>) {
        let step = exchange.answer(line);
        self.step(exchange, step, out);
    }

    fn step(&mut self, exchange: Exchange, step: Step, out: &mut Vec<Output>) {
        match step {
            Step::Challenge(text) => self.ask_client(&format!("334 {text}"), State::Login(exchange), out),
            Step::Ask(question) => self.ask(question, Asked::Login(exchange), out),
            Step::Welcome(identity) => {
                self.identity = Some(identity);
                self.errors = 0;
                self.say(235, "2.7.0", "Welcome.", out);
            }
            Step::Refused(refusal) => self.wrong_login(&refusal, out),
            Step::Failed(fault @ Fault::NotTrusted) => {
                self.close(421, "4.7.0", &format!("Sorry, {fault}."), out);
            }
            Step::Failed(fault) => {
                let (code, status) = match fault {
                    Fault::Unknown => (504, "5.5.4"),
                    Fault::Cancelled => (501, "5.7.0"),
                    Fault::Malformed | Fault::Binding => (501, "5.5.2"),
                    Fault::OtherIdentity | Fault::NotTrusted => (535, "5.7.8"),
                };
                self.refuse(code, status, &format!("Sorry, {fault}."), out);
            }
        }
    }

    pub(super) fn login_answered(&mut self, mut exchange: Exchange, answer: Answer, out: &mut Vec<Output>) {
        let step = exchange.answered(answer);
        self.step(exchange, step, out);
    }

    fn wrong_login(&mut self, refusal: &Refusal, out: &mut Vec<Output>) {
        self.wrong_logins += 1;
        let mut reply = refusal.smtp();
        if self.wrong_logins >= LOGINS {
            return self.close(421, "4.7.0", &reply.text, out);
        }
        // RFC 4954 6: the temporary failure of a login has a code of its own.
        if reply.code == 451 {
            (reply.code, reply.status) = (454, "4.7.0");
        }
        self.refuse_with(&reply, out);
    }
}
