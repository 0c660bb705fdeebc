//! What the admins are told about signing keys.

use super::ring::Ring;
use super::{Keys, dns_records};
use crate::guard::notice::Words;
use crate::limits::dkim::KEPT_DAYS;
use proto::message::date;
use proto::types::{Domain, Timestamp};
use std::fmt::Write;

/// A next pair was made; its turn is at `due`, or as soon as its records are seen.
pub(super) fn made(domain: &Domain, keys: &Keys, current: &Keys, due: Option<Timestamp>) -> Words {
    let when = due.map_or_else(
        || "as soon as it sees them in the DNS".to_owned(),
        |due| format!("on {}, if it sees them in the DNS by then", date::format(due)),
    );
    let mut text = format!(
        "Keys that sign mail should not stay the same for ever. The box has made the next ones of {domain}. \
         Please publish these two TXT records where you manage the domain:\n\n"
    );
    records(&mut text, keys, domain);
    let _ = writeln!(
        text,
        "The box begins to sign with them {when}. Until then nothing changes: leave the records of {} as \
         they are. The page \"DNS records\" shows all of them, to copy.",
        current.selectors()
    );
    Words {
        subject: format!("Please publish two DNS records: the next signing keys of {domain}"),
        text,
    }
}

/// The turn has come, but the records are not seen.
pub(super) fn waits(domain: &Domain, keys: &Keys, missing: &str) -> Words {
    let mut text = format!(
        "The next signing keys of {domain} should sign by now, but the box does not see the record\n\n  \
         {missing}\n\nin the DNS, or another one stands there. It goes on signing with the old keys, and \
         looks every hour. Please publish these two TXT records:\n\n"
    );
    records(&mut text, keys, domain);
    Words {
        subject: format!("The new signing keys of {domain} wait for their DNS records"),
        text,
    }
}

/// The next pair signs.
pub(super) fn begun(domain: &Domain, ring: &Ring) -> Words {
    let current = ring.current.selectors();
    let mut text = format!("The box sees the records of {current} in the DNS and signs with these keys.\n\n");
    for old in ring.retired.iter().take(1) {
        let names = old.selectors.iter();
        let names = names.map(|selector| format!("  {selector}._domainkey.{domain}\n"));
        let _ = write!(
            text,
            "Please leave the old records for {KEPT_DAYS} days more, because mail that was signed with them \
             is still under way. After {} you may remove:\n\n{}",
            date::format(old.removable()),
            names.collect::<String>()
        );
    }
    Words {
        subject: format!("{domain} signs with new keys"),
        text,
    }
}

fn records(text: &mut String, keys: &Keys, domain: &Domain) {
    for record in dns_records(keys, domain) {
        let _ = write!(text, "  {}\n  {}\n\n", record.name, record.text);
    }
}
