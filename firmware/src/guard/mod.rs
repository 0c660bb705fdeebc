//! The guard: who may come in, who is thrown out, who is slowed down.

mod allowance;
mod callers;
mod device;
mod freeze;
#[cfg(test)]
mod log_line;
mod login;
mod networks;
pub mod newcomer;
pub mod notice;
mod password;
pub mod printers;
pub mod reply;
pub mod report;
pub mod rules;
mod scram;
pub mod screen;
mod second_factor;
mod sessions;
pub mod shield;
mod turns;
mod windows;
pub mod words;

pub use allowance::{Guard, Permit, Sending, WATCHED_FOR, is_watched};
pub use callers::{Call, Callers};
pub use device::{Device, DeviceId, DevicePasswords, Devices};
pub use freeze::{change_password, watch_accounts};
pub use login::{Attempt, Entered, Logins};
pub use networks::{LAN, Lan, Network, NetworkError};
pub use password::{PasswordError, hash};
pub use second_factor::{Enrolled, Owner, SecondFactors};
pub use sessions::{Bell, Sessions, Ticket};

use proto::refusal::Refusal;
use store::StoreError;

// Whoever cannot be judged is asked to come again.
fn temporary(error: StoreError) -> Refusal {
    tracing::error!(%error, "the guard cannot judge");
    Refusal::Temporary
}
