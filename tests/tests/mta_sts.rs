//! Mail to domains that say over HTTPS that their servers have TLS (MTA-STS, RFC 8461).

mod office;

use anyhow::{Context, Result};
use office::{Office, envelope, message};
use proto::types::{Domain, TlsWish};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tests::policy_host::PolicyHost;
use tests::sink::{Behaviour, Sink};
use tests::tls::Authority;

const ANN: &str = "ann@example.com";
const HOST: &str = "sink1.example.net";
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// An office, the mail server of example.net and the host of its policy. No zone is signed.
struct World {
    office: Office,
    sink: Sink,
    policies: PolicyHost,
}

impl World {
    // A mail server whose certificate is for this name.
    async fn open(behaviour: Behaviour, certified: &str) -> Result<Self> {
        Self::open_with(behaviour, certified, "mta-sts.example.net").await
    }

    async fn open_with(behaviour: Behaviour, mail_name: &str, policy_name: &str) -> Result<Self> {
        let authority = Authority::new()?;
        let (tls, _) = authority.server(&[mail_name])?;
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let sink = Sink::start_with(address, behaviour, tls)?;
        let (tls, _) = authority.server(&[policy_name])?;
        let policies = PolicyHost::start(tls)?;
        let office = Office::open_secure(sink.address().port(), policies.port(), &authority).await?;
        for zone in ["example.net", "example.org"] {
            office.dns.unsigned(zone);
        }
        office.dns.be_short_lived();
        office.domain_at("example.net", &["127.0.0.1"]);
        office.dns.host("mta-sts.example.net", "127.0.0.1".parse()?);
        Ok(Self {
            office,
            sink,
            policies,
        })
    }

    fn announce(&self, id: &str) {
        self.office.dns.forget("_mta-sts.example.net");
        let record = format!("v=STSv1; id={id};");
        self.office.dns.txt("_mta-sts.example.net", &record);
    }

    fn publish(&self, id: &str, policy: &str) {
        self.announce(id);
        self.policies.publish(policy);
    }

    // Sends a message; why it still waits, if it does.
    async fn send(&self) -> Result<Option<String>> {
        self.office.submit_plain(&["bob@example.net"]).await;
        self.again().await
    }

    async fn again(&self) -> Result<Option<String>> {
        self.office.turn().await;
        let queue = self.office.queue()?;
        anyhow::ensure!(queue.len() <= 1 && self.office.inbox(ANN)?.is_empty());
        let waits = queue.into_iter().next();
        Ok(waits.map(|row| row.last_words.unwrap_or_default()))
    }

    // How many messages came with TLS, and how many without.
    fn came(&self) -> (usize, usize) {
        let caught = self.sink.caught();
        let with = caught.iter().filter(|mail| mail.tls).count();
        (with, caught.len() - with)
    }
}

fn policy(mode: &str, host: &str, max_age: i64) -> String {
    format!("version: STSv1\r\nmode: {mode}\r\nmx: {host}\r\nmax_age: {max_age}\r\n")
}

fn enforced() -> String {
    policy("enforce", HOST, 7 * DAY)
}

