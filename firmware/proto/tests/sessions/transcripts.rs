//! Every file in `transcripts/` is a conversation that has to go exactly so, however the client's
//! octets are cut up.

use super::office::Office;

fn play(name: &str) {
    let path = format!("{}/tests/transcripts/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    super::harness::run(&text, Office::default);
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            play(stringify!($name));
        })*

        /// A file that nobody plays proves nothing.
        #[test]
        fn every_transcript_is_played() {
            let played = [$(concat!(stringify!($name), ".txt")),*];
            let folder = format!("{}/tests/transcripts", env!("CARGO_MANIFEST_DIR"));
            for file in std::fs::read_dir(folder).unwrap() {
                let name = file.unwrap().file_name().into_string().unwrap();
                assert!(played.contains(&&*name), "{name}");
            }
        }
    };
}

transcripts! {
    smtp_rfc5321_appendix_d
    smtp_sequence
    smtp_syntax
    smtp_starttls
    smtp_without_tls
    smtp_smuggling
    smtp_bdat
    smtp_bdat_smuggling
    smtp_bdat_size
    smtp_dsn
    smtp_size
    smtp_recipients
    smtp_endings
    smtp_pipelining
    submission_login
    submission_line_ends
    submission_printer
    submission_sending
    submission_refused
    submission_later
    pop3_rfc1939_section_10
    pop3_login
    pop3_maildrop
    pop3_top
    pop3_endings
}
