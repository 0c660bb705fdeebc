use super::*;
use proptest::prelude::*;

/// A step in words.
fn seen(step: Step) -> String {
    match step {
        Step::Challenge(text) => format!("challenge {text}"),
        Step::Ask(Question::Authenticate {
            mechanism,
            login,
            password,
        }) => format!(
            "{} {login} {}",
            mechanism.as_str(),
            String::from_utf8_lossy(password.expose())
        ),
        Step::Ask(Question::Salt { login }) => format!("salt {login}"),
        Step::Ask(Question::Prove(proof)) => format!("prove {} bound={}", proof.login, proof.bound),
        Step::Ask(question) => panic!("{question:?}"),
        Step::Welcome(identity) => format!("welcome {}", identity.address),
        Step::Refused(refusal) => format!("refused {refusal:?}"),
        Step::Failed(fault) => format!("failed {fault:?}"),
    }
}

fn start(mechanism: &str, initial: Option<&str>) -> (Exchange, String) {
    let (exchange, step) = Exchange::start(mechanism.as_bytes(), initial.map(str::as_bytes), true);
    (exchange, seen(step))
}

fn b64(octets: impl AsRef<[u8]>) -> String {
    STANDARD.encode(octets)
}

fn tim() -> Identity {
    Identity {
        account: crate::types::AccountId(7),
        address: crate::types::Address::parse("tim@example.com").unwrap(),
    }
}

#[test]
fn plain_takes_one_message_now_or_later() {
    let message = b64(b"\0tim\0tanstaaftanstaaf"); // RFC 4616 4
    assert_eq!(start("PLAIN", Some(&message)).1, "plain tim tanstaaftanstaaf");
    let (mut exchange, step) = start("plain", None);
    assert_eq!(step, "challenge ");
    assert_eq!(
        seen(exchange.answer(message.as_bytes())),
        "plain tim tanstaaftanstaaf"
    );
    assert_eq!(seen(exchange.answer(message.as_bytes())), "failed Malformed");
    let (mut exchange, _) = start("PLAIN", Some(&message));
    assert_eq!(
        seen(exchange.answered(Answer::Authenticated(tim()))),
        "welcome tim@example.com"
    );
    let (mut exchange, _) = start("PLAIN", Some(&message));
    let refused = exchange.answered(Answer::Refused(Refusal::Throttled));
    assert_eq!(seen(refused), "refused Throttled");
}

#[test]
fn login_asks_for_name_and_password() {
    let (mut exchange, step) = start("LOGIN", None);
    assert_eq!(step, "challenge VXNlcm5hbWU6");
    assert_eq!(
        seen(exchange.answer(b64(b"tim").as_bytes())),
        "challenge UGFzc3dvcmQ6"
    );
    assert_eq!(
        seen(exchange.answer(b64(b"secret").as_bytes())),
        "login tim secret"
    );
    let (mut exchange, step) = start("LOGIN", Some(&b64(b"tim")));
    assert_eq!(step, "challenge UGFzc3dvcmQ6");
    assert_eq!(seen(exchange.answer(b"*")), "failed Cancelled");
}

#[test]
fn what_is_no_login_fails() {
    let long = b64([b"\0tim\0", &[b'x'; PASSWORD + 1][..]].concat());
    let name = b64([b"\0", &[b'x'; LOGIN + 1][..], b"\0p"].concat());
    let cases = [
        ("*", "Cancelled"),
        ("=", "Malformed"),
        ("", "Malformed"),
        ("!!!", "Malformed"),
        ("dGlt", "Malformed"),         // tim
        ("AHRpbQA=", "Malformed"),     // no password
        ("AABw", "Malformed"),         // no name
        ("AHQKbQBw", "Malformed"),     // a line end in the name
        ("AP8AcA==", "Malformed"),     // not UTF-8
        ("AHRpbQBwAHA=", "Malformed"), // NUL in the password
        ("b3RoZXIAdGltAHA=", "OtherIdentity"),
        (&long, "Malformed"),
        (&name, "Malformed"),
    ];
    for (line, fault) in cases {
        assert_eq!(start("PLAIN", Some(line)).1, format!("failed {fault}"), "{line}");
    }
    assert_eq!(start("CRAM-MD5", None).1, "failed Unknown");
    assert_eq!(start("PLAIN", Some(&b64(b"Tim\0tim\0p"))).1, "plain tim p");
}

