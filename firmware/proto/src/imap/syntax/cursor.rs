//! The tokens of RFC 9051 section 9, read from a complete command (literals in their places).

use super::super::utf7;
use crate::message::date;
use crate::types::Timestamp;

/// What was wrong with a command, in words for whoever wrote the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syntax(pub &'static str);

pub type Parse<T> = Result<T, Syntax>;

/// What is left to read of a command.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    /// Whether mailbox names are plain UTF-8 (after ENABLE) and not modified UTF-7.
    utf8: bool,
}

impl<'a> Cursor<'a> {
    pub const fn new(command: &'a [u8], utf8: bool) -> Self {
        Self { rest: command, utf8 }
    }

    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes `octets` if they come next.
    pub fn eat(&mut self, octets: &[u8]) -> bool {
        match self.rest.strip_prefix(octets) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the word if it comes next, in any case, and nothing of a longer word.
    pub fn word(&mut self, word: &str) -> bool {
        let longer = self.rest.get(word.len()).is_some_and(|&next| is_atom_char(next));
        !longer && self.letters(word)
    }

    /// Takes the letters if they come next, in any case.
    pub fn letters(&mut self, letters: &str) -> bool {
        match self.rest.split_at_checked(letters.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(letters.as_bytes()) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub fn sp(&mut self) -> Parse<()> {
        self.must(b" ", "a space is missing")
    }

    pub fn must(&mut self, octets: &[u8], or: &'static str) -> Parse<()> {
        if self.eat(octets) { Ok(()) } else { Err(Syntax(or)) }
    }

    pub fn end(&self) -> Parse<()> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Syntax("something follows the command"))
        }
    }

