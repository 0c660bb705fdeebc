//! Replies as programs write them.

use super::*;
use crate::message::scan;
use proptest::prelude::*;

const NOTICE: &str = "--- Write your answer above this line ---\r\n\r\nThe account ben@firm.example was \
                      frozen.\r\n\r\nunfreeze  give the account back\r\nkeep      leave it\r\n";

fn quoted(sign: &str) -> String {
    NOTICE.lines().map(|line| format!("{sign}{line}\r\n")).collect()
}

fn said(message: &str) -> Said {
    let octets = message.as_bytes();
    let span = |span: Span| -> Result<Vec<u8>, ()> {
        assert!(span.len() <= LOOKED_AT);
        let (start, end) = (span.start.try_into().unwrap(), span.end.try_into().unwrap());
        Ok(octets.get::<std::ops::Range<usize>>(start..end).unwrap().to_vec())
    };
    read(&scan::structure(octets), span).unwrap()
}

fn plain(own: &str) -> Said {
    said(&format!("Subject: Re: frozen\r\n\r\n{own}"))
}

fn html(body: &str) -> Said {
    said(&format!("Content-Type: text/html; charset=utf-8\r\n\r\n{body}"))
}

#[test]
fn the_first_word_decides_whatever_the_program_added() {
    let quoted = quoted("> ");
    let bare = NOTICE;
    let gmail = format!(
        "\r\nOn Tue, Nov 24, 2026 at 8:00 AM Pillarbox <postmaster@firm.example> wrote:\r\n\r\n{quoted}"
    );
    let gmail_broken = format!(
        "\r\nOn Tue, Nov 24, 2026 at 8:00 AM Pillarbox <\r\npostmaster@firm.example> wrote:\r\n\r\n{quoted}"
    );
    let gmail_de = format!(
        "\r\nPillarbox <postmaster@firm.example> schrieb am Di., 24. Nov. 2026, 08:00:\r\n\r\n{quoted}"
    );
    let apple_de = format!(
        "\r\n\r\nVon meinem iPhone gesendet\r\n\r\n> Am 24.11.2026 um 08:00 schrieb Pillarbox \
         <postmaster@firm.example>:\r\n> \r\n> {}",
        quoted
    );
    let apple = format!(
        "\r\n\r\nSent from my iPhone\r\n\r\n> On Nov 24, 2026, at 08:00, Pillarbox <x@y> wrote:\r\n> \r\n{quoted}"
    );
    let thunderbird_de = format!("Am 24.11.26 um 08:00 schrieb Pillarbox:\r\n{quoted}");
    let outlook = format!(
        "\r\n\r\nFrom: Pillarbox <postmaster@firm.example>\r\nSent: Tuesday, November 24, 2026 8:00 AM\r\nTo: \
         Anna <anna@firm.example>\r\nSubject: frozen\r\n\r\n{bare}"
    );
    let outlook_de = format!(
        "\r\n\r\nVon: Pillarbox <postmaster@firm.example>\r\nGesendet: Dienstag, 24. November 2026 \
         08:00\r\nAn: Anna\r\nBetreff: frozen\r\n\r\n{bare}"
    );
    let original = format!("\r\n-----Original Message-----\r\nFrom: Pillarbox\r\n\r\n{bare}");
    let original_de = format!("\r\n-----Ursprüngliche Nachricht-----\r\nVon: Pillarbox\r\n\r\n{bare}");
    let android = format!(
        "\r\n\r\nGet Outlook for Android<https://aka.ms/x>\r\n________________________________\r\nFrom: Pillarbox\r\n\r\n{bare}"
    );
    let french = format!(
        "\r\nLe mar. 24 nov. 2026 à 08:00, Pillarbox <postmaster@firm.example> a écrit :\r\n\r\n{quoted}"
    );
    let unknown_quoting = format!("\r\n{bare}");
    let tails = [
        String::new(),
        gmail,
        gmail_broken,
        gmail_de,
        apple_de,
        apple,
        thunderbird_de.clone(),
        outlook,
        outlook_de,
        original,
        original_de,
        android,
        french,
        unknown_quoting,
        "\r\n-- \r\nAnna Muster\r\nkeep calm GmbH\r\n".to_owned(),
    ];
    let heads = [
        ("", Said::Nothing),
        ("\r\n \u{a0}\r\n", Said::Nothing),
        ("unfreeze\r\n", Said::Verb(Verb::Unfreeze)),
        ("Keep\r\n", Said::Verb(Verb::Keep)),
        ("*DISCARD*!\r\n", Said::Verb(Verb::Discard)),
        (
            "\r\n\r\n  \u{feff}release, please. Thanks\r\nAnna\r\n",
            Said::Verb(Verb::Release),
        ),
        ("Thank you!\r\nunfreeze\r\n", Said::Other("Thank".to_owned())),
        ("unfreezes\r\n", Said::Other("unfreezes".to_owned())),
        ("Nein!\r\n", Said::Other("Nein".to_owned())),
    ];
    for tail in &tails {
        for (head, expected) in &heads {
            assert_eq!(plain(&format!("{head}{tail}")), *expected, "{head}{tail}");
        }
    }
    // Written below the quotation, or in between.
    for below in [
        format!("{thunderbird_de}\r\nrelease\r\n"),
        format!("> first\r\n\r\nrelease\r\n{quoted}"),
        format!("{quoted}release"),
    ] {
        assert_eq!(plain(&below), Said::Verb(Verb::Release), "{below}");
    }
}

