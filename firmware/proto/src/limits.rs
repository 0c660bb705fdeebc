//! Every cap of the protocols in one place, the RFC's minimum beside it where there is one.

/// Octets kept of what a client calls itself.
pub const CLIENT_NAME: usize = 100;

/// Message structure, found by the scanner and stored beside the body.
pub mod message {
    /// Octets of one header that are looked into; the rest is passed over.
    pub const HEADER: usize = 256 * 1024;
    /// Octets of one field kept in an envelope.
    pub const FIELD: usize = 32 * 1024;
    /// Octets of the text-like Content-* fields and of one parameter.
    pub const PARAM: usize = 2 * 1024;
    /// Parameters of one Content-* field, and languages.
    pub const PARAMS: usize = 32;
    /// Octets of all the fields and parameters kept for one message.
    pub const KEPT: usize = 512 * 1024;
    /// Parts of one message, at all depths.
    pub const PARTS: usize = 1000;
    /// Multiparts and messages inside one another.
    pub const DEPTH: usize = 30;
    /// Octets of a multipart boundary; RFC 2046 5.1.1 says 70, the world says more.
    pub const BOUNDARY: usize = 250;
    /// Addresses read from one field.
    pub const ADDRESSES: usize = 2000;
}

/// Logins.
pub mod sasl {
    /// Octets of a login name.
    pub const LOGIN: usize = 320;
    /// Octets of a password.
    pub const PASSWORD: usize = 1024;
    /// Octets of a client's nonce in SCRAM.
    pub const NONCE: usize = 512;
    /// Octets of a line in an exchange, CRLF included: RFC 4954 4 asks for 12288.
    pub const LINE: usize = 12_288;
}

/// Receiving mail by SMTP: every count, size and time, whoever keeps it. The right-hand comment is what
/// RFC 5321 4.5.3 asks for at least, or another RFC; where there is none, no RFC asks for anything.
pub mod smtp {
    /// Octets of a local part.
    pub const LOCAL_PART: usize = 64; // 64 (4.5.3.1.1)
    /// Octets of a domain, as ASCII.
    pub const DOMAIN: usize = 255; // 255 (4.5.3.1.2)
    // A path (4.5.3.1.3, 256) is bounded by its parts and by the line.
    /// Octets of a command line, CRLF included.
    pub const COMMAND: usize = 2048; // 512 (4.5.3.1.4), and 1109 for the parameters of MAIL and RCPT
    // A text line (4.5.3.1.6, 1000) has no limit of its own: a message is octets to us, not lines.
    /// Octets of a message, unless the command line says otherwise.
    pub const MESSAGE: u64 = 50 * 1024 * 1024; // 64 KiB (4.5.3.1.7)
    /// Octets of the name in HELO and EHLO.
    pub const HELO: usize = 255; // 255 (4.5.3.1.2)
    /// Recipients of one message, whatever the configuration says.
    pub const RECIPIENTS: usize = 100; // 100 (4.5.3.1.8)
    /// Recipients of one message, as the appliance is configured.
    pub const MOST_RECIPIENTS: usize = 1000; // 100 (4.5.3.1.8)
    /// Received fields; a message with more goes in circles.
    pub const HOPS: usize = 100; // 100 (6.3)
    /// Characters of ENVID, decoded.
    pub const ENVELOPE_ID: usize = 100; // 100 (RFC 3461 4.4)
    /// Characters of ORCPT, encoded.
    pub const ORIGINAL: usize = 500; // 500 (RFC 3461 4.2)
    /// Seconds for which a submitted message may be held back (RFC 4865).
    pub const HOLD: u32 = 90 * 24 * 3600;
    /// Seconds that the client may be silent.
    pub const SILENCE: u32 = 300; // 5 minutes (4.5.3.2.7)
    /// Seconds that the client may be silent in the middle of a message.
    pub const BODY_SILENCE: u64 = 180; // 3 minutes (4.5.3.2.5, for whoever sends)
    /// Seconds that one message may take in all.
    pub const BODY: u64 = 3600; // 10 minutes for its end (4.5.3.2.6, for whoever sends)
    /// Seconds that a TLS handshake may take.
    pub const HANDSHAKE: u64 = 30;
    /// Seconds that the client may leave our octets unread.
    pub const WRITE: u64 = 60;
    /// Connections of other servers.
    pub const CONNECTIONS: usize = 512;
    /// Connections of other servers from one address.
    pub const CONNECTIONS_FROM_ONE: usize = 100;
    /// Octets of one message kept in memory while it comes in; a larger one goes to the card.
    pub const IN_MEMORY: usize = 256 * 1024;
    /// Octets of all of them kept in memory; their buffers take twice that at most.
    pub const ALL_IN_MEMORY: usize = 16 * 1024 * 1024;
    /// Octets that messages on their way in leave free on the card: what the store keeps for itself
    /// (16 MiB), and one piece for each connection at a time.
    pub const CARD_RESERVE: u64 = 64 * 1024 * 1024;
    /// Commands in a row that were refused; then the connection ends.
    pub const ERRORS: u32 = 20;
    /// Wrong logins; then the connection ends.
    pub const LOGINS: u32 = 5; // 3 (RFC 4954 9)
    /// Octets of a whole reply from another server.
    pub const REPLY: usize = 32 * 1024; // 512 a line (4.5.3.1.5)
    /// Octets of another server's words that are kept.
    pub const WORDS: usize = 500;
}

