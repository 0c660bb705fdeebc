//! From facts to pixels.

use super::facts::{Body, Fact};
use super::{Frame, Glass};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle, MonoTextStyleBuilder, iso_8859_1 as font};
use embedded_graphics::pixelcolor::BinaryColor::{Off, On};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use fast_qr::{ECL, QRBuilder};

/// Draws a page. The rightmost two columns and lowest two lines stay free on the large glass, the
/// rightmost column on the small one, so that the picture can be moved about.
pub(super) fn draw(fact: &Fact, glass: Glass) -> Frame {
    let mut frame = Frame::new(glass);
    match (glass, &fact.body) {
        (Glass::Large, Body::Qr(url)) => large_qr(&mut frame, &fact.title, url),
        (Glass::Large, _) => large(&mut frame, fact),
        (Glass::Small, _) => small(&mut frame, fact),
    }
    frame
}

fn large(frame: &mut Frame, fact: &Fact) {
    title_bar(
        frame,
        fact,
        &font::FONT_6X10,
        Rectangle::new(Point::zero(), Size::new(126, 11)),
    );
    match &fact.body {
        Body::Number { value, note } => {
            let digits = shorten(*value);
            let width = 10 * length(&digits);
            let mut one = Frame::with_size(width, 24);
            write(&mut one, &digits, 0, 0, &font::FONT_10X20, false);
            frame.paste(&one, 126_u32.saturating_sub(2 * width) / 2, 12, 2);
            let note = cut(note, 21);
            write(frame, &note, centre(&note, 6, 126), 52, &font::FONT_6X10, false);
        }
        Body::Text(lines) => {
            let single = [
                &font::FONT_10X20,
                &font::FONT_9X15,
                &font::FONT_8X13,
                &font::FONT_7X13,
            ];
            let fits = |line: &String| fitting(line, 126, &single);
            match lines.as_slice() {
                [line] if fits(line).is_some() => {
                    let face = fits(line).unwrap_or(&font::FONT_6X10);
                    let top = 12 + (50 - face.character_size.height) / 2;
                    write(
                        frame,
                        line,
                        centre(line, face.character_size.width, 126),
                        top,
                        face,
                        false,
                    );
                }
                lines => {
                    for (line, top) in lines.iter().zip((13..).step_by(12)) {
                        write(frame, line, 0, top, &font::FONT_6X10, false);
                    }
                }
            }
        }
        Body::Qr(_) => {}
    }
}

/// Lit ground and dark modules, as scanners expect; two pixels a module.
fn large_qr(frame: &mut Frame, title: &str, url: &str) {
    const GROUND: u32 = 64;
    let Ok(code) = QRBuilder::new(url).ecl(ECL::L).build() else {
        return;
    };
    let Ok(modules) = u32::try_from(code.size) else {
        return;
    };
    let scale = if modules * 2 + 4 <= GROUND { 2 } else { 1 };
    let margin = GROUND.saturating_sub(modules * scale) / 2;
    fill(frame, Rectangle::new(Point::zero(), Size::new(GROUND, GROUND)));
    for (y, row) in (0..).zip(code.data.chunks(code.size).take(code.size)) {
        for (x, module) in (0..).zip(row) {
            for (dx, dy) in (0..scale).flat_map(|dx| (0..scale).map(move |dy| (dx, dy))) {
                frame.set(margin + x * scale + dx, margin + y * scale + dy, !module.value());
            }
        }
    }
    for (line, top) in super::facts::wrap(title, 9).iter().zip((8..).step_by(12)) {
        write(frame, line, 68, top, &font::FONT_6X10, false);
    }
}

fn small(frame: &mut Frame, fact: &Fact) {
    match &fact.body {
        Body::Number { value, note } => {
            let digits = shorten(*value);
            let width = 9 * length(&digits) + 3;
            let bar = Rectangle::new(Point::zero(), Size::new(width + 1, 16));
            if fact.trouble {
                fill(frame, bar);
            }
            write(frame, &digits, 2, 1, &font::FONT_9X15, fact.trouble);
            let left = width + 3;
            let room = 95_u32.saturating_sub(left);
            for (words, top) in [(&fact.title, 0), (note, 9)] {
                let face =
                    fitting(words, room, &[&font::FONT_5X7, &font::FONT_4X6]).unwrap_or(&font::FONT_4X6);
                let words = cut(words, (room / face.character_size.width) as usize);
                write(frame, &words, left, top, face, false);
            }
        }
        Body::Text(lines) => {
            title_bar(
                frame,
                fact,
                &font::FONT_5X7,
                Rectangle::new(Point::zero(), Size::new(95, 7)),
            );
            let words = lines.join(" ");
            let faces = [&font::FONT_6X9, &font::FONT_5X7, &font::FONT_4X6];
            let face = fitting(&words, 95, &faces).unwrap_or(&font::FONT_4X6);
            let top = 16 - face.character_size.height;
            write(frame, &words, 0, top, face, false);
        }
        Body::Qr(url) => write(frame, &cut(url, 23), 0, 5, &font::FONT_4X6, false),
    }
}

/// Trouble has a filled bar with a mark at its end, so that it differs in shape, not by blinking.
fn title_bar(frame: &mut Frame, fact: &Fact, face: &MonoFont<'_>, bar: Rectangle) {
    let letter = face.character_size.width;
    let columns = (bar.size.width / letter) as usize;
    if fact.trouble {
        fill(frame, bar);
        let title = cut(&fact.title, columns.saturating_sub(2));
        write(frame, &title, 1, 0, face, true);
        write(frame, "!", bar.size.width - letter, 0, face, true);
    } else {
        write(frame, &cut(&fact.title, columns), 0, 0, face, false);
    }
}

fn fill(frame: &mut Frame, area: Rectangle) {
    let Ok(()) = area.into_styled(PrimitiveStyle::with_fill(On)).draw(frame);
}

fn write(frame: &mut Frame, words: &str, left: u32, top: u32, face: &MonoFont<'_>, dark: bool) {
    let style: MonoTextStyle<'_, _> = MonoTextStyleBuilder::new()
        .font(face)
        .text_color(if dark { Off } else { On })
        .build();
    let at = Point::new(left.cast_signed(), top.cast_signed());
    let Ok(_) = Text::with_baseline(words, at, style, Baseline::Top).draw(frame);
}

/// The first of `faces` in which `words` fit into `room` pixels.
fn fitting<'f>(words: &str, room: u32, faces: &[&'f MonoFont<'f>]) -> Option<&'f MonoFont<'f>> {
    faces
        .iter()
        .find(|face| length(words) * face.character_size.width <= room)
        .copied()
}

fn length(words: &str) -> u32 {
    u32::try_from(words.chars().count()).unwrap_or(u32::MAX / 64)
}

fn centre(words: &str, letter: u32, room: u32) -> u32 {
    room.saturating_sub(length(words) * letter) / 2
}

fn cut(words: &str, columns: usize) -> String {
    words.chars().take(columns).collect()
}

/// At most five characters: `99999`, `123k`, `4567M`.
fn shorten(value: u64) -> String {
    match value {
        0..=99_999 => value.to_string(),
        100_000..=9_999_999 => format!("{}k", value / 1000),
        10_000_000..=9_999_999_999 => format!("{}M", value / 1_000_000),
        _ => "lots".into(),
    }
}
