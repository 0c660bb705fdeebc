use super::*;
use proptest::prelude::*;

type Shown<'a> = (&'a str, &'a str, &'a str, &'a str);

fn show(entry: &Entry) -> [String; 4] {
    let text = |field: &Option<Vec<u8>>| match field {
        Some(octets) => String::from_utf8_lossy(octets).into_owned(),
        None => "NIL".to_owned(),
    };
    [
        text(&entry.name),
        text(&entry.adl),
        text(&entry.mailbox),
        text(&entry.host),
    ]
}

fn check(cases: &[(&str, &[Shown<'_>])]) {
    for (value, expected) in cases {
        let got: Vec<[String; 4]> = parse_list(value.as_bytes()).iter().map(show).collect();
        let expected: Vec<[String; 4]> = expected
            .iter()
            .map(|e| [e.0, e.1, e.2, e.3].map(str::to_owned))
            .collect();
        assert_eq!(got, expected, "{value:?}");
    }
}

#[test]
fn lists_of_rfc_5322_appendix_a() {
    check(&[
        // A.1.1
        (
            "John Doe <jdoe@machine.example>",
            &[("John Doe", "NIL", "jdoe", "machine.example")],
        ),
        // A.1.2
        (
            "\"Joe Q. Public\" <john.q.public@example.com>",
            &[("Joe Q. Public", "NIL", "john.q.public", "example.com")],
        ),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            &[
                ("Mary Smith", "NIL", "mary", "x.test"),
                ("NIL", "NIL", "jdoe", "example.org"),
                ("Who?", "NIL", "one", "y.test"),
            ],
        ),
        (
            "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            &[
                ("NIL", "NIL", "boss", "nil.test"),
                ("Giant; \"Big\" Box", "NIL", "sysservices", "example.net"),
            ],
        ),
        // A.1.3
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            &[
                ("NIL", "NIL", "A Group", "NIL"),
                ("Ed Jones", "NIL", "c", "a.test"),
                ("NIL", "NIL", "joe", "where.test"),
                ("John", "NIL", "jdoe", "one.test"),
                ("NIL", "NIL", "NIL", "NIL"),
            ],
        ),
        (
            "Undisclosed recipients:;",
            &[
                ("NIL", "NIL", "Undisclosed recipients", "NIL"),
                ("NIL", "NIL", "NIL", "NIL"),
            ],
        ),
        // A.5
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
            &[("Pete", "NIL", "pete", "silly.test")],
        ),
        (
            "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n  joe@example.org,\r\n John <jdoe@one.test> (my dear friend); (the end of the group)",
            &[
                ("NIL", "NIL", "A Group", "NIL"),
                ("Chris Jones", "NIL", "c", "public.example"),
                ("NIL", "NIL", "joe", "example.org"),
                ("John", "NIL", "jdoe", "one.test"),
                ("NIL", "NIL", "NIL", "NIL"),
            ],
        ),
        (
            "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
            &[
                ("NIL", "NIL", "Hidden recipients", "NIL"),
                ("NIL", "NIL", "NIL", "NIL"),
            ],
        ),
        // A.6.1
        (
            "Joe Q. Public <john.q.public@example.com>",
            &[("Joe Q. Public", "NIL", "john.q.public", "example.com")],
        ),
        (
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test . example",
            &[
                ("Mary Smith", "@node.test", "mary", "example.net"),
                ("NIL", "NIL", "jdoe", "test.example"),
            ],
        ),
        // A.6.3
        (
            "John Doe <jdoe@machine(comment).  example>",
            &[("John Doe", "NIL", "jdoe", "machine.example")],
        ),
    ]);
}

#[test]
fn lists_of_the_world() {
    check(&[
        // old style names
        (
            "jdoe@example.org (John Doe)",
            &[("John Doe", "NIL", "jdoe", "example.org")],
        ),
        ("\"a b\"@example.org", &[("NIL", "NIL", "a b", "example.org")]),
        (
            "x@[192.0.2.1], y@[IPv6:2001:db8::1]",
            &[
                ("NIL", "NIL", "x", "[192.0.2.1]"),
                ("NIL", "NIL", "y", "[IPv6:2001:db8::1]"),
            ],
        ),
        (
            "=?utf-8?Q?a,b?= <a@example.org>",
            &[("=?utf-8?Q?a,b?=", "NIL", "a", "example.org")],
        ),
        (
            "J\u{f6}rg <j@b\u{fc}cher.example>",
            &[("J\u{f6}rg", "NIL", "j", "b\u{fc}cher.example")],
        ),
        // nothing usable
        ("", &[]),
        (",,;>)", &[]),
        ("root", &[("NIL", "NIL", "root", "")]),
        ("<>", &[("NIL", "NIL", "", "")]),
        ("\"open <a@b", &[("NIL", "NIL", "open <a@b", "")]),
        ("((((", &[]),
        ("a@b c@d", &[("NIL", "NIL", "a", "b")]),
    ]);
}

#[test]
fn only_what_smtp_could_carry_is_an_address() {
    let got = addresses(b"A <a@example.com>, root, <>, g: b@example.com;, \"c d\"@example.com, x@-bad-");
    let got: Vec<String> = got.iter().map(ToString::to_string).collect();
    assert_eq!(got, ["a@example.com", "b@example.com", "\"c d\"@example.com"]);
}

#[test]
fn a_field_of_commas_and_names_stays_bounded() {
    assert_eq!(parse_list(&b"a,".repeat(50_000)).len(), ADDRESSES);
    assert_eq!(parse_list(&b",".repeat(50_000)).len(), 0);
    assert_eq!(parse_list(&b"(".repeat(50_000)).len(), 0);
}

proptest! {
    #[test]
    fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_list(&octets);
    }

    #[test]
    fn printed_addresses_are_read_back(local in "[ -~]{1,20}", domain in "[a-z]{1,8}(\\.[a-z]{2,5}){0,2}") {
        let address = Address::from_parts(&local, Domain::parse(&domain).unwrap()).unwrap();
        prop_assert_eq!(&Address::parse(&address.to_string()).unwrap(), &address);
        prop_assert_eq!(addresses(address.to_string().as_bytes()), vec![address.clone()]);
        prop_assert_eq!(addresses(format!("\"x, y\" <{address}>, z@z").as_bytes())[0].clone(), address);
    }
}

#[test]
fn an_address_that_is_named_after_itself_is_one_and_another_one_is_not_overlooked() {
    check(&[
        (
            "Ann@a.example <ann@A.example>, b@b.example",
            &[
                ("Ann@a.example", "NIL", "ann", "A.example"),
                ("NIL", "NIL", "b", "b.example"),
            ],
        ),
        (
            "boss@a.example <ann@a.example>",
            &[
                ("NIL", "NIL", "boss", "a.example"),
                ("NIL", "NIL", "ann", "a.example"),
            ],
        ),
        (
            "ann@a.example <ann@a.example> <boss@a.example>",
            &[
                ("ann@a.example", "NIL", "ann", "a.example"),
                ("NIL", "NIL", "boss", "a.example"),
            ],
        ),
        (
            "ann@a.example <@b.example:ann@a.example>",
            &[
                ("NIL", "NIL", "ann", "a.example"),
                ("NIL", "@b.example", "ann", "a.example"),
            ],
        ),
    ]);
}
