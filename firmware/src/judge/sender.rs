//! Whom a message says it is from, and what of that is proven.

use crate::deliver::people::{ascii, spelt};
use proto::types::{Address, Domain};

/// The sender of one message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sender {
    /// MAIL FROM; `None`: the null sender.
    pub envelope: Option<Address>,
    /// The one address in From, where there is exactly one.
    pub author: Option<Address>,
    /// Domains (d=) whose DKIM signatures are good.
    pub signed: Vec<Domain>,
    /// SPF passed for the domain of MAIL FROM.
    pub spf: bool,
}

impl Sender {
    /// The same, every domain in the one spelling that all are compared in.
    #[must_use]
    pub fn spelt(&self) -> Self {
        Self {
            envelope: self.envelope.as_ref().map(spelt),
            author: self.author.as_ref().map(spelt),
            signed: self.signed.iter().map(ascii).collect(),
            spf: self.spf,
        }
    }

    /// Domains that are proven to have had a hand in the message; the one that its reader sees first.
    #[must_use]
    pub fn proven(&self) -> Vec<&Domain> {
        let by_spf = self.envelope.as_ref().filter(|_| self.spf).map(Address::domain);
        let mut proven: Vec<&Domain> = self.signed.iter().chain(by_spf).collect();
        let author = self.author.as_ref().map(Address::domain);
        proven.sort_by_key(|domain| author != Some(*domain));
        let mut seen = Vec::new();
        proven.retain(|domain| {
            let new = !seen.contains(domain);
            seen.push(*domain);
            new
        });
        proven
    }

    /// Whether From is proven: signed by its domain or one above it, or sent by a server that the
    /// very same domain's SPF names (RFC 7489 3.1; SPF strictly, since the name of a whole public
    /// suffix must not prove anybody).
    #[must_use]
    pub fn author_is_proven(&self) -> bool {
        let Some(author) = &self.author else { return false };
        let signed = |domain: &Domain| is_within(author.domain(), domain);
        self.signed.iter().any(signed) || self.spf_aligned()
    }

    /// Whether MAIL FROM is proven: by SPF, or signed by its domain or one above it.
    #[must_use]
    pub fn envelope_is_proven(&self) -> bool {
        let Some(envelope) = &self.envelope else {
            return false;
        };
        self.spf
            || self
                .signed
                .iter()
                .any(|domain| is_within(envelope.domain(), domain))
    }

    /// Whether SPF passed for the domain in From.
    #[must_use]
    pub fn spf_aligned(&self) -> bool {
        let same = |author: &Address| {
            self.envelope
                .as_ref()
                .is_some_and(|envelope| envelope.domain() == author.domain())
        };
        self.spf && self.author.as_ref().is_some_and(same)
    }
}

/// Whether `domain` is `above` or a subdomain of it.
#[must_use]
pub fn is_within(domain: &Domain, above: &Domain) -> bool {
    let (domain, above) = (domain.as_str(), above.as_str());
    domain
        .strip_suffix(above)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
