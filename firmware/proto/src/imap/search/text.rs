//! Text found whatever its case, in pieces, with memory flat.

use std::ops::ControlFlow;

use super::Candidate;
use crate::message::body::{Decoder, Encoding};
use crate::types::Part;

/// Case folded for comparing: character by character, so that pieces fold like the whole.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // The two small sigmas are one letter.
    text.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .collect()
}

/// What is looked for.
pub(super) struct Needle(String);

impl Needle {
    pub fn new(text: &str) -> Self {
        Self(fold(text))
    }

    pub fn start(&self) -> Search<'_> {
        Search {
            needle: &self.0,
            window: String::new(),
            found: false,
        }
    }
}

/// Looking for it in text that comes in pieces.
pub(super) struct Search<'a> {
    needle: &'a str,
    /// The end of what was seen, folded: less than the needle is long.
    window: String,
    found: bool,
}

impl Search<'_> {
    pub fn push(&mut self, text: &str) {
        if self.found {
            return;
        }
        self.window.push_str(&fold(text));
        self.found = memchr::memmem::find(self.window.as_bytes(), self.needle.as_bytes()).is_some();
        let surplus = (self.window.len() + 1).saturating_sub(self.needle.len());
        self.window.drain(..self.window.floor_char_boundary(surplus));
    }

    pub const fn found(&self) -> bool {
        self.found
    }
}

/// Whether a text part has it, transfer encoding and charset taken off.
pub(super) fn in_text(message: &dyn Candidate, part: &Part, needle: &Needle) -> bool {
    let mut search = needle.start();
    let mut decoder = Decoder::new(Encoding::parse(part.encoding.as_bytes()));
    let mut charset = charset(part).new_decoder_without_bom_handling();
    let mut octets = Vec::new();
    message.read(part.body, &mut |piece| {
        decoder.push(piece, &mut octets);
        search.push(&to_text(&mut charset, &octets, false));
        octets.clear();
        if search.found() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    decoder.finish(&mut octets);
    search.push(&to_text(&mut charset, &octets, true));
    search.found()
}

// What claims to be ASCII and is not is UTF-8 nearly always.
fn charset(part: &Part) -> &'static encoding_rs::Encoding {
    let named = part
        .params
        .iter()
        .find(|(name, _)| name == "charset")
        .map(|(_, value)| value.as_slice());
    match named {
        Some(name) if !name.eq_ignore_ascii_case(b"us-ascii") => {
            encoding_rs::Encoding::for_label(name).unwrap_or(encoding_rs::UTF_8)
        }
        _ => encoding_rs::UTF_8,
    }
}

fn to_text(charset: &mut encoding_rs::Decoder, octets: &[u8], last: bool) -> String {
    let room = charset
        .max_utf8_buffer_length(octets.len())
        .unwrap_or(octets.len());
    let mut text = String::with_capacity(room);
    // The room is enough by definition, so the result says nothing new.
    let _ = charset.decode_to_string(octets, &mut text, last);
    text
}
