//! The example of RFC 7677 3, the rules of RFC 5802 as a table, and a client of our own.

use super::*;
use proptest::prelude::*;

const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

fn salt() -> Salt {
    Salt {
        salt: STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(),
        iterations: 4096,
        nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_owned(),
        exporter: None,
    }
}

fn keys(password: &str, salt: &Salt) -> Keys {
    Keys::derive(password, &salt.salt, NonZeroU32::new(salt.iterations).unwrap())
}

fn first(message: &str) -> Result<First, Fault> {
    First::parse(message.as_bytes(), Mechanism::ScramSha256, false)
}

/// What an honest client sends last.
pub fn last_message(password: &str, bare: &str, server_first: &str, bound: &[u8]) -> String {
    let field = |name| {
        server_first
            .split(',')
            .find_map(|f| f.strip_prefix(name))
            .unwrap()
    };
    let salt = STANDARD.decode(field("s=")).unwrap();
    let iterations = NonZeroU32::new(field("i=").parse().unwrap()).unwrap();
    let mut salted = [0; SIZE];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        &salt,
        password.as_bytes(),
        &mut salted,
    );
    let unproven = format!("c={},r={}", STANDARD.encode(bound), field("r="));
    let key = mac(&salted, b"Client Key");
    let signature = mac(
        &hash(&key),
        format!("{bare},{server_first},{unproven}").as_bytes(),
    );
    let proof: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    format!("{unproven},p={}", STANDARD.encode(proof))
}

