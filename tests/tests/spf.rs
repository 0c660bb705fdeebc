//! SPF against a fake name server: the examples of RFC 7208, its limits, and records that are made to
//! mislead or to keep us busy.

use anyhow::{Context, Result, ensure};
use firmware::dns::{Checking, Dns, Dnssec, NameServers, Signed};
use firmware::judge::findings::Outcome;
use firmware::judge::spf::Check;
use std::net::IpAddr;
use std::time::Duration;
use tests::fake_dns::{FakeDns, Forgery, Lie};

/// RFC 7208 appendix A.
const EXAMPLE: &str = "
    example.com MX mail-a.example.com
    example.com MX mail-b.example.com
    example.com A 192.0.2.10
    example.com A 192.0.2.11
    amy.example.com A 192.0.2.65
    bob.example.com A 192.0.2.66
    mail-a.example.com A 192.0.2.129
    mail-b.example.com A 192.0.2.130
    www.example.com CNAME example.com
    example.org MX mail-c.example.org
    mail-c.example.org A 192.0.2.140
    192.0.2.10 PTR example.com
    192.0.2.11 PTR example.com
    192.0.2.65 PTR amy.example.com
    192.0.2.66 PTR bob.example.com
    192.0.2.129 PTR mail-a.example.com
    192.0.2.130 PTR mail-b.example.com
    192.0.2.140 PTR mail-c.example.org
    10.0.0.4 PTR bob.example.com
";

fn serve(zones: &[&str]) -> Result<(FakeDns, Dns)> {
    let server = FakeDns::start()?;
    for line in zones.iter().flat_map(|zone| zone.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let (name, rest) = line.split_once(' ').context("no type")?;
        let (kind, value) = rest.split_once(' ').context("no value")?;
        match kind {
            "A" | "AAAA" => server.host(name, value.parse()?),
            "MX" => server.mx(name, 10, value),
            "TXT" => server.txt(name, value),
            "CNAME" => server.alias(name, value),
            "PTR" => server.name_of(name.parse()?, value),
            other => anyhow::bail!("what is {other}?"),
        }
    }
    let dns = Dns::new(NameServers::Fixed(vec![server.address()]));
    Ok((server, dns))
}

async fn check(dns: &Dns, ip: &str, sender: &str) -> Result<Outcome> {
    let (local, domain) = sender.split_once('@').context("no address")?;
    let ip: IpAddr = ip.parse()?;
    Ok(Check::new(dns, ip, local, domain, "mail.example.net").run().await)
}

// Each row: the records, and what they say about senders at addresses.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str, Outcome)]);

