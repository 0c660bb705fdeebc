//! The guard: who may come in, who is thrown out, who is slowed down.

mod callers;
mod freeze;
mod login;
mod networks;
mod password;
pub mod screen;
mod sessions;
mod turns;

pub use callers::{Call, Callers};
pub use freeze::{change_password, freeze, unfreeze, watch_accounts};
pub use login::{Attempt, Logins};
pub use networks::{LAN, Lan, Network, NetworkError};
pub use password::{PasswordError, hash};
pub use sessions::{Bell, Sessions, Ticket};
