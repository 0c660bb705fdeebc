//! What holds for any client, whatever it sends.

use super::harness::World;
use super::office::Office;
use proptest::prelude::*;
use proto::ask::{Answer, Question};
use proto::refusal::Refusal;
use proto::session::{Expect, Input, Output, Spooled};

const SMTP: &[&str] = &[
    "EHLO c.example",
    "HELO c.example",
    "MAIL FROM:<a@b.example>",
    "MAIL FROM:<>",
    "MAIL FROM:<anna@example.com>",
    "RCPT TO:<anna@example.com>",
    "RCPT TO:<nobody@example.com>",
    "MAIL FROM:<a@b.example> BODY=BINARYMIME",
    "RCPT TO:<anna@example.com> NOTIFY=NEVER",
    "DATA",
    "BDAT 5",
    "BDAT 0 LAST",
    "BDAT x",
    "RSET",
    "NOOP",
    "STARTTLS",
    "AUTH PLAIN AGFubmEAY29ycmVjdC1ob3JzZS03",
    "AUTH PLAIN",
    "AGFubmEAY29ycmVjdC1ob3JzZS03",
    "*",
    "BOGUS",
    "VRFY x",
    "QUIT",
];

const POP3: &[&str] = &[
    "USER anna",
    "PASS correct-horse-7",
    "PASS wrong",
    "AUTH",
    "AUTH PLAIN",
    "AGFubmEAY29ycmVjdC1ob3JzZS03",
    "*",
    "CAPA",
    "STLS",
    "STAT",
    "LIST",
    "LIST 1",
    "UIDL",
    "RETR 1",
    "RETR 2",
    "TOP 1 1",
    "TOP 2 0",
    "DELE 1",
    "DELE 3",
    "RSET",
    "NOOP",
    "BOGUS",
    "QUIT",
];

/// What a client, or the world, does next.
#[derive(Debug, Clone)]
enum Move {
    Line(&'static str),
    Garbage(Vec<u8>),
    TooLong,
    Malformed,
    /// The world refuses the next question.
    No,
    Timeout,
    Cut,
}

fn moves(lines: &'static [&'static str]) -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        30 => prop::sample::select(lines).prop_map(Move::Line),
        2 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Move::Garbage),
        1 => Just(Move::TooLong),
        1 => Just(Move::Malformed),
        2 => Just(Move::No),
        1 => Just(Move::Timeout),
        1 => Just(Move::Cut),
    ];
    prop::collection::vec(one, 0..60)
}

fn sent(outputs: &[Output]) -> String {
    let octets = outputs.iter().filter_map(|o| match o {
        Output::Send(octets) => Some(octets.clone()),
        _ => None,
    });
    String::from_utf8(octets.collect::<Vec<_>>().concat()).expect("ASCII")
}

/// Replies in what was sent: lines whose fourth octet is a blank.
fn replies(outputs: &[Output]) -> usize {
    let text = sent(outputs);
    assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
    text.lines()
        .filter(|line| line.as_bytes().get(3) == Some(&b' '))
        .count()
}

/// Plays the moves; checks the invariants at every step.
fn play(kind: &str, moves: &[Move]) {
    let mut office = Office::default();
    let mut session = office.open(kind, "tls=active");
    let mut accepted_recipients = 0;
    let mut refuse_next = false;
    let mut out = Vec::new();
    session.handle(Input::Open, &mut out);
    assert_eq!(replies(&out), 1);
    for next in moves {
        let mut out = Vec::new();
        let data = Spooled {
            size: 0,
            too_big: false,
            malformed: false,
            ends_with_cr: false,
            failed: false,
        };
        let in_line = matches!(session.expects(), Expect::Line { .. });
        match (session.expects(), next) {
            (Expect::Closed, _) => {
                session.handle(Input::Line(b"NOOP"), &mut out);
                assert!(out.is_empty(), "a closed session speaks: {out:?}");
                return;
            }
            (_, Move::Timeout) => session.handle(Input::Timeout, &mut out),
            (_, Move::Cut) => session.handle(Input::Cut(Refusal::Shutdown), &mut out),
            (Expect::Tls, _) => {
                session.handle(Input::TlsUp { binding: false }, &mut out);
                accepted_recipients = 0;
                assert!(out.is_empty());
                continue;
            }
            (Expect::Dotted { .. } | Expect::Chunk { .. }, _) => {
                session.handle(Input::Spooled(data), &mut out)
            }
            (Expect::Line { limit, .. }, next) => match next {
                Move::Line(line) => {
                    assert!(line.len() < limit);
                    session.handle(Input::Line(line.as_bytes()), &mut out);
                }
                Move::Garbage(line) => session.handle(Input::Line(line), &mut out),
                Move::TooLong => session.handle(Input::LineTooLong, &mut out),
                Move::Malformed => session.handle(Input::LineMalformed, &mut out),
                _ => {
                    refuse_next = true;
                    continue;
                }
            },
            (expect, _) => panic!("waits for {expect:?}"),
        }
        // The octets that BDAT counts come before its reply.
        if out.is_empty() && matches!(session.expects(), Expect::Chunk { .. }) {
            continue;
        }
        // A question, then its reply; or a reply at once.
        if let Some(at) = out.iter().position(|o| matches!(o, Output::Ask(_))) {
            assert_eq!(replies(&out), 0, "a reply before the answer");
            assert_eq!(session.expects(), Expect::Answer);
            let Output::Ask(question) = out.swap_remove(at) else {
                unreachable!()
            };
            let recipient = matches!(question, Question::Recipient { .. });
            if let Question::Accept(envelope) = &question {
                assert!(
                    !envelope.to.is_empty() && envelope.to.len() <= accepted_recipients,
                    "{envelope:?}"
                );
            }
            if matches!(question, Question::Accept(_)) {
                accepted_recipients = 0;
            }
            let answer = match std::mem::take(&mut refuse_next) {
                true => Answer::Refused(Refusal::Temporary),
                false => office.answer(1, question, &mut Some(Vec::new())),
            };
            accepted_recipients += usize::from(recipient && matches!(answer, Answer::Done));
            out.clear();
            session.handle(Input::Answer(answer), &mut out);
        }
        assert_eq!(replies(&out), 1, "{next:?}: {out:?}");
        let resets = |line: &str| ["EHLO", "HELO", "RSET"].iter().any(|verb| line.starts_with(verb));
        if in_line && matches!(next, Move::Line(line) if resets(line)) && sent(&out).starts_with("250") {
            accepted_recipients = 0;
        }
        let closes = out.iter().any(|o| matches!(o, Output::Close));
        assert_eq!(closes, session.expects() == Expect::Closed);
    }
}

