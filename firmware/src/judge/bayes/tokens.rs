//! What a message is made of, for the filter: words of its text, hosts that it links to, who says to
//! have written it, what it carries. Fields that servers add on the way are left out: they differ
//! between the moment when a message is judged and the moment when it is learnt.

use super::spread::Spread;
use crate::limits::filter::{HEADER, PARTS, TOKENS, WORD};
use memchr::memchr_iter;
use proto::message::body::part_text;
use proto::message::{address, encoded_word, header, html};
use proto::types::{Part, PartBody, Span, Structure};
use std::borrow::Cow;
use std::collections::HashSet;

pub use crate::limits::filter::TEXT;

/// What a token is counted under: FNV-1a of 64 bits. Words that somebody makes so that they are taken for
/// others give him nothing that the others would not.
#[must_use]
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(START, hash_on)
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

fn hash_on(hash: u64, octet: u8) -> u64 {
    (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
}

/// The tokens of a message, each once: words, or `kind:word`.
#[derive(Debug, Default)]
pub struct Tokens {
    // One after the other, and where each begins.
    texts: String,
    found: Vec<(u64, usize)>,
}

impl Tokens {
    /// Each with its [`hash`].
    pub fn iter(&self) -> impl Iterator<Item = (u64, &str)> {
        let ends = self.found.iter().skip(1).map(|(_, start)| *start);
        let ends = ends.chain([self.texts.len()]);
        self.found.iter().zip(ends).map(|((hash, start), end)| {
            let text = self.texts.get(*start..end).unwrap_or_default();
            (*hash, text)
        })
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// The tokens of a message. `octets` gives a span of it.
///
/// # Errors
/// What `octets` fails with.
pub fn of<'a, E>(
    structure: &Structure,
    mut octets: impl FnMut(Span) -> Result<Cow<'a, [u8]>, E>,
) -> Result<Tokens, E> {
    let mut found = Found {
        seen: HashSet::with_capacity_and_hasher(TOKENS, Spread::default()),
        tokens: Tokens::default(),
        most: TOKENS,
    };
    let top = structure.root.header;
    let top = octets(first(top, HEADER))?;
    found.header(&top);
    let mut parts = Vec::new();
    found.shape(&structure.root, &mut parts);
    let mut rest = TEXT;
    let count = parts.len();
    for (place, part) in parts.into_iter().enumerate() {
        // Each has its share: who fills a part that nobody is shown hides no other one behind it.
        let to_come = count - place;
        found.most = found.tokens.len() + (TOKENS - found.tokens.len()) / to_come;
        let span = first(part.body, rest / to_come as u64);
        rest -= span.len();
        let octets = octets(span)?;
        let text = part_text(part, &octets);
        if part.subtype == "html" {
            found.links(&text);
            found.text("", &html::to_lines(&text));
        } else {
            found.text("", &text);
        }
    }
    Ok(found.tokens)
}

fn first(span: Span, most: u64) -> Span {
    Span {
        start: span.start,
        end: span.end.min(span.start.saturating_add(most)).max(span.start),
    }
}

struct Found {
    tokens: Tokens,
    seen: HashSet<u64, Spread>,
    // How many tokens there may be for now.
    most: usize,
}

impl Found {
    // Most words of a message are there already.
    fn add(&mut self, kind: &str, word: &str) {
        if self.is_full() || word.is_empty() {
            return;
        }
        let marked = kind.bytes().chain((!kind.is_empty()).then_some(b':'));
        let marked = marked.fold(START, hash_on);
        if word.is_ascii() {
            let small = word.bytes().map(|octet| octet.to_ascii_lowercase());
            self.keep(small.fold(marked, hash_on), kind, word);
        } else {
            let small = word.to_lowercase();
            self.keep(small.bytes().fold(marked, hash_on), kind, &small);
        }
    }

    // Under this hash, if it is new.
    fn keep(&mut self, hash: u64, kind: &str, word: &str) {
        if !self.seen.insert(hash) {
            return;
        }
        let texts = &mut self.tokens.texts;
        self.tokens.found.push((hash, texts.len()));
        if !kind.is_empty() {
            texts.push_str(kind);
            texts.push(':');
        }
        let start = texts.len();
        texts.push_str(word);
        texts.get_mut(start..).unwrap_or_default().make_ascii_lowercase();
    }

    fn is_full(&self) -> bool {
        self.tokens.len() >= self.most
    }

    fn header(&mut self, top: &[u8]) {
        for field in header::fields(top) {
            if field.is("Subject") {
                self.text("subject", &encoded_word::decode(field.value));
            } else if field.is("From") {
                self.addresses("from", field.value);
            } else if field.is("Reply-To") {
                self.addresses("reply-to", field.value);
            } else if field.is("X-Mailer") || field.is("User-Agent") {
                self.text("program", &encoded_word::decode(field.value));
            } else if field.is("List-Id") {
                self.text("list", &encoded_word::decode(field.value));
            }
        }
    }

    fn addresses(&mut self, kind: &str, value: &[u8]) {
        for entry in address::parse_list(value).into_iter().take(3) {
            if let Some(address) = entry.address() {
                self.add(kind, &address.key());
                self.host(kind, address.domain().as_str());
            }
            if let Some(name) = entry.name {
                self.text(kind, &encoded_word::decode(&name));
            }
        }
    }

    // What it carries, and which of it is its text.
    fn shape<'a>(&mut self, part: &'a Part, texts: &mut Vec<&'a Part>) {
        match &part.content {
            PartBody::Multipart(parts) => parts.iter().for_each(|part| self.shape(part, texts)),
            PartBody::Message(_) => self.add("part", "message"),
            PartBody::Leaf => {
                self.add("part", &format!("{}/{}", part.media_type, part.subtype));
                let disposition = part.disposition.as_ref();
                let names = disposition.map(|(_, params)| params).into_iter().flatten();
                for (_, value) in names.chain(&part.params).filter(|(name, _)| is_name(name)) {
                    let name = encoded_word::decode(value);
                    if let Some((_, ending)) = name.rsplit_once('.').filter(|(_, end)| end.len() <= 8) {
                        self.add("file", ending);
                    }
                }
                let charset = part.params.iter().find(|(name, _)| name == "charset");
                if let Some((_, charset)) = charset {
                    let charset = String::from_utf8_lossy(charset);
                    self.add("charset", &charset.chars().take(*WORD.end()).collect::<String>());
                }
                let attached = disposition.is_some_and(|(kind, _)| kind == "attachment");
                if part.media_type == "text" && !attached && texts.len() < PARTS {
                    texts.push(part);
                }
            }
        }
    }

    // Words are what stands between blanks, without the marks around it.
    fn text(&mut self, kind: &str, text: &str) {
        for piece in text.split_ascii_whitespace() {
            if self.is_full() {
                return;
            }
            if piece.is_ascii() {
                self.piece(kind, piece);
            } else {
                // Other scripts have blanks of their own.
                piece.split_whitespace().for_each(|piece| self.piece(kind, piece));
            }
        }
    }

    fn piece(&mut self, kind: &str, piece: &str) {
        let word = piece.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '$' | '€' | '£'));
        // Most are letters and nothing else.
        if word.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
            return self.word(kind, word);
        }
        if let Some(host) = host_of(piece) {
            self.host("link", host);
        } else if let Some((_, domain)) = word.split_once('@') {
            self.host("address", domain);
        } else if !word.is_ascii() && word.chars().any(is_wide) {
            self.pairs(kind, word);
        } else {
            self.word(kind, word);
        }
    }

    fn word(&mut self, kind: &str, word: &str) {
        let fits = |word: &str| WORD.contains(&characters(word));
        if fits(word) {
            self.add(kind, word);
        } else if word.len() > *WORD.end() {
            // Encoded rubbish, or a word of a language that joins them: its parts say more.
            let parts = word.split(|c: char| !c.is_alphanumeric());
            parts
                .filter(|part| fits(part))
                .for_each(|part| self.add(kind, part));
        }
    }

    // Languages without blanks between words: every two neighbours.
    fn pairs(&mut self, kind: &str, word: &str) {
        let mut before = None;
        for c in word.chars() {
            if let Some(before) = before {
                self.add(kind, &format!("{before}{c}"));
            }
            before = Some(c);
        }
    }

    // Where links lead to, which a reader of the page does not see.
    fn links(&mut self, page: &str) {
        let mut rest = page;
        while let Some(at) = rest.find("://") {
            rest = rest.get(at + 3..).unwrap_or_default();
            self.host("link", rest);
            if self.is_full() {
                return;
            }
        }
    }

    // The host at the start of `text`, and the two last names of it.
    fn host(&mut self, kind: &str, text: &str) {
        let end = text
            .find(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-'))
            .unwrap_or(text.len());
        let host = text.get(..end).unwrap_or_default().trim_matches('.');
        if host.len() > 253 || !host.contains('.') {
            return;
        }
        self.add(kind, host);
        let mut names = host.rsplitn(3, '.');
        if let (Some(top), Some(name), Some(_)) = (names.next(), names.next(), names.next()) {
            self.add(kind, &format!("{name}.{top}"));
        }
    }
}

