//! The shapes that mail comes in, each with what becomes of it, octet by octet.

use super::*;

const SIGNED_DETACHED: &str = "From: a@b.example\nContent-Type: multipart/signed; micalg=sha-256;\n \
    protocol=\"application/PROTOCOL-signature\"; boundary=B\n\n--B\nContent-Type: multipart/mixed; boundary=M\n\n\
    --M\n\nHello.\n--M\nPDF\n--M--\n--B\nContent-Type: application/PROTOCOL-signature; name=s\n\nsig\n--B--\n";

/// What leaves, and the message then; or why it stays.
type Outcome = Result<Linked, Stays>;

fn signed(protocol: &str) -> String {
    crlf(&SIGNED_DETACHED.replace("PROTOCOL", protocol).replace("PDF", PDF))
}

fn smime(kind: &str) -> String {
    crlf(&format!(
        "From: a@b.example\nContent-Type: application/pkcs7-mime; smime-type={kind}; name=smime.p7m\n\
         Content-Disposition: attachment; filename=smime.p7m\nContent-Transfer-Encoding: base64\n\n{}\n",
        "dGhlIGNvbnRlbnQgb2Yg\n".repeat(10)
    ))
}

/// The PDF leaves from a message of these parts, which then has those.
fn pdf_leaves(message: String, then: String) -> (String, Outcome) {
    (
        message,
        Ok((vec![left("a.pdf", "application/pdf", CONTENT)], then)),
    )
}

/// A text of ours with the links below it.
fn hello(name: &str) -> String {
    format!("{PLAIN_HEAD}Hello.\n\n{}", plain(name))
}

/// One attachment with this head and body leaves as this.
fn leaves(head: &str, body: &str, file: (&str, &str, &str)) -> (String, Outcome) {
    let part = format!("{head}\nContent-Disposition: attachment\n\n{body}");
    let then = multi("mixed", &[&hello(&quoted_printable(file.0))]);
    (
        multi("mixed", &["\nHello.", &part]),
        Ok((vec![left(file.0, file.1, &crlf(file.2))], then)),
    )
}

fn check(rows: Vec<(&str, (String, Outcome))>) {
    for (shape, (message, outcome)) in rows {
        assert_eq!(link(&message), outcome, "{shape}:\n{message}");
    }
}

#[test]
fn what_is_signed_encrypted_or_an_invitation_stays_as_it_is() {
    let long = "long enough to leave if it could\n".repeat(4);
    let encrypted = "Content-Type: application/pgp-encrypted\n\nVersion: 1";
    let secret = format!("Content-Type: application/octet-stream; name=encrypted.asc\n\n{long}");
    let invitation = format!("Content-Type: text/calendar; method=REQUEST\n\n{long}");
    let attached =
        format!("Content-Type: application/ics; name=invite.ics\nContent-Disposition: attachment\n\n{long}");
    let alternatives = format!(
        "Content-Type: multipart/alternative; boundary=A\n\n--A\n\nHello.\n--A\n{invitation}\n--A--\n"
    );
    let stays = |message: String, why| (message, Err(why));
    check(vec![
        (
            "a plain text, however long",
            stays(crlf(&format!("From: a@b.example\n\n{long}")), Stays::Small),
        ),
        ("signed: S/MIME, detached", stays(signed("pkcs7"), Stays::Signed)),
        (
            "signed: S/MIME, opaque",
            stays(smime("signed-data"), Stays::Signed),
        ),
        ("signed: PGP/MIME", stays(signed("pgp"), Stays::Signed)),
        (
            "encrypted: S/MIME",
            stays(smime("enveloped-data"), Stays::Encrypted),
        ),
        (
            "encrypted and signed at once: S/MIME",
            stays(smime("authEnveloped-data"), Stays::Encrypted),
        ),
        (
            "encrypted: PGP/MIME",
            stays(multi("encrypted", &[encrypted, &secret]), Stays::Encrypted),
        ),
        (
            "an invitation",
            stays(
                multi("mixed", &[&alternatives, &attached, PDF]),
                Stays::Invitation,
            ),
        ),
        (
            "a calendar alone",
            stays(multi("mixed", &["\nHello.", &attached]), Stays::Small),
        ),
    ]);
}

#[test]
fn what_programs_read_stays_where_it_is_while_others_leave() {
    let long = "x".repeat(100);
    let beside = |head: &str| {
        let stays = format!("{head}\nContent-Disposition: attachment\n\n{long}");
        pdf_leaves(
            multi("mixed", &["\nHello.", &stays, PDF]),
            multi("mixed", &[&hello("a.pdf"), &stays]),
        )
    };
    check(vec![
        ("a calendar", beside("Content-Type: text/calendar; name=a.ics")),
        (
            "winmail.dat",
            beside("Content-Type: application/ms-tnef; name=winmail.dat"),
        ),
        (
            "winmail.dat by its name",
            beside("Content-Type: application/octet-stream; name=\"WINMAIL.DAT\""),
        ),
        (
            "a business card",
            beside("Content-Type: text/vcard; name=ann.vcf"),
        ),
    ]);
}

