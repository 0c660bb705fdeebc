//! Mail to domains whose zones are signed: sent to the servers that the signatures name and to no other,
//! with the certificates that TLSA records name (RFC 7672).

mod office;

use anyhow::{Context, Result};
use firmware::dns::{Dnssec, Signed};
use office::{Office, envelope, message};
use proto::types::TlsWish;
use ring::digest;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tests::fake_dns::Forgery;
use tests::sink::{Behaviour, Sink};
use tests::tls::Authority;

const ANN: &str = "ann@example.com";
const HOST: &str = "sink1.example.net";
/// Where an attacker's or an unsigned zone's names are.
const UNSIGNED: &str = "unsigned.example";

/// An office, and the mail server of example.net.
struct World {
    office: Office,
    sink: Sink,
    leaf: CertificateDer<'static>,
    authority: Authority,
}

impl World {
    async fn open(behaviour: Behaviour) -> Result<Self> {
        let authority = Authority::new()?;
        let (tls, leaf) = authority.server(&[HOST])?;
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let sink = Sink::start_with(address, behaviour, tls)?;
        let office = Office::open_secure(sink.address().port(), 1, &authority).await?;
        office.domain_at("example.net", &["127.0.0.1"]);
        office.dns.unsigned(UNSIGNED);
        office.dns.be_short_lived();
        Ok(Self {
            office,
            sink,
            leaf,
            authority,
        })
    }

    fn tlsa(&self, host: &str, fields: (u8, u8, u8), data: &[u8]) {
        let data = match fields.2 {
            0 => data.to_vec(),
            1 => digest::digest(&digest::SHA256, data).as_ref().to_vec(),
            _ => digest::digest(&digest::SHA512, data).as_ref().to_vec(),
        };
        self.office
            .dns
            .tlsa(host, self.sink.address().port(), fields, &data);
    }

    // A TLSA record that names the server's key.
    fn true_tlsa(&self, host: &str) -> Result<()> {
        self.tlsa(host, (3, 1, 1), &key(&self.leaf)?);
        Ok(())
    }

    // A TLSA record that names another key.
    fn other_tlsa(&self, host: &str) {
        self.tlsa(host, (3, 1, 1), b"another key");
    }

    fn tlsa_name(&self) -> String {
        format!("_{}._tcp.{HOST}", self.sink.address().port())
    }

    // Sends a message; why it still waits, if it does.
    async fn send(&self) -> Result<Option<String>> {
        self.office.submit_plain(&["bob@example.net"]).await;
        self.again().await
    }