#[tokio::test]
async fn an_enforced_policy_wants_its_server_with_a_certificate_that_holds() -> Result<()> {
    const OTHER: &str = "sink1.example.org";
    let table = [
        // behaviour, certificate for, mx in the policy, what is said while it waits
        (Behaviour::Accept, HOST, HOST, None),
        (Behaviour::Accept, HOST, "*.example.net", None),
        (
            Behaviour::Accept,
            OTHER,
            HOST,
            Some("TLS: invalid peer certificate"),
        ),
        (
            Behaviour::Accept,
            HOST,
            OTHER,
            Some("is not among the mail servers"),
        ),
        (
            Behaviour::AcceptOldStyle,
            HOST,
            HOST,
            Some("the server offers no TLS"),
        ),
        (Behaviour::DropTls, HOST, HOST, Some("TLS: ")),
    ];
    for (behaviour, certified, named, waits) in table {
        for mode in ["enforce", "testing", "none"] {
            let world = World::open(behaviour, certified).await?;
            world.publish("1", &policy(mode, named, DAY));
            let words = world.send().await?;
            match (mode, waits) {
                ("enforce", Some(said)) => {
                    let words = words.context("it was sent")?;
                    assert!(
                        words.contains("4.7.5 MTA-STS: ") && words.contains(said),
                        "{words}"
                    );
                    assert_eq!(world.came(), (0, 0));
                }
                _ => {
                    assert_eq!(words, None, "{mode} {behaviour:?} {certified} {named}");
                    let tls = behaviour == Behaviour::Accept;
                    assert_eq!(world.came(), (usize::from(tls), usize::from(!tls)));
                    let told = match (tls, certified == HOST, mode) {
                        (false, ..) => "no TLS",
                        (true, true, "enforce") => "TLS 1.3, certificate verified, MTA-STS",
                        (true, true, _) => "TLS 1.3, certificate verified",
                        (true, false, _) => "TLS 1.3, certificate not verified",
                    };
                    assert_eq!(world.office.protections().await?, [told]);
                }
            }
            assert_eq!(world.policies.asked(), 1);
        }
    }
    Ok(())
}

// RFC 8461 3.3
#[tokio::test]
async fn what_is_not_plainly_a_policy_is_none() -> Result<()> {
    let long = format!("{}{}", enforced(), "mx: x.example.net\r\n".repeat(4_000));
    let ok = |policy: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{policy}");
    let moved = "HTTP/1.1 301 Moved\r\nLocation: https://mta-sts.example.net/.well-known/mta-sts.txt\r\n";
    for response in [
        format!("{moved}Content-Type: text/plain\r\n\r\n{}", enforced()),
        format!("HTTP/1.1 404 Not Found\r\n\r\n{}", enforced()),
        ok("<html>welcome</html>"),
        ok(&long),
        ok(&enforced()).replace("text/plain", "text/html"),
        "nonsense".to_owned(),
    ] {
        let world = World::open(Behaviour::AcceptOldStyle, HOST).await?;
        world.announce("1");
        world.policies.answer(&response);
        assert_eq!(world.send().await?, None, "{response:.80}");
        assert_eq!((world.came(), world.policies.asked()), ((0, 1), 1));
    }
    // Nobody vouches for this host's name.
    let world = World::open_with(Behaviour::AcceptOldStyle, HOST, "www.example.net").await?;
    world.publish("1", &enforced());
    assert_eq!(world.send().await?, None);
    assert_eq!((world.came(), world.policies.asked()), ((0, 1), 1));
    Ok(())
}

// RFC 8461 5.1: who can suppress the record, or the host, must not make us forget.
#[tokio::test]
async fn a_policy_counts_as_long_as_it_says_whatever_becomes_of_its_host() -> Result<()> {
    let world = World::open(Behaviour::Accept, HOST).await?;
    world.publish("1", &enforced());
    assert_eq!(world.send().await?, None);
    world.sink.behave(Behaviour::AcceptOldStyle);
    let steps: [&dyn Fn(&World); 3] = [
        &|world| world.office.dns.forget("_mta-sts.example.net"),
        &|world| world.office.dns.fail("_mta-sts.example.net"),
        &|world| world.policies.fail(),
    ];
    for step in steps {
        step(&world);
        world.office.wait(DAY);
        match world.office.queue()?.is_empty() {
            true => world.send().await?,
            false => world.again().await?,
        }
        .context("it was sent")?;
        assert_eq!(world.came(), (1, 0));
    }
    // It is over after the seventh day.
    world.office.wait(4 * DAY);
    let words = world.again().await?;
    assert_eq!((words, world.came()), (None, (1, 1)));
    Ok(())
}