    pub fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self
            .rest
            .iter()
            .position(|&c| !fits(c))
            .unwrap_or(self.rest.len());
        self.take(length).unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(head)
    }

    /// atom = 1*ATOM-CHAR, as upper case text.
    pub fn atom(&mut self) -> Parse<String> {
        let atom = self.take_while(is_atom_char);
        if atom.is_empty() {
            return Err(Syntax("a word is missing"));
        }
        Ok(String::from_utf8_lossy(atom).to_ascii_uppercase())
    }

    /// number64 = 1*DIGIT, at most 63 bits.
    pub fn number64(&mut self) -> Parse<u64> {
        let digits = self.take_while(|c| c.is_ascii_digit());
        let number = std::str::from_utf8(digits)
            .ok()
            .and_then(|d| d.parse::<u64>().ok());
        number
            .filter(|&n| i64::try_from(n).is_ok())
            .ok_or(Syntax("a number is missing or too large"))
    }

    /// nz-number = digit-nz *DIGIT
    pub fn nz_number(&mut self) -> Parse<u32> {
        match u32::try_from(self.number64()?) {
            Ok(0) | Err(_) => Err(Syntax("a number is 0 or too large")),
            Ok(number) => Ok(number),
        }
    }

    /// astring = 1*ASTRING-CHAR / string
    pub fn astring(&mut self) -> Parse<Vec<u8>> {
        self.string_or(|c| is_atom_char(c) || c == b']')
    }

    /// list-mailbox = 1*list-char / string
    pub fn list_mailbox(&mut self) -> Parse<String> {
        let pattern = self.string_or(|c| is_atom_char(c) || matches!(c, b']' | b'%' | b'*'))?;
        self.decode_name(pattern)
    }

    fn string_or(&mut self, fits: impl Fn(u8) -> bool) -> Parse<Vec<u8>> {
        if matches!(self.peek(), Some(b'"' | b'{' | b'~')) {
            return self.string();
        }
        // Real clients send 8-bit names unquoted; nothing is lost by reading them.
        let bare = self.take_while(|c| fits(c) || c >= 0x80);
        if bare.is_empty() {
            return Err(Syntax("an argument is missing"));
        }
        Ok(bare.to_vec())
    }

    /// string = quoted / literal
    pub fn string(&mut self) -> Parse<Vec<u8>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{' | b'~') => self.literal(),
            _ => Err(Syntax("a string is missing")),
        }
    }

    // quoted = DQUOTE *QUOTED-CHAR DQUOTE
    fn quoted(&mut self) -> Parse<Vec<u8>> {
        self.must(b"\"", "a quote is missing")?;
        let mut text = Vec::new();
        loop {
            text.extend_from_slice(self.take_while(|c| !matches!(c, b'"' | b'\\' | b'\r' | b'\n' | 0)));
            if self.eat(b"\"") {
                return Ok(text);
            }
            if !self.eat(b"\\") {
                return Err(Syntax("a quoted string does not end"));
            }
            match self.take(1) {
                Some(escaped @ (b"\"" | b"\\")) => text.extend_from_slice(escaped),
                _ => return Err(Syntax("only \\ and \" are escaped in a quoted string")),
            }
        }
    }

    // literal = "{" number64 ["+"] "}" CRLF *CHAR8
    fn literal(&mut self) -> Parse<Vec<u8>> {
        self.eat(b"~");
        self.must(b"{", "a literal is missing")?;
        let count = self.number64()?;
        self.eat(b"+");
        self.must(b"}\r\n", "a literal is malformed")?;
        let count = usize::try_from(count).map_err(|_| Syntax("a literal is too long"))?;
        let text = self.take(count).ok_or(Syntax("a literal is cut short"))?;
        if text.contains(&0) {
            return Err(Syntax("a literal holds a NUL"));
        }
        Ok(text.to_vec())
    }

    /// An astring that has to be UTF-8.
    pub fn text(&mut self) -> Parse<String> {
        String::from_utf8(self.astring()?).map_err(|_| Syntax("an argument is not UTF-8"))
    }

    /// mailbox = "INBOX" / astring
    pub fn mailbox(&mut self) -> Parse<String> {
        let name = self.astring()?;
        let name = self.decode_name(name)?;
        if name.chars().any(char::is_control) {
            return Err(Syntax("a mailbox name holds a control character"));
        }
        Ok(fold_inbox(name))
    }

    fn decode_name(&self, name: Vec<u8>) -> Parse<String> {
        let name = String::from_utf8(name).map_err(|_| Syntax("a mailbox name is not UTF-8"))?;
        // A name with 8-bit characters was never modified UTF-7, whatever was enabled.
        if self.utf8 || !name.is_ascii() {
            return Ok(name);
        }
        utf7::decode(&name).ok_or(Syntax("a mailbox name is not modified UTF-7"))
    }

    /// date = date-text / DQUOTE date-text DQUOTE; days since 1970-01-01.
    pub fn day(&mut self) -> Parse<i64> {
        let text = match self.peek() {
            Some(b'"') => self.quoted()?,
            _ => self.take_while(is_atom_char).to_vec(),
        };
        date::parse_day(&text).ok_or(Syntax("a date is malformed"))
    }

    /// date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
    pub fn date_time(&mut self) -> Parse<Timestamp> {
        date::parse_internal(&self.quoted()?).ok_or(Syntax("a date and time are malformed"))
    }

    /// `"(" [item *(SP item)] ")"`
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        self.must(b"(", "a parenthesis is missing")?;
        let mut items = Vec::new();
        if self.eat(b")") {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(b")") {
                return Ok(items);
            }
            self.sp()?;
        }
    }
}

/// INBOX in any case is INBOX (RFC 9051 5.1), also as the top of a hierarchy.
fn fold_inbox(name: String) -> String {
    match name.split_at_checked(5) {
        Some((head, rest))
            if head.eq_ignore_ascii_case("INBOX") && (rest.is_empty() || rest.starts_with('/')) =>
        {
            format!("INBOX{rest}")
        }
        _ => name,
    }
}

/// ATOM-CHAR = any CHAR except atom-specials
pub fn is_atom_char(c: u8) -> bool {
    c.is_ascii_graphic() && !matches!(c, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}