#[test]
fn replies_in_html_alone_are_understood() {
    let notice = NOTICE.replace("\r\n", "<br>");
    let cases = [
        (
            format!(
                "<div dir=\"ltr\">keep</div><br><div class=\"gmail_quote\"><div dir=\"ltr\" class=\"gmail_attr\">On \
                 Tue, Nov 24, 2026 at 8:00 AM Pillarbox &lt;<a href=\"mailto:p@x\">p@x</a>&gt; \
                 wrote:<br></div><blockquote class=\"gmail_quote\">{notice}</blockquote></div>"
            ),
            Said::Verb(Verb::Keep),
        ),
        (
            format!(
                "<html><head><meta http-equiv=\"content-type\"><style>p {{ keep: 1 }}</style></head><body \
                 dir=\"auto\"><div dir=\"ltr\"></div><div dir=\"ltr\">Sent from my iPad</div><div \
                 dir=\"ltr\"><br><blockquote type=\"cite\">On Nov 24, 2026, at 08:00, Pillarbox &lt;p@x&gt; \
                 wrote:<br></blockquote></div><blockquote type=\"cite\">{notice}</blockquote></body></html>"
            ),
            Said::Nothing,
        ),
        (
            format!(
                "<html xmlns:o=\"urn:schemas\"><head><!--[if gte mso 9]><xml>keep</xml><![endif]--></head><body><div \
                 class=\"WordSection1\"><p class=\"MsoNormal\"><span lang=\"DE\">Discard<o:p></o:p></span></p><p \
                 class=\"MsoNormal\">&nbsp;</p><div style=\"border:none\"><p><b>From:</b> Pillarbox<br><b>Sent:</b> \
                 x<br>{notice}</p></div></div></body></html>"
            ),
            Said::Verb(Verb::Discard),
        ),
        (
            format!(
                "<body><div id=\"appendonsend\"></div><hr><div id=\"divRplyFwdMsg\"><b>Von:</b> \
                 Pillarbox</div>{notice}</body>"
            ),
            Said::Nothing,
        ),
        (
            format!(
                "<div class=\"moz-cite-prefix\">Am 24.11.26 um 08:00 schrieb Pillarbox:<br></div><blockquote \
                 type=\"cite\">{notice}</blockquote><p>un<b>freeze</b></p>"
            ),
            Said::Verb(Verb::Unfreeze),
        ),
        (
            "<p>&#114;&#x65;lease&nbsp;it</p>".to_owned(),
            Said::Verb(Verb::Release),
        ),
        ("<script>release".to_owned(), Said::Nothing),
        ("a < b".to_owned(), Said::Other("a".to_owned())),
    ];
    for (body, expected) in cases {
        assert_eq!(html(&body), expected, "{body}");
    }
}

#[test]
fn encodings_charsets_and_nested_parts_are_looked_through() {
    let cases = [
        (
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nUmVsZWFzZSBww6RyIGZhdm9yDQo=\r\n",
            Said::Verb(Verb::Release),
        ),
        (
            "Content-Type: text/plain; charset=windows-1252\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=A0keep=\r\n =85\r\n",
            Said::Verb(Verb::Keep),
        ),
        (
            "Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\nawBlAGUAcAA=\r\n",
            Said::Verb(Verb::Keep),
        ),
        (
            "Content-Type: text/plain; charset=x-klingon\r\n\r\nkeep \u{fc}\r\n",
            Said::Verb(Verb::Keep),
        ),
        (
            "Content-Type: multipart/signed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: \
             multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\n\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>discard</p>\r\n--c--\r\n--b\r\n\
             Content-Disposition: attachment\r\n\r\nkeep\r\n--b--\r\n--a--\r\n",
            Said::Verb(Verb::Discard),
        ),
        (
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nrelease\r\n--b--\r\n",
            Said::Unreadable,
        ),
        (
            "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nAAAA\r\n",
            Said::Unreadable,
        ),
        ("Content-Type: image/png\r\n\r\nAAAA\r\n", Said::Unreadable),
    ];
    for (message, expected) in cases {
        assert_eq!(said(message), expected, "{message}");
    }
}

#[test]
fn of_a_large_reply_only_the_top_is_looked_at() {
    let large = "x".repeat(100) + "\r\n";
    let large = large.repeat(50_000);
    assert_eq!(plain(&format!("keep\r\n{large}")), Said::Verb(Verb::Keep));
    assert_eq!(plain(&"\r\n".repeat(100_000)), Said::Unreadable);
    let word = format!("{}unfreeze", "ä".repeat(40_000));
    assert!(matches!(plain(&word), Said::Other(word) if word.len() <= WORD));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn strange_html_does_no_harm(body in "(<|>|/|blockquote|head|&|#x4|;|<!--|keep|p | |\n){0,60}") {
        html(&body);
    }
}
