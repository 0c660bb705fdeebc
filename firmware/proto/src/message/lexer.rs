//! The lexical tokens that structured fields share (RFC 5322 3.2, RFC 2045 5.1).

/// Reads tokens from the front of `rest`. Never fails: what does not fit is left where it is.
#[derive(Debug, Clone, Copy)]
pub struct Lexer<'a> {
    rest: &'a [u8],
}

impl<'a> Lexer<'a> {
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub fn bump(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Takes this octet if it comes next.
    pub fn eat(&mut self, octet: u8) -> bool {
        let hit = self.peek() == Some(octet);
        if hit {
            self.bump();
        }
        hit
    }

    pub fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|o| !fits(*o))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// Everything up to one of these octets.
    pub fn take_until(&mut self, stops: &[u8]) -> &'a [u8] {
        self.take_while(|o| !stops.contains(&o))
    }

    // FWS = ([*WSP CRLF] 1*WSP), line ends alone are taken too
    pub fn skip_blanks(&mut self) -> bool {
        !self
            .take_while(|o| matches!(o, b' ' | b'\t' | b'\r' | b'\n'))
            .is_empty()
    }

    /// Passes blanks and comments; returns whether there were any, and the last comment's text.
    // CFWS = (1*([FWS] comment) [FWS]) / FWS
    pub fn skip_cfws(&mut self) -> (bool, Option<Vec<u8>>) {
        let mut any = false;
        let mut last = None;
        loop {
            any |= self.skip_blanks();
            if self.peek() != Some(b'(') {
                return (any, last);
            }
            any = true;
            last = Some(self.comment());
        }
    }

    // comment = "(" *([FWS] ccontent) [FWS] ")" ; nested without recursion
    fn comment(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut depth = 0_usize;
        while let Some(octet) = self.bump() {
            match octet {
                b'(' => {
                    depth += 1;
                    if depth == 1 {
                        continue;
                    }
                }
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    text.extend(self.bump());
                    continue;
                }
                b'\r' | b'\n' => continue,
                _ => {}
            }
            text.push(octet);
        }
        text
    }

    // quoted-string = DQUOTE *([FWS] qcontent) [FWS] DQUOTE ; given without quotes
    pub fn quoted(&mut self) -> Option<Vec<u8>> {
        if !self.eat(b'"') {
            return None;
        }
        let mut text = Vec::new();
        while let Some(octet) = self.bump() {
            match octet {
                b'"' => break,
                b'\\' => text.extend(self.bump()),
                b'\r' | b'\n' => {}
                octet => text.push(octet),
            }
        }
        Some(text)
    }

    /// RFC 2045 5.1, with octets over 127 (RFC 6532).
    pub fn token(&mut self) -> Option<&'a [u8]> {
        let token =
            self.take_while(|o| !o.is_ascii_control() && o != b' ' && !b"()<>@,;:\\\"/[]?=".contains(&o));
        (!token.is_empty()).then_some(token)
    }

    /// RFC 5322 3.2.3, with octets over 127 (RFC 6532). An encoded word is taken whole, with the
    /// octets that may not stand in it but do.
    pub fn atom(&mut self) -> Option<&'a [u8]> {
        let special = |o: u8| o.is_ascii_control() || b" ()<>[]:;@\\,.\"".contains(&o);
        let before = *self;
        if self.rest.starts_with(b"=?") {
            let word = self.take_while(|o| !o.is_ascii_control() && o != b' ');
            if let Some(at) = memchr::memmem::rfind(word, b"?=").filter(|at| *at > 4) {
                let len = at + 2;
                self.rest = before.rest.get(len..).unwrap_or_default();
                return word.get(..len);
            }
            *self = before;
        }
        let atom = self.take_while(|o| !special(o));
        (!atom.is_empty()).then_some(atom)
    }
}
