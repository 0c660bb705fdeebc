//! The ways that domains have mail, asked of a fake name server.

use anyhow::Result;
use firmware::dns::{Dns, MailHost, NameServers, NoRoute, ReverseName};
use proto::types::Domain;
use std::net::IpAddr;
use tests::fake_dns::{FakeDns, Forgery};

fn start() -> Result<(FakeDns, Dns)> {
    let server = FakeDns::start()?;
    let dns = Dns::new(NameServers::Fixed(vec![server.address()]));
    Ok((server, dns))
}

async fn hosts(dns: &Dns, domain: &str) -> Result<Vec<String>, NoRoute> {
    let hosts = dns.route(&Domain::parse(domain).unwrap()).await?.hosts;
    let name = |host| match host {
        MailHost::Name(name) => name,
        MailHost::Literal(address) => address.to_string(),
    };
    Ok(hosts.into_iter().map(name).collect())
}

// RFC 5321 5.1
#[tokio::test]
async fn mail_hosts_are_sorted_and_equals_take_turns() -> Result<()> {
    let (server, dns) = start()?;
    for (preference, host) in [(20, "c"), (10, "A1"), (10, "a2"), (5, "first"), (65_535, "last")] {
        server.mx("example.net", preference, &format!("{host}.example.net"));
    }
    let mut seconds = std::collections::BTreeSet::new();
    for _ in 0..64 {
        let hosts = hosts(&dns, "example.net").await?;
        assert_eq!(hosts.len(), 5);
        assert_eq!(hosts[0], "first.example.net");
        assert_eq!(hosts[3..], ["c.example.net", "last.example.net"]);
        seconds.insert(hosts[1].clone());
    }
    assert_eq!(seconds.len(), 2, "the load is spread");
    Ok(())
}

#[tokio::test]
async fn a_domain_without_mx_is_its_own_host_and_a_null_mx_takes_nothing() -> Result<()> {
    let (server, dns) = start()?;
    server.host("plain.example", "192.0.2.1".parse()?);
    assert_eq!(hosts(&dns, "plain.example").await?, ["plain.example"]);
    server.mx("null.example", 0, ".");
    let refused = hosts(&dns, "null.example").await.unwrap_err();
    assert_eq!((refused.status(), refused.is_temporary()), ("5.1.10", false)); // RFC 7505
    server.mx("mixed.example", 0, ".");
    server.mx("mixed.example", 10, "mx.mixed.example");
    assert_eq!(hosts(&dns, "mixed.example").await?, ["mx.mixed.example"]);
    let refused = hosts(&dns, "nowhere.example").await.unwrap_err();
    assert_eq!((refused.status(), refused.is_temporary()), ("5.1.2", false));
    server.fail("broken.example");
    let refused = hosts(&dns, "broken.example").await.unwrap_err();
    assert_eq!((refused.status(), refused.is_temporary()), ("4.4.3", true));
    Ok(())
}

// RFC 5321 4.1.3
#[tokio::test]
async fn address_literals_ask_nobody() -> Result<()> {
    let (server, dns) = start()?;
    assert_eq!(hosts(&dns, "[192.0.2.7]").await?, ["192.0.2.7"]);
    assert_eq!(hosts(&dns, "[IPv6:2001:db8::7]").await?, ["2001:db8::7"]);
    assert_eq!(server.asked(), Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn international_domains_are_asked_for_in_ascii() -> Result<()> {
    let (server, dns) = start()?;
    server.mx("xn--bcher-kva.example", 10, "mx.example");
    assert_eq!(hosts(&dns, "bücher.example").await?, ["mx.example"]);
    Ok(())
}

#[tokio::test]
async fn addresses_of_both_kinds_come_the_older_kind_first() -> Result<()> {
    let (server, dns) = start()?;
    server.host("mx.example", "2001:db8::1".parse()?);
    server.host("mx.example", "192.0.2.1".parse()?);
    let wanted: Vec<IpAddr> = vec!["192.0.2.1".parse()?, "2001:db8::1".parse()?];
    assert_eq!(dns.addresses("mx.example").await?, wanted);
    assert!(!dns.addresses("none.example").await.unwrap_err().is_temporary());
    Ok(())
}

#[tokio::test]
async fn a_clients_name_counts_only_when_it_leads_back() -> Result<()> {
    let (server, dns) = start()?;
    server.name_of("192.0.2.1".parse()?, "true.example");
    server.host("true.example", "192.0.2.1".parse()?);
    server.name_of("192.0.2.2".parse()?, "true.example"); // claims another's name
    let name = |address: &str| {
        let address = address.parse().unwrap();
        let dns = dns.clone();
        async move { dns.reverse_name(address).await }
    };
    let own = ReverseName::Confirmed(Domain::parse("true.example")?);
    let borrowed = ReverseName::Unconfirmed("true.example.".to_owned());
    assert_eq!(name("192.0.2.1").await, own);
    assert_eq!(name("192.0.2.2").await, borrowed);
    assert_eq!(name("192.0.2.3").await, ReverseName::Missing);
    let asked = server.asked().len();
    assert_eq!(name("192.0.2.1").await, own);
    assert_eq!(name("192.0.2.3").await, ReverseName::Missing);
    assert_eq!(
        server.asked().len(),
        asked,
        "answers and their absence are remembered"
    );
    Ok(())
}

// What signatures disprove says nothing about a client: neither that he is known, nor that he is not.
#[tokio::test]
async fn where_signatures_are_to_be_had_a_forged_name_is_nobodys() -> Result<()> {
    let server = FakeDns::start_signed()?;
    server.be_short_lived();
    server.unsigned("3.0.192.in-addr.arpa");
    server.unsigned("plain.example");
    for (address, name) in [("192.0.2.1", "true.example"), ("192.0.3.1", "mx.plain.example")] {
        server.name_of(address.parse()?, name);
        server.host(name, address.parse()?);
    }
    server.name_of("192.0.2.2".parse()?, "true.example");
    server.host("known.example", "192.0.2.9".parse()?);
    let open = async || -> Result<Dns> {
        let dns = Dns::trusting(NameServers::Fixed(vec![server.address()]), server.anchors());
        dns.server("known.example").await?; // it is known from now on that there are signatures
        Ok(dns)
    };
    let name = async |dns: &Dns, address: &str| dns.reverse_name(address.parse().unwrap()).await;
    let honest = open().await?;
    let own = |name: &str| ReverseName::Confirmed(Domain::parse(name).unwrap());
    assert_eq!(name(&honest, "192.0.2.1").await, own("true.example"));
    assert_eq!(name(&honest, "192.0.3.1").await, own("mx.plain.example"));
    let borrowed = ReverseName::Unconfirmed("true.example.".to_owned());
    assert_eq!(name(&honest, "192.0.2.2").await, borrowed);
    for nobody in ["192.0.2.3", "192.0.3.3"] {
        assert_eq!(name(&honest, nobody).await, ReverseName::Missing, "{nobody}");
    }
    for forgery in [
        Forgery::Unsigned,
        Forgery::Changed,
        Forgery::Emptied,
        Forgery::Denied,
    ] {
        for place in ["1.2.0.192.in-addr.arpa", "true.example"] {
            server.be_honest();
            server.forge(place, forgery.clone());
            let found = name(&open().await?, "192.0.2.1").await;
            assert_eq!(found, ReverseName::Unknown, "{place}: {forgery:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_name_servers_nothing_is_decided() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dns = Dns::new(NameServers::File(folder.path().join("resolv.conf")));
    assert!(hosts(&dns, "example.net").await.unwrap_err().is_temporary());
    Ok(())
}
