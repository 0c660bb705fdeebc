//! Coming in: CAPABILITY, STARTTLS, LOGIN, AUTHENTICATE, ENABLE (RFC 9051 6.1 to 6.3).

use super::reply::{Reply, refusal_text};
use super::script::Script;
use super::wire::Heard;
use crate::ask::Answer;
use crate::limits::imap as limits;
use crate::refusal::Refusal;
use crate::sasl::{self, Exchange, Fault, Step};
use crate::types::Secret;

/// In every state; IDLE because some clients look only once.
const ALWAYS: &str = "IMAP4rev1 IMAP4rev2 LITERAL- ID ENABLE IDLE";
/// After a login.
const AFTER_LOGIN: &str = "NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN SPECIAL-USE LIST-EXTENDED LIST-STATUS \
     STATUS=SIZE ESEARCH SEARCHRES BINARY CONDSTORE QRESYNC UTF8=ACCEPT";

impl Script {
    /// capability-data
    pub(super) fn capabilities(&self) -> String {
        if self.identity.is_some() {
            return format!(
                "CAPABILITY {ALWAYS} {AFTER_LOGIN} APPENDLIMIT={}",
                self.config.max_append
            );
        }
        let way_in = match (self.tls, self.config.tls_available) {
            (true, _) => format!(
                "SASL-IR AUTH={}",
                sasl::offered(self.config.binding).join(" AUTH=")
            ),
            (false, true) => "STARTTLS LOGINDISABLED".to_owned(),
            (false, false) => "LOGINDISABLED".to_owned(),
        };
        format!("CAPABILITY {ALWAYS} {way_in}")
    }

    pub(super) async fn start_tls(&mut self) -> Reply {
        if self.tls || !self.config.tls_available {
            return Reply::bad("TLS cannot begin here.");
        }
        self.tls_next = true;
        Reply::ok("Begin the TLS handshake.")
    }

    pub(super) async fn login(&mut self, login: &[u8], password: Secret) -> Reply {
        if !self.tls {
            return Reply::no(refusal_text(&Refusal::TlsRequired));
        }
        match sasl::name(login) {
            Some(login) if sasl::is_password(password.expose()) => {
                let (exchange, step) = Exchange::command(login, password.expose());
                self.exchange(exchange, step).await
            }
            _ => self.failed_login(&Answer::Refused(Refusal::BadCredentials)),
        }
    }

    // authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
    pub(super) async fn authenticate(&mut self, mechanism: &str, initial: Option<Secret>) -> Reply {
        if !self.tls {
            return Reply::no(refusal_text(&Refusal::TlsRequired));
        }
        let initial = initial.as_ref().map(Secret::expose);
        let (exchange, step) = Exchange::start(mechanism.as_bytes(), initial, self.config.binding);
        self.exchange(exchange, step).await
    }

    async fn exchange(&mut self, mut exchange: Exchange, mut step: Step) -> Reply {
        loop {
            step = match step {
                Step::Challenge(challenge) => {
                    self.wire.line(&format!("+ {challenge}"));
                    match self
                        .wire
                        .hear(crate::limits::sasl::LINE, limits::SILENCE_BEFORE_LOGIN, false)
                        .await
                    {
                        Heard::Line(line) => exchange.answer(&line),
                        _ => return Reply::bad("That line cannot be read."),
                    }
                }
                Step::Ask(question) => exchange.answered(self.wire.ask(question).await),
                Step::Welcome(identity) => {
                    self.identity = Some(identity);
                    return Reply::ok(format!("[{}] Welcome.", self.capabilities()));
                }
                Step::Refused(refusal) => return self.failed_login(&Answer::Refused(refusal)),
                Step::Failed(Fault::Unknown) => {
                    return Reply::no("[CANNOT] That mechanism is not offered.");
                }
                Step::Failed(fault @ (Fault::Cancelled | Fault::Malformed | Fault::Binding)) => {
                    return Reply::bad(format!("Not done: {fault}."));
                }
                Step::Failed(fault @ Fault::NotTrusted) => {
                    self.say_bye("The proof of a password was not accepted.");
                    return Reply::no(format!("Not done: {fault}."));
                }
                Step::Failed(fault @ Fault::OtherIdentity) => {
                    return Reply::no(format!("[AUTHORIZATIONFAILED] Not done: {fault}."));
                }
            }
        }
    }

    fn failed_login(&mut self, answer: &Answer) -> Reply {
        self.failures += 1;
        if self.failures >= limits::LOGINS {
            self.say_bye("Too many failed logins.");
        }
        Reply::failed(answer)
    }

    pub(super) fn enable(&mut self, wanted: &[String]) -> Reply {
        let mut enabled = Vec::new();
        for capability in wanted {
            match capability.as_str() {
                "IMAP4REV2" => self.enabled.rev2 = true,
                "UTF8=ACCEPT" => self.enabled.utf8_accept = true,
                "CONDSTORE" => self.enabled.condstore = true,
                // RFC 7162 3.2.3: one implies the other.
                "QRESYNC" => (self.enabled.qresync, self.enabled.condstore) = (true, true),
                _ => continue, // RFC 5161 3.1: the unknown is passed over
            }
            let name = if capability == "IMAP4REV2" {
                "IMAP4rev2"
            } else {
                capability
            };
            if !enabled.contains(&name) {
                enabled.push(name);
            }
        }
        let list: String = enabled.iter().map(|name| format!(" {name}")).collect();
        self.wire.line(&format!("* ENABLED{list}"));
        Reply::ok("Done.")
    }
}
