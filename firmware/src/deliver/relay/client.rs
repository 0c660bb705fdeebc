//! One conversation with one server (RFC 5321 3), from its greeting to QUIT.

use super::body::Pieces;
use super::problem::{Problem, Then};
use super::trust::{self, Authorities, Demand, Protection, Voucher};
use super::wire::Wire;
use crate::limits::relay as limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::frame::Stuffer;
use proto::smtp::client::{Features, Reply};
use proto::types::{Address, Notify, RecipientWishes, Returned, ReversePath, Secret, Wishes};

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// The server that was asked last; `None` when none was.
    pub host: Option<String>,
    /// Its reply, with the code in front, or what went wrong.
    pub words: String,
    /// What protected the connection, where a message went over it.
    pub protection: Option<Protection>,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The server took it, and tells the sender what becomes of it where he asked (RFC 3461).
    Delivered,
    /// The server took it and knows nothing of notices: what it did is for us to tell.
    Relayed,
    /// It was for people here after all.
    Here,
    /// Not now.
    Later,
    /// Not now, and not for any other message either: no server there could be spoken to.
    Unreached,
    /// Never.
    Never,
}

/// A message for some recipients behind one server.
pub struct Mail<'a> {
    /// MAIL FROM.
    pub from: &'a ReversePath,
    /// RCPT TO, at most 100 (RFC 5321 4.5.3.1.8).
    pub to: &'a [Address],
    /// What was asked for the message.
    pub wishes: &'a Wishes,
    /// What was asked for each of `to`.
    pub asked: &'a [RecipientWishes],
    /// The message.
    pub body: &'a mut Pieces,
}

/// A server that has greeted us.
pub struct Client {
    wire: Wire,
    // Its name, as we looked it up.
    host: String,
    // Ours.
    helo: String,
    features: Features,
    // Messages that it took from us.
    messages: usize,
    // Whether the last transaction ended with such a message.
    clean: bool,
    /// What protects the connection.
    pub protection: Protection,
}

impl Client {
    /// Hears the greeting and introduces us as `helo`.
    ///
    /// # Errors
    /// The server does not want to talk to us.
    pub async fn greet(
        mut wire: Wire,
        host: &str,
        helo: &str,
        protection: Protection,
    ) -> Result<Self, Problem> {
        let greeting = wire.reply(limits::COMMAND).await?;
        match greeting.code {
            NO_MAIL => return Err(Problem::unfit(greeting.words())),
            _ if greeting.is_yes() => {}
            _ => return Err(Problem::host(greeting.words())),
        }
        let mut client = Self {
            wire,
            host: host.to_owned(),
            helo: helo.to_owned(),
            features: Features::default(),
            messages: 0,
            clean: false,
            protection,
        };
        client.hello(Then::NextHost).await?;
        Ok(client)
    }

    /// Whether the server offers TLS.
    #[must_use]
    pub const fn offers_tls(&self) -> bool {
        self.features.starttls
    }

    /// Turns the connection into a protected one (RFC 3207), with a server of this name.
    ///
    /// # Errors
    /// The server or the handshake refuses; the connection is then of no use any more.
    pub async fn starttls(
        mut self,
        name: &str,
        authorities: &Authorities,
        demand: &Demand,
    ) -> Result<Self, Problem> {
        let reply = self.command("STARTTLS").await?;
        if !reply.is_yes() {
            return Err(Problem::tls(reply.words()));
        }
        let (wire, protection) = trust::handshake(self.wire, name, authorities, demand).await?;
        self.wire = wire;
        self.protection = protection;
        // RFC 3207 4.2: what was said in clear is forgotten. A server may also break TLS only now: in
        // TLS 1.3 our handshake ends before it has seen the last of it.
        self.hello(Then::WithoutTls).await?;
        Ok(self)
    }

    /// Logs in (RFC 4954), by PLAIN or, where only that is offered, LOGIN.
    ///
    /// # Errors
    /// A refused login is for the admin to mend, so the mail waits.
    pub async fn login(&mut self, user: &str, password: &Secret) -> Result<(), Problem> {
        let refused = |reply: &Reply| Problem::later(format!("login refused: {}", reply.words()));
        let mut reply;
        if self.features.plain {
            let mut plain = [b"\0", user.as_bytes(), b"\0"].concat();
            plain.extend_from_slice(password.expose());
            let plain = zeroize::Zeroizing::new(plain);
            let command = zeroize::Zeroizing::new(format!("AUTH PLAIN {}", BASE64.encode(&*plain)));
            reply = self.command(&command).await?;
        } else if self.features.login {
            reply = self.command("AUTH LOGIN").await?;
            for answer in [user.as_bytes(), password.expose()] {
                if reply.code != 334 {
                    return Err(refused(&reply));
                }
                let answer = zeroize::Zeroizing::new(BASE64.encode(answer));
                reply = self.command(&answer).await?;
            }
        } else {
            return Err(Problem::later(
                "the server offers no login that we know".to_owned(),
            ));
        }
        if reply.is_yes() {
            Ok(())
        } else {
            Err(refused(&reply))
        }
    }

