//! How a session of each protocol begins: what it knows of the box.

use crate::facts::ConnectionFacts;
use crate::house::House;
use crate::limits;
use proto::imap::{self, Imap};
use proto::limits::smtp::HOLD;
use proto::pop3::{self, Pop3};
use proto::session::Tls;
use proto::smtp::{self, Smtp};
use proto::types::{AddressError, Domain, Protocol, Timestamp};

/// The name of a box that has none yet.
const UNNAMED: &str = "pillarbox.local";

/// What all sessions say of the box.
#[derive(Debug)]
pub struct Opening {
    hostname: String,
    domain: Domain,
    max_message: u64,
    tls: Tls,
    binding: bool,
    submission: bool,
    hold_until: Option<Timestamp>,
}

impl Opening {
    /// For a connection whose TLS, if it begins with TLS, is up.
    ///
    /// # Errors
    /// None: the name of an unnamed box can be parsed.
    pub fn new(house: &House, facts: &ConnectionFacts) -> Result<Self, AddressError> {
        let (hostname, domain) = match house.office() {
            Ok(Some(office)) => (office.hostname.to_string(), office.domain),
            _ => (UNNAMED.to_owned(), Domain::parse(UNNAMED)?),
        };
        Ok(Self {
            hostname,
            domain,
            max_message: match facts.protocol {
                // Who cannot send it cannot keep what he sent either.
                Protocol::Submission | Protocol::Imap => house.own_message_limit(),
                _ => house.message_limit(),
            },
            tls: if facts.tls.is_some() {
                Tls::Active
            } else {
                Tls::Offered
            },
            binding: facts.binding(),
            submission: facts.protocol == Protocol::Submission,
            // Who does not know the time cannot keep a message back until a time.
            hold_until: house
                .clock
                .is_known()
                .then(|| house.clock.now().plus(HOLD.into())),
        })
    }

    /// Port 25 and submission.
    #[must_use]
    pub fn smtp(self) -> Smtp {
        Smtp::new(smtp::Config {
            hostname: self.hostname,
            domain: self.domain,
            submission: self.submission,
            tls: self.tls,
            binding: self.binding,
            max_size: self.max_message,
            max_recipients: limits::RECIPIENTS,
            hold_until: self.hold_until,
        })
    }

    /// Ports 143 and 993.
    #[must_use]
    pub fn imap(self) -> Imap {
        Imap::new(imap::Config {
            hostname: self.hostname,
            tls_active: self.tls == Tls::Active,
            binding: self.binding,
            tls_available: true,
            max_append: self.max_message,
            id_fields: vec![
                ("name".to_owned(), "Pillarbox".to_owned()),
                ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            ],
        })
    }

    /// Ports 110 and 995.
    #[must_use]
    pub fn pop3(self) -> Pop3 {
        Pop3::new(pop3::Config {
            hostname: self.hostname,
            tls: self.tls,
            binding: self.binding,
        })
    }
}
