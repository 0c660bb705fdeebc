mod shapes;

use super::*;
use crate::message::{body, scan};
use crate::types::Timestamp;
use std::convert::Infallible;

const POLICY: Policy<'static> = Policy {
    part: 20,
    message: 100_000,
    exempt: &[],
};

const BLOCK_FOR: fn(&[String]) -> Vec<LinkedFile> = |names| {
    let file = |name: &String| LinkedFile {
        name: name.clone(),
        size: 5_000_000,
        until: Timestamp(1_798_070_400),
        link: "https://box.example/l/T".to_owned(),
    };
    names.iter().map(file).collect()
};

/// What left (name, type, content) and what the message is then.
type Linked = (Vec<(String, String, String)>, String);

fn link_by(policy: &Policy<'_>, message: &str) -> Result<Linked, Stays> {
    let octets = message.as_bytes();
    let structure = scan::structure(octets);
    let read = |span: Span| {
        let span = usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap();
        Ok::<_, Infallible>(octets[span].to_vec())
    };
    let plan = plan(&structure, policy, read).unwrap()?;
    let content = |part: &Leaving| {
        let decoded = body::decode(part.encoding, &read(part.body).unwrap()).into_owned();
        let text = String::from_utf8_lossy(&decoded).into_owned();
        (part.name.clone(), part.media_type.clone(), text)
    };
    let left = plan.leaving.iter().map(content).collect();
    let names: Vec<String> = plan.leaving.iter().map(|part| part.name.clone()).collect();
    let files = BLOCK_FOR(&names);
    let (mut result, mut at) = (Vec::new(), 0);
    for edit in plan.edits(&Block {
        files: &files,
        note: "",
    }) {
        let (start, end) = (
            usize::try_from(edit.span.start).unwrap(),
            usize::try_from(edit.span.end).unwrap(),
        );
        assert!(start >= at && end >= start, "edits overlap");
        result.extend_from_slice(&octets[at..start]);
        result.extend_from_slice(&edit.octets);
        at = end;
    }
    result.extend_from_slice(&octets[at..]);
    Ok((left, String::from_utf8(result).unwrap()))
}