    /// Whether mail that must not go in clear may be handed to this server (RFC 8689 4.2.1); `named`:
    /// it is sure that it is one of the domain's.
    ///
    /// # Errors
    /// The connection or the server does not promise enough.
    pub fn may_require_tls(&self, named: bool) -> Result<(), Problem> {
        let host = &self.host;
        let words = match self.protection {
            Protection::None => format!("5.7.10 {host} offers no TLS, which the sender requires"),
            _ if !named => format!("5.7.30 nothing proves that {host} is a mail server of the domain"),
            Protection::Tls(_, Voucher::Nobody) => {
                format!("5.7.30 the certificate of {host} cannot be verified")
            }
            Protection::Tls(..) if !self.features.require_tls => {
                format!("5.7.30 {host} does not promise TLS on the way onward (REQUIRETLS)")
            }
            Protection::Tls(..) => return Ok(()),
        };
        Err(Problem::unfit(words))
    }

    /// Sends one message, in as many transactions as the server's limit of recipients wants. What
    /// became of whom is added to `outcomes`, in the order of `mail.to`, as soon as it is known.
    ///
    /// # Errors
    /// Something that concerns all recipients alike whose outcome is not known yet.
    pub async fn send(&mut self, mail: Mail<'_>, outcomes: &mut Vec<Outcome>) -> Result<(), Problem> {
        self.may_carry(&mail)?;
        let most = self.features.recipients.unwrap_or(mail.to.len()).max(1); // RFC 9422
        let recipients: Vec<_> = mail.to.iter().zip(mail.asked).collect();
        for batch in recipients.chunks(most) {
            if !outcomes.is_empty() {
                // Where all recipients were refused the transaction before is still open.
                let reply = self.command("RSET").await?;
                if !reply.is_yes() {
                    return Err(Problem::host(reply.words()));
                }
            }
            mail.body.rewind();
            let opening = self.opening(&mail, batch);
            outcomes.extend(self.transaction(&opening, mail.body).await?);
        }
        Ok(())
    }

    // One transaction; the outcomes are those of its RCPT commands.
    async fn transaction(&mut self, opening: &[String], body: &mut Pieces) -> Result<Vec<Outcome>, Problem> {
        self.clean = false;
        let replies = self.transact(opening).await?;
        let Some((from, recipients)) = replies.split_first() else {
            return Err(Problem::host("the server says nothing".to_owned()));
        };
        if !from.is_yes() {
            // Not now, after other messages: that may be about the connection. A new one will tell.
            return Err(match judge(from) {
                problem if problem.then == Then::Later && self.messages > 0 => Problem::host(problem.words),
                problem => problem,
            });
        }
        let mut outcomes: Vec<Outcome> = recipients
            .iter()
            .map(|reply| self.outcome(refused(reply), reply.words()))
            .collect();
        if recipients.iter().any(Reply::is_yes) {
            let ended = self.data(body).await;
            self.clean = ended.is_ok();
            self.messages += usize::from(self.clean);
            let taken = match ended {
                Ok(reply) if self.features.dsn => self.outcome(End::Delivered, reply.words()),
                Ok(reply) => self.outcome(End::Relayed, reply.words()),
                Err(problem) => match problem.then {
                    Then::Later => self.outcome(End::Later, problem.words),
                    Then::Never => self.outcome(End::Never, problem.words),
                    Then::NextHost | Then::WithoutTls | Then::Unfit => return Err(problem),
                },
            };
            // Whoever was refused before keeps the answer that was his own.
            for (outcome, reply) in outcomes.iter_mut().zip(recipients) {
                if reply.is_yes() {
                    *outcome = taken.clone();
                }
            }
        }
        Ok(outcomes)
    }

    /// Whether the server has nothing to say, such as that it is closing the connection.
    pub async fn is_ready(&mut self) -> bool {
        matches!(self.wire.unasked().await, Ok(None))
    }

    /// Whether the server has just taken a message and would take another one.
    #[must_use]
    pub fn may_go_on(&self) -> bool {
        let most = self.features.messages.unwrap_or(limits::MESSAGES); // RFC 9422
        self.clean && self.messages < most.min(limits::MESSAGES)
    }

