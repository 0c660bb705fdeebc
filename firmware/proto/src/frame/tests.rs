use super::*;
use proptest::prelude::*;

const LINE: Expect = Expect::Line {
    limit: 12,
    seconds: 1,
    watch: false,
};

const fn dotted(limit: u64, bare_lf: BareLf) -> Expect {
    Expect::Dotted { limit, bare_lf }
}

/// What came out, with pieces joined.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Line(Vec<u8>),
    TooLong,
    Malformed,
    Octets(Vec<u8>),
    Body(Vec<u8>, Spooled),
}

fn run(expect: Expect, chunks: &[&[u8]]) -> (Vec<Got>, usize) {
    let mut framer = Framer::new();
    let mut got = Vec::new();
    let mut body = Vec::new();
    for chunk in chunks {
        framer.push(chunk);
        while let Some(frame) = framer.next(expect) {
            got.push(match frame {
                Frame::Line(line) => Got::Line(line.to_vec()),
                Frame::LineTooLong => Got::TooLong,
                Frame::LineMalformed => Got::Malformed,
                Frame::Octets(octets) => Got::Octets(octets.to_vec()),
                Frame::Piece(piece) => {
                    assert!(!piece.is_empty());
                    body.extend_from_slice(piece);
                    continue;
                }
                Frame::Spooled(spooled) => Got::Body(std::mem::take(&mut body), spooled),
            });
            if matches!(
                expect,
                Expect::Dotted { .. } | Expect::Spool { .. } | Expect::Chunk { .. }
            ) {
                return (got, framer.buffered());
            }
        }
    }
    (got, framer.buffered())
}

fn whole_and_split(expect: Expect, octets: &[u8]) -> Vec<Got> {
    let whole = run(expect, &[octets]).0;
    let single: Vec<&[u8]> = octets.chunks(1).collect();
    assert_eq!(run(expect, &single).0, whole, "byte by byte: {octets:?}");
    whole
}

#[test]
fn lines_are_cut_at_crlf_and_bounded() {
    let line = |l: &str| Got::Line(l.as_bytes().to_vec());
    let cases: &[(&[u8], Vec<Got>)] = &[
        (b"NOOP\r\nQUIT\r\n", vec![line("NOOP"), line("QUIT")]),
        (b"\r\n", vec![line("")]),
        (b"0123456789\r\n", vec![line("0123456789")]),
        (b"0123456789a\r\nNOOP\r\n", vec![Got::TooLong, line("NOOP")]),
        (
            b"a very much longer line than that\r\nNOOP\r\n",
            vec![Got::TooLong, line("NOOP")],
        ),
        (b"NOOP\nQUIT\r\n", vec![Got::Malformed, line("QUIT")]),
        (b"NO\rOP\r\nQUIT\r\n", vec![Got::Malformed, line("QUIT")]),
        (b"NOOP\r\r\nQUIT\r\n", vec![Got::Malformed, line("QUIT")]),
        (b"NO\0OP\r\nQUIT\r\n", vec![Got::Malformed, line("QUIT")]),
        (b"NOOP\r", vec![]),
    ];
    for (octets, expected) in cases {
        assert_eq!(&whole_and_split(LINE, octets), expected, "{octets:?}");
    }
}

#[test]
fn an_endless_line_keeps_no_octets() {
    let mut framer = Framer::new();
    for _ in 0..1000 {
        framer.push(&[b'x'; 4096]);
        assert_eq!(framer.next(LINE), None);
        assert_eq!(framer.buffered(), 0);
    }
    framer.push(b"\r\nNOOP\r\n");
    assert_eq!(framer.next(LINE), Some(Frame::LineTooLong));
    assert_eq!(framer.next(LINE), Some(Frame::Line(b"NOOP")));
}

#[test]
fn the_buffer_is_what_was_asked_for_and_a_large_one_goes_when_the_line_is_idle() {
    const LARGE: usize = 64 * 1024;
    let dotted = dotted(u64::MAX, BareLf::Refused);
    let mut framer = Framer::new();
    for _ in 0..100 {
        framer.room(LARGE).fill(b'x');
        framer.room(LARGE)[LARGE - 2..].copy_from_slice(b"\r\n"); // a dot may follow, and is waited for
        framer.filled(LARGE);
        while framer.next(dotted).is_some() {}
        assert!(framer.buffered() <= 3);
        assert!(framer.buffer.capacity() <= LARGE + 3);
    }
    framer.push(b".\r\n");
    assert!(matches!(framer.next(dotted), Some(Frame::Spooled(_))));
    assert_eq!(framer.room(4096).len(), 4096);
    assert!(framer.buffer.capacity() <= 2 * 4096);
}

