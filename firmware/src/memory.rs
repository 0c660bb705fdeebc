//! Giving memory back. A password hash needs 19 MiB for a tenth of a second, each of two hundred messages
//! on their way in needs a buffer and some of them memory to wait in; glibc would keep all that for the
//! next ones, in each of its arenas. (musl returns large pieces by itself.)

/// Pieces of at least so many octets go back to the system when they are freed: a connection's buffer is
/// the smallest of them ([`crate::limits::PIECE`]).
#[cfg(target_env = "gnu")]
const LARGE: i32 = 64 * 1024;
/// Heaps that threads share; glibc would make eight for each core.
#[cfg(target_env = "gnu")]
const ARENAS: i32 = 2;

/// Tells the allocator to be modest. Called once, before any thread starts.
pub fn be_modest() {
    #[cfg(target_env = "gnu")]
    {
        use nix::libc::{M_ARENA_MAX, M_MMAP_THRESHOLD, mallopt};
        // SAFETY: mallopt takes two integers and has no other preconditions; no thread runs yet.
        #[allow(unsafe_code)]
        unsafe {
            mallopt(M_MMAP_THRESHOLD, LARGE);
            mallopt(M_ARENA_MAX, ARENAS);
        }
    }
}
