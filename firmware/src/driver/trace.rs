//! What a connection says, for a person who looks for a fault: the verbs and the sizes, never
//! an argument. A line in the middle of a login is a password and looks like nothing we know.

/// Words that may be shown. Anything else could be a secret.
const VERBS: [&str; 61] = [
    "APPEND",
    "APOP",
    "AUTH",
    "AUTHENTICATE",
    "BDAT",
    "CAPA",
    "CAPABILITY",
    "CHECK",
    "CLOSE",
    "COPY",
    "CREATE",
    "DATA",
    "DELE",
    "DELETE",
    "DONE",
    "EHLO",
    "ENABLE",
    "EXAMINE",
    "EXPUNGE",
    "FETCH",
    "HELO",
    "HELP",
    "ID",
    "IDLE",
    "LAST",
    "LIST",
    "LOGIN",
    "LOGOUT",
    "LSUB",
    "MAIL",
    "MOVE",
    "NAMESPACE",
    "NOOP",
    "PASS",
    "QUIT",
    "RCPT",
    "RENAME",
    "RETR",
    "RSET",
    "SEARCH",
    "SELECT",
    "STARTTLS",
    "STAT",
    "STATUS",
    "STLS",
    "STORE",
    "SUBSCRIBE",
    "TOP",
    "UID",
    "UIDL",
    "UNSELECT",
    "UNSUBSCRIBE",
    "USER",
    "VRFY",
    "EXPN",
    "TURN",
    "ETRN",
    "SORT",
    "THREAD",
    "UNAUTHENTICATE",
    "XCLIENT",
];

/// The verb of a command line: its first word, or its second where the first is a tag.
#[must_use]
pub fn verb(line: &[u8]) -> &'static str {
    line.split(|octet| *octet == b' ')
        .take(2)
        .find_map(|word| {
            VERBS
                .into_iter()
                .find(|known| word.eq_ignore_ascii_case(known.as_bytes()))
        })
        .unwrap_or("-")
}

/// The code of a reply: its first word, where that is a short one.
#[must_use]
pub fn code(reply: &[u8]) -> &str {
    let end = reply
        .iter()
        .position(|octet| !octet.is_ascii_alphanumeric() && !b"+*-.".contains(octet))
        .unwrap_or(reply.len());
    match reply.get(..end.min(12)).map(str::from_utf8) {
        Some(Ok(word)) if !word.is_empty() => word,
        _ => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_verbs_are_shown_and_never_what_follows_or_what_a_password_could_be() {
        let cases: [(&[u8], &str); 6] = [
            (b"a1 LOGIN anna secret", "LOGIN"),
            (b"mail from:<a@b.example>", "MAIL"),
            (b"AHRlc3QAc2VjcmV0", "-"),
            (b"hunter2 is my password LIST", "-"),
            (b"", "-"),
            (b"\xff\xfe NOOP", "NOOP"),
        ];
        for (line, shown) in cases {
            assert_eq!(verb(line), shown);
        }
        assert_eq!(code(b"250-box.example\r\n"), "250-box.exam");
        assert_eq!(code(b"* OK ready\r\n"), "*");
        assert_eq!(code(b""), "-");
    }
}
