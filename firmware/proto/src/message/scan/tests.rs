use super::*;
use crate::types::{Part, PartBody, Span};
use proptest::prelude::*;

fn index(octet: u64) -> usize {
    usize::try_from(octet).unwrap()
}

/// The tree as lines: number, type, header and body as text, lines.
fn show(message: &str) -> Vec<String> {
    fn walk(part: &Part, number: &str, message: &str, out: &mut Vec<String>) {
        let text = |span: Span| &message[index(span.start)..index(span.end)];
        out.push(format!(
            "{number} {}/{} {:?} {:?} {}",
            part.media_type,
            part.subtype,
            text(part.header),
            text(part.body),
            part.lines
        ));
        match &part.content {
            PartBody::Leaf => {}
            PartBody::Multipart(parts) => {
                for (n, part) in parts.iter().enumerate() {
                    walk(part, &format!("{number}.{}", n + 1), message, out);
                }
            }
            PartBody::Message(inner) => walk(&inner.1, &format!("{number}>"), message, out),
        }
    }
    let mut out = Vec::new();
    walk(&structure(message.as_bytes()).root, "0", message, &mut out);
    out
}

fn check(message: &str, expected: &[&str]) {
    assert_eq!(show(message), expected, "{message:?}");
}

#[test]
fn a_plain_message_is_header_and_body() {
    check("", &["0 text/plain \"\" \"\" 0"]);
    check("A: b", &["0 text/plain \"A: b\" \"\" 0"]);
    check("A: b\r\n", &["0 text/plain \"A: b\\r\\n\" \"\" 0"]);
    check(
        "A: b\r\n\r\nhi\r\n",
        &["0 text/plain \"A: b\\r\\n\\r\\n\" \"hi\\r\\n\" 1"],
    );
    check(
        "A: b\r\n\r\nhi\r\nho",
        &["0 text/plain \"A: b\\r\\n\\r\\n\" \"hi\\r\\nho\" 2"],
    );
    check("A: b\n\nhi\n", &["0 text/plain \"A: b\\n\\n\" \"hi\\n\" 1"]);
    check("\r\n\r\n", &["0 text/plain \"\\r\\n\" \"\\r\\n\" 1"]);
}

#[test]
fn a_multipart_is_divided_and_the_line_end_belongs_to_the_delimiter() {
    let top = "Content-Type: multipart/mixed; boundary=\"b c\"\r\n\r\n";
    let body = "pre\r\n--b c\r\n\r\none\r\n\r\n--b c  \r\nContent-Type: Text/HTML\r\n\r\n<p>\r\n<p>\r\n--b c--\r\npost\r\n";
    check(
        &format!("{top}{body}"),
        &[
            &format!("0 multipart/mixed {top:?} {body:?} 12"),
            "0.1 text/plain \"\\r\\n\" \"one\\r\\n\" 1",
            "0.2 text/html \"Content-Type: Text/HTML\\r\\n\\r\\n\" \"<p>\\r\\n<p>\" 2",
        ],
    );
}

#[test]
fn damaged_multiparts_are_read_as_far_as_they_go() {
    let top = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    let parts = |body: &str| show(&format!("{top}{body}"))[1..].to_vec();
    // cut off before its end, in the body, in a header, on a delimiter
    assert_eq!(parts("--b\r\n\r\none"), ["0.1 text/plain \"\\r\\n\" \"one\" 1"]);
    assert_eq!(parts("--b\r\nX: y"), ["0.1 text/plain \"X: y\" \"\" 0"]);
    assert_eq!(parts("--b"), ["0.1 text/plain \"\" \"\" 0"]);
    // no empty line, nothing at all in a part
    assert_eq!(
        parts("--b\r\nX: y\r\n--b--"),
        ["0.1 text/plain \"X: y\\r\\n\" \"\" 0"]
    );
    assert_eq!(
        parts("--b\r\n--b\r\n\r\n--b--\r\n"),
        ["0.1 text/plain \"\" \"\" 0", "0.2 text/plain \"\\r\\n\" \"\" 0"]
    );
    // delimiters after the end, or not at a line's start, are text
    assert_eq!(
        parts("--b\r\n\r\nx --b\r\n --b\r\n--b--\r\n--b\r\n\r\ny"),
        ["0.1 text/plain \"\\r\\n\" \"x --b\\r\\n --b\" 2"]
    );
    // no part, no boundary
    check(
        &format!("{top}text\r\n"),
        &[&format!("0 text/plain {top:?} \"text\\r\\n\" 1")],
    );
    for top in [
        "Content-Type: multipart/mixed\r\n\r\n",
        "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n",
    ] {
        check(
            &format!("{top}--\r\nx"),
            &[&format!("0 text/plain {top:?} \"--\\r\\nx\" 2")],
        );
    }
}

