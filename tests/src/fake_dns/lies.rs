//! What name servers do that are broken, far away or hostile.

use hickory_resolver::proto::op::Message;
use std::time::Duration;

/// How answers about a name are spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Over UDP only that the answer is longer (RFC 1035 4.1.1: TC); over TCP the answer.
    Truncated,
    /// That it is longer, over TCP too.
    NeverWhole,
    /// Octets that are no message.
    Garbage,
    /// The first half of the message.
    Half,
    /// The answer, after this time.
    Late(Duration),
    /// Nothing.
    Silent,
    /// An answer to a question that nobody asked.
    OtherId,
}

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Udp,
    Tcp,
}

impl Lie {
    /// What is sent instead of the answer.
    pub(super) fn spoil(self, mut answer: Message, way: Way) -> Option<Vec<u8>> {
        match self {
            Self::Truncated if way == Way::Tcp => answer.to_vec().ok(),
            Self::Truncated | Self::NeverWhole => truncated(answer),
            Self::Garbage => Some(vec![0xa5; 40]),
            Self::Half => {
                let mut whole = answer.to_vec().ok()?;
                whole.truncate(whole.len() / 2);
                Some(whole)
            }
            Self::Late(time) => {
                std::thread::sleep(time);
                answer.to_vec().ok()
            }
            Self::Silent => None,
            Self::OtherId => {
                answer.metadata.id = answer.metadata.id.wrapping_add(1);
                answer.to_vec().ok()
            }
        }
    }
}

/// The answer without its records, marked as longer.
pub(super) fn truncated(mut answer: Message) -> Option<Vec<u8>> {
    answer.answers.clear();
    answer.authorities.clear();
    answer.metadata.truncation = true;
    answer.to_vec().ok()
}
