//! What a verdict says in the header of a message, and what nobody else may have said there.

use super::findings::{Caller, Findings, Outcome, Spf, Wish};
use crate::deliver::people::ascii;
use crate::limits::judge as limits;
use proto::message::{header, results};
use proto::types::Domain;
use store::{Placement, Verdict};

/// Fields that readers of the header take for ours.
const OURS: [&str; 2] = ["X-Spam-Status", "X-Spam-Flag"];

/// The fields to be put before the message: Authentication-Results (RFC 8601 2.2), Received-SPF
/// (RFC 7208 9.1) for each identity, X-Spam-Status and, for junk, X-Spam-Flag.
#[must_use]
pub fn of(caller: &Caller<'_>, found: &Findings, verdict: &Verdict) -> String {
    let mut fields = results(caller, found);
    for spf in found.helo.iter().chain([&found.spf]) {
        if spf.outcome != Outcome::None || !spf.domain.is_empty() {
            fields.push_str(&received_spf(caller, spf));
        }
    }
    fields + &spam(verdict)
}

/// The fields of a message for which no name server was asked.
#[must_use]
pub fn unasked(host: &str, verdict: &Verdict) -> String {
    format!("Authentication-Results: {}; none\r\n", value(host)) + &spam(verdict)
}

fn results(caller: &Caller<'_>, found: &Findings) -> String {
    let mut field = format!("Authentication-Results: {}", value(caller.host));
    let property = if found.spf.helo { "helo" } else { "mailfrom" };
    let mut result = |text: String| {
        field.push_str(";\r\n\t");
        field.push_str(&text);
    };
    result(format!(
        "spf={} smtp.{property}={}",
        found.spf.outcome.as_str(),
        value(&found.spf.domain)
    ));
    if let Some(helo) = &found.helo {
        let (outcome, domain) = (helo.outcome.as_str(), value(&helo.domain));
        result(format!("spf={outcome} smtp.helo={domain}"));
    }
    for signed in &found.dkim {
        result(format!(
            "dkim={} header.d={} header.s={}",
            signed.outcome.as_str(),
            value(&signed.domain),
            value(&signed.selector)
        ));
    }
    if found.dkim.is_empty() {
        // RFC 8601 2.7.1: neutral where there is a signature that nobody can check.
        let outcome = if found.unreadable > 0 { "neutral" } else { "none" };
        result(format!("dkim={outcome}"));
    }
    if found.arc.outcome != Outcome::None {
        result(format!("arc={}", found.arc.outcome.as_str()));
    }
    if !found.dmarc.domain.is_empty() {
        let wish = match found.dmarc.wish {
            Wish::Nothing => "none",
            Wish::Quarantine => "quarantine",
            Wish::Reject => "reject",
        };
        result(format!(
            "dmarc={} (p={wish}) header.from={}",
            found.dmarc.outcome.as_str(),
            value(&found.dmarc.domain)
        ));
    }
    field + "\r\n"
}

fn received_spf(caller: &Caller<'_>, spf: &Spf) -> String {
    let identity = if spf.helo { "helo" } else { "mailfrom" };
    let sender = caller.from.map(ToString::to_string).unwrap_or_default();
    let envelope = format!("\"{}\"", escaped(&sender));
    let comment = format!("{}: {} for {}", value(caller.host), caller.ip, value(&spf.domain));
    format!(
        "Received-SPF: {} ({})\r\n\tclient-ip={}; envelope-from={};\r\n\thelo={}; receiver={}; identity={identity}\r\n",
        spf.outcome.as_str(),
        comment.replace(['(', ')', '\\'], "?"),
        value(&caller.ip.to_string()),
        envelope,
        value(caller.helo),
        value(caller.host),
    )
}

fn spam(verdict: &Verdict) -> String {
    let junk = verdict.placement == Placement::Junk;
    let yes = if junk { "Yes" } else { "No" };
    let tests = verdict.reasons.iter().filter(|reason| reason.points.0 != 0);
    let mut tests = tests
        .map(|reason| format!("{}={}", reason.check, reason.points))
        .collect::<Vec<_>>()
        .join(",\r\n\t");
    if tests.is_empty() {
        "none".clone_into(&mut tests);
    }
    let flag = if junk { "X-Spam-Flag: YES\r\n" } else { "" };
    format!(
        "{flag}X-Spam-Status: {yes}, score={} required={}\r\n\ttests={tests}\r\n",
        verdict.points, verdict.junk_at
    )
}

