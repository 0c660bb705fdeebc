//! What stands in the message where its attachments were.

use crate::types::Timestamp;
use std::fmt::Write as _;

/// The links of one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// In the order in which they are shown.
    pub files: &'a [LinkedFile],
    /// A sentence below them; may be empty.
    pub note: &'a str,
}

/// A file with its link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct LinkedFile {
    pub name: String,
    /// In octets.
    pub size: u64,
    pub until: Timestamp,
    pub link: String,
}

const PLAIN_TITLE: &str = "Attachments of this message, to be downloaded:";
const RULE: &str = "________________________________";

impl Block<'_> {
    /// As plain text, each line ended by CRLF.
    pub(super) fn plain(&self) -> String {
        let mut text = format!("{RULE}\r\n{PLAIN_TITLE}\r\n");
        for file in self.files {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\r\n{} ({}), until {}\r\n{}\r\n",
                file.name,
                size_words(file.size),
                day_words(file.until),
                file.link
            );
        }
        if !self.note.is_empty() {
            let _ = write!(text, "\r\n{}\r\n", self.note);
        }
        text
    }

    /// As HTML.
    pub(super) fn html(&self) -> String {
        let mut text = format!(
            "<div style=\"margin-top:16px;padding:8px 12px;border:1px solid #bbb;font-family:sans-serif;\
             font-size:14px\">\r\n<p style=\"margin:4px 0\">{PLAIN_TITLE}</p>\r\n"
        );
        for file in self.files {
            let _ = write!(
                text,
                "<p style=\"margin:4px 0\"><a href=\"{}\" rel=\"noreferrer\">{}</a> ({}), until {}</p>\r\n",
                escaped(&file.link),
                escaped(&file.name),
                size_words(file.size),
                day_words(file.until)
            );
        }
        if !self.note.is_empty() {
            let _ = write!(text, "<p style=\"margin:4px 0\">{}</p>\r\n", escaped(self.note));
        }
        text.push_str("</div>\r\n");
        text
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A size for a person: `48.2 MB`.
#[must_use]
pub fn size_words(octets: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if octets < 1000 {
        return format!("{octets} bytes");
    }
    let mut tenths = octets / 100;
    for unit in UNITS {
        if tenths < 10_000 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        tenths /= 1000;
    }
    format!("{}.{} PB", tenths / 10, tenths % 10)
}

/// A day for a person: `24 December 2026` (UTC).
#[must_use]
pub fn day_words(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_days_are_for_people() {
        for (octets, words) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (999_999, "999.9 kB"),
            (5_000_000, "5.0 MB"),
            (48_234_567, "48.2 MB"),
            (1_500_000_000, "1.5 GB"),
            (u64::MAX, "18446.7 PB"),
        ] {
            assert_eq!(size_words(octets), words);
        }
        assert_eq!(day_words(Timestamp(0)), "1 January 1970");
    }
}