/// Every known way to make one server see an end of data where another sees none.
#[test]
fn only_crlf_dot_crlf_ends_data() {
    // (sent, body, malformed), each followed by the true end.
    let cases: &[(&[u8], &[u8], bool)] = &[
        (b"", b"", false),
        (b"hi\r\n", b"hi\r\n", false),
        (b"..hi\r\n...\r\n", b".hi\r\n..\r\n", false),
        (b".hi\r\n", b"hi\r\n", false),
        (b"a\n.\nb\r\n", b"a\n.\nb\r\n", true),
        (b"a\n.\r\nb\r\n", b"a\n.\r\nb\r\n", true),
        (b"a\r\n.\nb\r\n", b"a\r\n\nb\r\n", true),
        (b"a\r\n.\rb\r\n", b"a\r\n\rb\r\n", true),
        (b"a\r.\rb\r\n", b"a\r.\rb\r\n", true),
        (b"a\r.\r\nb\r\n", b"a\r.\r\nb\r\n", true),
        (b"a\r\n.\r\rb\r\n", b"a\r\n\r\rb\r\n", true),
        (b"a\r\n.\r\r\nb\r\n", b"a\r\n\r\r\nb\r\n", true),
        (b"a\r\r\n.\r\n", b"a\r\r\n", true),
        (b"a\n\r\n", b"a\n\r\n", true),
        (b"a\0.\0\r\n", b"a\0.\0\r\n", true),
        (b"a\r\n\0.\r\nb\r\n", b"a\r\n\0.\r\nb\r\n", true),
        (b"a\r\n.\0\r\nb\r\n", b"a\r\n\0\r\nb\r\n", true),
    ];
    for (sent, body, malformed) in cases {
        let mut octets = sent.to_vec();
        if !sent.ends_with(b".\r\n") || *body == b".hi\r\n..\r\n" {
            octets.extend_from_slice(b".\r\n");
        }
        octets.extend_from_slice(b"NEXT");
        let size = body.len() as u64;
        let expected = Got::Body(
            body.to_vec(),
            Spooled {
                size,
                malformed: *malformed,
                ..NOTHING_SPOOLED
            },
        );
        let got = whole_and_split(dotted(100, BareLf::Refused), &octets);
        assert_eq!(got, vec![expected], "{sent:?}");
        assert_eq!(
            run(dotted(100, BareLf::Refused), &[&octets]).1,
            4,
            "the next command stays: {sent:?}"
        );
    }
}

/// What each of them becomes where line ends are mended: the same end of the data, and no bare LF. A dot
/// after one is content, so that only who sends it on stuffs it.
#[test]
fn only_crlf_dot_crlf_ends_data_that_is_mended() {
    // (sent, body, malformed), each followed by the true end.
    let cases: &[(&[u8], &[u8], bool)] = &[
        (b"", b"", false),
        (b"hi\r\n", b"hi\r\n", false),
        (b"a\nb\n\n\r\n", b"a\r\nb\r\n\r\n\r\n", false),
        (b"\n\r\n", b"\r\n\r\n", false),
        (b"a\n.\nb\r\n", b"a\r\n.\r\nb\r\n", false),
        (b"a\n.\r\nb\r\n", b"a\r\n.\r\nb\r\n", false),
        (b"a\r\n.\nb\r\n", b"a\r\n\r\nb\r\n", false),
        (b"a\n..\nb\r\n", b"a\r\n..\r\nb\r\n", false),
        (b"a\r\n..\nb\r\n", b"a\r\n.\r\nb\r\n", false),
        (b"a\n\r\n", b"a\r\n\r\n", false),
        // What may stand for anything is refused as it is everywhere.
        (b"a\r\n.\rb\r\n", b"a\r\n\rb\r\n", true),
        (b"a\r.\rb\r\n", b"a\r.\rb\r\n", true),
        (b"a\r.\r\nb\r\n", b"a\r.\r\nb\r\n", true),
        (b"a\r\n.\r\r\nb\r\n", b"a\r\n\r\r\nb\r\n", true),
        (b"a\n\rb\r\n", b"a\r\n\rb\r\n", true),
        (b"a\0.\nb\r\n", b"a\0.\r\nb\r\n", true),
        (b"a\n.\0\r\nb\r\n", b"a\r\n.\0\r\nb\r\n", true),
    ];
    for (sent, body, malformed) in cases {
        let octets = [sent, &b".\r\nNEXT"[..]].concat();
        let spooled = Spooled {
            size: body.len() as u64,
            malformed: *malformed,
            ..NOTHING_SPOOLED
        };
        let mended = dotted(100, BareLf::Mended);
        let expected = vec![Got::Body(body.to_vec(), spooled)];
        assert_eq!(whole_and_split(mended, &octets), expected, "{sent:?}");
        assert_eq!(run(mended, &[&octets]).1, 4, "the next command stays: {sent:?}");
    }
}

