//! What a person answered to a notice: the first word of his own text. Everything below it that his
//! program added (the quoted notice, signatures, "sent from my phone") is passed over. What cannot
//! be read with certainty is said to be not understood: a guess would decide about an account.

use super::body::part_text;
use super::html;
use crate::types::{Part, PartBody, Span, Structure};

/// Octets of a text part that are looked at.
pub const LOOKED_AT: u64 = 64 * 1024;
/// Stands above the text of a notice: what is under it is never the answer, in any language.
pub const MARK: &str = "--- Write your answer above this line ---";
/// Octets of a word that was not understood that are kept.
const WORD: usize = 40;
/// Lines that the introduction of a quotation is broken into at most.
const BROKEN: usize = 4;

/// What may be done with an account that was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Give the account back; its held mail waits on.
    Unfreeze,
    /// Leave everything as it is.
    Keep,
    /// Drop the held mail; the account stays as it is.
    Discard,
    /// Give the account back and let its held mail go.
    Release,
}

impl Verb {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unfreeze => "unfreeze",
            Self::Keep => "keep",
            Self::Discard => "discard",
            Self::Release => "release",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Unfreeze, Self::Keep, Self::Discard, Self::Release]
            .into_iter()
            .find(|verb| word.eq_ignore_ascii_case(verb.as_str()))
    }
}

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The first word is one of ours.
    Verb(Verb),
    /// There is no text of the writer's own.
    Nothing,
    /// The first word is another one; cut.
    Other(String),
    /// There is no text that can be read: an image, an encrypted message, blanks without end.
    Unreadable,
}

impl Said {
    /// What is to be done; an empty reply gives the account back.
    #[must_use]
    pub const fn verb(&self) -> Option<Verb> {
        match self {
            Self::Verb(verb) => Some(*verb),
            Self::Nothing => Some(Verb::Unfreeze),
            Self::Other(_) | Self::Unreadable => None,
        }
    }
}

/// Reads a reply. `octets` gives a span of the raw message; spans of at most [`LOOKED_AT`] octets
/// are asked for, of two parts at most.
///
/// # Errors
/// What `octets` fails with.
pub fn read<E>(structure: &Structure, mut octets: impl FnMut(Span) -> Result<Vec<u8>, E>) -> Result<Said, E> {
    let mut texts = Texts::default();
    texts.find(&structure.root);
    let mut said = Said::Unreadable;
    for (part, is_html) in [(texts.plain, false), (texts.html, true)] {
        let Some(part) = part else { continue };
        let whole = part.body.len() <= LOOKED_AT;
        let span = Span {
            start: part.body.start,
            end: part.body.end.min(part.body.start.saturating_add(LOOKED_AT)),
        };
        let octets = octets(span)?;
        let text = part_text(part, &octets);
        let here = if is_html {
            answer(&html::to_lines(&text))
        } else {
            answer(&text)
        };
        said = match here {
            Said::Nothing if !whole => Said::Unreadable,
            here => here,
        };
        // Some programs send an empty plain text beside the one that was written.
        if said != Said::Nothing {
            break;
        }
    }
    Ok(said)
}

/// The answer in a plain text.
#[must_use]
pub fn answer(text: &str) -> Said {
    let lines: Vec<&str> = text.lines().map(trimmed).collect();
    let mut at = 0;
    while let Some(line) = lines.get(at).copied() {
        let rest = lines.get(at..).unwrap_or_default();
        if line.is_empty() || line.starts_with('>') || is_phone_signature(line) {
            at += 1;
        } else if ends_own_text(rest) {
            return Said::Nothing;
        } else if let Some(verb) = first_word(line).and_then(Verb::parse) {
            return Said::Verb(verb);
        } else if let Some(count) = introduction(rest) {
            at += count;
            let quoted = lines.get(at..).unwrap_or_default().iter().find(|l| !l.is_empty());
            if quoted.is_none_or(|line| !line.starts_with('>')) {
                return Said::Nothing; // all that follows is the quotation
            }
        } else if let Some(word) = first_word(line) {
            let mut word = word.to_owned();
            word.truncate(word.floor_char_boundary(WORD));
            return Said::Other(word);
        } else {
            at += 1; // a line of dashes, a lone emoji
        }
    }
    Said::Nothing
}

// The first text and the first HTML that the writer wrote; attachments and messages inside are not.
#[derive(Default)]
struct Texts<'a> {
    plain: Option<&'a Part>,
    html: Option<&'a Part>,
}

impl<'a> Texts<'a> {
    // The scanner bounds depth and number of parts.
    fn find(&mut self, part: &'a Part) {
        if let PartBody::Multipart(parts) = &part.content {
            for part in parts {
                self.find(part);
            }
            return;
        }
        let attached = part
            .disposition
            .as_ref()
            .is_some_and(|(kind, _)| kind == "attachment");
        if part.media_type != "text" || attached {
            return;
        }
        let slot = match part.subtype.as_str() {
            "html" => &mut self.html,
            "plain" | "enriched" => &mut self.plain,
            _ => return,
        };
        slot.get_or_insert(part);
    }
}

