//! Attending the doors: each caller gets a session of the door's protocol, driven to its end.

use crate::deliver::Post;
use crate::driver::{Driver, End, Wire};
use crate::facts::ConnectionFacts;
use crate::guard::screen::Verdict;
use crate::house::House;
use crate::limits;
use crate::listen::Door;
use crate::opening::Opening;
use crate::world::World;
use anyhow::Result;
use proto::refusal::Refusal;
use proto::types::Protocol;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error, warn};

/// How long a door waits when the system has no sockets left.
const BREATH: Duration = Duration::from_millis(100);

/// What is behind a door.
#[derive(Debug, Clone, Copy)]
struct Kind {
    protocol: Protocol,
    /// TLS from the first octet (RFC 8314).
    implicit_tls: bool,
}

impl Kind {
    fn of(door: &str) -> Option<Self> {
        let (protocol, implicit_tls) = match door {
            "smtp" => (Protocol::Smtp, false),
            "submission" => (Protocol::Submission, false),
            "submissions" => (Protocol::Submission, true),
            "imap" => (Protocol::Imap, false),
            "imaps" => (Protocol::Imap, true),
            "pop3" => (Protocol::Pop3, false),
            "pop3s" => (Protocol::Pop3, true),
            _ => return None,
        };
        Some(Self {
            protocol,
            implicit_tls,
        })
    }
}

/// Attends a mail door until `closing` says so; then waits for its sessions' goodbyes.
///
/// # Errors
/// The socket cannot be used, or the door is not a mail door.
pub async fn attend(
    house: Arc<House>,
    post: Post,
    door: Door,
    mut closing: watch::Receiver<bool>,
) -> Result<()> {
    let name = door.name;
    let kind = Kind::of(name).ok_or_else(|| anyhow::anyhow!("{name} is no mail door"))?;
    let listener = TcpListener::from_std(door.socket)?;
    let mut sessions = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = sessions.join_next(), if !sessions.is_empty() => {
                report(name, ended);
                continue;
            }
            _ = closing.wait_for(|closing| *closing) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                sessions.spawn(receive(Arc::clone(&house), post.clone(), kind, stream, peer));
            }
            Err(error) => {
                warn!(door = name, %error, "cannot take a connection");
                sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    while let Some(ended) = sessions.join_next().await {
        report(name, ended);
    }
    Ok(())
}

// A session that panicked is a bug of ours; the others go on.
fn report(door: &str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(door, %error, "a session ended badly");
    }
}

async fn receive(house: Arc<House>, post: Post, kind: Kind, stream: TcpStream, peer: SocketAddr) {
    let Ok(local) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true); // replies are written whole: waiting for more would only slow them
    let ticket = house.sessions.enter();
    let mut facts = ConnectionFacts::new(ticket.number(), peer, local, kind.protocol);
    debug!(connection = facts.number, %peer, protocol = %kind.protocol, "connection");
    let callers = match kind.protocol {
        Protocol::Smtp => &house.servers,
        _ => &house.programs,
    };
    let call = callers.admit(facts.ip());
    if call.is_none() {
        if callers.may_complain() {
            warn!(ip = %facts.ip(), protocol = %kind.protocol, "too many connections");
        }
        if house.sessions.count() > limits::SESSIONS {
            return; // a flood is not worth the words
        }
        ticket.turn_away(Refusal::Throttled);
    }
    let blocked = match house.screen.connection(facts.ip()) {
        Verdict::Welcome => None,
        Verdict::Blocked(blocked) => Some(blocked),
        Verdict::Dropped => return,
    };
    let acceptor = TlsAcceptor::from(Arc::clone(&house.tls.mail));
    let mut wire = Wire::Plain(stream);
    if kind.implicit_tls {
        let handshake = timeout(limits::HANDSHAKE, wire.start_tls(&acceptor));
        let shaken = tokio::select! {
            biased;
            () = ticket.bell().rung(false) => return, // in a handshake there are no words for a goodbye
            shaken = handshake => shaken,
        };
        match shaken {
            Ok(Ok(tls)) => facts.tls = Some(tls),
            Ok(Err(error)) => return debug!(connection = facts.number, %error, "no TLS"),
            Err(_) => return,
        }
    }
    if let Some(blocked) = blocked {
        debug!(connection = facts.number, why = blocked.why, "blocked");
        ticket.turn_away(blocked.into());
    }
    let opening = match Opening::new(&house, &facts) {
        Ok(opening) => opening,
        Err(error) => return error!(%error, "a session cannot begin"),
    };
    let world = World::new(house, post, facts, ticket);
    match kind.protocol {
        Protocol::Smtp | Protocol::Submission => {
            Driver::new(wire, opening.smtp(), world, acceptor).run().await
        }
        Protocol::Imap => Driver::new(wire, opening.imap(), world, acceptor).run().await,
        Protocol::Pop3 => Driver::new(wire, opening.pop3(), world, acceptor).run().await,
        Protocol::Web => End::Closed,
    };
    drop(call);
}
