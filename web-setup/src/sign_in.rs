//! Signing in at the pages, and what a session stands on.

use crate::appliance::{Fault, Peer};
use proto::types::{AccountId, Secret, Timestamp};
use std::future::Future;

/// What happened to a login at the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Name and password are right.
    Welcome(Pass),
    /// Name and password are right, and now a code is asked for.
    Code(Pass),
    /// They are not. Already recorded.
    Wrong,
    /// Too many wrong ones from there: nothing was compared.
    Throttled,
    /// Shut out.
    Blocked {
        /// Why and until when, as a sentence for the page.
        words: String,
        /// Until when; `None`: for ever.
        until: Option<Timestamp>,
    },
    /// They are right, but the account is shut, for this reason.
    Shut(String),
}

/// Whether a login asks for a code after the password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecondFactor {
    /// Since when; `None`: it does not.
    pub since: Option<Timestamp>,
    /// Recovery codes that are left.
    pub recovery_left: usize,
    /// The box knows the time, without which no app's code can be judged.
    pub clock_known: bool,
}

/// What a session stands on. It ends when the account is shut, the password changes, or codes are
/// switched on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The mail account; `None` for the login called admin.
    pub account: Option<AccountId>,
    /// Whether it opens the admin's pages.
    pub admin: bool,
    /// Differs from one password to the next, and with codes and without.
    pub stamp: u64,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait SignInRoom: Send + Sync {
    /// Judges a login of the admin or of a person, records it, and waits as long as wrong ones have to.
    fn login(
        &self,
        peer: Peer,
        name: String,
        password: Secret,
    ) -> impl Future<Output = Result<Login, Fault>> + Send;

    /// Judges the code that follows the password; a wrong one is recorded, and waits.
    fn login_code(
        &self,
        peer: Peer,
        pass: Pass,
        code: Secret,
    ) -> impl Future<Output = Result<Login, Fault>> + Send;

    /// Whether a login asks for a code; `None`: the login called admin.
    fn second_factor(
        &self,
        of: Option<AccountId>,
    ) -> impl Future<Output = Result<SecondFactor, Fault>> + Send;

    /// The secret for an app, in Base32. Refused with the reason.
    fn begin_second_factor(
        &self,
        of: Option<AccountId>,
    ) -> impl Future<Output = Result<Secret, Fault>> + Send;

    /// Codes are asked for from now on, if this is the app's; the pass for the session in which that
    /// was done, because all others end, and the recovery codes, this once.
    fn confirm_second_factor(
        &self,
        of: Option<AccountId>,
        code: Secret,
    ) -> impl Future<Output = Result<(Pass, Vec<Secret>), Fault>> + Send;

    /// Codes are asked for no longer, if this is a right one; all sessions end, and the pass that is
    /// given back opens a new one.
    fn end_second_factor(
        &self,
        peer: Peer,
        pass: Pass,
        code: Secret,
    ) -> impl Future<Output = Result<Login, Fault>> + Send;

    /// Codes are asked for no longer, because an admin says so.
    fn reset_second_factor(&self, id: AccountId) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Whether a session that began with this pass may go on.
    fn still_welcome(&self, pass: Pass) -> impl Future<Output = Result<bool, Fault>> + Send;
}
