use super::*;
use crate::message::scan;
use crate::types::PartBody;

fn build(status: &str, action: Action, header: &[u8]) -> String {
    build_with(status, action, header, "550 5.1.1 unknown\r\nuser: sorry")
}

fn build_with(status: &str, action: Action, header: &[u8], words: &str) -> String {
    let from = Address::parse("postmaster@example.com").unwrap();
    let to = Address::parse("anna@example.com").unwrap();
    let address = Address::parse("louisl@larry.example").unwrap();
    let report = Report {
        host: "mx.example.com",
        from: &from,
        to: &to,
        id: "abc123",
        at: Timestamp(86_400),
        arrival: Timestamp(0),
        envelope_id: None,
        hold: None,
        utf8: false,
        header,
        whole: None,
        recipients: &[Recipient {
            address: &address,
            original: None,
            action,
            status,
            remote: Some("mx.larry.example"),
            words,
            last_attempt: Some(Timestamp(80_000)),
        }],
    };
    String::from_utf8(report.build()).unwrap()
}

// The shape of RFC 3464 appendix E.1.
#[test]
fn a_failure_is_a_report_of_three_parts() {
    let text = build(
        "5.1.1",
        Action::Failed,
        b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@x>\r\n\r\nSECRET",
    );
    let structure = scan::structure(text.as_bytes());
    assert_eq!(
        (&*structure.root.media_type, &*structure.root.subtype),
        ("multipart", "report")
    );
    let PartBody::Multipart(parts) = &structure.root.content else {
        panic!("{structure:?}")
    };
    let types: Vec<String> = parts
        .iter()
        .map(|p| format!("{}/{}", p.media_type, p.subtype))
        .collect();
    assert_eq!(
        types,
        ["text/plain", "message/delivery-status", "text/rfc822-headers"]
    );
    for expected in [
        "Subject: =?UTF-8?B?",
        "In-Reply-To: <1@x>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "mx.larry.example said: 550 5.1.1 unknown  user: sorry\r\n",
        "Reporting-MTA: dns; mx.example.com\r\n",
        "Final-Recipient: rfc822; louisl@larry.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        "Diagnostic-Code: smtp; 550 5.1.1 unknown  user: sorry\r\n",
        "Last-Attempt-Date: Thu, 1 Jan 1970 22:13:20 +0000\r\n",
        "\r\n\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@x>\r\n\r\n--=_abc123--\r\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("SECRET"));
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
}

#[test]
fn a_delay_says_until_when_it_is_tried() {
    let text = build(
        "5.9",
        Action::Delayed {
            until: Timestamp(432_000),
        },
        b"",
    );
    assert!(text.contains("Subject: Not delivered yet\r\n"), "{text}");
    assert!(text.contains("Action: delayed\r\nStatus: 4.0.0\r\n"), "{text}");
    assert!(
        text.contains("Will-Retry-Until: Tue, 6 Jan 1970 00:00:00 +0000\r\n"),
        "{text}"
    );
    assert!(!text.contains("could not be delivered"));
}

#[test]
fn what_was_given_up_says_since_when_it_was_tried_and_fails_with_a_temporary_status() {
    let given_up = Action::GivenUp {
        since: Timestamp(86_400),
    };
    let text = build_with("4.2.2", given_up, b"", "452 4.2.2 mailbox full");
    for expected in [
        "Subject: Not delivered\r\n",
        "    mx.larry.example said: 452 4.2.2 mailbox full\r\n    It was tried since Fri, 2 Jan 1970",
        "Action: failed\r\nStatus: 4.2.2\r\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn our_own_words_are_not_put_into_the_mouth_of_a_server() {
    for words in [
        "connect: no answer in time",
        "5.3.4 too large",
        "45 octets",
        "2500 of them",
        "",
    ] {
        let text = build_with("", Action::Failed, b"", words);
        assert!(!text.contains("said"), "{text}");
        assert!(text.contains(&format!("    mx.larry.example: {words}")), "{text}");
        assert!(text.contains("Diagnostic-Code: X-Pillarbox; "), "{text}");
    }
    for words in ["550", "550 no"] {
        let text = build_with("", Action::Failed, b"", words);
        assert!(
            text.contains(&format!("mx.larry.example said: {words}\r\n")),
            "{text}"
        );
        assert!(
            text.contains(&format!("Diagnostic-Code: smtp; {words}\r\n")),
            "{text}"
        );
    }
}

#[test]
fn whatever_a_server_says_no_line_is_too_long() {
    for words in [
        "\u{20ac} ".repeat(1000),
        "\u{20ac}".repeat(1000),
        "a ".repeat(1000),
        String::new(),
    ] {
        let text = build_with("5.0.0", Action::Failed, b"", &words);
        assert!(text.split("\r\n").all(|line| line.len() <= 998), "{text}");
    }
}

#[test]
fn status_codes_are_checked() {
    let given_up = Action::GivenUp { since: Timestamp(0) };
    let delayed = Action::Delayed { until: Timestamp(0) };
    for (status, action, expected) in [
        ("5.1.1", Action::Failed, "5.1.1"),
        ("4.4.7", delayed, "4.4.7"),
        ("5.7.509", Action::Failed, "5.7.509"),
        ("4.4.1", Action::Failed, "5.0.0"),
        ("4.2.2", given_up, "4.2.2"),
        ("5.1.1", given_up, "4.4.7"),
        ("", given_up, "4.4.7"),
        ("", delayed, "4.0.0"),
        ("5.1.1\r\nX: y", Action::Failed, "5.0.0"),
        ("", Action::Failed, "5.0.0"),
    ] {
        assert_eq!(status_code(status, action), expected, "{status}");
    }
}

#[test]
fn the_boundary_is_not_in_the_returned_header() {
    let text = build("5.0.0", Action::Failed, b"X: --=_abc123\r\n\r\n");
    let PartBody::Multipart(parts) = scan::structure(text.as_bytes()).root.content else {
        panic!("{text}")
    };
    assert_eq!(parts.len(), 3);
}

#[test]
fn original_names_ids_and_holds_are_reported_and_utf8_has_its_own_types() {
    let from = Address::parse("postmaster@example.com").unwrap();
    let to = Address::parse("j\u{f6}rg@example.com").unwrap();
    let plain = Address::parse("louis@larry.example").unwrap();
    let original = OriginalRecipient::parse("utf-8;l\\x{F6}uis@old.example").unwrap();
    let id = EnvelopeId::parse("QQ+2B1+20x").unwrap();
    let recipient = |address, action| Recipient {
        address,
        original: Some(&original),
        action,
        status: "",
        remote: None,
        words: "",
        last_attempt: None,
    };
    let recipients = [
        recipient(&plain, Action::Relayed),
        recipient(&to, Action::Delivered),
    ];
    let mut report = Report {
        host: "mx.example.com",
        from: &from,
        to: &to,
        id: "abc",
        at: Timestamp(86_400),
        arrival: Timestamp(0),
        envelope_id: Some(&id),
        hold: Some(Hold::For(60)),
        utf8: true,
        header: b"Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\n",
        whole: None,
        recipients: &recipients,
    };
    let text = String::from_utf8(report.build()).unwrap();
    for expected in [
        "Subject: =?UTF-8?",
        "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         Original-Envelope-Id: QQ+1 x\r\nReporting-MTA: dns; mx.example.com\r\n",
        "Future-Release-Request: for;60\r\n",
        "\r\nOriginal-Recipient: utf-8; l\u{f6}uis@old.example\r\n\
         Final-Recipient: rfc822; louis@larry.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n\r\n",
        "Final-Recipient: utf-8; j\u{f6}rg@example.com\r\nAction: delivered\r\nStatus: 2.0.0\r\n",
        "Content-Type: message/global-headers\r\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    report.utf8 = false;
    let whole = b"Subject: x\r\n\r\n--=_abc\r\nthe body";
    report.whole = Some(whole);
    let text = String::from_utf8(report.build()).unwrap();
    for expected in [
        "Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: 7bit\r\n",
        "Original-Recipient: utf-8; l\\x{F6}uis@old.example\r\n",
        "Final-Recipient: utf-8; j\\x{F6}rg@example.com\r\n",
        "Content-Type: message/rfc822\r\n",
        "\r\n--=_abc\r\nthe body\r\n--=_abc_--\r\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}
