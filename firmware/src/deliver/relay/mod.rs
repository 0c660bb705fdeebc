//! Sending one message to one place: which servers, in which order, with which protection.

mod body;
mod client;
mod dane;
mod kept;
mod manner;
mod problem;
mod trust;
mod wire;

pub use body::Pieces;
pub use client::{End, Outcome};
pub use trust::{Authorities, Protection};

use super::Post;
use super::sts::Policy;
use crate::dns::{MailHost, NoRoute, Server};
use crate::limits::relay::WHOLE;
use crate::settings::Smarthost;
use client::{Client, Mail};
pub use kept::Kept;
use kept::Purpose;
use manner::Manner;
use problem::{Problem, Then};
use proto::types::{Address, Domain, RecipientWishes, ReversePath, Wishes};
use std::net::SocketAddr;
use wire::Wire;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To the servers of this domain.
    Direct(Domain),
    /// To the server that takes everything, or everything for some domains.
    Smarthost(Box<Smarthost>),
}

impl Way {
    /// What connections are counted by.
    #[must_use]
    pub fn place(&self) -> &str {
        match self {
            Self::Direct(domain) => domain.as_str(),
            Self::Smarthost(smarthost) => &smarthost.host,
        }
    }
}

/// One message for recipients that share a way.
pub struct Errand {
    /// Where to.
    pub way: Way,
    /// The name we give ourselves.
    pub helo: Domain,
    /// MAIL FROM.
    pub from: ReversePath,
    /// RCPT TO, at most 100.
    pub to: Vec<Address>,
    /// What was asked for the message.
    pub wishes: Wishes,
    /// What was asked for each of `to`.
    pub asked: Vec<RecipientWishes>,
    /// The message.
    pub body: Pieces,
}

impl Errand {
    // RFC 8689 5: a notice is rather sent in clear than lost.
    fn requires_tls(&self) -> bool {
        self.wishes.requires_tls() && self.from.is_some()
    }
}

/// Runs the errand: one outcome for each recipient, in their order.
pub async fn send(post: &Post, mut errand: Errand) -> Vec<Outcome> {
    let mut trail = Trail::default();
    let problem = match tokio::time::timeout(WHOLE, try_hosts(post, &mut errand, &mut trail)).await {
        Ok(Ok(())) => return trail.outcomes,
        Ok(Err(problem)) => problem,
        Err(_) => Problem::later("the transfer took too long".to_owned()),
    };
    let end = match problem.then {
        Then::Never | Then::Unfit => End::Never,
        Then::NextHost | Then::WithoutTls if !trail.reached => End::Unreached,
        Then::NextHost | Then::WithoutTls | Then::Later => End::Later,
    };
    let outcome = Outcome {
        end,
        host: trail.host,
        words: problem.words,
        protection: None,
    };
    let mut outcomes = trail.outcomes;
    outcomes.resize(errand.to.len(), outcome);
    outcomes
}

// How far an errand has come.
#[derive(Default)]
struct Trail {
    // The server that was asked last.
    host: Option<String>,
    // Whether any server could be spoken to.
    reached: bool,
    // What became of the first recipients, in their order: whoever has the message must not get it
    // again because of what happens to the others.
    outcomes: Vec<Outcome>,
}

// What is known of a way before its first server is asked.
struct Plan {
    hosts: Vec<MailHost>,
    port: u16,
    // Whether signatures prove that these are the domain's hosts.
    secure: bool,
    // What the domain says about TLS over HTTPS.
    policy: Option<Policy>,
}

async fn plan(post: &Post, errand: &Errand) -> Result<Plan, Problem> {
    match &errand.way {
        Way::Smarthost(smarthost) => {
            let host = match smarthost.host.parse() {
                Ok(address) => MailHost::Literal(address),
                Err(_) => MailHost::Name(smarthost.host.clone()),
            };
            Ok(Plan {
                hosts: vec![host],
                port: smarthost.port,
                secure: false,
                policy: None,
            })
        }
        Way::Direct(domain) => {
            let route = post.dns.route(domain).await.map_err(no_route)?;
            let hosts = before_ourselves(route.hosts, errand.helo.as_str());
            let Some(first) = hosts.first() else {
                let words = format!("5.4.6 the mail servers of {domain} lead back to this box");
                return Err(Problem::never(words));
            };
            let policy = match first {
                MailHost::Name(_) => post.sts.policy(post, domain).await,
                MailHost::Literal(_) => None,
            };
            Ok(Plan {
                secure: route.secure || matches!(first, MailHost::Name(name) if name == domain.as_str()),
                hosts,
                port: post.relay_port,
                policy,
            })
        }
    }
}

