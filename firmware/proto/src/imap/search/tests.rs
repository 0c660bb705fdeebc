//! What matches and what does not.