#[test]
fn what_is_mended_counts_as_it_is_kept_and_is_let_go_with_the_message() {
    let mended = dotted(6, BareLf::Mended);
    let cut = Spooled {
        size: 7,
        too_big: true,
        ..NOTHING_SPOOLED
    };
    // "a\r\nb\r\n" and one more
    assert_eq!(
        whole_and_split(mended, b"a\nb\nc\r\n.\r\n"),
        vec![Got::Body(b"a\r\nb\r\n".to_vec(), Spooled { size: 9, ..cut })]
    );
    let mut framer = Framer::new();
    framer.push(&b"x\n".repeat(1000));
    assert!(framer.next(dotted(u64::MAX, BareLf::Mended)).is_some());
    assert!(framer.mended.capacity() <= 3000, "{}", framer.mended.capacity());
    framer.push(b"\r\n.\r\n");
    while framer.next(dotted(u64::MAX, BareLf::Mended)).is_some() {}
    assert_eq!(framer.mended.capacity(), 0);
}

#[test]
fn data_over_the_limit_is_read_to_its_end_and_not_kept() {
    let expected = Got::Body(
        b"0123".to_vec(),
        Spooled {
            size: 12,
            too_big: true,
            ..NOTHING_SPOOLED
        },
    );
    let got = whole_and_split(dotted(4, BareLf::Refused), b"01234\r\n..bc\r\n.\r\n");
    // unstuffed: "01234\r\n.bc\r\n" is 12 octets
    assert_eq!(got, vec![expected]);
}

#[test]
fn counted_data_ends_at_its_count() {
    let spool = Expect::Spool { count: 5, limit: 100 };
    let whole = Spooled {
        size: 5,
        ..NOTHING_SPOOLED
    };
    assert_eq!(
        whole_and_split(spool, b"a\r\n.\r\nX"),
        vec![Got::Body(b"a\r\n.\r".to_vec(), whole)]
    );
    let none = Expect::Spool { count: 0, limit: 100 };
    assert_eq!(run(none, &[b"X"]), (vec![Got::Body(vec![], NOTHING_SPOOLED)], 1));
    let big = Expect::Spool { count: 5, limit: 2 };
    let cut = Spooled {
        size: 5,
        too_big: true,
        ..NOTHING_SPOOLED
    };
    assert_eq!(
        whole_and_split(big, b"abcdefg"),
        vec![Got::Body(b"ab".to_vec(), cut)]
    );
}

#[test]
fn octets_come_all_at_once() {
    assert_eq!(
        whole_and_split(Expect::Octets { count: 3 }, b"abcdef"),
        vec![Got::Octets(b"abc".to_vec()), Got::Octets(b"def".to_vec())]
    );
}