fn trimmed(line: &str) -> &str {
    line.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{2060}')
    })
}

fn first_word(line: &str) -> Option<&str> {
    line.split(|c: char| !c.is_alphanumeric())
        .find(|word| !word.is_empty())
}

// Whether nothing of the writer's own follows: a signature, the mark, or the head of a quotation
// that programs put in without quote signs.
fn ends_own_text(lines: &[&str]) -> bool {
    const ORIGINAL: [&str; 6] = [
        "original message",
        "ursprüngliche nachricht",
        "originalnachricht",
        "message d'origine",
        "forwarded message",
        "weitergeleitete nachricht",
    ];
    let Some(line) = lines.first() else { return true };
    if *line == "--" || line.contains(MARK.trim_matches(['-', ' '])) {
        return true;
    }
    if line.len() >= 10 && line.chars().all(|c| matches!(c, '_' | '-' | '=' | '*' | '—')) {
        return true;
    }
    let lower = line.to_lowercase();
    if line.starts_with("--") && ORIGINAL.iter().any(|words| lower.contains(words)) {
        return true;
    }
    is_header_block(lines)
}

// Outlook quotes by a block of fields: From, Sent, To, Subject, in the language of its menus. Its
// From line alone is not enough: a person may write one.
fn is_header_block(lines: &[&str]) -> bool {
    const FROM: [&str; 8] = ["from", "von", "de", "da", "van", "från", "fra", "od"];
    const OTHERS: [&str; 20] = [
        "sent",
        "date",
        "to",
        "subject",
        "gesendet",
        "datum",
        "an",
        "betreff",
        "envoyé",
        "à",
        "objet",
        "enviado",
        "fecha",
        "para",
        "asunto",
        "inviato",
        "verzonden",
        "aan",
        "onderwerp",
        "cc",
    ];
    let name = |line: &str| {
        let line = line.trim_start_matches('*');
        let (name, _) = line.split_once(':')?;
        Some(name.trim_matches(['*', ' ', '\u{a0}']).to_lowercase())
    };
    let mut filled = lines.iter().filter(|line| !line.is_empty());
    let first = filled.next().and_then(|line| name(line));
    if !first.is_some_and(|first| FROM.contains(&first.as_str())) {
        return false;
    }
    filled
        .take(4)
        .filter_map(|line| name(line))
        .any(|name| OTHERS.contains(&name.as_str()))
}

// How many lines introduce a quotation: `On ... Pillarbox <...> wrote:`, broken or not.
fn introduction(lines: &[&str]) -> Option<usize> {
    const WROTE: [&str; 12] = [
        "wrote",
        "schrieb",
        "a écrit",
        "escribió",
        "ha scritto",
        "schreef",
        "skrev",
        "escreveu",
        "napisał",
        "kirjoitti",
        "geschreven",
        "написал",
    ];
    // Nothing that the writer wrote before a quotation may be taken for the start of it.
    const STARTS: [&str; 9] = ["On ", "Am ", "Le ", "El ", "Il ", "Op ", "Den ", "Em ", "Dnia "];
    let mut joined = String::new();
    for (count, line) in (1..=BROKEN).zip(lines) {
        let starts = STARTS.iter().any(|start| line.starts_with(start));
        let begins = line.contains(['<', '@']) || starts && line.contains(|c: char| c.is_ascii_digit());
        if line.is_empty() || count == 1 && !begins && !line.ends_with(':') {
            return None;
        }
        joined.push_str(line);
        joined.push(' ');
        // A name or a date, then the verb, then a colon: `Am ... schrieb X <x@y>:` has it before.
        if line.ends_with(':') {
            let lower = joined.to_lowercase();
            let dated = joined.contains(|c: char| c.is_ascii_digit()) || joined.contains('@');
            return (dated && WROTE.iter().any(|verb| lower.contains(verb))).then_some(count);
        }
    }
    None
}

fn is_phone_signature(line: &str) -> bool {
    const STARTS: [&str; 14] = [
        "sent from ",
        "sent via ",
        "sent with ",
        "get outlook for",
        "von meinem ",
        "gesendet von ",
        "gesendet mit ",
        "diese nachricht wurde von meinem ",
        "outlook für ",
        "envoyé de",
        "inviato da",
        "enviado desde ",
        "verzonden vanaf ",
        "skickat från ",
    ];
    let lower = line.to_lowercase();
    STARTS.iter().any(|start| lower.starts_with(start))
}

#[cfg(test)]
mod tests;
