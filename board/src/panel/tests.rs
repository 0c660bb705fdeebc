//! Pictures are kept as character patterns in `pictures/`; run with `BLESS=1` to write them anew
//! and read the difference before you commit it.

use super::*;
use crate::screen::Status;

fn calm() -> Status {
    Status {
        domain: "example.org".into(),
        address: "192.168.1.20".into(),
        received_today: 41,
        clock_known: true,
        ..Status::default()
    }
}

fn failed(today: u64) -> Screen {
    let worst_source = Some("203.0.113.7".to_owned());
    Screen::Running(Status {
        failed_last_hour: 2,
        failed_today: today,
        worst_source,
        ..calm()
    })
}

fn claim() -> Screen {
    Screen::Claim {
        address: "192.168.100.200".into(),
        code: "ABCD-EFGH".into(),
        fingerprint: "a1b2 c3d4 e5f6 0718".into(),
    }
}

fn same_picture(name: &str, screen: &Screen, glass: Glass) {
    let mut picture = String::new();
    for page in 0..pages(screen, glass) {
        picture.push_str(&format!("{:?}\n", draw(screen, page, glass)));
    }
    let path = format!("{}/src/panel/pictures/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &picture).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == picture, "{path} differs; it is now\n{picture}");
}

#[test]
fn pictures_are_as_kept() {
    let frozen = Screen::Running(Status {
        frozen: vec!["anna.lindstrom@example.org".into()],
        ..calm()
    });
    let stopped = Screen::Stopped {
        reason: "exit status 1: the data folder is damaged; restore a backup".into(),
    };
    let screens = [
        (
            "starting",
            Screen::Starting {
                step: "checking the card".into(),
            },
        ),
        ("claim", claim()),
        (
            "calm",
            Screen::Running(Status {
                queued: 123_456,
                ..calm()
            }),
        ),
        ("failed", failed(17)),
        ("frozen", frozen),
        ("stopped", stopped),
        ("off", Screen::Off),
    ];
    for (name, screen) in screens {
        same_picture(&format!("{name}-96x16"), &screen, Glass::Small);
        same_picture(&format!("{name}-128x64"), &screen, Glass::Large);
    }
}

#[test]
fn every_page_leaves_room_to_be_moved() {
    let long = "ÄÖÜ wxyz ".repeat(40);
    let status = Status {
        domain: long.clone(),
        frozen: vec![long.replace(' ', ""); 9],
        troubles: vec![long.clone(); 9],
        worst_source: Some(long.clone()),
        failed_last_hour: u64::MAX,
        ..Status::default()
    };
    let stopped = Screen::Stopped { reason: long };
    for screen in [claim(), Screen::Running(status), stopped, failed(123_456_789)] {
        for (glass, right, below) in [(Glass::Small, 1, 0), (Glass::Large, 2, 0)] {
            for page in 0..pages(&screen, glass) {
                let frame = draw(&screen, page, glass);
                let moved = frame.shifted(right, below);
                let count = |f: &Frame| f.bits.iter().map(|b| b.count_ones()).sum::<u32>();
                assert_eq!(count(&frame), count(&moved), "{frame:?}");
            }
        }
    }
}

#[test]
fn text_says_the_same_as_the_picture() {
    assert_eq!(text_lines(&failed(17)), ["! 17 failed logins (203.0.113.7)"]);
    assert_eq!(
        text_lines(&claim()),
        [
            "Set up in browser: 192.168.100.200",
            "Set-up code: ABCD-EFGH",
            "Certificate: a1b2 c3d4 e5f6 0718",
            "https://192.168.100.200/",
        ]
    );
}

#[test]
fn trouble_is_shown_worst_first_and_hides_the_calm_pages() {
    let status = Status {
        troubles: vec!["card is full".into()],
        frozen: (0..6).map(|n| format!("user{n}@example.org")).collect(),
        failed_last_hour: 1,
        failed_today: 1,
        ..calm()
    };
    // Whoever is frozen has the glass until an admin has seen it.
    let seen = Status {
        frozen_seen: status.frozen.clone(),
        frozen: Vec::new(),
        ..status.clone()
    };
    let frozen = ["! Frozen", "! Frozen", "! Frozen", "! Frozen", "! 2 more"];
    for (status, starts) in [(status, &frozen[..]), (seen, &["! Trouble", "! 1 failed"])] {
        let lines = text_lines(&Screen::Running(status));
        assert_eq!(lines.len(), starts.len(), "{lines:?}");
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
        }
    }
}

