//! From findings to reasons, and from reasons to a verdict. Nothing here asks anybody.
//!
//! What the author's domain proves and wishes decides first, then a list that is to refuse, then the
//! sum of the points. SPF and DKIM by themselves only count (points as set; these are the defaults):
//!
//! | DMARC | the domain wishes | goes |
//! |---|---|---|
//! | pass: SPF or DKIM passes for the author's domain | anything | by points |
//! | fail | reject | refused |
//! | fail | quarantine | to Junk |
//! | fail | none | by points, +1 |
//! | fail, but a trusted sealer saw it pass (ARC) | anything | by points |
//! | temporary error | anything | by points, +0 |
//! | none: no policy, or not exactly one author | | by points; +5 without exactly one author |
//!
//! | SPF | points | | DKIM | points |
//! |---|---|---|---|---|
//! | fail | +3 | | every result | 0: a bad signature is as good as none (RFC 6376 6.1) |
//! | softfail, permerror | +1 | | | |
//! | pass, neutral, none, temperror | 0 | | | |
//!
//! SPF of the name in HELO, where that is not the sender's domain, adds +1 for a fail and nothing else.

use super::block_lists::{Kind, Listing, Subject};
use super::connection::{Entry, Standing, Surroundings};
use super::findings::{Dmarc, Findings, Outcome, Spf, Wish};
use super::rules::{Judging, Strictness};
use crate::dns::ReverseName;
use crate::limits::judge as limits;
use proto::refusal::Refusal;
use store::{Placement, Points, Reason, Verdict};

/// An address without any name.
const NO_NAME: Points = Points(20);
/// An address whose name does not lead back to it.
const UNCONFIRMED: Points = Points(15);
/// A HELO that leads nowhere.
const HELO: Points = Points(10);
/// A HELO whose domain disowns the server.
const BORROWED: Points = Points(10);
/// A sender whom no answer can reach.
const NOWHERE: Points = Points(30);
/// An SPF record that nobody can read.
const SPF_ERROR: Points = Points(10);
/// DMARC fails, and the domain wants nothing done.
const DMARC_FAIL: Points = Points(10);
/// No author, or several.
const NO_AUTHOR: Points = Points(50);

/// What counts for more than points.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decision {
    placement: Placement,
    because: String,
    refusal: Option<Refusal>,
}

/// Gathers reasons.
#[derive(Debug, Clone, Default)]
pub struct Score {
    reasons: Vec<Reason>,
    decision: Option<Decision>,
}

impl Score {
    /// Notes a finding.
    pub fn add(&mut self, check: &str, points: Points, words: impl Into<String>) {
        self.reasons.push(Reason::new(check, points, words));
    }

    /// Settles where the message goes, unless something stronger did before: refused counts before
    /// Junk, and what was said first among equals.
    pub fn decide(&mut self, placement: Placement, because: impl Into<String>, refusal: Option<Refusal>) {
        let stronger = self.decision.as_ref().is_none_or(|old| old.placement < placement);
        if stronger {
            self.decision = Some(Decision {
                placement,
                because: because.into(),
                refusal,
            });
        }
    }

    /// The points so far.
    #[must_use]
    pub fn points(&self) -> Points {
        self.reasons.iter().map(|reason| reason.points).sum()
    }

