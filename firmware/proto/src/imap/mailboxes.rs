//! Mailboxes by name: LIST, LSUB, STATUS, CREATE, DELETE, RENAME, SUBSCRIBE
//! (RFC 9051 6.3, RFC 5258, RFC 5819, RFC 6154).

mod pattern;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::print;
use super::reply::Reply;
use super::script::Script;
use super::syntax::list::{List, StatusItem};
use crate::ask::{Answer, Mailbox, Question, SpecialUse};
use pattern::Pattern;

impl Script {
    pub(super) async fn list(&mut self, list: &List, lsub: bool) -> Reply {
        // RFC 9051 6.3.9: the empty name asks for the separator.
        if list.patterns.iter().all(String::is_empty) && !lsub {
            self.wire.line("* LIST (\\Noselect) \"/\" \"\"");
            return Reply::ok("Done.");
        }
        let mailboxes = match self.wire.ask(Question::Mailboxes).await {
            Answer::Mailboxes(mailboxes) => mailboxes,
            answer => return Reply::failed(&answer),
        };
        let text = Listing {
            list,
            lsub,
            utf8: self.enabled.utf8(),
            script: self,
        }
        .print(&mailboxes);
        self.wire.send(text.as_bytes());
        Reply::ok("Done.")
    }

    pub(super) async fn status(&mut self, name: String, items: &[StatusItem]) -> Reply {
        self.enabled.condstore |= items.contains(&StatusItem::HighestModSeq);
        match self.wire.ask(Question::Status { name }).await {
            Answer::Status(mailbox) => {
                self.wire.line(&self.status_line(&mailbox, items));
                Reply::ok("Done.")
            }
            answer => Reply::failed(&answer),
        }
    }

    fn status_line(&self, mailbox: &Mailbox, items: &[StatusItem]) -> String {
        let values: Vec<String> = items
            .iter()
            .map(|item| self.status_value(mailbox, *item))
            .collect();
        format!(
            "* STATUS {} ({})",
            self.mailbox_name(&mailbox.name),
            values.join(" ")
        )
    }

    fn status_value(&self, mailbox: &Mailbox, item: StatusItem) -> String {
        match item {
            StatusItem::Messages => format!("MESSAGES {}", mailbox.messages),
            StatusItem::Recent => "RECENT 0".to_owned(),
            StatusItem::UidNext => format!("UIDNEXT {}", mailbox.uid_next),
            StatusItem::UidValidity => format!("UIDVALIDITY {}", mailbox.uid_validity),
            StatusItem::Unseen => format!("UNSEEN {}", mailbox.unseen),
            StatusItem::Deleted => format!("DELETED {}", mailbox.deleted),
            StatusItem::Size => format!("SIZE {}", mailbox.size),
            StatusItem::HighestModSeq => format!("HIGHESTMODSEQ {}", mailbox.highest_modseq.0.max(1)),
            StatusItem::AppendLimit => format!("APPENDLIMIT {}", self.config.max_append),
        }
    }

    pub(super) async fn create(&mut self, name: String) -> Reply {
        // RFC 9051 6.3.4: a separator at the end says that children will come; we need no hint.
        let name = name.strip_suffix('/').map(str::to_owned).unwrap_or(name);
        self.change(Question::Create { name }).await
    }

    pub(super) async fn delete(&mut self, name: String) -> Reply {
        let open = self
            .selected
            .as_ref()
            .is_some_and(|selected| selected.name == name);
        let reply = self.change(Question::Delete { name }).await;
        if open && reply.kind == super::reply::Kind::Ok {
            self.selected = None;
            self.wire.line("* OK [CLOSED] The open mailbox was deleted.");
        }
        reply
    }

    pub(super) async fn rename(&mut self, from: String, to: String) -> Reply {
        let to = to.strip_suffix('/').map(str::to_owned).unwrap_or(to);
        let moved = (from.clone(), to.clone());
        let reply = self.change(Question::Rename { from, to }).await;
        if reply.kind == super::reply::Kind::Ok
            && let Some(selected) = &mut self.selected
            && selected.name == moved.0
            && selected.name != "INBOX"
        {
            selected.name = moved.1;
        }
        self.synced(reply).await // RENAME INBOX moves its messages
    }

    pub(super) async fn subscribe(&mut self, name: String, on: bool) -> Reply {
        self.change(Question::Subscribe { name, on }).await
    }