// Whatever came from outside, as a value: in quotes where it is more than a token (RFC 8601 2.2, RFC 2045
// 5.1) and a dot-atom (RFC 7208 9.1). The longest domain fits: cut, it would be another's.
fn value(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_+".contains(c);
    match text {
        "" => "unknown".to_owned(),
        plain if plain.len() <= limits::QUOTED && plain.chars().all(is_plain) => plain.to_owned(),
        other => format!("\"{}\"", escaped(other)),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars().take(limits::QUOTED) {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            ' '..='~' => escaped.push(c),
            _ => escaped.push('?'),
        }
    }
    escaped
}

/// The header without what only we may say: results in our name (RFC 8601 5) and spam fields.
/// `None`: there is nothing of it.
#[must_use]
pub fn without_forged(top: &[u8], host: &str) -> Option<Vec<u8>> {
    let mut clean = Vec::new();
    let mut kept = 0;
    for field in header::fields(top) {
        if !(OURS.iter().any(|name| field.is(name)) || (claims(&field, host))) {
            continue;
        }
        let start = field.raw.as_ptr().addr().saturating_sub(top.as_ptr().addr());
        clean.extend_from_slice(top.get(kept..start).unwrap_or_default());
        kept = start.saturating_add(field.raw.len());
    }
    (kept > 0).then(|| {
        clean.extend_from_slice(top.get(kept..).unwrap_or_default());
        clean
    })
}