// Of a long word no more than tell that it is too long.
fn characters(word: &str) -> usize {
    if word.is_ascii() {
        word.len()
    } else {
        word.chars().take(WORD.end() + 1).count()
    }
}

fn host_of(piece: &str) -> Option<&str> {
    let mut colons = memchr_iter(b':', piece.as_bytes());
    colons.find_map(|at| piece.get(at..)?.strip_prefix("://"))
}

fn is_name(param: &str) -> bool {
    matches!(param, "name" | "filename" | "name*" | "filename*")
}

// Han, kana, hangul and their neighbours; Thai.
const fn is_wide(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0e7f}' | '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proto::message::scan;

    fn texts(message: impl AsRef<[u8]>) -> HashSet<String> {
        let message = message.as_ref();
        let octets = |span: Span| -> Result<Cow<'_, [u8]>, ()> {
            assert!(span.len() <= TEXT);
            let (start, end) = (
                usize::try_from(span.start).unwrap(),
                usize::try_from(span.end).unwrap(),
            );
            Ok(Cow::Borrowed(message.get(start..end).unwrap()))
        };
        let found = of(&scan::structure(message), octets).unwrap();
        let texts: HashSet<_> = found.iter().map(|(_, text)| text.to_owned()).collect();
        assert_eq!(texts.len(), found.len());
        assert!(found.iter().all(|(hash, text)| hash == super::hash(text)));
        texts
    }

    #[test]
    fn a_message_is_read_as_its_reader_sees_it() {
        let found = texts(
            "Received: from secret.example\r\nFrom: =?utf-8?q?Caf=C3=A9_Winner?= <Win@News.Casino.Example>\r\n\
             Reply-To: collect@other.example\r\nSubject: =?utf-8?b?R2V3aW5uZW4=?= Sie!\r\nX-Mailer: Blaster 3000\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
             Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
             <style>hidden</style><p>Gro=C3=9Fer <b>Preis</b>, jetzt!</p><a href=3D\"https://t.track.example/x?y=3Dz\">\
             click</a>\r\n--b\r\nContent-Type: application/zip; name=\"a.ZIP\"\r\nContent-Disposition: attachment; \
             filename=\"invoice.pdf.exe\"\r\n\r\nUEsDBBQ\r\n--b--\r\n",
        );
        for wanted in [
            "from:win@news.casino.example",
            "from:news.casino.example",
            "from:casino.example",
            "from:café",
            "reply-to:other.example",
            "subject:gewinnen",
            "subject:sie",
            "program:blaster",
            "part:text/html",
            "part:application/zip",
            "file:zip",
            "file:exe",
            "charset:utf-8",
            "großer",
            "preis",
            "jetzt",
            "link:t.track.example",
            "link:track.example",
            "click",
        ] {
            assert!(found.contains(wanted), "{wanted} is not among {found:?}");
        }
        for unwanted in ["hidden", "secret.example", "uesdbbq"] {
            assert!(!found.iter().any(|text| text.contains(unwanted)), "{unwanted}");
        }
    }

    #[test]
    fn what_servers_add_on_the_way_changes_nothing() {
        let message = "From: a@b.example\r\nSubject: hello\r\n\r\nSome words.\r\n";
        let added = format!(
            "Return-Path: <x@y.example>\r\nReceived: from z.example\r\nX-Spam-Status: Yes\r\n\
             Authentication-Results: firm.example; spf=pass\r\n{message}"
        );
        assert_eq!(texts(message), texts(&added));
    }

    #[test]
    fn languages_without_blanks_and_long_words_are_cut() {
        let found = texts(
            "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n免费领取 aaaabbbbccccddddeeeeffffgggg-prize\r\n",
        );
        for wanted in ["免费", "费领", "领取", "prize"] {
            assert!(found.contains(wanted), "{wanted} is not among {found:?}");
        }
    }

    #[test]
    fn memory_and_work_are_bounded() {
        let mut message = b"Subject: x\r\n\r\n".to_vec();
        for n in 0..200_000 {
            message.extend_from_slice(format!("word{n} ").as_bytes());
        }
        assert_eq!(texts(&message).len(), TOKENS);
        let deep = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(200);
        assert!(texts(deep).len() < 20);
    }

    #[test]
    fn a_part_full_of_words_leaves_room_for_the_others() {
        let words = (0..TOKENS)
            .map(|n| format!("word{n} "))
            .collect::<String>()
            .repeat(20);
        assert!(words.len() as u64 > TEXT);
        let found = texts(format!(
            "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n{words}\r\n--b\r\n\
             Content-Type: text/html\r\n\r\n<a href=\"https://casino.example/\">jackpot</a>\r\n--b--\r\n",
        ));
        assert!(found.contains("link:casino.example") && found.contains("jackpot"));
        assert!(found.len() > TOKENS / 2);
    }

    proptest! {
        #[test]
        fn any_octets_have_tokens_that_stay_short(message in prop::collection::vec(any::<u8>(), 0..2000)) {
            let found = texts(&message);
            prop_assert!(found.iter().all(|text| (1..=300).contains(&text.len())));
        }
    }
}
