//! `pillarbox judge ...` and `pillarbox explain ...`

use super::{Common, show, tell};
use crate::control::{self, JudgeRequest, Request};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

/// How mail from the world is judged.
#[derive(Debug, Subcommand)]
pub(super) enum Judge {
    /// What is set
    Show(Common),
    /// Change one thing
    Set {
        /// Its name in the table, such as junk-at
        name: String,
        /// As the table shows it
        #[arg(allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        with: Common,
    },
    /// What was judged last, the newest first
    Recent {
        /// How many messages
        #[arg(default_value_t = 20)]
        most: usize,
        #[command(flatten)]
        with: Common,
    },
}

impl Judge {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (ask, with) = match self {
            Self::Show(with) => (JudgeRequest::Show, with),
            Self::Set { name, value, with } => (JudgeRequest::Set { name, value }, with),
            Self::Recent { most, with } => (JudgeRequest::Recent { most }, with),
        };
        (Request::Judge { ask }, with)
    }
}

/// Why a message is where it is.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Its id: in the Received field at the top of its header, in the log, and in `judge recent`
    id: String,
    #[command(flatten)]
    with: Common,
}

impl Explain {
    /// Prints the words of the stored verdict.
    pub(super) fn act(self) -> Result<()> {
        let ask = JudgeRequest::Explain { id: self.id };
        let answer = control::ask(&self.with.data, &Request::Judge { ask })?;
        match answer.get("words").and_then(Value::as_str) {
            Some(words) if !self.with.json => tell(words),
            _ => show(&answer, self.with.json),
        }
    }
}
