use super::*;
use proptest::prelude::*;

const STRONG_BAD: Values<'_> = Values {
    ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3)),
    local: "strong-bad",
    sender_domain: "email.example.com",
    helo: "mx.example.org",
    domain: "email.example.com",
    validated: "mx.example.org",
};

fn expanded(text: &str, values: &Values<'_>) -> String {
    Macros::domain(text).unwrap().expand(values)
}

#[test]
fn the_expansions_of_rfc_7208_7_4() {
    for (text, name) in [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        (
            "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
            "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
        ),
        (
            "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
            "3.2.0.192.in-addr.strong.lp._spf.example.com",
        ),
        (
            "%{d2}.trusted-domains.example.net",
            "example.com.trusted-domains.example.net",
        ),
    ] {
        assert_eq!(expanded(text, &STRONG_BAD), name, "{text}");
    }
    let v6 = Values {
        ip: "2001:db8::cb01".parse().unwrap(),
        ..STRONG_BAD
    };
    assert_eq!(
        expanded("%{ir}.%{v}._spf.%{d2}", &v6),
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
    );
}

// RFC 7208 7.1, 7.3
#[test]
fn further_expansions() {
    let odd = Values {
        local: "a+b=c d",
        helo: "HELO.example",
        ..STRONG_BAD
    };
    let label = "x".repeat(60);
    let long = format!("{label}.{label}.{label}.{label}.{label}.example.com");
    let long = Values { domain: &long, ..odd };
    for (text, values, name) in [
        ("%{L}.%{d1}", &odd, "a%2Bb%3Dc%20d.com"),
        ("%{l+=}.%{d1}", &odd, "a.b.c d.com"),
        ("%{h}", &odd, "HELO.example"),
        ("%{p}", &odd, "mx.example.org"),
        ("a%%b%_c%-d.%{d1}", &odd, "a%b c%20d.com"),
        ("%{d99999999999999999999999}", &odd, "email.example.com"),
        ("example.com.", &odd, "example.com"),
        ("%{D}", &long, &format!("{label}.{label}.{label}.example.com")),
    ] {
        assert_eq!(expanded(text, values), name, "{text}");
    }
}

#[test]
fn records_are_read_as_the_grammar_says() {
    let parse = |text: &str| Record::parse(text.as_bytes());
    for text in [
        "v=spf1",
        "V=SPF1 -ALL",
        "v=spf1  a   mx ",
        "v=spf1 +a/24//64 mx//0 a:b.example/0 ?ptr ptr:%{d} ~all",
        "v=spf1 a:mail.example.com//48 mx:a/b.example/8",
        "v=spf1 ip4:192.0.2.0/24 ip4:192.0.2.1 ip6:2001:db8::/32 ip6:::1 ip6:::ffff:192.0.2.1/96",
        "v=spf1 exists:%{ir}.%{l1r+-}._spf.%{d} include:_spf.example.com redirect=a.example exp=e.%{d}",
        "v=spf1 moo=boo%{c}%% m-1_x.y= all",
        "v=spf1 a:example.com. include:1.2.a-1",
    ] {
        assert!(parse(text).is_ok(), "{text}");
    }
    for text in [
        "v=spf10",
        "v=spf1\tall",
        "v=spf2 all",
        "all",
        "v=spf1 --all",
        "v=spf1 all:example.com",
        "v=spf1 all/8",
        "v=spf1 ip:192.0.2.1",
        "v=spf1 ipv4:192.0.2.1",
        "v=spf1 ip4",
        "v=spf1 ip4:192.0.2",
        "v=spf1 ip4:256.0.0.1",
        "v=spf1 ip4:192.0.2.1/33",
        "v=spf1 ip4:192.0.2.1/08",
        "v=spf1 ip4:192.0.2.1/",
        "v=spf1 ip6:2001:db8::/129",
        "v=spf1 ip6:192.0.2.1",
        "v=spf1 ip6:2001::db8::1",
        "v=spf1 a:",
        "v=spf1 a:/24",
        "v=spf1 a/33",
        "v=spf1 a//129",
        "v=spf1 a/",
        "v=spf1 a:example.com/",
        "v=spf1 a:example.com:8080",
        "v=spf1 mx:museum",
        "v=spf1 a:192.0.2.1",
        "v=spf1 include",
        "v=spf1 include:",
        "v=spf1 include:a.example/24",
        "v=spf1 exists",
        "v=spf1 ptr:",
        "v=spf1 ptr/24",
        "v=spf1 redirect=",
        "v=spf1 redirect=a.example redirect=b.example",
        "v=spf1 exp=a.example EXP=b.example",
        "v=spf1 redirect:a.example",
        "v=spf1 -redirect=a.example",
        "v=spf1 exists:%{x}.example",
        "v=spf1 exists:%{t}.example",
        "v=spf1 exists:%{d0}",
        "v=spf1 exists:%{d",
        "v=spf1 exists:%d.example",
        "v=spf1 exists:%",
        "v=spf1 exists:%{d*}",
        "v=spf1 exists:%{}",
        "v=spf1 moo=%{x}",
        "v=spf1 1moo=x",
        "v=spf1 a:b\u{fc}cher.example",
        "v=spf1 all\r\n",
    ] {
        assert_eq!(parse(text), Err(Malformed), "{text}");
    }
    assert_eq!(Record::parse(b"v=spf1 a:\xff.example"), Err(Malformed));
    let long = format!("v=spf1{}", " a".repeat(limits::RECORD));
    assert_eq!(parse(&long), Err(Malformed));
}

#[test]
fn bits_are_compared_as_far_as_they_count() {
    for (one, other, width, equal) in [
        ("192.0.2.1", "192.0.2.255", 24, true),
        ("192.0.2.1", "192.0.3.1", 24, false),
        ("192.0.2.1", "10.0.0.1", 0, true),
        ("192.0.2.1", "192.0.2.1", 32, true),
        ("192.0.2.1", "192.0.2.0", 32, false),
        ("2001:db8::1", "2001:db8::2", 126, true),
        ("2001:db8::1", "2001:db8::2", 127, false),
        ("::", "192.0.2.1", 0, false),
    ] {
        let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
        assert_eq!(agree(one, other, width), equal, "{one} {other}/{width}");
    }
}

proptest! {
    #[test]
    fn no_record_and_no_sender_breaks_it(record in "v=spf1( [-+~?]?[a-z0-9:=/%{}.]{0,24}){0,8}",
        local in ".{0,80}", domain in "[a-z.-]{0,300}", mangled in any::<Vec<u8>>()) {
        let _ = Record::parse(&mangled);
        let values = Values { local: &local, sender_domain: &domain, domain: &domain, ..STRONG_BAD };
        if let Ok(record) = Record::parse(record.as_bytes()) {
            for directive in &record.directives {
                if let Mechanism::Include(macros) | Mechanism::Exists(macros) = &directive.mechanism {
                    let _ = macros.expand(&values);
                }
            }
        }
        for place in ["%{s}", "%{l2r-}", "%{D3}", "%{h}.example"] {
            expanded(place, &values);
        }
    }
}