#[test]
fn the_example_of_rfc_7677_section_3_goes_as_printed() {
    let salt = salt();
    let first = first(CLIENT_FIRST).unwrap();
    assert_eq!(first.login, "user");
    assert_eq!(
        first.reply(&salt),
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let proof = first.last(CLIENT_FINAL.as_bytes(), &salt).unwrap();
    assert!(proof.bound);
    let signature = proof.check(&keys("pencil", &salt)).unwrap();
    assert_eq!(
        signature.message(),
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    );
    assert_eq!(proof.check(&keys("Pencil", &salt)), None);
}

#[test]
fn keys_are_kept_as_a_text_that_shows_nothing() {
    let keys = keys("pencil", &salt());
    let text = String::from(keys.clone());
    assert_eq!(Keys::try_from(text.clone()).unwrap(), keys);
    for bad in ["", ":", "YQ==:YQ==", text.split_once(':').unwrap().0] {
        assert!(Keys::try_from(bad.to_owned()).is_err(), "{bad}");
    }
    assert_eq!(format!("{keys:?}"), "Keys(..)");
}

#[test]
fn what_rfc_5802_forbids_in_a_first_message_is_refused() {
    let long = format!("n,,n=user,r={}", "x".repeat(NONCE + 1));
    let table: &[(&str, Mechanism, Result<&str, Fault>)] = &[
        (CLIENT_FIRST, Mechanism::ScramSha256, Ok("user")),
        ("y,,n=user,r=abc", Mechanism::ScramSha256, Ok("user")),
        ("n,a=User,n=user,r=abc,x=ext", Mechanism::ScramSha256, Ok("user")),
        ("n,,n=a=2Cb=3Dc,r=abc", Mechanism::ScramSha256, Ok("a,b=c")),
        (
            "p=tls-exporter,,n=user,r=abc",
            Mechanism::ScramSha256Plus,
            Ok("user"),
        ),
        (
            "n,a=other,n=user,r=abc",
            Mechanism::ScramSha256,
            Err(Fault::OtherIdentity),
        ),
        (
            "p=tls-unique,,n=user,r=abc",
            Mechanism::ScramSha256Plus,
            Err(Fault::Binding),
        ),
        (
            "n,,n=user,r=abc",
            Mechanism::ScramSha256Plus,
            Err(Fault::Malformed),
        ),
        (
            "p=tls-exporter,,n=user,r=abc",
            Mechanism::ScramSha256,
            Err(Fault::Malformed),
        ),
        (
            "n,,m=ext,n=user,r=abc",
            Mechanism::ScramSha256,
            Err(Fault::Malformed),
        ),
        ("n,,n=a=2cb,r=abc", Mechanism::ScramSha256, Err(Fault::Malformed)),
        ("n,,n=a=,r=abc", Mechanism::ScramSha256, Err(Fault::Malformed)),
        ("n,,n=,r=abc", Mechanism::ScramSha256, Err(Fault::Malformed)),
        ("n,,n=user,r=", Mechanism::ScramSha256, Err(Fault::Malformed)),
        ("n,,n=user,r=a b", Mechanism::ScramSha256, Err(Fault::Malformed)),
        ("n,,n=user", Mechanism::ScramSha256, Err(Fault::Malformed)),
        ("n,,r=abc,n=user", Mechanism::ScramSha256, Err(Fault::Malformed)),
        ("n,,n=user,r=abc,,", Mechanism::ScramSha256, Err(Fault::Malformed)),
        (
            "n,user,n=user,r=abc",
            Mechanism::ScramSha256,
            Err(Fault::Malformed),
        ),
        ("x,,n=user,r=abc", Mechanism::ScramSha256, Err(Fault::Malformed)),
        ("n=user,r=abc", Mechanism::ScramSha256, Err(Fault::Malformed)),
        (&long, Mechanism::ScramSha256, Err(Fault::Malformed)),
    ];
    for (message, mechanism, expected) in table {
        let read = First::parse(message.as_bytes(), *mechanism, true).map(|first| first.login);
        assert_eq!(read.as_deref(), expected.as_ref().copied(), "{message}");
    }
}

#[test]
fn what_rfc_5802_forbids_in_a_last_message_is_refused() {
    let r = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let p = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    for message in [
        String::new(),
        format!("c=biws,{r}"),
        format!("{r},c=biws,{p}"),
        format!("c=!,{r},{p}"),
        format!("c=biws,r=rOprNGfwEbeRWgbNEkqO,{p}"),
        format!("c=biws,{r}x,{p}"),
        format!("c=biws,{r},p=YQ=="),
        format!("c=biws,{r},{p},x=y"),
        format!("c=biws,{r},1=y,{p}"),
    ] {
        let read = first(CLIENT_FIRST).unwrap().last(message.as_bytes(), &salt());
        assert_eq!(read, Err(Fault::Malformed), "{message}");
    }
}

#[test]
fn who_stands_between_the_ends_is_seen() {
    let bare = "n=user,r=abc";
    let cases: &[(Mechanism, &str, &[u8], bool, bool)] = &[
        (
            Mechanism::ScramSha256Plus,
            "p=tls-exporter,,",
            b"this connection",
            true,
            true,
        ),
        (
            Mechanism::ScramSha256Plus,
            "p=tls-exporter,,",
            b"another one",
            true,
            false,
        ),
        (Mechanism::ScramSha256Plus, "p=tls-exporter,,", b"", true, false),
        // The list of mechanisms was changed on its way.
        (Mechanism::ScramSha256, "y,,", b"", true, false),
        (Mechanism::ScramSha256, "y,,", b"", false, true),
        (Mechanism::ScramSha256, "n,,", b"", true, true),
        // The first message was changed on its way.
        (Mechanism::ScramSha256, "n,,", b"x", true, false),
    ];
    let salt = Salt {
        exporter: Some(b"this connection".to_vec()),
        ..salt()
    };
    for (mechanism, header, binding, offered, bound) in cases {
        let first = First::parse(format!("{header}{bare}").as_bytes(), *mechanism, *offered).unwrap();
        let binding = [header.as_bytes(), binding].concat();
        let last = last_message("pencil", bare, &first.reply(&salt), &binding);
        let proof = first.last(last.as_bytes(), &salt).unwrap();
        assert_eq!(proof.bound, *bound, "{mechanism:?} {header}");
        assert!(proof.check(&keys("pencil", &salt)).is_some());
    }
}

#[test]
fn a_password_is_prepared_and_one_in_ascii_is_left_alone() {
    for (typed, prepared_as) in [
        ("a B-c!", "a B-c!"),
        ("\u{2168}", "IX"),         // RFC 4013 3
        ("I\u{ad}X", "IX"),         // RFC 4013 3
        ("a\u{a0}b", "a b"),        // RFC 4013 2.1
        ("bell\u{7}", "bell\u{7}"), // forbidden: taken as it is
    ] {
        assert_eq!(prepared(typed), prepared_as, "{typed:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_right_password_and_no_other_is_proven(right in "[ -~]{1,20}", other in "[ -~]{1,20}", login in "[a-z=,]{1,20}", nonce in "[!-+.-~]{1,30}") {
        let salt = Salt { iterations: 2, nonce: "more".to_owned(), ..salt() };
        let bare = format!("n={},r={nonce}", login.replace('=', "=3D").replace(',', "=2C"));
        let first = first(&format!("n,,{bare}")).unwrap();
        prop_assert_eq!(&first.login, &login);
        let last = last_message(&right, &bare, &first.reply(&salt), b"n,,");
        let proof = first.last(last.as_bytes(), &salt).unwrap();
        prop_assert!(proof.check(&keys(&right, &salt)).is_some());
        prop_assert_eq!(proof.check(&keys(&other, &salt)).is_some(), right == other);
    }

    #[test]
    fn any_octets_are_read_without_panic(one in prop::collection::vec(any::<u8>(), 0..60), two in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = First::parse(&one, Mechanism::ScramSha256Plus, true);
        let _ = first(CLIENT_FIRST).unwrap().last(&two, &salt());
    }
}