/// Responses in what was sent: lines that begin with a status indicator. No message has such lines.
fn responses(outputs: &[Output]) -> usize {
    let text = sent(outputs);
    assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
    text.lines()
        .filter(|line| line.starts_with('+') || line.starts_with("-ERR "))
        .count()
}

fn play_pop3(moves: &[Move]) {
    let mut office = Office::default();
    office.directive("message", "A: 1\\r\\n\\r\\none\\r\\n");
    office.directive("message", "A: 2");
    let mut session = office.open("pop3", "tls=active");
    let mut refuse_next = false;
    let mut out = Vec::new();
    session.handle(Input::Open, &mut out);
    for next in moves {
        let mut out = Vec::new();
        let quits = matches!(next, Move::Line("QUIT"));
        match (session.expects(), next) {
            (Expect::Closed, _) => {
                session.handle(Input::Line(b"NOOP"), &mut out);
                assert!(out.is_empty(), "a closed session speaks: {out:?}");
                return;
            }
            (Expect::Line { .. }, Move::Timeout) => {
                session.handle(Input::Timeout, &mut out);
                assert!(matches!(out[..], [Output::Close]));
                continue;
            }
            (Expect::Line { .. }, Move::Cut) => session.handle(Input::Cut(Refusal::Shutdown), &mut out),
            (Expect::Line { .. }, Move::Line(line)) => session.handle(Input::Line(line.as_bytes()), &mut out),
            (Expect::Line { .. }, Move::Garbage(line)) => session.handle(Input::Line(line), &mut out),
            (Expect::Line { .. }, Move::TooLong) => session.handle(Input::LineTooLong, &mut out),
            (Expect::Line { .. }, Move::Malformed) => session.handle(Input::LineMalformed, &mut out),
            (Expect::Line { .. }, Move::No) => {
                refuse_next = true;
                continue;
            }
            (expect, _) => panic!("waits for {expect:?}"),
        }
        // A login and TOP may ask more than one question.
        while let Some(at) = out.iter().position(|o| matches!(o, Output::Ask(_))) {
            assert_eq!(responses(&out), 0, "a response before the answer");
            let Output::Ask(question) = out.swap_remove(at) else {
                unreachable!()
            };
            assert!(quits || !matches!(question, Question::CloseMaildrop { .. }));
            let answer = match std::mem::take(&mut refuse_next) {
                true => Answer::Refused(Refusal::Temporary),
                false => office.answer(1, question, &mut None),
            };
            out.clear();
            session.handle(Input::Answer(answer), &mut out);
        }
        assert_eq!(responses(&out), 1, "{next:?}: {out:?}");
        let closes = out.iter().any(|o| matches!(o, Output::Close));
        assert_eq!(closes, session.expects() == Expect::Closed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_smtp_command_gets_one_reply_and_nothing_is_taken_without_a_recipient(moves in moves(SMTP)) {
        play("smtp", &moves);
    }

    #[test]
    fn every_submission_command_gets_one_reply(moves in moves(SMTP)) {
        play("submission", &moves);
    }

    #[test]
    fn every_pop3_command_gets_one_response_and_only_quit_deletes(moves in moves(POP3)) {
        play_pop3(&moves);
    }
}