#[tokio::test]
async fn a_new_id_brings_a_new_policy_and_the_old_one_counts_until_it_is_here() -> Result<()> {
    let world = World::open(Behaviour::Accept, HOST).await?;
    world.publish("1", &enforced());
    for _ in 0..3 {
        assert_eq!(world.send().await?, None);
    }
    assert_eq!(world.policies.asked(), 1, "the same id is the same policy");
    world.sink.behave(Behaviour::AcceptOldStyle);
    world.announce("2");
    world.policies.fail();
    world.send().await?.context("it was sent")?;
    assert_eq!(world.policies.asked(), 2);
    // Not again before five minutes have passed.
    world
        .office
        .post
        .sts
        .policy(&world.office.post, &Domain::parse("example.net")?)
        .await;
    assert_eq!(world.policies.asked(), 2);
    world.office.wait(HOUR);
    world.policies.publish(&policy("none", HOST, DAY));
    assert_eq!(world.again().await?, None);
    assert_eq!((world.came(), world.policies.asked()), ((3, 1), 3));
    Ok(())
}

#[tokio::test]
async fn policies_are_remembered_over_a_restart() -> Result<()> {
    let world = World::open(Behaviour::Accept, HOST).await?;
    world.publish("1", &enforced());
    assert_eq!(world.send().await?, None);
    // Another process with the same store, which finds no record any more.
    world.office.dns.forget("_mta-sts.example.net");
    let authorities = firmware::deliver::Authorities::public().map_err(anyhow::Error::msg)?;
    let fresh = firmware::deliver::sts::Sts::with(authorities, world.policies.port());
    let known = fresh
        .policy(&world.office.post, &Domain::parse("example.net")?)
        .await;
    assert!(known.is_some_and(|policy| policy.names(HOST)));
    assert_eq!(world.policies.asked(), 1);
    Ok(())
}

// RFC 8461 2
#[tokio::test]
async fn a_policy_does_not_weaken_dane() -> Result<()> {
    let authority = Authority::new()?;
    let (tls, _) = authority.server(&[HOST])?;
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let sink = Sink::start_with(address, Behaviour::Accept, tls)?;
    let (tls, _) = authority.server(&["mta-sts.example.net"])?;
    let policies = PolicyHost::start(tls)?;
    let port = sink.address().port();
    let office = Office::open_secure(port, policies.port(), &authority).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    office.dns.host("mta-sts.example.net", "127.0.0.1".parse()?);
    office.dns.txt("_mta-sts.example.net", "v=STSv1; id=1");
    policies.publish(&enforced());
    // The policy would take its certificate, its TLSA record names another.
    office.dns.tlsa(HOST, port, (3, 1, 1), &[7; 32]);
    office.submit_plain(&["bob@example.net"]).await;
    office.turn().await;
    assert!(sink.caught().is_empty());
    let words = office.queue()?[0].last_words.clone().unwrap_or_default();
    assert!(words.contains("4.7.5 DANE: "), "{words}");
    Ok(())
}

// RFC 8689 4.2.1
#[tokio::test]
async fn mail_that_requires_tls_goes_where_a_policy_names_the_server() -> Result<()> {
    for mode in ["enforce", "testing", "none"] {
        let world = World::open(Behaviour::Modern, HOST).await?;
        world.publish("1", &policy(mode, HOST, DAY));
        let mut asked = envelope(Some(ANN), &["bob@example.net"]);
        asked.wishes.tls = TlsWish::Required;
        let letter = message(ANN, "Secret", "x\r\n");
        world.office.submit_envelope(ANN, &asked, &letter).await.unwrap();
        world.office.turn().await;
        let caught = world.sink.caught();
        if mode == "none" {
            assert!(caught.is_empty());
            assert!(world.office.notice(ANN)?.contains("Status: 5.7.30\r\n"));
        } else {
            assert!(caught[0].tls && caught[0].from.contains(" REQUIRETLS"), "{mode}");
        }
    }
    Ok(())
}