async fn try_hosts(post: &Post, errand: &mut Errand, trail: &mut Trail) -> Result<(), Problem> {
    let plan = plan(post, errand).await?;
    let mut met = None;
    for host in &plan.hosts {
        let found = match find(post, host, &errand.way).await {
            Ok((name, server)) => manner::of(post, errand, &plan, &name, &server)
                .await
                .map(|manner| (name, server, manner)),
            Err(problem) => Err(problem),
        };
        let (name, server, manner) = match found {
            Ok(found) => found,
            Err(problem) if problem.then == Then::NextHost => {
                note(&mut met, None, problem); // its words name the host
                continue;
            }
            Err(problem) => return Err(problem),
        };
        for address in server.addresses {
            let server = SocketAddr::new(address, plan.port);
            trail.host = Some(name.clone());
            match try_server(post, errand, trail, server, &manner).await {
                Ok(()) => return Ok(()),
                Err(problem) => {
                    let words = &problem.words;
                    tracing::info!(host = name, %server, words, "a mail server did not take a message");
                    match problem.then {
                        _ if !trail.outcomes.is_empty() => return Err(problem),
                        Then::NextHost | Then::WithoutTls | Then::Unfit => {
                            // Whoever is unfit for this message could be spoken to.
                            trail.reached |= problem.then == Then::Unfit;
                            note(&mut met, Some(&name), problem);
                        }
                        Then::Later | Then::Never => return Err(problem),
                    }
                }
            }
        }
    }
    let Some((host, problem)) = met else {
        return Err(Problem::later("no mail server could be reached".to_owned()));
    };
    trail.host = host;
    Err(problem)
}

// Of the hosts' troubles the last one is told; but a host that will never take the message is no reason to
// give it up while another one may be well later.
fn note(met: &mut Option<(Option<String>, Problem)>, host: Option<&str>, problem: Problem) {
    let waits = met.as_ref().is_some_and(|(_, met)| met.then != Then::Unfit);
    if problem.then != Then::Unfit || !waits {
        *met = Some((host.map(str::to_owned), problem));
    }
}

// RFC 5321 5.1: our own name among the hosts, and all that are not better, would make a loop.
fn before_ourselves(hosts: Vec<MailHost>, ourselves: &str) -> Vec<MailHost> {
    let is_other = |host: &MailHost| match host {
        MailHost::Name(name) => name != ourselves,
        MailHost::Literal(_) => true,
    };
    hosts.into_iter().take_while(is_other).collect()
}

async fn find(post: &Post, host: &MailHost, way: &Way) -> Result<(String, Server), Problem> {
    let name = match host {
        MailHost::Literal(address) => {
            let server = Server {
                addresses: vec![*address],
                bases: Vec::new(),
            };
            return Ok((address.to_string(), server));
        }
        MailHost::Name(name) => name,
    };
    match post.dns.server(name).await {
        Ok(server) => Ok((name.clone(), server)),
        Err(route) => {
            // A domain that is its own mail host and has no address has no mail at all. Any other
            // name without one is somebody's mistake that may be mended in time.
            let itself = matches!(way, Way::Direct(domain) if domain.as_str() == name);
            Err(match route {
                NoRoute::NoSuchDomain(_) | NoRoute::NoMail(_) if itself => no_route(route),
                NoRoute::NoSuchDomain(_) | NoRoute::NoMail(_) => {
                    Problem::host(format!("4.4.4 the mail server {name} has no address")) // RFC 3463 3.5
                }
                NoRoute::Unknown(..) => Problem::host(no_route(route).words),
            })
        }
    }
}

fn no_route(route: NoRoute) -> Problem {
    let words = format!("{} {route}", route.status());
    if route.is_temporary() {
        Problem::later(words)
    } else {
        Problem::never(words)
    }
}