    async fn change(&mut self, question: Question) -> Reply {
        match self.wire.ask(question).await {
            Answer::Done => Reply::ok("Done."),
            answer => Reply::failed(&answer),
        }
    }
}

/// One LIST or LSUB command over all mailboxes.
struct Listing<'a> {
    list: &'a List,
    lsub: bool,
    utf8: bool,
    script: &'a Script,
}

/// What is known of a name.
#[derive(Default, Clone, Copy)]
struct Node<'a> {
    /// `None`: only names below it exist.
    mailbox: Option<&'a Mailbox>,
    has_children: bool,
    has_subscribed_children: bool,
}

impl Listing<'_> {
    fn print(&self, mailboxes: &[Mailbox]) -> String {
        let reference = &self.list.reference;
        let patterns: Vec<Pattern> = self
            .list
            .patterns
            .iter()
            .map(|pattern| Pattern::new(&format!("{reference}{pattern}")))
            .collect();
        let mut text = String::new();
        for (name, node) in hierarchy(mailboxes) {
            if patterns.iter().any(|pattern| pattern.matches(name)) && self.selects(node) {
                self.line(name, node, &mut text);
            }
        }
        text
    }

    fn selects(&self, node: Node<'_>) -> bool {
        let Some(mailbox) = node.mailbox else {
            // RFC 9051 6.3.9.5 shows such names for what is below them only.
            return self.list.recursive && node.has_subscribed_children
                || !self.list.only_subscribed && !self.list.only_special;
        };
        let subscribed = !self.list.only_subscribed
            || mailbox.subscribed
            || self.list.recursive && node.has_subscribed_children;
        let special = !self.list.only_special || mailbox.special_use.is_some();
        subscribed && special
    }

    fn line(&self, name: &str, node: Node<'_>, text: &mut String) {
        let subscribed = node.mailbox.is_some_and(|mailbox| mailbox.subscribed);
        let mut attributes = Vec::new();
        if self.lsub {
            // RFC 3501 6.3.9: \Noselect: not subscribed itself, but something below is.
            attributes.extend((!subscribed).then_some("\\Noselect"));
        } else {
            attributes.extend(node.mailbox.is_none().then_some("\\NonExistent"));
            attributes.push(if node.has_children {
                "\\HasChildren"
            } else {
                "\\HasNoChildren"
            });
            let tell = self.list.subscribed || self.list.only_subscribed;
            attributes.extend((tell && subscribed).then_some("\\Subscribed"));
            attributes.extend(node.mailbox.and_then(|mailbox| mailbox.special_use).map(special));
        }
        let word = if self.lsub { "LSUB" } else { "LIST" };
        let shown = print::mailbox(name, self.utf8);
        let child_info = self.list.recursive && !self.lsub && node.has_subscribed_children;
        let child_info = if child_info {
            " (\"CHILDINFO\" (\"SUBSCRIBED\"))"
        } else {
            ""
        };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "* {word} ({}) \"/\" {shown}{child_info}\r\n",
            attributes.join(" ")
        );
        if let Some(mailbox) = node.mailbox
            && !self.list.status.is_empty()
        {
            text.push_str(&self.script.status_line(mailbox, &self.list.status));
            text.push_str("\r\n");
        }
    }
}

/// All names with their ancestors, in order.
fn hierarchy(mailboxes: &[Mailbox]) -> BTreeMap<&str, Node<'_>> {
    let mut nodes: BTreeMap<&str, Node<'_>> = BTreeMap::new();
    for mailbox in mailboxes {
        nodes.entry(&mailbox.name).or_default().mailbox = Some(mailbox);
        for (end, _) in mailbox.name.match_indices('/') {
            let Some(ancestor) = mailbox.name.get(..end) else {
                continue;
            };
            let node = nodes.entry(ancestor).or_default();
            node.has_children = true;
            node.has_subscribed_children |= mailbox.subscribed;
        }
    }
    nodes
}

/// RFC 6154 2
const fn special(special: SpecialUse) -> &'static str {
    match special {
        SpecialUse::Drafts => "\\Drafts",
        SpecialUse::Sent => "\\Sent",
        SpecialUse::Junk => "\\Junk",
        SpecialUse::Trash => "\\Trash",
        SpecialUse::Archive => "\\Archive",
    }
}
