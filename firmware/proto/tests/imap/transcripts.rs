//! Every file in `transcripts/` is a conversation that has to go exactly so, however the client's
//! octets are cut up.

use crate::driver::imap;
use crate::harness;
use crate::world::World;
use proto::ask::{Answer, Question};
use proto::refusal::Refusal;
use proto::session::Session;
use proto::types::{BlobId, Flags, Span, SystemFlag};

impl harness::World for World {
    fn open(&mut self, kind: &str, _args: &str) -> Box<dyn Session> {
        Box::new(imap(kind == "imaps"))
    }

    fn answer(&mut self, _connection: u32, question: Question, spool: &mut Option<Vec<u8>>) -> Answer {
        World::answer(self, question, spool)
    }

    fn body(&self, blob: BlobId, span: Span) -> Vec<u8> {
        self.blob(blob, span).to_vec()
    }

    /// What happens in the box beside the conversation.
    fn directive(&mut self, name: &str, args: &str) {
        let args: Vec<&str> = args.split_whitespace().collect();
        match (name, args.as_slice()) {
            ("deliver", [mailbox]) => {
                World::deliver(self, mailbox, b"Subject: x\r\n\r\ny\r\n", Flags::new());
            }
            ("deliver", [mailbox, file]) => {
                let path = format!("{}/tests/imap/messages/{file}.eml", env!("CARGO_MANIFEST_DIR"));
                let raw = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
                let raw = raw.replace("\r\n", "\n").replace('\n', "\r\n");
                World::deliver(self, mailbox, raw.as_bytes(), Flags::new());
            }
            ("seen", [mailbox, uid]) => self.flag(mailbox, uid.parse().unwrap(), SystemFlag::Seen),
            ("answered", [mailbox, uid]) => self.flag(mailbox, uid.parse().unwrap(), SystemFlag::Answered),
            ("expunge", [mailbox, uid]) => self.expunge(mailbox, uid.parse().unwrap()),
            ("delete", [mailbox]) => self.delete(mailbox),
            _ => panic!("no such event: {name} {args:?}"),
        }
    }

    fn cut(&mut self, _args: &str) -> Refusal {
        Refusal::Shutdown
    }

    fn gone(&mut self, _connection: u32) {}
}

fn play(name: &str) {
    let path = format!("{}/tests/imap/transcripts/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    harness::run(&text, World::new);
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
            let folder = format!("{}/tests/imap/transcripts", env!("CARGO_MANIFEST_DIR"));
            for file in std::fs::read_dir(folder).unwrap() {
                let name = file.unwrap().file_name().into_string().unwrap();
                assert!(played.contains(&&*name), "{name}");
            }
        }
    };
}

transcripts! {
    append
    bye
    copy
    errors
    expunge
    flags
    idle
    login
    mailboxes
    qresync
    read
    rfc9051_section_8
    sasl
    search
    sections
    silence
    timeout
}
