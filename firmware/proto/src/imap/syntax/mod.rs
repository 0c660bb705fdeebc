//! Commands, from octets to values (RFC 9051 section 9). Pure, total, bounded.

pub(super) mod cursor;
pub(super) mod fetch;
pub(super) mod list;
pub(super) mod search;
pub(super) mod sequence;
pub(super) mod store;

use crate::limits::imap as limits;
use crate::types::Secret;
use cursor::{Cursor, Parse, Syntax};
use fetch::Fetch;
use list::{List, StatusItem};
use search::Search;
use sequence::SequenceSet;
use store::Store;

/// A command, complete. APPEND is not here: its message is spooled while it is being read.
#[derive(Debug)]
pub(super) enum Command {
    Capability,
    Noop,
    Logout,
    Id(String),
    StartTls,
    Login {
        login: Vec<u8>,
        password: Secret,
    },
    Authenticate {
        mechanism: String,
        initial: Option<Secret>,
    }, // base64
    Enable(Vec<String>),
    List(List),
    Lsub(List),
    Select(Select),
    Status {
        name: String,
        items: Vec<StatusItem>,
    },
    Create(String),
    Delete(String),
    Rename {
        from: String,
        to: String,
    },
    Subscribe {
        name: String,
        on: bool,
    },
    Namespace,
    Idle,
    Check,
    Close {
        expunge: bool,
    },
    Expunge {
        uids: Option<SequenceSet>,
    },
    Search(Search),
    Fetch(Fetch),
    Store(Store),
    Copy {
        set: SequenceSet,
        uid: bool,
        to: String,
        remove: bool,
    },
}

/// Splits `tag SP rest`; tag = 1*<any ASTRING-CHAR except "+">
pub(super) fn tag(command: &[u8]) -> Option<(&str, &[u8])> {
    let fits = |c: u8| (cursor::is_atom_char(c) || c == b']') && c != b'+';
    let length = command.iter().position(|&c| !fits(c)).unwrap_or(command.len());
    let (tag, rest) = command.split_at_checked(length)?;
    let tag = std::str::from_utf8(tag).ok().filter(|tag| !tag.is_empty())?;
    Some((tag, rest.strip_prefix(b" ")?))
}

impl Command {
    /// Parses what follows the tag and its space.
    pub fn parse(text: &[u8], utf8: bool) -> Parse<Self> {
        let mut cursor = Cursor::new(text, utf8);
        let word = cursor.atom().map_err(|_| Syntax("a command is missing"))?;
        let command = match word.as_str() {
            "CAPABILITY" => Self::Capability,
            "NOOP" => Self::Noop,
            "LOGOUT" => Self::Logout,
            "STARTTLS" => Self::StartTls,
            "NAMESPACE" => Self::Namespace,
            "IDLE" => Self::Idle,
            "CHECK" => Self::Check,
            "CLOSE" => Self::Close { expunge: true },
            "UNSELECT" => Self::Close { expunge: false },
            "EXPUNGE" => Self::Expunge { uids: None },
            word => {
                cursor
                    .sp()
                    .map_err(|_| Syntax("no such command, or no arguments"))?;
                Self::with_arguments(word, &mut cursor)?
            }
        };
        cursor.end()?;
        Ok(command)
    }

    fn with_arguments(word: &str, cursor: &mut Cursor<'_>) -> Parse<Self> {
        Ok(match word {
            "ID" => id(cursor)?,
            "LOGIN" => login(cursor)?,
            "AUTHENTICATE" => authenticate(cursor)?,
            "ENABLE" => enable(cursor)?,
            "LIST" => Self::List(List::parse(cursor)?),
            "LSUB" => Self::Lsub(List::parse_lsub(cursor)?),
            "SELECT" => select(cursor, false)?,
            "EXAMINE" => select(cursor, true)?,
            "STATUS" => {
                let name = cursor.mailbox()?;
                cursor.sp()?;
                Self::Status {
                    name,
                    items: list::status_items(cursor)?,
                }
            }
            "CREATE" => Self::Create(cursor.mailbox()?),
            "DELETE" => Self::Delete(cursor.mailbox()?),
            "RENAME" => {
                let from = cursor.mailbox()?;
                cursor.sp()?;
                Self::Rename {
                    from,
                    to: cursor.mailbox()?,
                }
            }
            "SUBSCRIBE" => Self::Subscribe {
                name: cursor.mailbox()?,
                on: true,
            },
            "UNSUBSCRIBE" => Self::Subscribe {
                name: cursor.mailbox()?,
                on: false,
            },
            "UID" => {
                let word = cursor.atom()?;
                cursor.sp()?;
                Self::on_messages(&word, cursor, true)?
            }
            word => Self::on_messages(word, cursor, false)?,
        })
    }