    async fn again(&self) -> Result<Option<String>> {
        self.office.turn().await;
        self.office.wait(86_400 / 4);
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

fn key(certificate: &CertificateDer<'_>) -> Result<Vec<u8>> {
    let parsed = ParsedCertificate::try_from(certificate).context("a certificate")?;
    Ok(parsed.subject_public_key_info().to_vec())
}

fn every_forgery() -> [Forgery; 7] {
    let unsigned = || UNSIGNED.to_owned();
    [
        Forgery::Changed,
        Forgery::Emptied,
        Forgery::EmptiedBy(unsigned()),
        Forgery::Replaced(unsigned()),
        Forgery::Padded(unsigned()),
        Forgery::Denied,
        Forgery::Unsigned,
    ]
}

#[tokio::test]
async fn a_server_that_shows_what_its_records_name_gets_the_mail() -> Result<()> {
    for fields in [(3, 1, 1), (3, 0, 1), (3, 1, 2), (3, 0, 0), (2, 0, 1), (2, 1, 2)] {
        let world = World::open(Behaviour::Accept).await?;
        let certificate = match fields.0 {
            3 => world.leaf.clone(),
            _ => world.authority.certificate(),
        };
        let named = match fields.1 {
            0 => certificate.to_vec(),
            _ => key(&certificate)?,
        };
        world.tlsa(HOST, fields, &named);
        assert_eq!(world.send().await?, None, "{fields:?}");
        assert_eq!(world.came(), (1, 0));
        let told = world.office.protections().await?;
        assert_eq!(told, ["TLS 1.3, certificate verified, DANE"]);
        assert_eq!(world.office.checking.seen(), Signed::Checked);
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_shows_another_certificate_gets_nothing() -> Result<()> {
    for fields in [(3, 1, 1), (3, 0, 1), (2, 0, 1), (2, 1, 2)] {
        let world = World::open(Behaviour::Accept).await?;
        world.tlsa(HOST, fields, b"another");
        let words = world.send().await?.context("it was sent")?;
        assert!(words.contains("4.7.5 DANE: "), "{words}");
        assert!(
            words.contains("certificate is not one that its TLSA records name"),
            "{words}"
        );
        assert_eq!(world.came(), (0, 0), "{fields:?}");
        world.true_tlsa(HOST)?;
        assert_eq!(world.again().await?, None, "one record that fits is enough");
        assert_eq!(world.came(), (1, 0));
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_sent_in_clear_where_records_promise_tls() -> Result<()> {
    for (behaviour, said) in [
        (Behaviour::AcceptOldStyle, "offers no TLS"),
        (Behaviour::DropTls, "TLS: "),
    ] {
        let world = World::open(behaviour).await?;
        world.true_tlsa(HOST)?;
        let words = world.send().await?.context("it was sent")?;
        assert!(words.contains("4.7.5 DANE: ") && words.contains(said), "{words}");
        assert_eq!(world.came(), (0, 0));
        world.sink.behave(Behaviour::Accept);
        assert_eq!(world.again().await?, None);
        assert_eq!(world.came(), (1, 0));
    }
    Ok(())
}

// RFC 7672 2.2: records that no client can use still promise TLS.
#[tokio::test]
async fn records_of_no_use_demand_tls_and_no_certain_certificate() -> Result<()> {
    let world = World::open(Behaviour::AcceptOldStyle).await?;
    world.tlsa(HOST, (1, 1, 1), b"for the web");
    let words = world.send().await?.context("it was sent")?;
    assert!(words.contains("4.7.5 DANE: the server offers no TLS"), "{words}");
    world.sink.behave(Behaviour::Accept);
    assert_eq!(world.again().await?, None);
    assert_eq!(world.came(), (1, 0));
    Ok(())
}

// The server is not who the owner says; the attacker hides that in the answer about it.
#[tokio::test]
async fn whoever_forges_tlsa_records_gains_no_mail() -> Result<()> {
    for forgery in every_forgery() {
        let world = World::open(Behaviour::Accept).await?;
        world.other_tlsa(HOST);
        world.office.dns.forge(&world.tlsa_name(), forgery.clone());
        let words = world.send().await?.context("it was sent")?;
        assert!(words.contains("4.7.5 DANE: "), "{forgery:?}: {words}");
        assert_eq!(world.came(), (0, 0), "{forgery:?}");
        world.office.dns.be_honest();
        world.true_tlsa(HOST)?;
        assert_eq!(world.again().await?, None, "{forgery:?}");
        assert_eq!(world.came(), (1, 0), "{forgery:?}");
    }
    Ok(())
}

#[tokio::test]
async fn whoever_forges_mail_hosts_or_addresses_gains_no_mail() -> Result<()> {
    for name in ["example.net", HOST] {
        for forgery in every_forgery() {
            let world = World::open(Behaviour::Accept).await?;
            world.true_tlsa(HOST)?;
            // What the attacker would like to be asked instead.
            world.office.dns.host("example.net", "127.0.0.1".parse()?);
            world.office.dns.host("mx.evil.example", "127.0.0.1".parse()?);
            world.office.dns.forge(name, forgery.clone());
            let waits = world.send().await?;
            if let Forgery::Padded(_) = forgery {
                // The true records are there, and count.
                assert_eq!((waits, world.came()), (None, (1, 0)), "{name}");
                continue;
            }
            let words = waits.with_context(|| format!("it was sent, {name}, {forgery:?}"))?;
            assert!(
                words.contains("4.4.3 ") || words.contains("5.1.2 "),
                "{forgery:?}: {words}"
            );
            assert_eq!(world.came(), (0, 0), "{name}, {forgery:?}");
            world.office.dns.be_honest();
            assert_eq!(world.again().await?, None, "{name}, {forgery:?}");
            assert_eq!(world.came(), (1, 0), "{name}, {forgery:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_records_or_signatures_tls_is_taken_where_it_is_offered() -> Result<()> {
    for zone in ["signed", "unsigned", "hosts unsigned"] {
        for (behaviour, came) in [
            (Behaviour::Accept, (1, 0)),
            (Behaviour::AcceptOldStyle, (0, 1)),
            (Behaviour::DropTls, (0, 1)),
        ] {
            let world = World::open(behaviour).await?;
            match zone {
                // Anybody can put records there, so they are nobody's word.
                "unsigned" => {
                    world.office.dns.unsigned("example.net");
                    world.other_tlsa(HOST);
                }
                // RFC 7672 2.2.2: nor do they count where the addresses are not proven.
                "hosts unsigned" => {
                    world.office.dns.unsigned(HOST);
                    world.other_tlsa(HOST);
                }
                _ => {}
            }
            assert_eq!(world.send().await?, None, "{zone}, {behaviour:?}");
            assert_eq!(world.came(), came, "{zone}, {behaviour:?}");
            // The test's authority is the only one here.
            let told = match came {
                (1, 0) => "TLS 1.3, certificate verified",
                _ => "no TLS",
            };
            assert_eq!(world.office.protections().await?, [told]);
        }
    }
    Ok(())
}

// RFC 7672 2.2.1: who can change the MX can name a host of his own that has fitting records.
#[tokio::test]
async fn records_of_a_signed_host_do_not_count_where_an_unsigned_zone_names_it() -> Result<()> {
    let world = World::open(Behaviour::Accept).await?;
    world.office.dns.forget("example.net");
    world.office.dns.unsigned("example.net");
    world.office.dns.mx("example.net", 10, "mx.elsewhere.example");
    world
        .office
        .dns
        .host("mx.elsewhere.example", "127.0.0.1".parse()?);
    world.other_tlsa("mx.elsewhere.example");
    assert_eq!(world.send().await?, None);
    assert_eq!(world.came(), (1, 0));
    Ok(())
}

// RFC 5321 5.1: without MX records the domain is its own host.
#[tokio::test]
async fn a_domain_that_is_its_own_mail_host_is_treated_like_others() -> Result<()> {
    for (signed, fits, sent) in [(false, false, true), (true, true, true), (true, false, false)] {
        let world = World::open(Behaviour::Accept).await?;
        world.office.dns.forget("example.net");
        world.office.dns.host("example.net", "127.0.0.1".parse()?);
        if !signed {
            world.office.dns.unsigned("example.net");
        }
        if fits {
            world.true_tlsa("example.net")?;
        } else {
            world.other_tlsa("example.net");
        }
        let words = world.send().await?;
        assert_eq!(words.is_none(), sent, "{signed} {fits}: {words:?}");
        assert_eq!(world.came(), (usize::from(sent), 0), "{signed} {fits}");
    }
    Ok(())
}

// RFC 7672 2.2.2, 2.2.3
#[tokio::test]
async fn records_are_looked_for_where_an_alias_leads_and_then_at_the_alias() -> Result<()> {
    for (target_signed, at_target) in [(true, true), (true, false), (false, false)] {
        for fits in [true, false] {
            let world = World::open(Behaviour::Accept).await?;
            let dns = &world.office.dns;
            dns.forget(HOST);
            let target = if target_signed {
                "real.example.org"
            } else {
                "real.unsigned.example"
            };
            dns.alias(HOST, target);
            dns.host(target, "127.0.0.1".parse()?);
            let base = if at_target { target } else { HOST };
            if fits {
                world.true_tlsa(base)?;
            } else {
                world.other_tlsa(base);
            }
            let words = world.send().await?;
            assert_eq!(words.is_none(), fits, "{target_signed} {at_target}: {words:?}");
            assert_eq!(world.came(), (usize::from(fits), 0));
        }
    }
    Ok(())
}

// RFC 6672 5.3.1: nobody signs an alias that a DNAME makes; the DNAME is signed.
#[tokio::test]
async fn a_server_below_a_branch_that_leads_elsewhere_is_no_forgery_and_a_forged_branch_is() -> Result<()> {
    let target = "sink1.example.org";
    for fits in [true, false] {
        let world = World::open(Behaviour::Accept).await?;
        let dns = &world.office.dns;
        dns.forget(HOST);
        dns.forget("example.net");
        dns.mx("mail.test", 10, "sink1.old.example");
        dns.branch("old.example", "example.org");
        dns.host(target, "127.0.0.1".parse()?);
        if fits {
            world.true_tlsa(target)?;
        } else {
            world.other_tlsa(target);
        }
        world.office.submit_plain(&["bob@mail.test"]).await;
        let words = world.again().await?;
        assert_eq!(words.is_none(), fits, "{words:?}");
        assert_eq!(world.came(), (usize::from(fits), 0));
    }
    for forgery in [Forgery::Unsigned, Forgery::Emptied] {
        let world = World::open(Behaviour::Accept).await?;
        let dns = &world.office.dns;
        dns.mx("mail.test", 10, "sink1.old.example");
        dns.branch("old.example", "example.org");
        dns.host(target, "127.0.0.1".parse()?);
        dns.forge("old.example.", forgery);
        world.office.submit_plain(&["bob@mail.test"]).await;
        let words = world.again().await?.unwrap_or_default();
        assert!(words.contains("DNSSEC"), "{words}");
        assert_eq!(world.came(), (0, 0));
    }
    Ok(())
}

#[tokio::test]
async fn the_next_mail_host_is_asked_where_the_first_shows_another_certificate() -> Result<()> {
    let world = World::open(Behaviour::Accept).await?;
    let second = SocketAddr::new("127.0.0.2".parse()?, world.sink.address().port());
    let (tls, leaf) = world.authority.server(&["sink2.example.net"])?;
    let second = Sink::start_with(second, Behaviour::Accept, tls)?;
    world.office.dns.mx("example.net", 20, "sink2.example.net");
    world.office.dns.host("sink2.example.net", "127.0.0.2".parse()?);
    world.other_tlsa(HOST);
    world.tlsa("sink2.example.net", (3, 1, 1), &key(&leaf)?);
    assert_eq!(world.send().await?, None);
    assert_eq!((world.came(), second.caught().len()), ((0, 0), 1));
    Ok(())
}

// RFC 8689 4.2.1
#[tokio::test]
async fn mail_that_requires_tls_goes_where_dane_proves_the_server() -> Result<()> {
    for (signed, sent) in [(true, true), (false, false)] {
        let world = World::open(Behaviour::Modern).await?;
        world.true_tlsa(HOST)?;
        if !signed {
            // A certificate from an authority that everybody trusts proves a name, not that the name is
            // the domain's.
            world.office.dns.unsigned("example.net");
        }
        let mut asked = envelope(Some(ANN), &["bob@example.net"]);
        asked.wishes.tls = TlsWish::Required;
        let letter = message(ANN, "Secret", "x\r\n");
        world.office.submit_envelope(ANN, &asked, &letter).await.unwrap();
        world.office.turn().await;
        let caught = world.sink.caught();
        assert_eq!(caught.len(), usize::from(sent));
        match caught.first() {
            Some(mail) => assert!(mail.tls && mail.from.contains(" REQUIRETLS"), "{}", mail.from),
            None => {
                let notice = world.office.notice(ANN)?;
                assert!(notice.contains("Status: 5.7.30\r\n"), "{notice}");
                assert!(notice.contains("nothing proves that"), "{notice}");
            }
        }
    }
    Ok(())
}

// RFC 8689 4.2.2: who writes about a broken certificate must be able to.
#[tokio::test]
async fn mail_that_spares_tls_goes_whatever_the_records_say_with_tls_where_there_is_any() -> Result<()> {
    for (behaviour, came) in [
        (Behaviour::Accept, (1, 0)),
        (Behaviour::AcceptOldStyle, (0, 1)),
        (Behaviour::DropTls, (0, 1)),
    ] {
        let world = World::open(behaviour).await?;
        world.other_tlsa(HOST);
        for (field, arrives) in [
            ("TLS-Required: Perhaps", false),
            ("TLS-Required: No\r\nTLS-Required: No", false),
            ("TLS-Required:\r\n no", true),
        ] {
            let letter = message(ANN, &format!("Your certificate\r\n{field}"), "x\r\n");
            let asked = envelope(Some(ANN), &["bob@example.net"]);
            world.office.submit_envelope(ANN, &asked, &letter).await.unwrap();
            world.office.turn().await;
            let expected = if arrives { came } else { (0, 0) };
            assert_eq!(world.came(), expected, "{behaviour:?}, {field}");
            world.office.wait(7200);
        }
        assert_eq!(world.office.queue()?.len(), 2, "the usual mail waits");
        let caught = world.sink.caught();
        assert!(
            String::from_utf8_lossy(&caught[0].data).contains("TLS-Required:"),
            "it travels on"
        );
    }
    Ok(())
}

#[tokio::test]
async fn who_requires_tls_and_spares_it_requires_it() -> Result<()> {
    let world = World::open(Behaviour::AcceptOldStyle).await?;
    let mut asked = envelope(Some(ANN), &["bob@example.net"]);
    asked.wishes.tls = TlsWish::Required;
    let letter = message(ANN, "Both\r\nTLS-Required: No", "x\r\n");
    world.office.submit_envelope(ANN, &asked, &letter).await.unwrap();
    world.office.turn().await;
    assert_eq!(world.came(), (0, 0));
    assert!(world.office.notice(ANN)?.contains("Action: failed"));
    Ok(())
}

// Many routers answer for the provider's name servers, and leave the signatures out.
#[tokio::test]
async fn where_no_signatures_are_to_be_had_mail_goes_as_if_there_were_none() -> Result<()> {
    let world = World::open(Behaviour::Accept).await?;
    world.other_tlsa(HOST);
    world.office.dns.forge(".", Forgery::Unsigned);
    for name in ["example.net", HOST, &world.tlsa_name()] {
        world.office.dns.forge(name, Forgery::Unsigned);
    }
    assert_eq!(world.send().await?, None);
    assert_eq!(world.came(), (1, 0));
    assert_eq!(world.office.checking.seen(), Signed::Missing);
    Ok(())
}

// Who can take signatures away could take DANE away.
#[tokio::test]
async fn signatures_that_were_there_today_are_demanded() -> Result<()> {
    let world = World::open(Behaviour::Accept).await?;
    world.true_tlsa(HOST)?;
    assert_eq!(world.send().await?, None);
    for name in [".", "example.net", HOST, &world.tlsa_name()] {
        world.office.dns.forge(name, Forgery::Unsigned);
    }
    let words = world.send().await?.context("it was sent")?;
    assert!(words.contains("DNSSEC"), "{words}");
    assert_eq!(world.came(), (1, 0));
    Ok(())
}

#[tokio::test]
async fn an_admin_can_do_without_signatures_and_have_them_again() -> Result<()> {
    let world = World::open(Behaviour::Accept).await?;
    world.other_tlsa(HOST);
    world.send().await?.context("it was sent")?;
    assert_eq!(world.office.checking.seen(), Signed::Checked);
    world.office.checking.set(Dnssec { check: false });
    assert_eq!(world.again().await?, None);
    assert_eq!(
        (world.came(), world.office.checking.seen()),
        ((1, 0), Signed::Off)
    );
    world.office.checking.set(Dnssec { check: true });
    world.send().await?.context("it was sent")?;
    assert_eq!(world.came(), (1, 0));
    Ok(())
}