async fn table(base: &str, rows: &[Row<'_>]) -> Result<()> {
    for (zone, checks) in rows {
        let (_server, dns) = serve(&[base, zone])?;
        for (ip, sender, wanted) in *checks {
            let got = check(&dns, ip, sender).await?;
            ensure!(
                got == *wanted,
                "{sender} from {ip}: {got:?}, not {wanted:?}, by {zone}"
            );
        }
    }
    Ok(())
}

use Outcome::{Fail, Neutral, None as Nothing, Pass, PermError, SoftFail, TempError};

const ALL: [&str; 9] = [
    "192.0.2.10",
    "192.0.2.11",
    "192.0.2.65",
    "192.0.2.66",
    "192.0.2.129",
    "192.0.2.130",
    "192.0.2.140",
    "10.0.0.4",
    "2001:db8::1",
];

#[tokio::test]
async fn the_simple_examples_of_appendix_a_1() -> Result<()> {
    for (record, passing) in [
        ("v=spf1 +all", &ALL[..]),
        ("v=spf1 a -all", &["192.0.2.10", "192.0.2.11"]),
        ("v=spf1 a:example.org -all", &[]),
        ("v=spf1 mx -all", &["192.0.2.129", "192.0.2.130"]),
        ("v=spf1 mx:example.org -all", &["192.0.2.140"]),
        (
            "v=spf1 mx mx:example.org -all",
            &["192.0.2.129", "192.0.2.130", "192.0.2.140"],
        ),
        (
            "v=spf1 mx/30 mx:example.org/30 -all",
            &["192.0.2.129", "192.0.2.130", "192.0.2.140"],
        ),
        (
            "v=spf1 ptr -all",
            &[
                "192.0.2.10",
                "192.0.2.11",
                "192.0.2.65",
                "192.0.2.66",
                "192.0.2.129",
                "192.0.2.130",
            ],
        ),
        (
            "v=spf1 ip4:192.0.2.128/28 -all",
            &["192.0.2.129", "192.0.2.130", "192.0.2.140"],
        ),
    ] {
        let (_server, dns) = serve(&[EXAMPLE, &format!("example.com TXT {record}")])?;
        for ip in ALL {
            let wanted = if passing.contains(&ip) { Pass } else { Fail };
            let got = check(&dns, ip, "ann@example.com").await?;
            ensure!(got == wanted, "{record} from {ip}: {got:?}");
        }
    }
    let (_server, dns) = serve(&[EXAMPLE, "example.com TXT v=spf1 mx/30 mx:example.org/30 -all"])?;
    for (ip, wanted) in [
        ("192.0.2.131", Pass),
        ("192.0.2.143", Pass),
        ("192.0.2.132", Fail),
        ("192.0.2.144", Fail),
    ] {
        ensure!(check(&dns, ip, "ann@example.com").await? == wanted, "{ip}");
    }
    Ok(())
}

#[tokio::test]
async fn the_further_examples_of_appendix_a() -> Result<()> {
    table(
        EXAMPLE,
        &[
            (
                "example.org TXT v=spf1 include:example.com include:example.net -all
             example.com TXT v=spf1 mx -all
             example.net TXT v=spf1 ip4:198.51.100.0/24 -all
             la.example.org TXT v=spf1 redirect=example.org
             ny.example.org TXT v=spf1 redirect=example.org",
                &[
                    ("192.0.2.129", "x@example.org", Pass),
                    ("198.51.100.9", "x@example.org", Pass),
                    ("192.0.2.65", "x@example.org", Fail),
                    ("198.51.100.9", "x@la.example.org", Pass),
                    ("192.0.2.65", "x@ny.example.org", Fail),
                ],
            ),
            (
                "example.com TXT v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all
             mobile-users._spf.example.com TXT v=spf1 exists:%{l1r+}.%{d}
             remote-users._spf.example.com TXT v=spf1 exists:%{ir}.%{l1r+}.%{d}
             mary.mobile-users._spf.example.com A 127.0.0.2
             fred.mobile-users._spf.example.com A 127.0.0.2
             15.15.168.192.joel.remote-users._spf.example.com A 127.0.0.2
             16.15.168.192.joel.remote-users._spf.example.com A 127.0.0.2",
                &[
                    ("203.0.113.7", "mary@example.com", Pass),
                    ("203.0.113.7", "fred+news@example.com", Pass),
                    ("192.168.15.15", "joel@example.com", Pass),
                    ("192.168.15.16", "joel@example.com", Pass),
                    ("192.168.15.17", "joel@example.com", Fail),
                    ("203.0.113.7", "eve@example.com", Fail),
                    ("192.0.2.129", "eve@example.com", Pass),
                ],
            ),
            (
                "example.com TXT v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all
             ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all
             ptr._spf.example.com TXT v=spf1 -ptr:example.com +all",
                &[
                    ("192.0.2.65", "x@example.com", Pass),
                    ("192.0.2.140", "x@example.com", Fail),
                    ("10.0.0.4", "x@example.com", Fail),
                ],
            ),
        ],
    )
    .await
}

// RFC 7208 5.2: only what the included record says at its end counts, at every depth.
#[tokio::test]
async fn an_include_inside_of_an_include_is_no_more_than_a_comparison() -> Result<()> {
    const LEAF: &str = "leaf.example TXT v=spf1 ip4:192.0.2.1 -all";
    let row =
        |middle: &str, outer: &str| format!("{LEAF}\n middle.example TXT {middle}\n a.example TXT {outer}");
    for (middle, outer, wanted) in [
        (
            "v=spf1 include:leaf.example -all",
            "v=spf1 include:middle.example -all",
            Pass,
        ),
        (
            "v=spf1 include:leaf.example -all",
            "v=spf1 ~include:middle.example -all",
            SoftFail,
        ),
        (
            "v=spf1 include:leaf.example -all",
            "v=spf1 -include:middle.example +all",
            Fail,
        ),
        (
            "v=spf1 -include:leaf.example +all",
            "v=spf1 include:middle.example ~all",
            SoftFail,
        ),
        (
            "v=spf1 ?include:leaf.example +all",
            "v=spf1 include:middle.example -all",
            Fail,
        ),
        (
            "v=spf1 ~include:leaf.example",
            "v=spf1 include:middle.example",
            Neutral,
        ),
        (
            "v=spf1 redirect=leaf.example",
            "v=spf1 -include:middle.example +all",
            Fail,
        ),
        (
            "v=spf1 include:leaf.example",
            "v=spf1 redirect=middle.example",
            Pass,
        ),
    ] {
        let (_server, dns) = serve(&[&row(middle, outer)])?;
        let got = check(&dns, "192.0.2.1", "x@a.example").await?;
        ensure!(got == wanted, "{middle} in {outer}: {got:?}");
        // Somebody else matches nowhere.
        let other = check(&dns, "192.0.2.2", "x@a.example").await?;
        ensure!(
            other != Pass || outer.ends_with("+all") || middle.ends_with("+all"),
            "{middle} in {outer}: {other:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn records_are_found_and_read_as_the_rfc_says() -> Result<()> {
    const IP: &str = "192.0.2.1";
    let one = |outcome| [(IP, "x@a.example", outcome)];
    table("", &[
        // 4.3, 4.5
        ("b.example A 192.0.2.1", &one(Nothing)),
        ("a.example TXT hello", &one(Nothing)),
        ("a.example TXT v=spf10 +all", &one(Nothing)),
        ("a.example TXT v=spf1 +all\n a.example TXT v=spf1 -all", &one(PermError)),
        ("a.example TXT v=spf1 +all\n a.example TXT v=spf1 moo:", &one(PermError)),
        ("a.example TXT v=spf1 +all\n a.example TXT token=v=spf1", &one(Pass)),
        ("a.example TXT V=SPF1 +ALL", &one(Pass)),
        ("a.example TXT v=spf1 moo: \n a.example TXT hello", &one(PermError)),
        ("localhost TXT v=spf1 +all", &[(IP, "x@localhost", Nothing), (IP, "x@a..example", Nothing)]),
        // 4.6: any mistake, wherever it stands
        ("a.example TXT v=spf1 +all ip:192.0.2.1", &one(PermError)),
        ("a.example TXT v=spf1 ip4:192.0.2.1 ip4:192.0.2.1/33", &one(PermError)),
        ("a.example TXT v=spf1 moo=%{h} +all", &one(Pass)),
        ("a.example TXT v=spf1", &one(Neutral)),
        // 4.7, 6.1
        ("a.example TXT v=spf1 redirect=b.example -all", &one(Fail)),
        ("a.example TXT v=spf1 redirect=b.example", &one(PermError)),
        ("a.example TXT v=spf1 redirect=b.example\n b.example TXT v=spf1 ~all", &one(SoftFail)),
        // 5.2
        ("a.example TXT v=spf1 include:b.example +all", &one(PermError)),
        ("a.example TXT v=spf1 include:b.example +all\n b.example TXT v=spf1 moo:", &one(PermError)),
        ("a.example TXT v=spf1 include:b.example ?all\n b.example TXT v=spf1 -all", &one(Neutral)),
        // 5.3: an alias is followed, addresses of the other kind say nothing
        ("a.example TXT v=spf1 a:b.example -all\n b.example CNAME c.example\n c.example A 192.0.2.1", &one(Pass)),
        ("a.example TXT v=spf1 a -all\n a.example AAAA 2001:db8::1", &[(IP, "x@a.example", Fail), ("2001:db8::1", "x@a.example", Pass)]),
        ("a.example TXT v=spf1 a//64 -all\n a.example AAAA 2001:db8::1", &[("2001:db8::ffff", "x@a.example", Pass)]),
        ("a.example TXT v=spf1 ip4:192.0.2.1 -all", &[("::ffff:192.0.2.1", "x@a.example", Pass)]),
        ("a.example TXT v=spf1 ip6:::ffff:192.0.2.1 -all", &one(Fail)),
        // 5.7: an address of IPv4 is what exists
        ("a.example TXT v=spf1 exists:b.example -all\n b.example AAAA 2001:db8::1", &[("2001:db8::1", "x@a.example", Fail)]),
        ("a.example TXT v=spf1 exists:%{i}.a.example -all\n 2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.a.example A 127.0.0.2", &[("2001:db8::1", "x@a.example", Pass), ("2001:0db8::1", "x@b.a.example", Nothing)]),
        // 4.3: the postmaster's, where there is nobody
        ("a.example TXT v=spf1 exists:%{l}.a.example -all\n postmaster.a.example A 127.0.0.2", &[(IP, "@a.example", Pass), (IP, "x@a.example", Fail)]),
        // 7.3: HELO
        ("a.example TXT v=spf1 exists:%{h}.a.example -all\n mail.example.net.a.example A 127.0.0.2", &one(Pass)),
        // RFC 2181 11: a name may have what no host's has.
        ("a.example TXT v=spf1 exists:%{l}.a.example -all\n bounces+ann=b.a.example A 127.0.0.2",
         &[(IP, "bounces+ann=b@a.example", Pass), (IP, "bounces+ben=b@a.example", Fail)]),
        ("a.example TXT v=spf1 include:%{l}._spf.a.example -all\n x+y._spf.a.example TXT v=spf1 +all", &[(IP, "x+y@a.example", Pass)]),
        // A name that cannot be is nothing.
        ("a.example TXT v=spf1 exists:%{l}.a.example ~all", &[(IP, &format!("{}@a.example", "x".repeat(64)), SoftFail)]),
    ])
    .await
}

// RFC 7208 5.5, 7.3: a name counts only if it leads back to the address.
#[tokio::test]
async fn a_name_that_anybody_can_give_his_address_proves_nothing() -> Result<()> {
    table(
        "192.0.2.1 PTR true.a.example
         true.a.example A 192.0.2.1
         192.0.2.2 PTR true.a.example
         192.0.2.3 PTR true.evil-a.example
         true.evil-a.example A 192.0.2.3
         true.a.example.allowed.example A 127.0.0.2
         unknown.allowed.example A 127.0.0.2",
        &[
            (
                "a.example TXT v=spf1 ptr -all",
                &[
                    ("192.0.2.1", "x@a.example", Pass),
                    ("192.0.2.2", "x@a.example", Fail),
                    ("192.0.2.3", "x@a.example", Fail),
                    ("192.0.2.4", "x@a.example", Fail),
                ],
            ),
            (
                "a.example TXT v=spf1 exists:%{p}.allowed.example -all",
                &[
                    ("192.0.2.1", "x@a.example", Pass),
                    ("192.0.2.2", "x@a.example", Pass), // as `unknown`
                    ("192.0.2.3", "x@a.example", Fail),
                ],
            ),
        ],
    )
    .await
}

#[tokio::test]
async fn of_a_hundred_names_ten_are_looked_at() -> Result<()> {
    let (server, dns) = serve(&["a.example TXT v=spf1 ptr -all"])?;
    for number in 0..100 {
        server.name_of("192.0.2.1".parse()?, &format!("n{number}.a.example"));
    }
    ensure!(check(&dns, "192.0.2.1", "x@a.example").await? == Fail);
    let asked = server
        .asked()
        .iter()
        .filter(|asked| asked.contains("a.example. A"))
        .count();
    ensure!(asked == 10, "{asked}");
    Ok(())
}

// RFC 7208 4.6.4
#[tokio::test]
async fn what_a_record_makes_us_ask_is_counted() -> Result<()> {
    let chain = |length: usize, end: &str| {
        let link = |n| format!("r{n}.example TXT v=spf1 include:r{}.example\n", n + 1);
        (0..length).map(link).collect::<String>() + &format!("r{length}.example TXT {end}")
    };
    let hosts = |count: usize| {
        let host = |n| format!("a.example MX m{n}.example\n m{n}.example A 198.51.100.{n}\n");
        "a.example TXT v=spf1 mx -all\n".to_owned() + &(0..count).map(host).collect::<String>()
    };
    let terms = |count: usize| {
        format!(
            "a.example TXT v=spf1{} ~all\n a.example A 198.51.100.1",
            " a".repeat(count)
        )
    };
    const IP: &str = "192.0.2.1";
    table(
        "",
        &[
            (&terms(10), &[(IP, "x@a.example", SoftFail)]),
            (&terms(11), &[(IP, "x@a.example", PermError)]),
            (&chain(10, "v=spf1 +all"), &[(IP, "x@r0.example", Pass)]),
            (&chain(11, "v=spf1 +all"), &[(IP, "x@r0.example", PermError)]),
            (&hosts(10), &[(IP, "x@a.example", Fail)]),
            (&hosts(11), &[(IP, "x@a.example", PermError)]),
            // Loops
            (
                "a.example TXT v=spf1 include:a.example -all",
                &[(IP, "x@a.example", PermError)],
            ),
            (
                "a.example TXT v=spf1 redirect=a.example",
                &[(IP, "x@a.example", PermError)],
            ),
            (
                "a.example TXT v=spf1 include:b.example -all\n b.example TXT v=spf1 redirect=a.example",
                &[(IP, "x@a.example", PermError)],
            ),
            // Names without anything
            (
                "a.example TXT v=spf1 a:n1.example exists:n2.example ~all",
                &[(IP, "x@a.example", SoftFail)],
            ),
            (
                "a.example TXT v=spf1 a:n1.example mx:n2.example exists:n3.example ~all",
                &[(IP, "x@a.example", PermError)],
            ),
        ],
    )
    .await?;
    // Ten includes of one record with ten mail hosts each: it ends with the terms.
    let (server, dns) = serve(&[&hosts(10)])?;
    server.txt(
        "b.example",
        &format!("v=spf1{} -all", " include:c.example".repeat(30)),
    );
    server.txt("c.example", &format!("v=spf1{} -all", " mx:a.example".repeat(30)));
    ensure!(check(&dns, IP, "x@b.example").await? == PermError);
    ensure!(server.asked().len() < 120, "{}", server.asked().len());
    Ok(())
}

// RFC 7208 4.4, 5: to follow them is an error of the lookup, and none that says that there is nothing.
#[tokio::test]
async fn loops_of_aliases_end_and_say_nothing_about_the_caller() -> Result<()> {
    table(
        "",
        &[
            (
                "a.example TXT v=spf1 a:b.example -all\n b.example CNAME c.example\n c.example CNAME b.example",
                &[("192.0.2.1", "x@a.example", TempError)],
            ),
            (
                "a.example CNAME a.example",
                &[("192.0.2.1", "x@a.example", TempError)],
            ),
            (
                "a.example TXT v=spf1 mx:b.example -all\n b.example CNAME c.example\n c.example CNAME b.example",
                &[("192.0.2.1", "x@a.example", TempError)],
            ),
            (
                "a.example CNAME b.example\n b.example CNAME a.example",
                &[("192.0.2.1", "x@a.example", TempError)],
            ),
            // One that ends says what stands at its end, nothing included.
            (
                "a.example TXT v=spf1 a:b.example -all\n b.example CNAME c.example\n c.example TXT hello",
                &[("192.0.2.1", "x@a.example", Fail)],
            ),
        ],
    )
    .await
}

// RFC 7208 4.4, 2.6.6: what cannot be known now is a temporary error, never a pass or fail.
#[tokio::test]
async fn answers_that_are_broken_in_any_way_are_no_answers() -> Result<()> {
    let wanted = [
        (Lie::NeverWhole, TempError),
        (Lie::Garbage, TempError),
        (Lie::Half, TempError),
        (Lie::Silent, TempError),
        (Lie::OtherId, TempError),
        (Lie::Truncated, Pass),
        (Lie::Late(Duration::from_millis(300)), Pass),
    ];
    let (server, dns) = serve(&[])?;
    let mut checks = tokio::task::JoinSet::new();
    for (number, (lie, wanted)) in wanted.into_iter().enumerate() {
        let (outer, inner) = (format!("a{number}.example"), format!("b{number}.example"));
        server.txt(&outer, &format!("v=spf1 include:{inner} -all"));
        server.txt(&inner, "v=spf1 +all");
        server.lie(&inner, lie);
        let dns = dns.clone();
        checks.spawn(async move {
            let sender = format!("x@{outer}");
            let check = check(&dns, "192.0.2.1", &sender);
            let got = tokio::time::timeout(Duration::from_secs(60), check).await;
            let got = got.context("it never ends")??;
            ensure!(got == wanted, "{lie:?}: {got:?}");
            Ok(())
        });
    }
    checks.join_all().await.into_iter().collect::<Result<()>>()?;
    let (server, dns) = serve(&["a.example TXT v=spf1 mx -all\n a.example MX m.example"])?;
    server.fail("m.example");
    ensure!(check(&dns, "192.0.2.1", "x@a.example").await? == TempError);
    Ok(())
}

// A record in many strings that is larger than a packet comes over TCP.
#[tokio::test]
async fn a_long_record_is_read_to_its_end() -> Result<()> {
    let networks: String = (0..200).map(|n| format!(" ip4:198.51.{n}.0/24")).collect();
    let (_server, dns) = serve(&[&format!("a.example TXT v=spf1{networks} ip4:192.0.2.1 -all")])?;
    ensure!(check(&dns, "192.0.2.1", "x@a.example").await? == Pass);
    ensure!(check(&dns, "192.0.2.2", "x@a.example").await? == Fail);
    Ok(())
}

// A network whose name servers pass signatures on; a box finds that out beside its first question.
#[tokio::test]
async fn where_signatures_are_to_be_had_a_forged_record_proves_nobody() -> Result<()> {
    let checking = Checking::default();
    let server = FakeDns::start_signed()?;
    server.be_short_lived();
    server.unsigned("plain.example");
    for domain in ["signed.example", "plain.example"] {
        server.txt(domain, "v=spf1 ip4:192.0.2.1 -all");
    }
    let dns = Dns::trusting(NameServers::Fixed(vec![server.address()]), server.anchors());
    let dns = dns.with(checking.clone());
    let ask = async |domain: &str| check(&dns, "192.0.2.1", &format!("x@{domain}")).await;
    ensure!(ask("signed.example").await? == Pass);
    for _ in 0..600 {
        if checking.seen() == Signed::Checked {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(checking.seen() == Signed::Checked);
    ensure!(ask("signed.example").await? == Pass && ask("plain.example").await? == Pass);
    ensure!(ask("nothing.example").await? == Nothing);
    for forgery in [
        Forgery::Unsigned,
        Forgery::Emptied,
        Forgery::Denied,
        Forgery::EmptiedBy("plain.example".to_owned()),
    ] {
        server.be_honest();
        server.forge("signed.example", forgery.clone());
        ensure!(ask("signed.example").await? == TempError, "{forgery:?}");
        ensure!(ask("plain.example").await? == Pass, "{forgery:?}");
    }
    // An admin may do without.
    server.be_honest();
    server.forge("signed.example", Forgery::Unsigned);
    checking.set(Dnssec { check: false });
    ensure!(ask("signed.example").await? == Pass);
    Ok(())
}
