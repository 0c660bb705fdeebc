//! The picture of a [`Screen`], for the OLED, the web page and the console.

mod drawing;
mod facts;
mod frame;
mod rotation;
#[cfg(test)]
mod tests;

pub use frame::{Frame, Glass};
pub use rotation::Rotation;

use crate::screen::Screen;
use facts::{Body, Fact};

/// How many pages the screen has; at least one.
pub fn pages(screen: &Screen, glass: Glass) -> usize {
    facts::facts(screen, glass).len()
}

/// Draws one page, counted from 0; past the last one it starts again.
pub fn draw(screen: &Screen, page: usize, glass: Glass) -> Frame {
    let pages = facts::facts(screen, glass);
    match pages.get(page % pages.len().max(1)) {
        Some(fact) => drawing::draw(fact, glass),
        None => Frame::new(glass),
    }
}

/// The same content as lines of text, for the console and for those who cannot see the picture.
pub fn text_lines(screen: &Screen) -> Vec<String> {
    facts::facts(screen, Glass::Large).iter().map(line).collect()
}

fn line(fact: &Fact) -> String {
    let mark = if fact.trouble { "! " } else { "" };
    match &fact.body {
        Body::Number { value, note } if note.is_empty() => format!("{mark}{value} {}", fact.title),
        Body::Number { value, note } => format!("{mark}{value} {} ({note})", fact.title),
        Body::Text(lines) => format!("{mark}{}: {}", fact.title, lines.join(" ")),
        Body::Qr(url) => format!("{mark}{url}"),
    }
}