fn link(message: &str) -> Result<Linked, Stays> {
    link_by(&POLICY, message)
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// The block as it stands in a part that we wrote, for one file.
fn plain(name: &str) -> String {
    format!(
        "________________________________\nAttachments of this message, to be downloaded:\n\n\
         {name} (5.0 MB), until 24 December 2026\nhttps://box.example/l/T\n"
    )
}

/// RFC 2045 6.7, for a word.
fn quoted_printable(word: &str) -> String {
    let octet = |octet: u8| match octet {
        b'!'..=b'<' | b'>'..=b'~' => char::from(octet).to_string(),
        _ => format!("={octet:02X}"),
    };
    word.bytes().map(octet).collect()
}

const PLAIN_HEAD: &str =
    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n";

const PDF: &str = "Content-Type: application/pdf; name=\"a.pdf\"\nContent-Disposition: attachment; filename=\"a.pdf\"\n\
Content-Transfer-Encoding: base64\n\ndGhlIGNvbnRlbnQgb2YgYSBkb2N1bWVudA==\n";
const CONTENT: &str = "the content of a document";

/// A message of the type with those parts, each with its header.
fn multi(subtype: &str, parts: &[&str]) -> String {
    let mut message = format!("From: a@b.example\nContent-Type: multipart/{subtype}; boundary=B\n\n");
    for part in parts {
        message.push_str(&format!("--B\n{part}\n"));
    }
    message.push_str("--B--\n");
    crlf(&message)
}

fn left(name: &str, media_type: &str, content: &str) -> (String, String, String) {
    (name.to_owned(), media_type.to_owned(), content.to_owned())
}

#[test]
fn a_text_with_an_attachment_keeps_the_text_and_gets_the_link() {
    let (gone, message) = link(&multi("mixed", &["\nHello.", PDF])).unwrap();
    assert_eq!(gone, [left("a.pdf", "application/pdf", CONTENT)]);
    let text = format!("{PLAIN_HEAD}Hello.\n\n{}", plain("a.pdf"));
    assert_eq!(message, multi("mixed", &[&text]));
}

#[test]
fn both_alternatives_get_the_link() {
    let alternatives = "Content-Type: multipart/alternative; boundary=A\n\n--A\n\nHello.\n--A\n\
        Content-Type: text/html\n\n<html><body><p>Hello.</p></BODY></html>\n--A--\n";
    let (gone, message) = link(&multi("mixed", &[alternatives, PDF])).unwrap();
    assert_eq!(gone.len(), 1);
    let html = "<html><body><p>Hello.</p><div style=3D\"margin-top:16px;padding:8px 12px;bor=\n\
        der:1px solid #bbb;font-family:sans-serif;font-size:14px\">\n\
        <p style=3D\"margin:4px 0\">Attachments of this message, to be downloaded:</p>\n\
        <p style=3D\"margin:4px 0\"><a href=3D\"https://box.example/l/T\" rel=3D\"norefe=\n\
        rrer\">a.pdf</a> (5.0 MB), until 24 December 2026</p>\n</div>\n</BODY></html>";
    let expected = format!(
        "Content-Type: multipart/alternative; boundary=A\n\n--A\n{PLAIN_HEAD}Hello.\n\n{}\n--A\n\
         Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n{html}\n--A--\n",
        plain("a.pdf")
    );
    assert_eq!(message, multi("mixed", &[&expected]));
}

#[test]
fn several_attachments_leave_and_small_ones_between_them_stay() {
    let small = "Content-Type: image/png; name=s.png\nContent-Disposition: attachment\n\nsmall";
    let (gone, message) = link(&multi("mixed", &["\nHello.", PDF, PDF, small, PDF])).unwrap();
    assert_eq!(gone.len(), 3);
    assert!(message.contains("small\r\n--B--\r\n") && !message.contains("dGhl"));
    let structure = scan::structure(message.as_bytes());
    let crate::types::PartBody::Multipart(parts) = structure.root.content else {
        panic!("{message}")
    };
    assert_eq!(parts.len(), 2);
}

#[test]
fn what_the_html_shows_stays_and_what_is_attached_beside_it_leaves() {
    let picture = |id: &str, disposition: &str| {
        format!(
            "Content-Type: image/png; name=p.png\nContent-ID: <{id}>\n{disposition}\n{}",
            "x".repeat(50)
        )
    };
    let html = "Content-Type: text/html\n\n<img src=\"cid:one@x\"><img src='CID:three%40x'>";
    let related = format!(
        "Content-Type: multipart/related; boundary=R\n\n--R\n{html}\n--R\n{}\n--R\n{}\n--R--\n",
        picture("one@x", ""),
        picture("two@x", "Content-Disposition: attachment\n"),
    );
    // Outlook and Gmail give every attachment an id; only the HTML tells what it shows.
    let (shown, attached) = (
        picture("three@x", "Content-Disposition: attachment\n"),
        picture("four@x", "Content-Disposition: attachment; filename=four.png\n"),
    );
    let inline = picture("five@x", "Content-Disposition: inline\n");
    let (gone, message) = link(&multi("mixed", &[&related, &shown, &attached, &inline])).unwrap();
    assert_eq!(gone, [left("four.png", "image/png", &"x".repeat(50))]);
    let html = "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
        <img src=3D\"cid:one@x\"><img src=3D'CID:three%40x'><div style=3D\"margin-top:=\n\
        16px;padding:8px 12px;border:1px solid #bbb;font-family:sans-serif;font-siz=\ne:14px\">\n\
        <p style=3D\"margin:4px 0\">Attachments of this message, to be downloaded:</p>\n\
        <p style=3D\"margin:4px 0\"><a href=3D\"https://box.example/l/T\" rel=3D\"norefe=\nrrer\">four.png</a> \
        (5.0 MB), until 24 December 2026</p>\n</div>\n";
    let related = format!(
        "Content-Type: multipart/related; boundary=R\n\n--R\n{html}\n--R\n{}\n--R\n{}\n--R--\n",
        picture("one@x", ""),
        picture("two@x", "Content-Disposition: attachment\n"),
    );
    assert_eq!(message, multi("mixed", &[&related, &shown, &inline]));
}

#[test]
fn a_picture_that_html_may_show_stays_wherever_the_html_stands_and_however_long_it_is() {
    let picture = format!(
        "Content-Type: image/png; name=p.png\nContent-ID: <one@x>\n\
         Content-Disposition: attachment\n\n{}",
        "x".repeat(50)
    );
    let html =
        |head: &str, rest: &str| format!("Content-Type: text/html{head}\n\n<img src='cid:one@x'>{rest}");
    for html in [
        html("", ""),
        html("", &"x\n".repeat(600_000)),
        html("; charset=x-unknown", "Gr\u{fc}\u{df}e"),
    ] {
        assert_eq!(
            link(&multi("mixed", &["\nHello.", &html, &picture])),
            Err(Stays::Small)
        );
    }
    let (gone, _) = link(&multi(
        "mixed",
        &["\nHello.", "Content-Type: text/html\n\n<p>", &picture],
    ))
    .unwrap();
    assert_eq!(gone.len(), 1);
}

#[test]
fn of_too_many_attachments_the_largest_leave() {
    let part = |size: usize| {
        format!(
            "Content-Type: image/png; name={size}.png\nContent-Disposition: attachment\n\n{}",
            "x".repeat(size)
        )
    };
    let parts: Vec<String> = (0..60).map(|n| part(100 + n)).collect();
    let mut all = vec!["\nHello."];
    all.extend(parts.iter().map(String::as_str));
    let (gone, _) = link(&multi("mixed", &all)).unwrap();
    let names: Vec<&str> = gone.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!((names.len(), names[0]), (50, "110.png"));
}

#[test]
fn messages_that_must_not_change_do_not() {
    let long = "x".repeat(100);
    let pgp = |mark: &str| format!("\n-----BEGIN PGP {mark}-----\n{long}\n");
    let nested = format!("Content-Type: multipart/signed; boundary=S\n\n--S\n\n{long}\n--S\n\nsig\n--S--\n");
    let invitation = "Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n";
    for (message, why) in [
        (multi("signed", &["\nHello.", PDF]), Stays::Signed),
        (multi("mixed", &[&nested, PDF]), Stays::Signed),
        (multi("encrypted", &["\nVersion: 1", PDF]), Stays::Encrypted),
        (
            crlf(&format!(
                "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\n{long}\n"
            )),
            Stays::Encrypted,
        ),
        (
            crlf(&format!("Content-Type: application/x-pkcs7-mime\n\n{long}\n")),
            Stays::Encrypted,
        ),
        (multi("mixed", &[&pgp("MESSAGE"), PDF]), Stays::Encrypted),
        (multi("mixed", &[&pgp("SIGNED MESSAGE"), PDF]), Stays::Signed),
        // Wherever it stands, and in whatever charset.
        (
            multi("mixed", &["\nSee below.", &pgp("MESSAGE"), PDF]),
            Stays::Encrypted,
        ),
        (
            multi(
                "mixed",
                &[
                    &format!("Content-Type: text/plain; charset=x-unknown\n{}", pgp("MESSAGE")),
                    PDF,
                ],
            ),
            Stays::Encrypted,
        ),
        (
            multi(
                "mixed",
                &[&format!("{}{}", pgp("MESSAGE"), "x\n".repeat(600_000)), PDF],
            ),
            Stays::Encrypted,
        ),
        (multi("report", &["\nIt failed.", PDF]), Stays::Report),
        (multi("mixed", &["\nHello.", invitation, PDF]), Stays::Invitation),
        (multi("alternative", &["\nHello.", PDF]), Stays::Small),
        (multi("mixed", &["\nHello."]), Stays::Small),
        (crlf(&format!("Subject: x\n\n{long}\n")), Stays::Small),
        // Nobody can tell where the parts are.
        (
            crlf(&format!(
                "Content-Type: multipart/mixed\n\n--B\n\nHello.\n--B\n{PDF}\n--B--\n"
            )),
            Stays::Small,
        ),
    ] {
        assert_eq!(link(&message), Err(why), "{message}");
    }
}

#[test]
fn parts_that_programs_read_and_exempt_ones_stay() {
    let part = |head: &str| format!("{head}\nContent-Disposition: attachment\n\n{}", "x".repeat(100));
    for head in [
        "Content-Type: text/calendar; name=a.ics",
        "Content-Type: text/vcard",
        "Content-Type: application/octet-stream; name=Ann.VCF",
        "Content-Type: application/ms-tnef; name=winmail.dat",
        "Content-Type: application/octet-stream; name=winmail.dat",
        "Content-Type: application/octet-stream; name=secret.pdf.gpg",
        "Content-Type: application/pgp-signature; name=x",
        "Content-Type: message/delivery-status",
        "Content-Type: message/external-body; access-type=x",
        "Content-Type: application/pdf\nContent-Transfer-Encoding: x-uuencode",
    ] {
        assert_eq!(
            link(&multi("mixed", &["\nHello.", &part(head)])),
            Err(Stays::Small),
            "{head}"
        );
    }
    let exempt = [
        "image/*".to_owned(),
        ".CAD".to_owned(),
        "application/zip".to_owned(),
    ];
    let policy = Policy {
        exempt: &exempt,
        ..POLICY
    };
    for (head, leaves) in [
        ("Content-Type: image/png", false),
        ("Content-Type: application/zip", false),
        ("Content-Type: application/zip-compressed", true),
        ("Content-Type: application/octet-stream; name=house.cad", false),
        ("Content-Type: application/octet-stream; name=house.dwg", true),
    ] {
        let linked = link_by(&policy, &multi("mixed", &["\nHello.", &part(head)]));
        assert_eq!(linked.is_ok(), leaves, "{head}");
    }
}

#[test]
fn a_forwarded_message_leaves_whole_whatever_is_in_it() {
    let inner = format!("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe/1?=\n\n{}", "x".repeat(50));
    let forwarded = format!("Content-Type: message/rfc822\n\n{inner}");
    let (gone, message) = link(&multi("mixed", &["\nSee below.", &forwarded])).unwrap();
    assert_eq!(gone, [left("Grüße-1.eml", "message/rfc822", &crlf(&inner))]);
    let text = format!("{PLAIN_HEAD}See below.\n\n{}", plain("Gr=C3=BC=C3=9Fe-1.eml"));
    assert_eq!(message, multi("mixed", &[&text]));
}

#[test]
fn without_a_text_the_links_get_a_part_of_their_own() {
    let (gone, message) = link(&multi("mixed", &[PDF])).unwrap();
    assert_eq!(gone.len(), 1);
    let own = format!("{PLAIN_HEAD}{}", plain("a.pdf"));
    assert_eq!(message, multi("mixed", &[&own]));

    let small = "Content-Type: image/png\nContent-Disposition: attachment\n\nsmall";
    for parts in [[small, PDF], [PDF, small]] {
        assert_eq!(
            link(&multi("mixed", &parts)).unwrap().1,
            multi("mixed", &[&own, small])
        );
    }

    // The message is the attachment.
    let alone = crlf(&format!("From: a@b.example\n{PDF}"));
    let (gone, message) = link(&alone).unwrap();
    assert_eq!(gone, [left("a.pdf", "application/pdf", CONTENT)]);
    assert_eq!(message, crlf(&format!("From: a@b.example\n{own}")));
}

#[test]
fn a_text_that_cannot_be_written_again_stays_and_the_links_stand_before_it() {
    for text in [
        "Content-Type: text/plain; charset=x-unknown\n\nGr\u{fc}\u{df}e",
        "Content-Type: text/plain\nContent-Transfer-Encoding: x-uuencode\n\nx",
    ] {
        let own = format!("{PLAIN_HEAD}{}", plain("a.pdf"));
        assert_eq!(
            link(&multi("mixed", &[text, PDF])).unwrap().1,
            multi("mixed", &[&own, text])
        );
    }
    let unknown = "Content-Type: text/html; charset=x-unknown\n\nGr\u{fc}\u{df}e";
    let inner = format!("Content-Type: multipart/mixed; boundary=M\n\n--M\n{unknown}\n--M\n{PDF}\n--M--\n");
    assert_eq!(link(&multi("alternative", &[&inner])), Err(Stays::NoPlace));
}

#[test]
fn names_come_in_every_form() {
    for (field, name) in [
        (
            "Content-Disposition: attachment; filename*=utf-8''%E6%97%A5%E6%9C%AC.pdf",
            "日本.pdf",
        ),
        (
            "Content-Disposition: attachment; filename*0*=iso-8859-1''Gr%FC; filename*1=\"n.pdf\"",
            "Grün.pdf",
        ),
        (
            "Content-Disposition: attachment; filename=\"=?iso-8859-1?q?Gr=FCn.pdf?=\"",
            "Grün.pdf",
        ),
        (
            "Content-Disposition: attachment; filename=\"/tmp/x.pdf\"",
            "x.pdf",
        ),
        ("Content-Disposition: attachment; filename=\"\"", "attachment-1"),
        ("Content-Disposition: attachment", "attachment-1"),
    ] {
        let part = format!("Content-Type: application/pdf\n{field}\n\n{}", "x".repeat(50));
        let (gone, message) = link(&multi("mixed", &["\nHello.", &part])).unwrap();
        assert_eq!(gone, [left(name, "application/pdf", &"x".repeat(50))], "{field}");
        let text = format!("{PLAIN_HEAD}Hello.\n\n{}", plain(&quoted_printable(name)));
        assert_eq!(message, multi("mixed", &[&text]), "{field}");
    }
}

#[test]
fn every_transfer_encoding_is_understood() {
    for (encoding, octets, content) in [
        (
            "7bit",
            "just text that is long\nenough",
            "just text that is long\r\nenough",
        ),
        ("8bit", "schöner Text, lang genug", "schöner Text, lang genug"),
        (
            "binary",
            "binary that is long enough",
            "binary that is long enough",
        ),
        (
            "quoted-printable",
            "sch=C3=B6ner Text, =\nlang",
            "schöner Text, lang",
        ),
        ("BASE64", "dGhlIGNvbnRlbnQgb2Yg\nYSBkb2N1bWVudA==", CONTENT),
    ] {
        let part = format!(
            "Content-Type: text/plain; name=x.txt\nContent-Disposition: attachment\n\
             Content-Transfer-Encoding: {encoding}\n\n{octets}"
        );
        let (gone, message) = link(&multi("mixed", &["\nHello.", &part])).unwrap();
        assert_eq!(gone, [left("x.txt", "text/plain", content)], "{encoding}");
        let text = format!("{PLAIN_HEAD}Hello.\n\n{}", plain("x.txt"));
        assert_eq!(message, multi("mixed", &[&text]), "{encoding}");
    }
}

#[test]
fn texts_in_other_charsets_and_encodings_are_written_in_utf_8() {
    let text = "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe";
    let (_, message) = link(&multi("mixed", &[text, PDF])).unwrap();
    let expected = format!("{PLAIN_HEAD}Gr=C3=BC=C3=9Fe\n\n{}", plain("a.pdf"));
    assert_eq!(message, multi("mixed", &[&expected]));

    let russian = "Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: base64\n\n8NLJ18XU";
    let (_, message) = link(&multi("mixed", &[russian, PDF])).unwrap();
    assert!(message.contains("Content-Transfer-Encoding: quoted-printable"));
    assert!(message.contains("=D0=9F=D1=80=D0=B8=D0=B2=D0=B5=D1=82\r\n\r\n____"));
}

#[test]
fn a_missing_last_delimiter_is_put_there() {
    let message = multi("mixed", &["\nHello.", PDF]);
    let message = message.strip_suffix("\r\n--B--\r\n").unwrap();
    let text = format!("{PLAIN_HEAD}Hello.\n\n{}", plain("a.pdf"));
    assert_eq!(link(message).unwrap().1, multi("mixed", &[&text]));
    let alone = multi("mixed", &[PDF]);
    let alone = alone.strip_suffix("\r\n--B--\r\n").unwrap();
    let own = format!("{PLAIN_HEAD}{}", plain("a.pdf"));
    assert_eq!(link(alone).unwrap().1, multi("mixed", &[&own]));
}

#[test]
fn the_largest_leave_until_the_message_is_small_enough() {
    let part = |size: usize| {
        format!(
            "Content-Type: image/png; name={size}.png\nContent-Disposition: attachment\n\n{}",
            "x".repeat(size)
        )
    };
    let message = multi("mixed", &["\nHello.", &part(300), &part(500), &part(400)]);
    for (limit, gone) in [
        (10_000, &[][..]),
        (1_500, &["500.png"][..]),
        (1_000, &["500.png", "400.png"]),
        (100, &["300.png", "500.png", "400.png"]),
    ] {
        let policy = Policy {
            part: 600,
            message: limit,
            exempt: &[],
        };
        let names = match link_by(&policy, &message) {
            Ok((left, _)) => left.into_iter().map(|(name, ..)| name).collect(),
            Err(Stays::Small) => Vec::new(),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(names, gone, "{limit}");
    }
}

#[test]
fn an_attachment_after_a_multipart_whose_last_part_is_not_there_is_cut_out_behind_it() {
    let inner = "--B\nContent-Type: multipart/mixed; boundary=A\n\n--A\n";
    let message = format!(
        "Content-Type: multipart/mixed; boundary=B\n\n{inner}--B\nContent-Type: application/pdf\n\n{}\n--B--\n",
        "x".repeat(500)
    );
    let (gone, linked) = link(&crlf(&message)).unwrap();
    assert_eq!(gone.len(), 1);
    assert!(linked.contains("--A\r\nContent-Type: text/plain"), "{linked}");
    assert!(linked.contains("https://box.example/l/T"), "{linked}");
    assert!(linked.ends_with("\r\n--B--\r\n"), "{linked}");
}

proptest::proptest! {
    // Whatever comes: edits never overlap, and what is no attachment keeps its octets.
    #[test]
    fn any_structure_is_planned_without_harm(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "--B\r\n", "--A\r\n", "--B--\r\n", "--A--\r\n", "\r\n", "text\r\n",
            "Content-Type: multipart/mixed; boundary=A\r\n", "Content-Type: text/html\r\n",
            "Content-Type: multipart/alternative; boundary=A\r\n", "Content-Type: message/rfc822\r\n",
            "Content-Type: application/pdf\r\n", "Content-Disposition: attachment\r\n",
            "Content-Transfer-Encoding: base64\r\n", "some longer content of a part here\r\n",
        ]), 0..30)
    ) {
        let message = format!("Content-Type: multipart/mixed; boundary=B\r\n\r\n{}", pieces.concat());
        if let Ok((gone, linked)) = link(&message) {
            proptest::prop_assert!(!gone.is_empty());
            proptest::prop_assert!(linked.contains("https://box.example/l/T"));
            // Done once, done: nothing large is left.
            proptest::prop_assert!(!matches!(link(&linked), Ok((again, _)) if again.len() >= gone.len()));
        }
    }
}