// The name is looked for in all that comes before the first result, and where nobody can say what that
// is, in everything.
fn claims(field: &header::Field<'_>, host: &str) -> bool {
    if !field.is("Authentication-Results") {
        return false;
    }
    let host = host.to_lowercase();
    let is_ours = |word: &str| {
        let spelt = Domain::parse(word).map(|domain| ascii(&domain).to_string());
        word.to_lowercase().contains(&host) || spelt.is_ok_and(|spelt| spelt == host)
    };
    let statements = results::statements(field.value);
    match statements.first() {
        Some(server) if !server.is_empty() => server
            .iter()
            .any(|(name, value)| is_ours(name) || value.as_deref().is_some_and(is_ours)),
        _ => String::from_utf8_lossy(field.value)
            .to_lowercase()
            .contains(&host),
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings::{Dmarc, Signed};
    use super::*;
    use proto::types::Address;
    use store::{Points, Reason};

    fn verdict(placement: Placement) -> Verdict {
        Verdict {
            placement,
            because: String::new(),
            points: Points(40),
            junk_at: Points(50),
            reasons: vec![
                Reason::new("spf", Points(30), "x"),
                Reason::new("dkim", Points(0), "x"),
                Reason::new("helo", Points(10), "x"),
            ],
        }
    }

    #[test]
    fn results_are_told_in_the_fields_that_programs_read() {
        let from = Address::parse("ann@a.example").unwrap();
        let caller = Caller {
            ip: "192.0.2.1".parse().unwrap(),
            helo: "mx.a.example",
            host: "mail.firm.example",
            from: Some(&from),
        };
        let found = Findings {
            spf: Spf {
                outcome: Outcome::Fail,
                domain: "a.example".to_owned(),
                helo: false,
            },
            helo: Some(Spf {
                outcome: Outcome::Pass,
                domain: "mx.a.example".to_owned(),
                helo: true,
            }),
            dkim: vec![Signed {
                outcome: Outcome::Pass,
                domain: "a.example".to_owned(),
                selector: "s1;\r\nX-Evil: 1".to_owned(),
                words: String::new(),
            }],
            dmarc: Dmarc {
                outcome: Outcome::Pass,
                domain: "a.example".to_owned(),
                wish: Wish::Reject,
            },
            ..Findings::default()
        };
        assert_eq!(
            of(&caller, &found, &verdict(Placement::Inbox)),
            "Authentication-Results: mail.firm.example;\r\n\
             \tspf=fail smtp.mailfrom=a.example;\r\n\
             \tspf=pass smtp.helo=mx.a.example;\r\n\
             \tdkim=pass header.d=a.example header.s=\"s1;??X-Evil: 1\";\r\n\
             \tdmarc=pass (p=reject) header.from=a.example\r\n\
             Received-SPF: pass (mail.firm.example: 192.0.2.1 for mx.a.example)\r\n\
             \tclient-ip=192.0.2.1; envelope-from=\"ann@a.example\";\r\n\
             \thelo=mx.a.example; receiver=mail.firm.example; identity=helo\r\n\
             Received-SPF: fail (mail.firm.example: 192.0.2.1 for a.example)\r\n\
             \tclient-ip=192.0.2.1; envelope-from=\"ann@a.example\";\r\n\
             \thelo=mx.a.example; receiver=mail.firm.example; identity=mailfrom\r\n\
             X-Spam-Status: No, score=4.0 required=5.0\r\n\
             \ttests=spf=3.0,\r\n\thelo=1.0\r\n"
        );
        let junk = unasked("mail.firm.example", &verdict(Placement::Junk));
        assert!(
            junk.contains("; none\r\nX-Spam-Flag: YES\r\nX-Spam-Status: Yes, "),
            "{junk}"
        );
    }

    // RFC 8601 2.2, RFC 7208 9.1: what is no word stands in quotes; and nobody's name is cut, for what is
    // left of it may be another's.
    #[test]
    fn names_stand_there_whole_and_so_that_they_end_nothing() {
        let long = format!(
            "{}.bank.example.evil.example",
            ["a".repeat(43), "b".repeat(43)].join(".")
        );
        let literal = Address::parse("a@[IPv6:2001:db8::1]").unwrap();
        let odd = Address::parse("\"a b\\\";c\"@evil.example").unwrap();
        for (from, helo, wanted) in [
            (
                &Address::parse(&format!("a@{long}")).unwrap(),
                "x",
                &*format!("smtp.mailfrom={long}\r\n"),
            ),
            (&literal, "x", "smtp.mailfrom=\"[IPv6:2001:db8::1]\"\r\n"),
            (&literal, "x", "client-ip=\"2001:db8::1\";"),
            (&odd, "x", r#"envelope-from="\"a b\\\";c\"@evil.example";"#),
            (&odd, "[192.0.2.1]", "helo=\"[192.0.2.1]\";"),
            (&odd, "a;b)", "helo=\"a;b)\";"),
        ] {
            let caller = Caller {
                ip: "2001:db8::1".parse().unwrap(),
                helo,
                host: "mail.firm.example",
                from: Some(from),
            };
            let found = Findings {
                spf: Spf {
                    outcome: Outcome::Pass,
                    domain: from.domain().to_string(),
                    helo: false,
                },
                ..Findings::default()
            };
            let fields = of(&caller, &found, &verdict(Placement::Inbox));
            let fields = fields.replace(";\r\n\tdkim=none", "");
            assert!(fields.contains(wanted), "{wanted}: {fields}");
        }
    }

    // RFC 8601 5
    #[test]
    fn only_what_claims_to_be_ours_is_taken_out_and_every_other_octet_stays() {
        let host = "mail.firm.example";
        let keep = [
            "Authentication-Results: mx.other.example; spf=pass smtp.helo=mail.firm.example\r\n",
            "Subject: Authentication-Results: mail.firm.example\r\n",
            "this is no field\r\n",
            "X-Spam-Level: *\r\n",
        ];
        let drop = [
            "Authentication-Results: mail.firm.example; dmarc=pass\r\n",
            "AUTHENTICATION-RESULTS : (a; comment) MAIL.Firm.Example 1; spf=pass\r\n",
            "Authentication-Results:\r\n \"mail.firm.example\";\r\n dkim=pass\r\n",
            "Authentication-Results: (\\() mail.firm.example; spf=pass\r\n",
            "Authentication-Results: (;) \"mail\\.firm.ex\\ample\"; spf=pass\r\n",
            "Authentication-Results: (mail.firm.example; spf=pass\r\n",
            "X-Spam-Status: No\r\n",
            "X-spam-flag: NO\r\n",
        ];
        assert_eq!(without_forged((keep.concat() + "\r\n").as_bytes(), host), None);
        let mut top = String::new();
        for (n, field) in drop.iter().enumerate() {
            top.push_str(keep.get(n).unwrap_or(&""));
            top.push_str(field);
        }
        let clean = without_forged((top + "\r\n").as_bytes(), host).unwrap();
        assert_eq!(String::from_utf8(clean).unwrap(), keep.concat() + "\r\n");
    }
}
