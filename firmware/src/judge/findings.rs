//! What is proven about who sent a message, and what is not.

use crate::deliver::people::ascii;
use proto::types::{Address, Domain};
use std::net::IpAddr;

/// A result in the words of RFC 8601 2.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the names say it
pub enum Outcome {
    #[default]
    None,
    Pass,
    Fail,
    SoftFail,
    Neutral,
    TempError,
    PermError,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// Who delivers a message.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// His address.
    pub ip: IpAddr,
    /// What he called himself.
    pub helo: &'a str,
    /// The name of this box.
    pub host: &'a str,
    /// MAIL FROM; `None`: the null sender.
    pub from: Option<&'a Address>,
}

impl Caller<'_> {
    // RFC 7208 2.4: without a sender it is the postmaster of HELO.
    pub(super) fn domain(&self) -> String {
        match self.from {
            Some(from) => ascii(from.domain()).to_string(),
            None => self.helo.to_lowercase(),
        }
    }
}

/// What SPF says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spf {
    /// The result.
    pub outcome: Outcome,
    /// The domain whose record it is.
    pub domain: String,
    /// Whether the name of HELO was judged, for want of a sender.
    pub helo: bool,
}

/// What is to be said about one DKIM signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The result.
    pub outcome: Outcome,
    /// Its `d=`; empty where it cannot be read.
    pub domain: String,
    /// Its `s=`.
    pub selector: String,
    /// Why it is not good.
    pub words: String,
}

/// What ARC says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// The result.
    pub outcome: Outcome,
    /// Who sealed it, the first one first.
    pub sealers: Vec<String>,
    /// The first sealer saw that DMARC passed for the author.
    pub passed_dmarc: bool,
}

/// What the author's domain wants done with mail that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Wish {
    #[default]
    Nothing,
    Quarantine,
    Reject,
}

/// What DMARC says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dmarc {
    /// The result; `none`: the domain has no policy, or there is not exactly one author.
    pub outcome: Outcome,
    /// The author's domain.
    pub domain: String,
    /// What it wants.
    pub wish: Wish,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Findings {
    pub spf: Spf,
    /// What SPF says about the name of HELO, where it is not the sender's domain.
    pub helo: Option<Spf>,
    /// Of each domain up to the first good one.
    pub dkim: Vec<Signed>,
    /// Signatures that were not looked at, for there are too many.
    pub skipped: usize,
    /// Signatures that cannot be read, cover only a part of the body, or rest on SHA-1.
    pub unreadable: usize,
    pub arc: Chain,
    pub dmarc: Dmarc,
}

impl Findings {
    /// What is known where nobody can be asked.
    #[must_use]
    pub fn unknown(caller: &Caller<'_>) -> Self {
        Self {
            spf: Spf {
                outcome: Outcome::TempError,
                domain: caller.domain(),
                helo: caller.from.is_none(),
            },
            dmarc: Dmarc {
                outcome: Outcome::TempError,
                ..Dmarc::default()
            },
            ..Self::default()
        }
    }

    /// The domains of good signatures.
    #[must_use]
    pub fn signers(&self) -> Vec<Domain> {
        let good = self.dkim.iter().filter(|signed| signed.outcome == Outcome::Pass);
        let mut signers: Vec<Domain> = good
            .filter_map(|signed| Domain::parse(&signed.domain).ok())
            .collect();
        signers.dedup();
        signers
    }
}
