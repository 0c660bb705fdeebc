//! HTML as lines of text: enough to find the words of a mail, no more. Quotations become lines
//! with `>`, as in plain text.

/// Quotations inside one another that are counted.
const DEPTH: usize = 30;
/// Octets of a tag or a character reference that are looked at.
const TAG: usize = 2000;
const ENTITY: usize = 12;

/// Elements that stand on lines of their own.
const BLOCKS: [&str; 22] = [
    "p", "div", "br", "tr", "td", "li", "ul", "ol", "table", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "pre",
    "body", "section", "article", "address", "center",
];
/// Elements whose text nobody sees.
const HIDDEN: [&str; 5] = ["style", "script", "head", "title", "template"];
/// What Outlook writes where the quotation starts.
const OUTLOOK: [&str; 3] = [
    "divrplyfwdmsg",
    "appendonsend",
    "mail-editor-reference-message-container",
];

/// The text that a reader would see, line by line.
#[must_use]
pub fn to_lines(html: &str) -> String {
    let mut page = Page::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        page.text(text);
        rest = page.tag(tag);
    }
    page.text(rest);
    page.lines
}

#[derive(Default)]
struct Page {
    lines: String,
    quoted: usize,
}

impl Page {
    fn text(&mut self, text: &str) {
        for word in decoded(text).split_inclusive(char::is_whitespace) {
            let fresh = self.lines.is_empty() || self.lines.ends_with('\n');
            if fresh && word.trim().is_empty() {
                continue;
            }
            if fresh && self.quoted > 0 {
                self.lines.push_str("> ");
            }
            self.lines.push_str(word.trim_end());
            if word.ends_with(char::is_whitespace) && !self.lines.ends_with(' ') {
                self.lines.push(' ');
            }
        }
    }

    fn end_line(&mut self) {
        if !self.lines.is_empty() && !self.lines.ends_with('\n') {
            self.lines.push('\n');
        }
    }

    // `tag` starts with `<`; returns what follows the tag.
    fn tag<'a>(&mut self, tag: &'a str) -> &'a str {
        if let Some(comment) = tag.strip_prefix("<!--") {
            return comment.split_once("-->").map_or("", |(_, rest)| rest);
        }
        let Some((inside, rest)) = tag.get(1..).and_then(|tag| tag.split_once('>')) else {
            return "";
        };
        let looked = inside.get(..inside.floor_char_boundary(TAG)).unwrap_or_default();
        let lower = looked.to_ascii_lowercase();
        let (closing, lower) = lower
            .strip_prefix('/')
            .map_or((false, lower.as_str()), |l| (true, l));
        let name = lower
            .split(|c: char| !c.is_ascii_alphanumeric())
            .next()
            .unwrap_or_default();
        if !closing && HIDDEN.contains(&name) {
            return after_end_of(name, rest);
        }
        if name == "blockquote" {
            self.end_line();
            self.quoted = if closing {
                self.quoted.saturating_sub(1)
            } else {
                (self.quoted + 1).min(DEPTH)
            };
        } else if BLOCKS.contains(&name) {
            self.end_line();
        }
        if !closing && self.quoted == 0 && OUTLOOK.iter().any(|id| lower.contains(id)) {
            self.lines.push_str("----- Original Message -----\n");
        }
        rest
    }
}

// What follows `</name`, whatever stands before.
fn after_end_of<'a>(name: &str, rest: &'a str) -> &'a str {
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|rest| rest.find("</")) {
        let here = from + at + 2;
        let found = rest.get(here..here + name.len());
        if found.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return rest
                .get(here..)
                .and_then(|rest| rest.split_once('>'))
                .map_or("", |(_, rest)| rest);
        }
        from = here;
    }
    ""
}

fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (plain, reference) = rest.split_at(at);
        out.push_str(plain);
        let name = reference
            .char_indices()
            .take(ENTITY)
            .find(|(_, c)| *c == ';')
            .and_then(|(end, _)| reference.get(1..end));
        match name.and_then(|name| Some((name, character(name)?))) {
            Some((name, c)) => {
                out.push(c);
                rest = reference.get(name.len() + 2..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = reference.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "zwnj" | "zwj" | "shy" => '\u{200b}',
        "auml" => 'ä',
        "ouml" => 'ö',
        "uuml" => 'ü',
        "eacute" => 'é',
        "mdash" => '—',
        "ndash" => '–',
        _ => return None,
    })
}
