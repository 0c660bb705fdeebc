//! `pillarbox transport ...`

use super::Common;
use crate::control::{Request, TransportRequest};
use clap::{Subcommand, ValueEnum};

/// How mail to other domains is protected on its way.
#[derive(Debug, Subcommand)]
pub(super) enum Transport {
    /// Whether signatures of names (DNSSEC) are checked, which DANE needs; on or off changes it
    Dnssec {
        /// From now on
        switch: Option<Switch>,
        #[command(flatten)]
        with: Common,
    },
    /// The MTA-STS policies of other domains that are known
    Policies(Common),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    /// Where the name servers pass signatures on
    On,
    /// Not at all
    Off,
}

impl Transport {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (ask, with) = match self {
            Self::Dnssec { switch, with } => {
                let check = switch.map(|switch| switch == Switch::On);
                (TransportRequest::Dnssec { check }, with)
            }
            Self::Policies(with) => (TransportRequest::Policies, with),
        };
        (Request::Transport { ask }, with)
    }
}