#[test]
fn nested_multiparts_close_with_the_outer_one() {
    let inner = "Content-Type: multipart/alternative; boundary=bb\r\n\r\n";
    let message = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{inner}--bb\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--"
    );
    let shown = show(&message);
    assert_eq!(
        shown[1..],
        [
            format!("0.1 multipart/alternative {inner:?} \"--bb\\r\\n\\r\\none\" 3"),
            "0.1.1 text/plain \"\\r\\n\" \"one\" 1".to_owned(),
            "0.2 text/plain \"\\r\\n\" \"two\" 1".to_owned(),
        ]
    );
}

#[test]
fn a_message_inside_has_its_own_envelope() {
    let inner = "Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--";
    let message = format!(
        "Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--b--\r\n"
    );
    let found = structure(message.as_bytes());
    assert_eq!(found.envelope.subject.as_deref(), Some(&b"outer"[..]));
    assert_eq!(found.size, message.len() as u64);
    let PartBody::Multipart(parts) = &found.root.content else {
        panic!("{found:?}")
    };
    let PartBody::Message(inside) = &parts[0].content else {
        panic!("{found:?}")
    };
    assert_eq!(inside.0.subject.as_deref(), Some(&b"inner"[..]));
    assert_eq!(parts[0].lines, 7);
    assert_eq!(parts[0].body.len(), inner.len() as u64);
    assert_eq!(show(&message)[3], "0.1>.1 text/plain \"\\r\\n\" \"x\" 1");
}

#[test]
fn a_digest_holds_messages_unless_a_part_says_otherwise() {
    let message = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: one\r\n\r\nx\r\n--b\r\nContent-Type: text/plain\r\n\r\ny\r\n--b\r\n--b--";
    assert_eq!(
        show(message)[1..],
        [
            "0.1 message/rfc822 \"\\r\\n\" \"Subject: one\\r\\n\\r\\nx\" 3",
            "0.1> text/plain \"Subject: one\\r\\n\\r\\n\" \"x\" 1",
            "0.2 text/plain \"Content-Type: text/plain\\r\\n\\r\\n\" \"y\" 1",
            "0.3 message/rfc822 \"\" \"\" 0",
            "0.3> text/plain \"\" \"\" 0",
        ]
    );
}

#[test]
fn content_fields_are_kept_as_bodystructure_shows_them() {
    let message = "Content-Type: Text (c) / Plain ; Charset=\"utf-8\"; (x) format=flowed; name=\"a \\\"b\\\".txt\"; junk; x=a/b=c\r\n\
        Content-Transfer-Encoding: Quoted-Printable (y)\r\n\
        Content-Disposition: Attachment;\r\n filename=\"r\u{e9}sum\u{e9}\"\r\n\
        Content-Language: de, EN-us\r\n\
        Content-ID: <1@x>\r\nContent-Description: two\r\n  lines\r\nContent-MD5: abc=\r\nContent-Location: http://x/\r\n\r\n";
    let part = structure(message.as_bytes()).root;
    let param = |n: &str, v: &str| (n.to_owned(), v.as_bytes().to_vec());
    assert_eq!(
        (&*part.media_type, &*part.subtype, &*part.encoding),
        ("text", "plain", "quoted-printable")
    );
    assert_eq!(
        part.params,
        [
            param("charset", "utf-8"),
            param("format", "flowed"),
            param("name", "a \"b\".txt"),
            param("x", "a/b=c")
        ]
    );
    assert_eq!(
        part.disposition,
        Some((
            "attachment".to_owned(),
            vec![param("filename", "r\u{e9}sum\u{e9}")]
        ))
    );
    assert_eq!(part.language, ["de", "en-us"]);
    assert_eq!(part.id.as_deref(), Some(&b"<1@x>"[..]));
    assert_eq!(part.description.as_deref(), Some(&b"two  lines"[..]));
    assert_eq!(part.md5.as_deref(), Some(&b"abc="[..]));
    assert_eq!(part.location.as_deref(), Some(&b"http://x/"[..]));
    for garbled in ["text", "/", "text/", ";", "\u{e9}/x"] {
        let part = structure(format!("Content-Type: {garbled}\r\n\r\n").as_bytes()).root;
        assert_eq!(
            (&*part.media_type, &*part.subtype, &*part.encoding),
            ("text", "plain", "7bit"),
            "{garbled}"
        );
    }
}

#[test]
fn envelope_fields_are_unfolded_and_recipients_joined() {
    let message = "subject: a\r\n\tb\r\nSubject: second\r\nTo: a@x,\r\n b@x\r\nTo: c@x\r\nFrom: f@x\r\nX-To: no\r\n\r\nTo: d@x\r\n";
    let envelope = structure(message.as_bytes()).envelope;
    assert_eq!(envelope.subject.as_deref(), Some(&b"a\tb"[..]));
    assert_eq!(envelope.to.as_deref(), Some(&b"a@x, b@x, c@x"[..]));
    assert_eq!(envelope.from.as_deref(), Some(&b"f@x"[..]));
    assert_eq!(envelope.cc, None);
}