    /// Whether it is refused already.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.decision
            .as_ref()
            .is_some_and(|decision| decision.refusal.is_some())
    }

    /// The verdict, and what the other server hears if it is not taken.
    #[must_use]
    pub fn verdict(self, judging: &Judging) -> (Verdict, Option<Refusal>) {
        let points = self.points();
        let by_points = || {
            let (placement, word) = if points >= judging.junk_at {
                (Placement::Junk, "reach")
            } else {
                (Placement::Inbox, "stay below")
            };
            Decision {
                placement,
                because: format!(
                    "Its {points} points {word} the {} that make mail junk.",
                    judging.junk_at
                ),
                refusal: None,
            }
        };
        let decision = self.decision.unwrap_or_else(by_points);
        let verdict = Verdict {
            placement: decision.placement,
            because: decision.because,
            points,
            junk_at: judging.junk_at,
            reasons: self.reasons,
        };
        (verdict, decision.refusal)
    }

    /// What the name servers know about the caller.
    pub fn surroundings(&mut self, judging: &Judging, found: &Surroundings, helo: &str) {
        if found.outside && judging.reverse_name != Strictness::Off {
            self.reverse_name(judging, &found.reverse);
        }
        let (helo, points, words) = match found.helo {
            Standing::Nowhere => (quoted(helo), HELO, "which does not exist."),
            Standing::Unknown => (
                quoted(helo),
                Points(0),
                "about which the name servers gave no answer.",
            ),
            _ => (String::new(), Points(0), ""),
        };
        if !words.is_empty() {
            self.add(
                "helo",
                points,
                format!("The server introduces itself as {helo}, {words}"),
            );
        }
        self.sender_domain(judging, found.sender);
        for entry in &found.lists {
            self.list(entry);
        }
    }

    /// What SPF says about the name in HELO (RFC 7208 2.3).
    pub fn helo(&mut self, judging: &Judging, helo: Option<&Spf>) {
        let Some(helo) = helo.filter(|_| judging.helo != Strictness::Off) else {
            return;
        };
        let domain = quoted(&helo.domain);
        let (points, words) = match helo.outcome {
            Outcome::Pass => (Points(0), "and says so itself (SPF)."),
            Outcome::Fail => (
                BORROWED,
                "which says that this server may not use its name (SPF).",
            ),
            Outcome::SoftFail => (
                Points(0),
                "which says that this server probably may not use its name (SPF).",
            ),
            Outcome::Neutral => (Points(0), "which says nothing about this server (SPF)."),
            Outcome::TempError => (
                Points(0),
                "and whether it may could not be found out for now (SPF).",
            ),
            Outcome::PermError => (
                Points(0),
                "and what that says about its servers cannot be read (SPF).",
            ),
            Outcome::None => return,
        };
        self.add(
            "helo",
            points,
            format!("The server introduces itself as {domain}, {words}"),
        );
    }

    fn reverse_name(&mut self, judging: &Judging, name: &ReverseName) {
        let (points, words) = match name {
            ReverseName::Confirmed(name) => {
                let words = format!("The server's address has the name {name}, which leads back to it.");
                return self.add("ptr", Points(0), words);
            }
            ReverseName::Unknown => {
                let words = "The name of the server's address could not be found out for now (PTR).";
                return self.add("ptr", Points(0), words);
            }
            ReverseName::Missing => (NO_NAME, "The server's address has no name (PTR).".to_owned()),
            ReverseName::Unconfirmed(name) => (
                UNCONFIRMED,
                format!(
                    "The server's address has the name {}, which does not lead back to it.",
                    quoted(name)
                ),
            ),
        };
        if judging.reverse_name == Strictness::Refuse {
            self.decide(Placement::Refused, words.clone(), Some(Refusal::NoReverseName));
        }
        self.add("ptr", points, words);
    }

    fn sender_domain(&mut self, judging: &Judging, standing: Standing) {
        let words = match standing {
            Standing::Good | Standing::Unasked => return,
            Standing::Unknown => {
                let words = "Whether the sender's domain takes mail could not be found out for now.";
                return self.add("sender", Points(0), words);
            }
            Standing::Nowhere => "The sender's domain does not exist or has no mail server.",
            Standing::NoMail => "The sender's domain says that it takes no mail: no answer can reach it.",
        };
        if judging.sender_domain == Strictness::Refuse {
            self.decide(Placement::Refused, words, Some(Refusal::NoSuchSender));
        }
        self.add("sender", NOWHERE, words);
    }

    fn list(&mut self, entry: &Entry) {
        let zone = entry.list.zone.as_str();
        let check = match entry.subject.kind() {
            Kind::Addresses => "dnsbl",
            Kind::Domains => "rhsbl",
        };
        let silent = match entry.listing {
            Listing::Clean => return,
            Listing::Listed(answer) => {
                let who = match &entry.subject {
                    Subject::Address(_) => "The server's address".to_owned(),
                    Subject::Author(domain) => format!("{domain}, whose name the mail bears,"),
                    Subject::Sender(domain) => format!("{domain}, the sender's domain,"),
                    Subject::Helo(name) => format!("{name}, as the server introduces itself,"),
                };
                let words = format!("{who} is on the block list {zone} ({answer}).");
                if entry.list.refuse {
                    let refusal = Refusal::Listed {
                        list: zone.to_owned(),
                        domain: entry.subject.domain().cloned(),
                    };
                    self.decide(Placement::Refused, words.clone(), Some(refusal));
                }
                return self.add(check, entry.list.points, words);
            }
            Listing::RefusesUs => "refuses to answer, this box itself too",
            Listing::Broken => "does not work: it answers what no block list answers, or names nobody",
            Listing::Unknown => "gave no answer",
        };
        self.add(
            check,
            Points(0),
            format!("The block list {zone} {silent}; nothing was counted."),
        );
    }

    /// What SPF, DKIM, ARC and DMARC say.
    pub fn findings(&mut self, judging: &Judging, found: &Findings, has_author: bool) {
        self.spf(judging, &found.spf);
        for signed in &found.dkim {
            let whose = quoted(&signed.domain);
            let words = match signed.outcome {
                Outcome::Pass => format!("Signed by {whose}, and the signature is good (DKIM)."),
                Outcome::TempError => {
                    format!(
                        "A signature of {whose} could not be checked: the name servers gave no answer (DKIM)."
                    )
                }
                _ => format!(
                    "A signature of {whose} is not good, which counts as none (DKIM): {}.",
                    quoted(&signed.words)
                ),
            };
            self.add("dkim", Points(0), words);
        }
        if found.skipped > 0 {
            let words = match found.skipped {
                1 => "One more signature was not looked at (DKIM).".to_owned(),
                many => format!("{many} more signatures were not looked at (DKIM)."),
            };
            self.add("dkim", Points(0), words);
        }
        if found.unreadable > 0 {
            let words = match found.unreadable {
                1 => "A signature cannot be read, covers only a part of the message or rests on SHA-1, which counts as none (DKIM).".to_owned(),
                many => format!(
                    "{many} signatures cannot be read, cover only a part of the message or rest on SHA-1, which counts as none (DKIM)."
                ),
            };
            self.add("dkim", Points(0), words);
        }
        if found.arc.outcome != Outcome::None {
            let sealers = quoted(&found.arc.sealers.join(", "));
            let words = match found.arc.outcome {
                Outcome::Pass => format!("Forwarded with seals of {sealers}, which are good (ARC)."),
                Outcome::TempError => {
                    "Seals of servers that forwarded it could not be checked for now (ARC).".to_owned()
                }
                _ => {
                    "Seals of servers that forwarded it are not good, which counts as none (ARC).".to_owned()
                }
            };
            self.add("arc", Points(0), words);
        }
        if has_author {
            self.dmarc(judging, &found.dmarc, is_vouched(judging, found));
        } else {
            let words = "It does not name exactly one author in From, so that nobody can be asked about it.";
            self.add("from", NO_AUTHOR, words);
        }
    }

    fn spf(&mut self, judging: &Judging, spf: &Spf) {
        let domain = quoted(&spf.domain);
        let (points, words) = match spf.outcome {
            Outcome::None => (
                Points(0),
                format!("{domain} does not say which servers send its mail (SPF)."),
            ),
            Outcome::Pass => (Points(0), format!("The server may send mail of {domain} (SPF).")),
            Outcome::Fail => (
                judging.spf_fail,
                format!("{domain} says that this server may not send its mail (SPF)."),
            ),
            Outcome::SoftFail => (
                judging.spf_softfail,
                format!("{domain} says that this server probably may not send its mail (SPF)."),
            ),
            Outcome::Neutral => (
                Points(0),
                format!("{domain} says nothing about this server (SPF)."),
            ),
            Outcome::TempError => (
                Points(0),
                format!("Which servers send mail of {domain} could not be found out for now (SPF)."),
            ),
            Outcome::PermError => (
                SPF_ERROR,
                format!("What {domain} says about its servers cannot be read (SPF)."),
            ),
        };
        self.add("spf", points, words);
    }

    fn dmarc(&mut self, judging: &Judging, dmarc: &Dmarc, vouched: bool) {
        let domain = quoted(&dmarc.domain);
        match dmarc.outcome {
            Outcome::Pass => {
                let words = format!("It is proven that the mail comes from {domain} (DMARC).");
                self.add("dmarc", Points(0), words);
            }
            Outcome::Fail => self.forged(judging, dmarc, vouched),
            Outcome::TempError => {
                let words = format!("What {domain} wishes could not be found out for now (DMARC).");
                self.add("dmarc", Points(0), words);
            }
            Outcome::PermError => {
                let words = format!("What {domain} wishes cannot be read (DMARC).");
                self.add("dmarc", Points(0), words);
            }
            _ => {
                let words = format!("{domain} does not say what to do with forged mail (DMARC).");
                self.add("dmarc", Points(0), words);
            }
        }
    }

    fn forged(&mut self, judging: &Judging, dmarc: &Dmarc, vouched: bool) {
        let domain = quoted(&dmarc.domain);
        let words = format!("Nothing proves that the mail comes from {domain}, whose name it bears");
        if vouched {
            let words =
                format!("{words}; but a server that is trusted saw the proof and forwarded it (ARC).");
            return self.add("dmarc", Points(0), words);
        }
        let wish = if judging.dmarc { dmarc.wish } else { Wish::Nothing };
        let (points, words) = match wish {
            Wish::Nothing => (DMARC_FAIL, format!("{words} (DMARC).")),
            Wish::Quarantine => {
                let words = format!("{words}; {domain} wishes such mail put into Junk (DMARC).");
                self.decide(Placement::Junk, words.clone(), None);
                (Points(0), words)
            }
            Wish::Reject => {
                let words = format!("{words}; {domain} wishes such mail refused (DMARC).");
                let refusal = Refusal::Forged {
                    domain: dmarc.domain.clone(),
                };
                self.decide(Placement::Refused, words.clone(), Some(refusal));
                (Points(0), words)
            }
        };
        self.add("dmarc", points, words);
    }
}

// Every seal has to be of somebody who is trusted: each of them could have made up the first one's.
fn is_vouched(judging: &Judging, found: &Findings) -> bool {
    let arc = &found.arc;
    let trusted = |sealer: &String| {
        judging
            .sealers
            .iter()
            .any(|domain| domain.as_str().eq_ignore_ascii_case(sealer))
    };
    arc.outcome == Outcome::Pass
        && arc.passed_dmarc
        && !arc.sealers.is_empty()
        && arc.sealers.iter().all(trusted)
}

/// A word from outside, for a sentence: without control characters, and no longer than an address. Where
/// it is cut, that shows: the start of a domain may look like another's.
#[must_use]
pub fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "(nothing)".to_owned();
    }
    let mut rest = text.chars().map(|c| if c.is_control() { '?' } else { c });
    let mut word: String = rest.by_ref().take(limits::QUOTED).collect();
    if rest.next().is_some() {
        word.push('…');
    }
    word
}

#[cfg(test)]
#[path = "score/tests.rs"]
mod tests;
