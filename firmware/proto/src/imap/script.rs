//! The session from greeting to goodbye: read a command, carry it out, say how it went.

use super::Config;
use super::read::Read;
use super::reply::{Kind, Reply};
use super::selected::Selected;
use super::syntax::{self, Command};
use super::wire::Wire;
use crate::ask::Identity;
use crate::limits::imap as limits;

/// What the client has switched on; never switched off again (RFC 5161 3.1).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Enabled {
    pub rev2: bool,
    pub utf8_accept: bool,
    pub condstore: bool,
    /// RFC 7162 3.2: VANISHED takes EXPUNGE's place.
    pub qresync: bool,
}

impl Enabled {
    /// Whether mailbox names and quoted strings are UTF-8 (RFC 9051 5.1, RFC 6855 3).
    pub const fn utf8(self) -> bool {
        self.rev2 || self.utf8_accept
    }
}

/// All that a session knows.
pub(super) struct Script {
    pub wire: Wire,
    pub config: Config,
    pub tls: bool,
    pub identity: Option<Identity>,
    pub enabled: Enabled,
    pub selected: Option<Selected>,
    /// The tag of the command being carried out.
    pub tag: String,
    /// Failed logins.
    pub failures: u32,
    /// The TLS handshake follows the reply.
    pub tls_next: bool,
    /// The session is to end after the reply.
    pub over: bool,
}

impl Script {
    pub fn new(wire: Wire, config: Config) -> Self {
        Self {
            tls: config.tls_active,
            wire,
            config,
            identity: None,
            enabled: Enabled::default(),
            selected: None,
            tag: String::new(),
            failures: 0,
            tls_next: false,
            over: false,
        }
    }

    pub async fn run(mut self) {
        self.wire.opened().await;
        let greeting = format!(
            "* OK [{}] {} is ready for IMAP.",
            self.capabilities(),
            self.config.hostname
        );
        self.wire.line(&greeting);
        let mut bad = 0;
        let mut before_login = 0;
        while !self.over {
            let kind = self.step().await;
            bad = if kind == Kind::Bad { bad + 1 } else { 0 };
            before_login += u32::from(self.identity.is_none());
            if bad >= limits::ERRORS || before_login >= limits::COMMANDS_BEFORE_LOGIN {
                self.say_bye("Too many commands that lead nowhere.");
            }
        }
    }

    /// Ends the session, unless it is ending already.
    pub fn say_bye(&mut self, text: &str) {
        if !self.over {
            self.wire.line(&format!("* BYE {text}"));
            self.over = true;
        }
    }

    async fn step(&mut self) -> Kind {
        match self.read().await {
            Read::Command(command) => self.command(&command).await,
            Read::Append { tag, append, message } => {
                let reply = self.append(append, message).await;
                self.tagged(&tag, &reply)
            }
            Read::Bad { tag, why } => {
                let reply = Reply::bad(format!("Not understood: {why}."));
                self.tagged(tag.as_deref().unwrap_or("*"), &reply)
            }
            Read::Hopeless => {
                self.say_bye("That literal is too long to be read.");
                Kind::Bad
            }
        }
    }

    async fn command(&mut self, command: &[u8]) -> Kind {
        let Some((tag, text)) = syntax::tag(command) else {
            return self.tagged(
                "*",
                &Reply::bad("Not understood: a tag and a command are missing."),
            );
        };
        tag.clone_into(&mut self.tag);
        let reply = match Command::parse(text, self.enabled.utf8()) {
            Ok(command) => self.carry_out(command).await,
            Err(syntax) => syntax.into(),
        };
        let kind = self.tagged(tag, &reply);
        if std::mem::take(&mut self.tls_next) {
            self.config.binding = self.wire.start_tls().await;
            self.tls = true;
        }
        kind
    }

    fn tagged(&self, tag: &str, reply: &Reply) -> Kind {
        self.wire.line(&format!("{tag} {} {}", reply.word(), reply.text));
        reply.kind
    }
}
