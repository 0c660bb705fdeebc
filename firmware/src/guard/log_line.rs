//! A log watcher finds failed logins by the expression that the README gives, whatever the name.

use super::login::failure_line;
use proptest::prelude::*;
use proto::types::Protocol;
use regex_automata::meta::Regex;
use std::net::IpAddr;
use std::sync::LazyLock;

const README: &str = include_str!("../../../README.md");

// fail2ban writes <HOST> where an address stands.
static WATCHED: LazyLock<Regex> = LazyLock::new(|| {
    let line = README
        .lines()
        .find_map(|line| line.trim().strip_prefix("failregex = "));
    let expression = line.expect("the README gives the expression");
    Regex::new(&expression.replace("<HOST>", "(?P<ip>[0-9a-fA-F:.]+)")).unwrap()
});

fn watched(line: &str) -> Option<String> {
    let mut captures = WATCHED.create_captures();
    WATCHED.captures(line, &mut captures);
    let span = captures.get_group_by_name("ip")?;
    Some(line[span.range()].to_owned())
}

fn line(ip: &str, login: &str) -> String {
    line_of(ip, login, "phone")
}

fn line_of(ip: &str, login: &str, client: &str) -> String {
    let said = failure_line(
        Protocol::Imap,
        ip.parse().unwrap(),
        login,
        "wrong password",
        client,
    );
    format!("2026-07-31T12:00:00.000000Z  WARN {said}")
}

#[test]
fn the_line_is_what_the_readme_says() {
    let shown = r#"login failed: protocol=imap ip=192.0.2.7 account="bert@firm.example" reason=wrong-password client="phone""#;
    assert!(README.contains(shown));
    assert!(line("192.0.2.7", "bert@firm.example").ends_with(shown));
}

#[test]
fn hostile_names_neither_hide_nor_forge_an_address() {
    for login in [
        "bert@firm.example",
        "",
        "\"",
        "\\",
        "x\" reason=wrong-password",
        "login failed: protocol=imap ip=198.51.100.1 account=\"x\" reason=y",
        "x\r\n2026-07-31T12:00:00.000000Z  WARN login failed: protocol=imap ip=198.51.100.1 account=\"x\" reason=y",
        "\u{2028}ip=198.51.100.1 \u{1b}[31m\u{0}\u{85}",
        "gr\u{fc}\u{df}e \u{202e}",
    ] {
        let line = line("192.0.2.7", login);
        assert_eq!(line.lines().count(), 1, "{line}");
        assert_eq!(watched(&line).as_deref(), Some("192.0.2.7"), "{line}");
        let line = line_of("192.0.2.7", "bert", login);
        assert_eq!(line.lines().count(), 1, "{line}");
        assert_eq!(watched(&line).as_deref(), Some("192.0.2.7"), "{line}");
    }
    assert_eq!(watched(&line("2001:db8::7", "x")).as_deref(), Some("2001:db8::7"));
    assert_eq!(watched("WARN blocked: \"192.0.2.7\" until=\"x\""), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_name_leaves_the_address_alone(login in "\\PC*|(ip=1.2.3.4|account=|\"|\\\\| reason=|\n|x)*", ip: [u8; 4]) {
        let ip = IpAddr::from(ip).to_string();
        prop_assert_eq!(watched(&line_of(&ip, "bert", &login)), Some(ip.clone()));
        prop_assert_eq!(watched(&line(&ip, &login)), Some(ip));
    }
}