/// POP3 sessions.
pub mod pop3 {
    /// Octets of a command line, CRLF included: RFC 2449 4 asks for 255.
    pub const COMMAND: usize = 2048;
    /// Seconds that the client may be silent: RFC 1939 3 asks for 10 minutes.
    pub const SILENCE: u32 = 600;
    /// Commands in a row that were refused; then the connection ends.
    pub const ERRORS: u32 = 20;
    /// Wrong logins; then the connection ends.
    pub const LOGINS: u32 = 5;
}

/// IMAP sessions.
pub mod imap {
    /// Octets of a command in memory, literals included, but for an appended message.
    pub const COMMAND: usize = 64 * 1024;
    /// The same before a login; a SASL response of the largest size fits.
    pub const COMMAND_BEFORE_LOGIN: usize = 16 * 1024;
    /// Octets of a non-synchronizing literal (LITERAL-, RFC 7888 5).
    pub const UNANNOUNCED: u64 = 4096;
    /// Octets of a refused non-synchronizing literal that are read and thrown away; a longer one
    /// ends the session.
    pub const THROWN_AWAY: u64 = 64 * 1024 * 1024;
    /// Octets between an appended message and the end of its command, CRLF included.
    pub const REST: usize = 1024;
    /// Octets of the line that ends IDLE, CRLF included.
    pub const DONE: usize = 64;
    /// Seconds that the client may be silent before a login.
    pub const SILENCE_BEFORE_LOGIN: u32 = 3 * 60;
    /// Seconds that the client may be silent: RFC 9051 5.4 asks for 30 minutes.
    pub const SILENCE: u32 = 30 * 60;
    /// Bad commands in a row; then the connection ends.
    pub const ERRORS: u32 = 20;
    /// Commands before a login; more is no mail program.
    pub const COMMANDS_BEFORE_LOGIN: u32 = 60;
    /// Wrong logins; then the connection ends.
    pub const LOGINS: u32 = 5;
    /// Parentheses, NOT and OR inside one another.
    pub const DEPTH: u32 = 32;
    /// Search keys in one SEARCH.
    pub const KEYS: u32 = 1000;
    /// Items of one FETCH, and names in one HEADER.FIELDS.
    pub const ITEMS: usize = 256;
    /// Numbers in a part number; deeper parts do not exist, the scanner stops earlier.
    pub const PATH: usize = 64;
    /// Patterns in one LIST.
    pub const PATTERNS: usize = 64;
    /// Pairs in ID (RFC 2971 3.3).
    pub const ID_PAIRS: usize = 30;
    /// Octets of a keyword.
    pub const KEYWORD: usize = 100;
    /// Keywords listed in FLAGS.
    pub const KEYWORDS_LISTED: usize = 250;
    /// Octets of a quoted string that we send; a longer one goes as a literal, because old clients
    /// have fixed buffers.
    pub const QUOTED: usize = 1000;
    /// Rows asked for at once where they carry headers or structures, which are large.
    pub const LARGE_ROWS: usize = 32;
}

/// Attachments that become links.
pub mod linking {
    /// Octets of a text that the links are written into; a longer one stays as it is.
    pub const TEXT: u64 = 1024 * 1024;
    /// Parts of one message that leave.
    pub const FILES: usize = 50;
    /// Octets of a file's name: what most disks take.
    pub const NAME: usize = 200;
}

/// What domains say about their servers (SPF).
pub mod spf {
    /// Octets of a record. RFC 7208 3.4 asks for less than 450.
    pub const RECORD: usize = 8 * 1024;
    /// Octets of a name that is asked for (RFC 7208 7.3).
    pub const NAME: usize = 253;
}

#[cfg(test)]
mod tests {
    use super::{sasl, smtp};

    #[test]
    fn no_limit_is_below_what_an_rfc_asks_for() {
        let octets = |limit: usize| limit as u64;
        for (limit, least, rfc) in [
            (octets(smtp::LOCAL_PART), 64, "5321 4.5.3.1.1"),
            (octets(smtp::DOMAIN), 255, "5321 4.5.3.1.2"),
            (octets(smtp::HELO), 255, "5321 4.5.3.1.2"),
            // (The second number is what the parameters of MAIL and RCPT may add.)
            (octets(smtp::COMMAND), 512 + 1109, "5321 4.5.3.1.4"),
            (octets(smtp::REPLY), 512, "5321 4.5.3.1.5"),
            (smtp::MESSAGE, 64 * 1024, "5321 4.5.3.1.7"),
            (octets(smtp::RECIPIENTS), 100, "5321 4.5.3.1.8"),
            (octets(smtp::MOST_RECIPIENTS), 100, "5321 4.5.3.1.8"),
            (octets(smtp::HOPS), 100, "5321 6.3"),
            (u64::from(smtp::SILENCE), 300, "5321 4.5.3.2.7"),
            (smtp::BODY_SILENCE, 180, "5321 4.5.3.2.5"),
            (smtp::BODY, 600, "5321 4.5.3.2.6"),
            (octets(smtp::ENVELOPE_ID), 100, "3461 4.4"),
            (octets(smtp::ORIGINAL), 500, "3461 4.2"),
            (u64::from(smtp::LOGINS), 3, "4954 9"),
            (octets(sasl::LINE), 12_288, "4954 4"),
        ] {
            assert!(limit >= least, "RFC {rfc}: {limit} is less than {least}");
        }
    }
}