    /// Says goodbye, without insisting on an answer.
    pub async fn quit(mut self) {
        if self.wire.send(b"QUIT\r\n", limits::GOODBYE).await.is_ok() {
            let _ = self.wire.reply(limits::GOODBYE).await;
        }
    }

    // `lost` is what it means that the connection breaks here.
    async fn hello(&mut self, lost: Then) -> Result<(), Problem> {
        let ehlo = format!("EHLO {}", self.helo);
        let reply = self.command(&ehlo).await;
        let reply = reply.map_err(|problem| Problem {
            then: lost,
            ..problem
        })?;
        if reply.is_yes() {
            self.features = Features::parse(&reply);
            return Ok(());
        }
        if reply.code == GOING_DOWN {
            return Err(Problem::host(reply.words()));
        }
        // RFC 5321 3.2: an old server gets HELO.
        self.features = Features::default();
        let helo = format!("HELO {}", self.helo);
        let reply = self.command(&helo).await?;
        if reply.is_yes() {
            Ok(())
        } else {
            Err(Problem::host(reply.words()))
        }
    }

    async fn command(&mut self, line: &str) -> Result<Reply, Problem> {
        let line = zeroize::Zeroizing::new(format!("{line}\r\n"));
        self.wire.send(line.as_bytes(), limits::COMMAND).await?;
        self.wire.reply(limits::COMMAND).await
    }

    // Why the server cannot take this message at all.
    fn may_carry(&self, mail: &Mail<'_>) -> Result<(), Problem> {
        let size = mail.body.size();
        if let Some(limit) = self.features.size.filter(|limit| *limit > 0 && *limit < size) {
            // RFC 1870 6.1
            return Err(Problem::never(format!(
                "5.3.4 the message has {size} octets, {} takes {limit}",
                self.host
            )));
        }
        if needs_utf8(mail) && !self.features.utf8 {
            // RFC 6531 3.2, 3.5
            return Err(Problem::never(format!(
                "5.6.7 {} takes no addresses and no headers beyond ASCII (SMTPUTF8)",
                self.host
            )));
        }
        Ok(())
    }

    // MAIL and RCPT commands.
    fn opening(&self, mail: &Mail<'_>, to: &[(&Address, &RecipientWishes)]) -> Vec<String> {
        let path = mail.from.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut line = format!("MAIL FROM:<{path}>");
        if self.features.size.is_some() {
            line.push_str(&format!(" SIZE={}", mail.body.size()));
        }
        if self.features.eight_bit {
            line.push_str(" BODY=8BITMIME"); // RFC 6152: takes seven bits as well
        }
        if needs_utf8(mail) {
            line.push_str(" SMTPUTF8");
        }
        if mail.wishes.requires_tls() && self.features.require_tls && self.protection != Protection::None {
            line.push_str(" REQUIRETLS");
        }
        // RFC 3461 5.2.1, 5.2.2: none of it where the server does not know it
        if self.features.dsn {
            match mail.wishes.returned {
                Some(Returned::Header) => line.push_str(" RET=HDRS"),
                Some(Returned::Full) => line.push_str(" RET=FULL"),
                None => {}
            }
            if let Some(id) = &mail.wishes.envelope_id {
                line.push_str(&format!(" ENVID={}", id.xtext()));
            }
        }
        let recipients = to.iter().map(|(to, asked)| {
            let mut line = format!("RCPT TO:<{to}>");
            if self.features.dsn && asked.notify != Notify::Unsaid {
                line.push_str(&format!(" NOTIFY={}", asked.notify));
            }
            if let Some(original) = asked.original.as_ref().filter(|_| self.features.dsn) {
                line.push_str(&format!(" ORCPT={}", original.encoded()));
            }
            line
        });
        std::iter::once(line).chain(recipients).collect()
    }

    // Sends the commands, all at once where the server can take that (RFC 2920).
    async fn transact(&mut self, commands: &[String]) -> Result<Vec<Reply>, Problem> {
        let mut replies = Vec::with_capacity(commands.len());
        if self.features.pipelining {
            let all = commands.join("\r\n") + "\r\n";
            self.wire.send(all.as_bytes(), limits::COMMAND).await?;
            for _ in commands {
                replies.push(staying(self.wire.reply(limits::COMMAND).await?)?);
            }
            return Ok(replies);
        }
        for command in commands {
            let reply = staying(self.command(command).await?)?;
            let stop = replies.is_empty() && !reply.is_yes();
            replies.push(reply);
            if stop {
                break;
            }
        }
        Ok(replies)
    }

