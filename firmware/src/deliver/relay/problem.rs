//! What can go wrong with a server, by what to do about it.

/// Why a conversation ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What to do.
    pub then: Then,
    /// What to tell a person.
    pub words: String,
}

/// What to do after a [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is this host's trouble: ask the next one.
    NextHost,
    /// TLS does not work with it: ask it again without, where the policy allows.
    WithoutTls,
    /// This host may not have this message, or wants none: ask the next one; if all are so, it will never
    /// work.
    Unfit,
    /// Ask again later; another host now could deliver twice, or would say the same.
    Later,
    /// It will never work.
    Never,
}

impl Problem {
    /// The host's trouble.
    #[must_use]
    pub const fn host(words: String) -> Self {
        Self {
            then: Then::NextHost,
            words,
        }
    }

    /// TLS does not work.
    #[must_use]
    pub const fn tls(words: String) -> Self {
        Self {
            then: Then::WithoutTls,
            words,
        }
    }

    /// The host may not have the message, or wants none.
    #[must_use]
    pub const fn unfit(words: String) -> Self {
        Self {
            then: Then::Unfit,
            words,
        }
    }

    /// Not now.
    #[must_use]
    pub const fn later(words: String) -> Self {
        Self {
            then: Then::Later,
            words,
        }
    }

    /// Never.
    #[must_use]
    pub const fn never(words: String) -> Self {
        Self {
            then: Then::Never,
            words,
        }
    }
}