#[test]
fn nothing_printable_holds_the_password() {
    let (_, step) = Exchange::start(b"PLAIN", Some(b64(b"\0tim\0hunter2").as_bytes()), false);
    assert!(!format!("{step:?}").contains("hunter2"));
}

fn salt() -> Salt {
    Salt {
        salt: b"salt".to_vec(),
        iterations: 2,
        nonce: "ours".to_owned(),
        exporter: Some(b"this connection".to_vec()),
    }
}

/// As far as the client's last message.
fn proving(mechanism: &str, header: &str, binding: &[u8]) -> (Exchange, Vec<u8>) {
    let bare = "n=tim,r=theirs";
    let (mut exchange, step) = start(mechanism, Some(&b64(format!("{header}{bare}"))));
    assert_eq!(step, "salt tim");
    let challenge = seen(exchange.answered(Answer::Salt(salt())));
    let server_first = STANDARD
        .decode(challenge.strip_prefix("challenge ").unwrap())
        .unwrap();
    let server_first = String::from_utf8(server_first).unwrap();
    let bound = [header.as_bytes(), binding].concat();
    let last = scram::tests::last_message("secret", bare, &server_first, &bound);
    (exchange, b64(last).into_bytes())
}

#[test]
fn scram_takes_two_rounds_and_an_empty_thank_you() {
    for (mechanism, header, binding) in [
        ("SCRAM-SHA-256", "n,,", &b""[..]),
        ("SCRAM-SHA-256-PLUS", "p=tls-exporter,,", b"this connection"),
    ] {
        let (mut exchange, last) = proving(mechanism, header, binding);
        let Step::Ask(Question::Prove(proof)) = exchange.answer(&last) else {
            panic!("no proof");
        };
        assert!(proof.bound);
        let keys = scram::Keys::derive("secret", b"salt", std::num::NonZeroU32::new(2).unwrap());
        let signature = proof.check(&keys).unwrap();
        let identity = tim();
        let said = exchange.answered(Answer::Proven { identity, signature });
        assert!(seen(said).starts_with("challenge dj")); // v=
        assert_eq!(seen(exchange.answer(b"")), "welcome tim@example.com");
    }
}

#[test]
fn a_client_that_does_not_trust_us_ends_the_connection() {
    for line in [&b"*"[..], b"!!!", b"YQ=="] {
        let (mut exchange, last) = proving("SCRAM-SHA-256", "n,,", b"");
        let Step::Ask(Question::Prove(proof)) = exchange.answer(&last) else {
            panic!("no proof");
        };
        let keys = scram::Keys::derive("secret", b"salt", std::num::NonZeroU32::new(2).unwrap());
        let signature = proof.check(&keys).unwrap();
        let identity = tim();
        let _ = exchange.answered(Answer::Proven { identity, signature });
        assert_eq!(seen(exchange.answer(line)), "failed NotTrusted");
    }
}

#[test]
fn scram_is_cancelled_refused_and_bound_only_where_that_is_offered() {
    let (mut exchange, _) = proving("SCRAM-SHA-256", "n,,", b"");
    assert_eq!(seen(exchange.answer(b"*")), "failed Cancelled");
    let (mut exchange, last) = proving("SCRAM-SHA-256", "y,,", b"");
    assert_eq!(seen(exchange.answer(&last)), "prove tim bound=false");
    assert_eq!(
        seen(exchange.answered(Answer::Refused(Refusal::BadCredentials))),
        "refused BadCredentials"
    );
    let (_, step) = Exchange::start(b"SCRAM-SHA-256-PLUS", None, false);
    assert_eq!(seen(step), "failed Unknown");
    assert!(!offered(false).contains(&"SCRAM-SHA-256-PLUS"));
    assert!(offered(true).contains(&"SCRAM-SHA-256-PLUS"));
}

proptest! {
    #[test]
    fn any_lines_are_taken_without_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4), which in 0_usize..4) {
        let (mut exchange, _) = Exchange::start(offered(true)[which].as_bytes(), None, true);
        for line in lines {
            let _ = exchange.answer(b64(&line).as_bytes());
            let _ = exchange.answered(Answer::Salt(salt()));
        }
    }
}
