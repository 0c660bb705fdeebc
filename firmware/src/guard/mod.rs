//! The guard: who may come in, who is thrown out, who is slowed down.

mod freeze;
mod login;
mod password;
mod sessions;
mod turns;

pub use freeze::{change_password, freeze, unfreeze, watch_accounts};
pub use login::{Attempt, Logins};
pub use password::{PasswordError, hash};
pub use sessions::{Bell, Sessions, Ticket};