#[test]
fn bombs_stay_bounded() {
    fn count(part: &Part) -> usize {
        1 + match &part.content {
            PartBody::Leaf => 0,
            PartBody::Multipart(parts) => parts.iter().map(count).sum(),
            PartBody::Message(inner) => count(&inner.1),
        }
    }
    fn depth(part: &Part) -> usize {
        1 + match &part.content {
            PartBody::Leaf => 0,
            PartBody::Multipart(parts) => parts.iter().map(depth).max().unwrap_or(0),
            PartBody::Message(inner) => depth(&inner.1),
        }
    }
    let many = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
        "--b\r\n".repeat(5000)
    );
    assert_eq!(
        count(&structure(many.as_bytes()).root),
        crate::limits::message::PARTS
    );
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(5000);
    let found = structure(nested.as_bytes()).root;
    assert_eq!(depth(&found), crate::limits::message::DEPTH + 1);
    let deep: String = (0..5000)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
        .collect();
    assert_eq!(
        depth(&structure(deep.as_bytes()).root),
        crate::limits::message::DEPTH + 1
    );
    let long = format!("Subject: {}\r\n\r\n", "x".repeat(1_000_000));
    assert_eq!(
        structure(long.as_bytes()).envelope.subject.map(|s| s.len()),
        Some(crate::limits::message::FIELD)
    );
    let wide = format!("Content-Type: a/b{}\r\n\r\n", "; c=d".repeat(10_000));
    assert_eq!(
        structure(wide.as_bytes()).root.params.len(),
        crate::limits::message::PARAMS
    );
    // the body is found however long the header is
    let header = "X: y\r\n".repeat(100_000);
    let found = structure(format!("{header}\r\nbody").as_bytes());
    assert_eq!(found.root.body.start, header.len() as u64 + 2);
}

fn soup() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "--",
        "-",
        "--b\r\n",
        "--b--\r\n",
        "--bb\r\n",
        "--bb--\r\n",
        "b",
        "x",
        ": ",
        " ",
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: multipart/digest; boundary=bb\r\n",
        "Content-Type: message/rfc822\r\n",
        "Subject: s\r\n",
        "\r\n\r\n",
        "(",
        "\"",
    ]);
    prop::collection::vec(token, 0..40).prop_map(|tokens| {
        format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
            tokens.concat()
        )
    })
}

/// Every part lies inside the one around it, after its elder siblings; an empty part may keep the
/// line end that also belongs to the delimiter after it.
fn assert_nested(part: &Part, around: Span) {
    assert!(
        around.start <= part.header.start && part.header.start <= part.header.end,
        "{part:?} in {around:?}"
    );
    assert_eq!(part.header.end, part.body.start);
    assert!(
        part.body.start <= part.body.end && part.body.end <= around.end + 2,
        "{part:?} in {around:?}"
    );
    assert!(u64::from(part.lines) <= part.body.len());
    assert_eq!(part.body.is_empty(), part.lines == 0);
    match &part.content {
        PartBody::Leaf => assert!(part.media_type != "multipart" && !content::is_message(part)),
        PartBody::Multipart(parts) => {
            assert!(part.media_type == "multipart" && !parts.is_empty());
            let mut start = part.body.start;
            for child in parts {
                assert_nested(
                    child,
                    Span {
                        start,
                        end: part.body.end,
                    },
                );
                start = child.body.end;
            }
        }
        PartBody::Message(inner) => {
            assert!(content::is_message(part));
            assert!(inner.1.body.end - part.body.end <= 2);
            assert_nested(&inner.1, part.body);
        }
    }
}

proptest! {
    #[test]
    fn any_split_finds_the_same_structure(message in soup(), cuts in prop::collection::vec(0usize..400, 0..6)) {
        let octets = message.as_bytes();
        let whole = structure(octets);
        assert_nested(&whole.root, Span { start: 0, end: whole.size });
        let mut single = Scanner::new();
        octets.chunks(1).for_each(|o| single.push(o));
        prop_assert_eq!(&single.finish(), &whole);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(octets.len())).collect();
        cuts.extend([0, octets.len()]);
        cuts.sort_unstable();
        let mut pieces = Scanner::new();
        cuts.windows(2).for_each(|w| pieces.push(&octets[w[0]..w[1]]));
        prop_assert_eq!(pieces.finish(), whole);
    }

    #[test]
    fn fields_before_a_message_move_its_structure_and_change_nothing_else(
        message in soup(), start in "(\r\n| b\r\n|C: d\r\n)?",
    ) {
        let message = start + &message;
        let forged = "X-Spam-Flag: NO\r\n";
        let ours = "Return-Path: <a@b.example>\r\nReceived: from c.example\r\n\tby d.example\r\n";
        let wanted = structure(format!("{ours}{message}").as_bytes());
        let scanned = structure(message.as_bytes());
        prop_assert_eq!(scanned.with_fields(ours.len() as u64, 0), wanted.clone());
        let scanned = structure(format!("{forged}{message}").as_bytes());
        prop_assert_eq!(scanned.with_fields(ours.len() as u64, forged.len() as u64), wanted);
    }

    #[test]
    fn any_octets_are_scanned_without_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = structure(&octets);
    }
}
