//! Reading the emulated panel: 96x16 pixels, as QEMU photographs them.

use anyhow::{Context, Result, bail};
use board::panel::{Frame, Glass, draw, pages};
use board::screen::{Screen, Status};

const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const BLANK: &str = "AAAA-AAAA";
/// Where the board's own address is in QEMU's network, and where its visitors seem to come from.
const VISITOR: &str = "10.0.2.2";

/// The panel's pixels from a portable pixmap, which shows each pixel as a square.
pub fn read(pixmap: &[u8]) -> Result<Frame> {
    let mut at = 0;
    let mut word = || -> Result<&str> {
        let rest = pixmap.get(at..).context("a short pixmap")?;
        let length = rest
            .iter()
            .position(u8::is_ascii_whitespace)
            .context("a short pixmap")?;
        at += length + 1;
        Ok(std::str::from_utf8(&rest[..length])?)
    };
    let kind = word()?.to_owned();
    let (width, height, depth): (usize, usize, usize) =
        (word()?.parse()?, word()?.parse()?, word()?.parse()?);
    let mut frame = Frame::new(Glass::Small);
    let (across, down) = (frame.width as usize, frame.height as usize);
    let scale = width / across;
    if kind != "P6" || depth != 255 || scale == 0 || height != down * scale {
        bail!("the panel's picture is {kind} of {width}x{height}");
    }
    let pixels = &pixmap[at..];
    for y in 0..frame.height {
        for x in 0..frame.width {
            let (column, row) = (x as usize * scale + scale / 2, y as usize * scale + scale / 2);
            let lit = pixels.get((row * width + column) * 3).context("a short pixmap")? > &127;
            frame.set(x, y, lit);
        }
    }
    Ok(frame)
}

/// The claim code, when the panel shows it. Found as a reader does, letter by letter: which letter
/// would look as this place looks?
pub fn claim_code(shown: &Frame) -> Option<String> {
    (0..2).find_map(|shift| {
        let mut code = BLANK.to_owned();
        for place in (0..BLANK.len()).filter(|place| *place != 4) {
            let candidates: Vec<(String, Vec<Frame>)> = LETTERS
                .iter()
                .map(|letter| with_letter(&code, place, *letter))
                .map(|code| (code.clone(), code_pages(&code, shift)))
                .collect();
            code = best(shown, &candidates)?;
        }
        code_pages(&code, shift).contains(shown).then_some(code)
    })
}

/// Whether this is the page that says so many logins failed.
pub fn shows_failed_logins(shown: &Frame, failed: u64) -> bool {
    let status = Status {
        domain: crate::DOMAIN.to_owned(),
        address: "10.0.2.15".to_owned(),
        failed_last_hour: failed,
        failed_today: failed,
        worst_source: Some(VISITOR.to_owned()),
        clock_known: true,
        ..Status::default()
    };
    let page = draw(&Screen::Running(status), 0, Glass::Small);
    (0..2).any(|shift| page.shifted(shift, 0) == *shown)
}

/// Whether this is a page of that trouble.
pub fn shows_trouble(shown: &Frame, words: &str) -> bool {
    let screen = Screen::Running(Status {
        troubles: vec![words.to_owned()],
        ..Status::default()
    });
    let mut all = 0..pages(&screen, Glass::Small);
    all.any(|page| {
        let page = draw(&screen, page, Glass::Small);
        (0..2).any(|shift| page.shifted(shift, 0) == *shown)
    })
}

fn claim_pages(code: &str, shift: u32) -> Vec<Frame> {
    let screen = Screen::Claim {
        address: "10.0.2.15".to_owned(),
        code: code.to_owned(),
        fingerprint: "0000 0000 0000 0000".to_owned(),
    };
    let all = 0..pages(&screen, Glass::Small);
    all.map(|page| draw(&screen, page, Glass::Small).shifted(shift, 0))
        .collect()
}

/// The pages that would look otherwise with another code.
fn code_pages(code: &str, shift: u32) -> Vec<Frame> {
    let other = code.replace(|letter: char| letter != '-', "?");
    let pairs = claim_pages(code, shift)
        .into_iter()
        .zip(claim_pages(&other, shift));
    pairs
        .filter(|(page, other)| page != other)
        .map(|(page, _)| page)
        .collect()
}

/// The candidate that has most pixels in common with the picture.
fn best(shown: &Frame, candidates: &[(String, Vec<Frame>)]) -> Option<String> {
    let differing = |frame: &Frame| -> u32 {
        frame
            .bits
            .iter()
            .zip(&shown.bits)
            .map(|(one, other)| (one ^ other).count_ones())
            .sum()
    };
    let scored = candidates
        .iter()
        .map(|(code, frames)| (frames.iter().map(differing).min(), code));
    scored.min().map(|(_, code)| code.clone())
}

fn with_letter(code: &str, place: usize, letter: u8) -> String {
    let mut octets = code.as_bytes().to_vec();
    octets[place] = letter;
    String::from_utf8_lossy(&octets).into_owned()
}

#[test]
fn any_code_is_read_back_from_its_picture_and_other_pages_are_not_one() {
    for code in ["K7QD-M2XB", "AAAA-AAAA", "8B3E-ZS5V"] {
        let found = claim_pages(code, 1)
            .iter()
            .filter_map(claim_code)
            .collect::<Vec<_>>();
        assert_eq!(found, [code]);
    }
    assert!(!shows_failed_logins(&claim_pages("K7QD-M2XB", 0)[0], 1));
}
