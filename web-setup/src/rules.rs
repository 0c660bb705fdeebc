//! What may be typed into the forms. A refusal is a sentence for the person who typed it.

use crate::appliance::Office;
use proto::types::{Address, Domain};

/// Fewest characters of a password.
pub(crate) const PASSWORD_LENGTH: usize = 10;
/// Most octets of a password: hashing more only costs time.
const PASSWORD_MOST: usize = 512;

/// Words of this product that anybody would guess.
const OURS: [&str; 6] = [
    "pillarbox",
    "mailserver",
    "postmaster",
    "admin",
    "raspberrypi",
    "raspberry",
];

/// Judges a new password, typed twice. `also` are texts that anybody would guess: the domain, the
/// account's own name.
pub(crate) fn password(text: &[u8], again: &[u8], also: &[&str]) -> Result<(), String> {
    good_password(text, also)?;
    if text != again {
        return Err("The two entries are not the same. Please type the password again.".to_owned());
    }
    Ok(())
}

/// Judges a new password; `also` as for the pages.
///
/// # Errors
/// What is wrong with it, in words.
pub fn good_password(text: &[u8], also: &[&str]) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|_| "Please use letters, digits and signs.".to_owned())?;
    if text.chars().count() < PASSWORD_LENGTH {
        return Err(format!(
            "Please use at least {PASSWORD_LENGTH} characters. Four random words are good."
        ));
    }
    if text.len() > PASSWORD_MOST {
        return Err(format!("Please use at most {PASSWORD_MOST} characters."));
    }
    if text.chars().any(char::is_control) {
        return Err("Please use letters, digits and signs.".to_owned());
    }
    let guessed: Vec<&str> = OURS.iter().chain(also).copied().collect();
    let judged = zxcvbn::zxcvbn(text, &guessed);
    if judged.score() < zxcvbn::Score::Three {
        let why = judged.feedback().and_then(zxcvbn::feedback::Feedback::warning);
        let why = why.map_or_else(String::new, |why| format!(" {why}"));
        return Err(format!(
            "That one is among the first that thieves try.{why} Please think of another: four random words are good."
        ));
    }
    Ok(())
}

/// The office from what was typed: the domain, and the box's host name, which may be left empty
/// (`mail.<domain>`) or be one label (`post` for `post.<domain>`).
pub(crate) fn office(domain: &str, hostname: &str) -> Result<Office, (Field, String)> {
    let domain = domain.trim().trim_start_matches('@').trim_end_matches('.');
    let domain = public_name(domain).map_err(|words| (Field::Domain, words))?;
    let hostname = hostname.trim().trim_end_matches('.');
    let hostname = match hostname {
        "" => format!("mail.{domain}"),
        label if !label.contains('.') => format!("{label}.{domain}"),
        whole => whole.to_owned(),
    };
    let hostname = public_name(&hostname).map_err(|words| (Field::Hostname, words))?;
    Ok(Office { domain, hostname })
}

/// Which field a refusal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Domain,
    Hostname,
}

// A name in the public DNS, as A-labels: letters, digits and hyphens (RFC 1123 2.1), two labels at
// least (RFC 5321 2.3.5 wants a full name), and not one that only exists on a local network.
fn public_name(text: &str) -> Result<Domain, String> {
    const SHAPE: &str = "That is not a complete domain name, such as example.com.";
    if text.len() > 253 {
        return Err("That name is too long.".to_owned());
    }
    let ascii = idna::domain_to_ascii_strict(text).map_err(|_| SHAPE.to_owned())?;
    let last = ascii.rsplit('.').next().unwrap_or_default();
    if !ascii.contains('.') || last.bytes().all(|c| c.is_ascii_digit()) {
        return Err(SHAPE.to_owned());
    }
    // RFC 6762, RFC 6761, RFC 7686, RFC 9476: nobody outside can send mail there.
    if [
        "local",
        "localhost",
        "internal",
        "lan",
        "home",
        "invalid",
        "onion",
    ]
    .contains(&last)
    {
        return Err(format!(
            "A name under .{last} works only inside the office. Please use your own domain."
        ));
    }
    Domain::parse(&ascii).map_err(|_| SHAPE.to_owned())
}