    // DATA and the message; the reply to its end, if that is a yes.
    async fn data(&mut self, body: &mut Pieces) -> Result<Reply, Problem> {
        if let Some(reply) = self.wire.unasked().await? {
            return Err(out_of_step(&reply));
        }
        self.wire.send(b"DATA\r\n", limits::COMMAND).await?;
        let reply = self.wire.reply(limits::DATA).await?;
        if reply.code != 354 {
            return Err(if reply.is_yes() {
                Problem::host(format!("an odd answer to DATA: {}", reply.words()))
            } else {
                judge(&reply)
            });
        }
        let mut stuffer = Stuffer::new();
        let mut stuffed = Vec::new();
        while let Some(piece) = body.next().await? {
            stuffed.clear();
            stuffer.piece(&piece, &mut stuffed);
            if let Err(problem) = self.wire.send(&stuffed, limits::PIECE).await {
                return Err(self.last_words(problem).await);
            }
        }
        stuffed.clear();
        stuffer.finish(&mut stuffed);
        // A yes that comes before the end is an answer to something else, a no is one to this.
        if let Some(reply) = self.wire.unasked().await? {
            return Err(early(&reply));
        }
        // From here on the server may have the message whatever we hear: no other host now.
        let later = |problem: Problem| Problem::later(problem.words);
        self.wire.send(&stuffed, limits::PIECE).await.map_err(later)?;
        let reply = self.wire.reply(limits::FINAL).await.map_err(later)?;
        if reply.is_yes() {
            Ok(reply)
        } else {
            Err(judge(&reply))
        }
    }

    // What a server said before it hung up in the middle of a message.
    async fn last_words(&mut self, problem: Problem) -> Problem {
        match self.wire.reply(limits::GOODBYE).await {
            Ok(reply) => early(&reply),
            Err(_) => problem,
        }
    }

    fn outcome(&self, end: End, words: String) -> Outcome {
        Outcome {
            end,
            host: Some(self.host.clone()),
            words,
            protection: Some(self.protection),
        }
    }
}

// Domains are ASCII here, so it is the local parts, or the message's own header.
fn needs_utf8(mail: &Mail<'_>) -> bool {
    let wide = |address: &Address| !address.local().is_ascii();
    mail.wishes.utf8 || mail.from.as_ref().is_some_and(wide) || mail.to.iter().any(wide)
}

// RFC 7504 3: instead of a greeting, from a host that takes no mail at all, nor will.
const NO_MAIL: u16 = 521;

// RFC 5321 3.8: the server closes the connection, whatever it was asked.
const GOING_DOWN: u16 = 421;

fn staying(reply: Reply) -> Result<Reply, Problem> {
    match reply.code {
        GOING_DOWN => Err(Problem::host(reply.words())),
        _ => Ok(reply),
    }
}

fn out_of_step(reply: &Reply) -> Problem {
    Problem::host(format!("an answer that nobody asked for: {}", reply.words()))
}

// An answer to a message that has not been sent whole.
fn early(reply: &Reply) -> Problem {
    match reply.code {
        200..=399 => out_of_step(reply),
        400..=499 => Problem::host(reply.words()),
        _ => judge(reply),
    }
}

// A refusal that concerns the whole message.
fn judge(reply: &Reply) -> Problem {
    let then = match reply.code {
        GOING_DOWN => Then::NextHost,
        // RFC 4954 6: a login is missing or wrong; the admin mends that.
        530 | 534 | 535 | 538 => Then::Later,
        500..=599 => Then::Never,
        // RFC 5321 4.2.1: everything else is worth another try.
        _ => Then::Later,
    };
    Problem {
        then,
        words: reply.words(),
    }
}

// A refusal that concerns one recipient.
const fn refused(reply: &Reply) -> End {
    match reply.code {
        // RFC 5321 4.5.3.1.10: to RCPT this means "too many recipients", worth another try.
        552 => End::Later,
        500..=599 => End::Never,
        _ => End::Later,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_judged_by_their_codes() {
        let reply = |code| Reply {
            code,
            lines: vec!["x".to_owned()],
        };
        for (code, then) in [
            (421, Then::NextHost),
            (451, Then::Later),
            (530, Then::Later),
            (535, Then::Later),
            (550, Then::Never),
            (552, Then::Never),
            (354, Then::Later),
        ] {
            assert_eq!(judge(&reply(code)).then, then, "{code}");
        }
        assert_eq!(refused(&reply(550)), End::Never);
        assert_eq!(refused(&reply(450)), End::Later);
        assert_eq!(refused(&reply(552)), End::Later);
        for (code, then) in [(250, Then::NextHost), (451, Then::NextHost), (552, Then::Never)] {
            assert_eq!(early(&reply(code)).then, then, "{code}");
        }
    }
}