// One server; a second time in clear if TLS fails and need not be.
async fn try_server(
    post: &Post,
    errand: &mut Errand,
    trail: &mut Trail,
    server: SocketAddr,
    manner: &Manner,
) -> Result<(), Problem> {
    match converse(post, errand, trail, server, manner, manner.starttls).await {
        Err(problem) if problem.then == Then::WithoutTls && errand.requires_tls() => {
            Err(Problem::unfit(format!("5.7.10 {}", problem.words))) // RFC 8689 4.2.1
        }
        Err(problem) if problem.then == Then::WithoutTls && manner.clear => {
            tracing::info!(%server, why = problem.words, "TLS failed, sending in clear");
            converse(post, errand, trail, server, manner, false).await
        }
        Err(problem) if problem.then == Then::WithoutTls => Err(Problem {
            words: format!("{}{}", manner.why, problem.words),
            ..problem
        }),
        other => other,
    }
}

async fn converse(
    post: &Post,
    errand: &mut Errand,
    trail: &mut Trail,
    server: SocketAddr,
    manner: &Manner,
    starttls: bool,
) -> Result<(), Problem> {
    let purpose = Purpose {
        server,
        host: trail.host.clone().unwrap_or_default(),
        helo: errand.helo.clone(),
        manner: manner.clone(),
    };
    // Not after its TLS failed.
    let usual = starttls == manner.starttls;
    if usual && let Some(client) = post.kept.take(&purpose).await {
        match hand_over(post, errand, trail, client, &purpose, usual).await {
            // The server may be tired of this connection: a new one shows what it thinks of the mail.
            Err(problem) if problem.then == Then::NextHost && trail.outcomes.is_empty() => {
                trail.reached = false;
            }
            ended => return ended,
        }
    }
    let client = open(post, errand, &purpose, starttls).await?;
    hand_over(post, errand, trail, client, &purpose, usual).await
}

async fn open(post: &Post, errand: &Errand, purpose: &Purpose, starttls: bool) -> Result<Client, Problem> {
    let (name, manner) = (&purpose.host, &purpose.manner);
    let tls = (post.sts.authorities(), &manner.demand);
    let certified = manner.name.as_deref().unwrap_or(name);
    let mut wire = Wire::connect(purpose.server).await?;
    let mut protection = Protection::None;
    if manner.implicit_tls {
        (wire, protection) = trust::handshake(wire, certified, tls.0, tls.1).await?;
    }
    let mut client = Client::greet(wire, name, purpose.helo.as_str(), protection).await?;
    if starttls && client.offers_tls() {
        client = client.starttls(certified, tls.0, tls.1).await?;
    }
    is_fit(errand, &client, manner)?;
    if let Some((user, password)) = &manner.login {
        client.login(user, password).await?;
    }
    Ok(client)
}

// Whether the mail may go over this connection.
fn is_fit(errand: &Errand, client: &Client, manner: &Manner) -> Result<(), Problem> {
    if errand.requires_tls() {
        client.may_require_tls(manner.named)?;
    }
    if client.protection == Protection::None && !manner.clear {
        return Err(Problem::tls("the server offers no TLS".to_owned()));
    }
    Ok(())
}

async fn hand_over(
    post: &Post,
    errand: &mut Errand,
    trail: &mut Trail,
    mut client: Client,
    purpose: &Purpose,
    usual: bool,
) -> Result<(), Problem> {
    is_fit(errand, &client, &purpose.manner)?;
    trail.reached = true;
    errand.body.rewind();
    let mail = Mail {
        from: &errand.from,
        to: &errand.to,
        wishes: &errand.wishes,
        asked: &errand.asked,
        body: &mut errand.body,
    };
    client.send(mail, &mut trail.outcomes).await?;
    let (host, server, protection) = (&purpose.host, purpose.server, client.protection);
    tracing::info!(host, %server, %protection, "a mail server was spoken to");
    // What was heard is settled first, the goodbye is said beside it.
    if usual && post.traffic.is_lively(errand.way.place()) {
        post.kept.keep(purpose.clone(), client);
    } else {
        tokio::spawn(client.quit());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_from_our_own_name_on_are_left_out() {
        let names =
            |names: &[&str]| -> Vec<_> { names.iter().map(|n| MailHost::Name((*n).to_owned())).collect() };
        let hosts = names(&["a.example", "mail.example.com", "c.example"]);
        assert_eq!(
            before_ourselves(hosts.clone(), "mail.example.com"),
            names(&["a.example"])
        );
        assert_eq!(before_ourselves(hosts.clone(), "a.example"), names(&[]));
        assert_eq!(before_ourselves(hosts.clone(), "other.example"), hosts);
    }
}