    // The commands that have a UID form.
    fn on_messages(word: &str, cursor: &mut Cursor<'_>, uid: bool) -> Parse<Self> {
        Ok(match word {
            "FETCH" => Self::Fetch(Fetch::parse(cursor, uid)?),
            "STORE" => Self::Store(Store::parse(cursor, uid)?),
            "SEARCH" => Self::Search(Search::parse(cursor, uid)?),
            "COPY" => copy(cursor, uid, false)?,
            "MOVE" => copy(cursor, uid, true)?,
            "EXPUNGE" if uid => Self::Expunge {
                uids: Some(SequenceSet::parse(cursor)?),
            },
            _ => return Err(Syntax("no such command")),
        })
    }
}

// id = "ID" SP ("(" [string SP nstring *(SP string SP nstring)] ")" / NIL)
fn id(cursor: &mut Cursor<'_>) -> Parse<Command> {
    let mut client = String::new();
    if !cursor.word("NIL") {
        let words = cursor.list(|cursor| {
            if cursor.word("NIL") {
                Ok(Vec::new())
            } else {
                cursor.string()
            }
        })?;
        if words.len() > 2 * limits::ID_PAIRS || words.len() % 2 != 0 {
            return Err(Syntax("ID takes at most 30 pairs"));
        }
        // RFC 2971 3.3
        for wanted in ["name", "version"] {
            let pairs = words.iter().zip(words.iter().skip(1)).step_by(2);
            for (_, value) in pairs.filter(|(field, _)| field.eq_ignore_ascii_case(wanted.as_bytes())) {
                client.push_str(if client.is_empty() { "" } else { " " });
                client.push_str(&String::from_utf8_lossy(value));
            }
        }
    }
    Ok(Command::Id(crate::session::client_name(&client)))
}

// login = "LOGIN" SP userid SP password
fn login(cursor: &mut Cursor<'_>) -> Parse<Command> {
    let login = cursor.astring()?;
    cursor.sp()?;
    Ok(Command::Login {
        login,
        password: Secret::new(cursor.astring()?),
    })
}

// authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]
fn authenticate(cursor: &mut Cursor<'_>) -> Parse<Command> {
    let mechanism = cursor.atom()?;
    let mut initial = None;
    if cursor.eat(b" ") {
        initial = Some(Secret::new(cursor.take_while(|c| c.is_ascii_graphic()).to_vec()));
    }
    Ok(Command::Authenticate { mechanism, initial })
}

// enable = "ENABLE" 1*(SP capability)
fn enable(cursor: &mut Cursor<'_>) -> Parse<Command> {
    let mut wanted = vec![cursor.atom()?];
    while cursor.eat(b" ") {
        wanted.push(cursor.atom()?);
    }
    Ok(Command::Enable(wanted))
}

/// SELECT's and EXAMINE's arguments.
#[derive(Debug)]
pub(super) struct Select {
    pub name: String,
    pub read_only: bool,
    pub condstore: bool,
    pub resync: Option<Resync>,
}

/// What a returning client remembers of the mailbox (RFC 7162 3.2.5).
#[derive(Debug)]
pub(super) struct Resync {
    pub validity: u32,
    pub since: u64,
    /// The messages it holds; all, where absent.
    pub known: Option<SequenceSet>,
}

// select = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"] (RFC 4466, RFC 7162)
fn select(cursor: &mut Cursor<'_>, read_only: bool) -> Parse<Command> {
    let mut select = Select {
        name: cursor.mailbox()?,
        read_only,
        condstore: false,
        resync: None,
    };
    if cursor.eat(b" ") {
        cursor.list(|cursor| {
            match cursor.atom()?.as_str() {
                "CONDSTORE" => select.condstore = true,
                "QRESYNC" => {
                    cursor.sp()?;
                    select.resync = Some(resync(cursor)?);
                }
                _ => return Err(Syntax("no such SELECT parameter")),
            }
            Ok(())
        })?;
    }
    Ok(Command::Select(select))
}

// "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
fn resync(cursor: &mut Cursor<'_>) -> Parse<Resync> {
    cursor.must(b"(", "a parenthesis is missing")?;
    let validity = cursor.nz_number()?;
    cursor.sp()?;
    let mut resync = Resync {
        validity,
        since: cursor.number64()?,
        known: None,
    };
    if cursor.clone().eat(b" ") && !cursor.clone().eat(b" (") {
        cursor.sp()?;
        resync.known = Some(SequenceSet::parse(cursor)?);
    }
    // seq-match-data = "(" known-sequence-set SP known-uid-set ")": a hint for servers that forget
    // expunged messages; this one does not.
    if cursor.eat(b" (") {
        SequenceSet::parse(cursor)?;
        cursor.sp()?;
        SequenceSet::parse(cursor)?;
        cursor.must(b")", "a parenthesis is missing")?;
    }
    cursor.must(b")", "a parenthesis is missing")?;
    Ok(resync)
}

// copy = "COPY" SP sequence-set SP mailbox
fn copy(cursor: &mut Cursor<'_>, uid: bool, remove: bool) -> Parse<Command> {
    let set = SequenceSet::parse(cursor)?;
    cursor.sp()?;
    Ok(Command::Copy {
        set,
        uid,
        to: cursor.mailbox()?,
        remove,
    })
}