#[test]
fn long_words_break_and_blanks_are_kept_between_words() {
    assert_eq!(facts::wrap("one two three", 7), ["one two", "three"]);
    assert_eq!(facts::wrap("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
    assert_eq!(facts::wrap("", 4), [""]);
}

#[test]
fn a_new_failed_login_is_in_front_at_once() {
    for glass in [Glass::Small, Glass::Large] {
        let mut rotation = Rotation::new(glass);
        rotation.show(&Screen::Running(calm()), 0);
        let before = rotation.frame(1);
        rotation.show(&failed(1), 1);
        let first = rotation.frame(1);
        assert_ne!(before, first);
        assert_eq!(first, draw(&failed(1), 0, glass));
        rotation.show(&failed(2), 3);
        assert_eq!(rotation.frame(3), draw(&failed(2), 0, glass));
    }
}

#[test]
fn pages_turn_by_themselves_and_by_the_button() {
    let mut rotation = Rotation::new(Glass::Large);
    rotation.show(&claim(), 0);
    let page = |n| draw(&claim(), n, Glass::Large);
    assert_eq!(rotation.frame(0), page(0));
    assert_eq!(rotation.frame(4), page(0));
    assert_eq!(rotation.frame(5), page(1));
    rotation.press(6);
    assert_eq!(rotation.frame(6), page(2));
    assert_eq!(rotation.frame(11), page(3));
    assert_eq!(rotation.frame(16), page(0));
}

#[test]
fn ten_calm_minutes_leave_one_walking_dot_until_there_is_trouble() {
    let mut rotation = Rotation::new(Glass::Small);
    let lit = |f: &Frame| f.bits.iter().map(|b| b.count_ones()).sum::<u32>();
    rotation.show(&Screen::Running(calm()), 100);
    assert!(lit(&rotation.frame(699)) > 1);
    let dots = [rotation.frame(700), rotation.frame(701)];
    assert!(dots.iter().all(|f| lit(f) == 1));
    assert_ne!(dots[0], dots[1]);
    // Mail coming in is no reason to light up.
    rotation.show(
        &Screen::Running(Status {
            received_today: 42,
            ..calm()
        }),
        710,
    );
    assert_eq!(lit(&rotation.frame(710)), 1);
    rotation.show(&failed(1), 720);
    assert!(lit(&rotation.frame(720)) > 1);
    assert!(lit(&rotation.frame(99_999)) > 1, "trouble never goes dark");
    rotation.show(&Screen::Running(calm()), 100_000);
    assert!(lit(&rotation.frame(100_500)) > 1);
    rotation.press(100_599);
    assert!(lit(&rotation.frame(100_700)) > 1, "the button keeps it lit");
}

#[test]
fn an_unclaimed_box_keeps_its_code_readable() {
    let mut rotation = Rotation::new(Glass::Small);
    rotation.show(&claim(), 0);
    rotation.show(&claim(), 5_000);
    assert!(
        rotation
            .frame(9_000)
            .bits
            .iter()
            .map(|b| b.count_ones())
            .sum::<u32>()
            > 1
    );
}

#[test]
fn the_picture_moves_about() {
    let mut rotation = Rotation::new(Glass::Large);
    rotation.show(&failed(1), 0);
    let (still, moved) = (rotation.frame(59), rotation.frame(60));
    assert_eq!(still.shifted(1, 0), moved);
}