#[test]
fn nothing_read_before_tls_survives_it() {
    let mut framer = Framer::new();
    framer.push(b"STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n");
    assert_eq!(
        framer.next(Expect::Line {
            limit: 512,
            seconds: 1,
            watch: false
        }),
        Some(Frame::Line(b"STARTTLS"))
    );
    assert_eq!(framer.next(Expect::Tls), None);
    framer.clear();
    assert_eq!(framer.next(LINE), None);
    assert_eq!(framer.buffered(), 0);
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(&b"\r\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"\n"[..]),
        Just(&b"."[..]),
        Just(&b"a"[..]),
        Just(&b"\0"[..]),
    ];
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

fn bare_lf() -> impl Strategy<Value = BareLf> {
    prop_oneof![Just(BareLf::Refused), Just(BareLf::Mended)]
}

/// Octets as they are kept and whether they may not be, octet by octet and without any buffering.
fn slow_lines(octets: &[u8], bare_lf: BareLf) -> (Vec<u8>, bool) {
    let text = String::from_utf8_lossy(octets);
    let lines: Vec<&str> = text.split("\r\n").collect();
    match bare_lf {
        BareLf::Refused => (octets.to_vec(), lines.concat().contains(['\r', '\n', '\0'])),
        BareLf::Mended => {
            let mended = lines.join("\n").replace('\n', "\r\n");
            (mended.into_bytes(), lines.concat().contains(['\r', '\0']))
        }
    }
}

/// What RFC 5321 4.5.2 says, octet by octet and without any buffering.
fn slow_dotted(octets: &[u8]) -> Option<Vec<u8>> {
    let mut body: Vec<u8> = Vec::new();
    let mut at = 0;
    let mut line_start = true;
    while at < octets.len() {
        let rest = &octets[at..];
        if line_start && rest.starts_with(b".\r\n") {
            return Some(body);
        }
        if line_start && rest.starts_with(b".") {
            at += 1;
            line_start = false;
            continue;
        }
        line_start = rest.starts_with(b"\n") && body.ends_with(b"\r");
        body.push(rest[0]);
        at += 1;
    }
    None
}

/// Takes the message in chunks of these sizes, each followed by a `|`, as a session does by BDAT.
fn in_chunks(message: &[u8], sizes: &[usize], split: usize, bare_lf: BareLf) -> (Vec<u8>, bool) {
    let mut sent = Vec::new();
    let mut counts = Vec::new();
    let mut rest = message;
    for size in sizes.iter().chain([&message.len()]) {
        let (chunk, after) = rest.split_at((*size).min(rest.len()));
        sent.extend_from_slice(chunk);
        sent.extend_from_slice(b"|\r\n");
        counts.push(chunk.len() as u64);
        rest = after;
    }
    let mut framer = Framer::new();
    let (mut body, mut malformed, mut after_cr, mut lines_seen) = (Vec::new(), false, false, 0);
    let mut counts = counts.into_iter();
    let mut expect = counts.next().map(|count| chunk(count, after_cr, bare_lf));
    for piece in sent.chunks(split.max(1)) {
        framer.push(piece);
        while let Some(frame) = framer.next(expect.unwrap_or(LINE)) {
            match frame {
                Frame::Piece(piece) => body.extend_from_slice(piece),
                Frame::Spooled(spooled) => {
                    (malformed, after_cr) = (malformed | spooled.malformed, spooled.ends_with_cr);
                    expect = None;
                }
                Frame::Line(line) => {
                    assert_eq!(line, b"|");
                    lines_seen += 1;
                    expect = counts.next().map(|count| chunk(count, after_cr, bare_lf));
                }
                frame => panic!("{frame:?}"),
            }
        }
    }
    assert_eq!(lines_seen, sizes.len() + 1);
    (body, malformed || after_cr)
}

fn chunk(count: u64, after_cr: bool, bare_lf: BareLf) -> Expect {
    Expect::Chunk {
        count,
        limit: 1000,
        first: false,
        lines: Some(bare_lf),
        after_cr,
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(octets in soup(), cuts in prop::collection::vec(0usize..60, 0..8), data in prop::option::of(bare_lf())) {
        let expect = data.map_or(LINE, |bare_lf| dotted(30, bare_lf));
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(octets.len())).collect();
        cuts.extend([0, octets.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &octets[w[0]..w[1]]).collect();
        prop_assert_eq!(run(expect, &chunks).0, run(expect, &[&octets]).0);
    }

    #[test]
    fn dotted_data_agrees_with_the_plain_reading_of_the_rfc(octets in soup(), bare_lf in bare_lf()) {
        let got = run(dotted(1000, bare_lf), &[&octets]).0;
        let expected: Vec<Got> = slow_dotted(&octets)
            .map(|body| {
                let (body, malformed) = slow_lines(&body, bare_lf);
                let size = body.len() as u64;
                Got::Body(body, Spooled { size, malformed, ..NOTHING_SPOOLED })
            })
            .into_iter()
            .collect();
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn chunks_of_any_sizes_give_the_same_message_and_the_same_judgement(
        message in soup(),
        sizes in prop::collection::vec(0usize..20, 0..8),
        split in 1usize..40,
        bare_lf in bare_lf(),
    ) {
        let expected = slow_lines(&message, bare_lf);
        prop_assert_eq!(in_chunks(&message, &sizes, split, bare_lf), expected);
    }
}
