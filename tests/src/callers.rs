//! The callers of a test's server, each with a thread of his own.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Answers whoever calls at `listener`, which must not block, until the server `is_closed`.
pub(crate) fn answer<S: Send + Sync + 'static>(
    server: &Arc<S>,
    listener: &TcpListener,
    is_closed: fn(&S) -> bool,
    answer: fn(&S, TcpStream),
) {
    while !is_closed(server) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        let server = server.clone();
        std::thread::spawn(move || {
            if stream.set_nonblocking(false).is_ok() {
                answer(&server, stream);
            }
        });
    }
}