/// The address of a new account from what was typed before the `@` (or all of it).
pub(crate) fn account(typed: &str, domain: &Domain) -> Result<Address, String> {
    let typed = typed.trim();
    let local = match typed.rsplit_once('@') {
        None => typed,
        Some((local, rest)) if rest.eq_ignore_ascii_case(domain.as_str()) => local,
        Some(_) => return Err(format!("Accounts of this box end in @{domain}.")),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_'".contains(c);
    if local.is_empty() || !local.chars().all(fits) {
        return Err("Please use letters, digits, dots and hyphens before the @.".to_owned());
    }
    let lower = local.to_ascii_lowercase();
    // RFC 2142: these are doors to the office, not persons.
    if ["postmaster", "abuse", "mailer-daemon", "admin"].contains(&lower.as_str()) {
        return Err(format!(
            "{lower} is kept for the box. Mail to postmaster and abuse reaches the admins by itself."
        ));
    }
    Address::parse(&format!("{lower}@{domain}"))
        .map_err(|_| "Dots may not stand at the ends or side by side.".to_owned())
}

/// The reason for freezing an account: one line, not empty.
pub(crate) fn reason(typed: &str) -> Result<String, String> {
    let reason: String = typed
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    if reason.is_empty() {
        return Err("Please say why, in a few words: the person will be shown it.".to_owned());
    }
    Ok(reason)
}

/// A mail server's name or address, and its port, as typed.
///
/// # Errors
/// They are none; in words.
pub fn server(host: &str, port: &str) -> Result<(String, u16), String> {
    let host = host.trim().trim_end_matches('.');
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    if !is_address && (host.starts_with('[') || Domain::parse(host).is_err()) {
        return Err("That is not a server's name or address, such as smtp.example.net.".to_owned());
    }
    match port.trim().parse() {
        Ok(port) if port > 0 => Ok((host.to_lowercase(), port)),
        _ => Err("A port is a number from 1 to 65535; most servers want 587 or 465.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_passwords_are_refused() {
        for bad in [
            "short",
            "1234567890",
            "0987654321",
            "aaaaaaaaaaaa",
            "abcdefghijkl",
            "password123",
            "Password2026!",
            "P@ssw0rd2026",
            "Pillarbox1840",
            "qwertyuiop",
            "example.com",
            "ababababab",
            "hallohallo",
            "dot\u{7}dotdotdot",
        ] {
            assert!(
                password(bad.as_bytes(), bad.as_bytes(), &["example.com"]).is_err(),
                "{bad}"
            );
        }
        for good in [
            "correct horse battery",
            "tulpen-im-märz",
            "zW3!kq90_x",
            "passwordless tulips",
            "correct-horse-7",
            "battery-staple-9",
        ] {
            assert_eq!(
                password(good.as_bytes(), good.as_bytes(), &["example.com"]),
                Ok(()),
                "{good}"
            );
            assert!(
                password(good.as_bytes(), b"something else", &[]).is_err(),
                "{good}"
            );
        }
    }

    #[test]
    fn domains_become_full_ascii_names() {
        let names = |d: &str, h: &str| {
            office(d, h)
                .map(|o| (o.domain.to_string(), o.hostname.to_string()))
                .map_err(|(field, _)| field)
        };
        let ok = |d: &str, h: &str| Ok((d.to_owned(), h.to_owned()));
        assert_eq!(names(" Example.COM. ", ""), ok("example.com", "mail.example.com"));
        assert_eq!(
            names("@example.com", "post"),
            ok("example.com", "post.example.com")
        );
        assert_eq!(
            names("bücher.example", ""),
            ok("xn--bcher-kva.example", "mail.xn--bcher-kva.example")
        );
        assert_eq!(
            names("example.com", "mx1.example.net"),
            ok("example.com", "mx1.example.net")
        );
        for bad in [
            "",
            "example",
            "192.168.1.1",
            "a..b",
            "exa mple.com",
            "-a.com",
            "pillarbox.local",
            "under_score.com",
        ] {
            assert_eq!(names(bad, ""), Err(Field::Domain), "{bad}");
        }
        assert_eq!(names("example.com", "mail.box.local"), Err(Field::Hostname));
    }

    #[test]
    fn account_names_are_plain_and_in_the_domain() {
        let domain = Domain::parse("example.com").unwrap();
        for (typed, address) in [
            ("Ada", "ada@example.com"),
            (" ada.l@EXAMPLE.com ", "ada.l@example.com"),
            ("o'neil", "o'neil@example.com"),
        ] {
            assert_eq!(account(typed, &domain).unwrap().to_string(), address);
        }
        for bad in [
            "",
            "@example.com",
            "a b",
            "a@b.org",
            "postmaster",
            "Abuse",
            ".a",
            "a..b",
            "<script>",
            "a+b",
            "jörg",
        ] {
            assert!(account(bad, &domain).is_err(), "{bad}");
        }
        assert!(account(&"a".repeat(65), &domain).is_err());
    }

    #[test]
    fn servers_have_a_name_or_an_address_and_a_port() {
        for (host, port, wanted) in [
            ("smtp.example.net", "587", Some("smtp.example.net")),
            (" SMTP.Example.net. ", " 465 ", Some("smtp.example.net")),
            ("192.0.2.1", "25", Some("192.0.2.1")),
            ("2001:db8::1", "25", Some("2001:db8::1")),
            ("nas", "25", Some("nas")),
            ("", "587", None),
            ("[192.0.2.1]", "587", None),
            ("smtp example", "587", None),
            ("smtp.example.net", "0", None),
            ("smtp.example.net", "65536", None),
            ("smtp.example.net", "", None),
        ] {
            let found = server(host, port).ok().map(|(host, _)| host);
            assert_eq!(found.as_deref(), wanted, "{host} {port}");
        }
    }
}