#[test]
fn alternatives_with_pictures_keep_them_and_get_links_in_both() {
    let picture = format!("Content-Type: image/png\nContent-ID: <p@x>\n\n{}", "x".repeat(50));
    let both = |text: &str, html: &str| {
        format!(
            "Content-Type: multipart/alternative; boundary=A\n\n--A\n{text}\n--A\n\
             Content-Type: multipart/related; boundary=R\n\n--R\n{html}\n--R\n{picture}\n--R--\n\n--A--\n"
        )
    };
    let html = "Content-Type: text/html\n\n<html><p>Hi</p><img src=\"cid:p@x\"></html>";
    let linked = "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
        <html><p>Hi</p><img src=3D\"cid:p@x\"><div style=3D\"margin-top:16px;padding:8=\n\
        px 12px;border:1px solid #bbb;font-family:sans-serif;font-size:14px\">\n\
        <p style=3D\"margin:4px 0\">Attachments of this message, to be downloaded:</p>\n\
        <p style=3D\"margin:4px 0\"><a href=3D\"https://box.example/l/T\" rel=3D\"norefe=\n\
        rrer\">a.pdf</a> (5.0 MB), until 24 December 2026</p>\n</div>\n</html>";
    check(vec![(
        "alternative with related",
        pdf_leaves(
            multi("mixed", &[&both("\nHello.", html), PDF]),
            multi("mixed", &[&both(&hello("a.pdf"), linked)]),
        ),
    )]);
}

#[test]
fn attachments_leave_whatever_their_names_and_encodings() {
    const TEXT: &str = "schöner Text, lang genug";
    let pdf = |fields: &str, name: &str| {
        let head = format!("Content-Type: application/pdf{fields}");
        leaves(
            &head,
            "the whole content of it",
            (name, "application/pdf", "the whole content of it"),
        )
    };
    let coded = |encoding: &str, body: &str, content: &str| {
        let head = format!("Content-Type: text/plain; name=x.txt\nContent-Transfer-Encoding: {encoding}");
        leaves(&head, body, ("x.txt", "text/plain", content))
    };
    let inner = format!("Subject: Plans\nContent-Type: multipart/mixed; boundary=I\n\n--I\n{PDF}\n--I--\n");
    check(vec![
        ("a name in UTF-8 as it is", pdf("; name=\"Grün.pdf\"", "Grün.pdf")),
        ("RFC 2047", pdf("; name=\"=?utf-8?b?R3LDvG4ucGRm?=\"", "Grün.pdf")),
        (
            "RFC 2231: charset and language",
            pdf("; name*=iso-8859-1'de'Gr%FCn.pdf", "Grün.pdf"),
        ),
        (
            "RFC 2231: continuations",
            pdf(
                ";\n name*0=\"a-very-\";\n name*1=\"long-name\";\n name*2=.pdf",
                "a-very-long-name.pdf",
            ),
        ),
        (
            "RFC 2231: continuations with a charset, out of order",
            pdf(
                ";\n name*2=.pdf;\n name*1*=%D0%BD;\n name*0*=utf-8''%D0%9F%D0%BB%D0%B0",
                "План.pdf",
            ),
        ),
        ("no name", pdf("", "attachment-1")),
        (
            "7bit",
            coded("7bit", "text, and long enough", "text, and long enough"),
        ),
        ("8bit", coded("8bit", TEXT, TEXT)),
        ("binary", coded("binary", TEXT, TEXT)),
        (
            "quoted-printable",
            coded("quoted-printable", "sch=C3=B6ner Text, =\nlang genug", TEXT),
        ),
        (
            "base64",
            coded("base64", "c2Now7ZuZXIgVGV4\ndCwgbGFuZyBnZW51Zw==", TEXT),
        ),
        (
            "a forwarded message with its attachments",
            leaves(
                "Content-Type: message/rfc822",
                &inner,
                ("Plans.eml", "message/rfc822", &inner),
            ),
        ),
    ]);
}

#[test]
fn without_a_text_or_a_boundary_the_message_still_reads_the_same() {
    let own = format!("{PLAIN_HEAD}{}", plain("a.pdf"));
    let whole = multi("mixed", &["\nHello.", PDF]);
    let then = multi("mixed", &[&hello("a.pdf")]);
    let cut = whole.strip_suffix("\r\n--B--\r\n").unwrap().to_owned();
    let small = |message: String| (message, Err(Stays::Small));
    let inner = |text: &str| format!("Content-Type: multipart/mixed; boundary=I\n\n--I\n{text}");
    check(vec![
        (
            "no text",
            pdf_leaves(multi("mixed", &[PDF]), multi("mixed", &[&own])),
        ),
        (
            "nothing but the attachment",
            pdf_leaves(
                crlf(&format!("From: a@b.example\n{PDF}")),
                crlf(&format!("From: a@b.example\n{own}")),
            ),
        ),
        ("the last delimiter is missing", pdf_leaves(cut, then.clone())),
        ("the type names none", small(whole.replace("; boundary=B", ""))),
        (
            "the type names another",
            small(whole.replace("boundary=B", "boundary=C")),
        ),
        (
            "an inner one has no end",
            pdf_leaves(
                multi("mixed", &[&inner("\nHello."), PDF]),
                multi("mixed", &[&inner(&hello("a.pdf"))]),
            ),
        ),
    ]);
}
