//! Which command may stand in which state (RFC 9051 3), and what follows it.

use super::reply::Reply;
use super::script::Script;
use super::selected::Told;
use super::syntax::Command;

impl Script {
    /// Carries a command out; the tagged reply is the caller's.
    pub(super) async fn carry_out(&mut self, command: Command) -> Reply {
        if let Some(refused) = self.refused_by_state(&command) {
            return refused;
        }
        match command {
            Command::Capability => {
                self.wire.line(&format!("* {}", self.capabilities()));
                Reply::ok("That is all I can.")
            }
            Command::Noop | Command::Check => self.synced(Reply::ok("Done.")).await,
            Command::Logout => {
                self.say_bye("Goodbye.");
                Reply::ok("Logged out.")
            }
            Command::Id(client) => {
                if !client.is_empty() {
                    self.wire.client(client);
                }
                self.id()
            }
            Command::StartTls => self.start_tls().await,
            Command::Login { login, password } => self.login(&login, password).await,
            Command::Authenticate { mechanism, initial } => self.authenticate(&mechanism, initial).await,
            Command::Enable(wanted) => self.enable(&wanted),
            Command::List(list) => self.list(&list, false).await,
            Command::Lsub(list) => self.list(&list, true).await,
            Command::Select(select) => self.select(select).await,
            Command::Status { name, items } => self.status(name, &items).await,
            Command::Create(name) => self.create(name).await,
            Command::Delete(name) => self.delete(name).await,
            Command::Rename { from, to } => self.rename(from, to).await,
            Command::Subscribe { name, on } => self.subscribe(name, on).await,
            Command::Namespace => {
                // Personal mailboxes only (RFC 9051 6.3.10).
                self.wire.line("* NAMESPACE ((\"\" \"/\")) NIL NIL");
                Reply::ok("Done.")
            }
            Command::Idle => self.idle().await,
            Command::Close { expunge } => self.close(expunge).await,
            Command::Expunge { uids } => self.expunge(uids).await,
            Command::Search(search) => self.search(search).await,
            Command::Fetch(fetch) => Box::pin(self.fetch(fetch)).await,
            Command::Store(store) => self.store(store).await,
            Command::Copy { set, uid, to, remove } => self.copy(&set, uid, to, remove).await,
        }
    }

    fn refused_by_state(&self, command: &Command) -> Option<Reply> {
        let logged_in = self.identity.is_some();
        match command {
            Command::Capability | Command::Noop | Command::Logout | Command::Id(_) => None,
            Command::StartTls | Command::Login { .. } | Command::Authenticate { .. } => {
                logged_in.then(|| Reply::bad("You are logged in already."))
            }
            _ if !logged_in => Some(Reply::bad("Log in first.")),
            Command::Check
            | Command::Close { .. }
            | Command::Expunge { .. }
            | Command::Search(_)
            | Command::Fetch(_)
            | Command::Store(_)
            | Command::Copy { .. } => self
                .selected
                .is_none()
                .then(|| Reply::bad("Select a mailbox first.")),
            _ => None,
        }
    }

    /// Tells all that changed, expunged messages too, before the reply.
    pub(super) async fn synced(&mut self, reply: Reply) -> Reply {
        self.sync(true, &Told::new()).await;
        reply
    }

    fn id(&self) -> Reply {
        let fields: Vec<String> = self
            .config
            .id_fields
            .iter()
            .map(|(name, value)| format!("{} {}", self.quote(name), self.quote(value)))
            .collect();
        let fields = if fields.is_empty() {
            "NIL".to_owned()
        } else {
            format!("({})", fields.join(" "))
        };
        self.wire.line(&format!("* ID {fields}"));
        Reply::ok("Pleased to meet you.")
    }
}
