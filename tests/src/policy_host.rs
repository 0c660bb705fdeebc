//! A web server on loopback that answers every request with one text, as the host of an MTA-STS policy
//! does.

use crate::callers;
use anyhow::Result;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Runs until it is dropped.
pub struct PolicyHost {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    tls: Arc<ServerConfig>,
    // The whole response; `None`: hangs up.
    response: Mutex<Option<Vec<u8>>>,
    asked: AtomicUsize,
    stop: AtomicBool,
}

impl PolicyHost {
    /// Starts on a free port of 127.0.0.1, with this certificate; hangs up on everybody at first.
    pub fn start(tls: Arc<ServerConfig>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            tls,
            response: Mutex::default(),
            asked: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let server = shared.clone();
        std::thread::spawn(move || callers::answer(&server, &listener, Shared::is_closed, Shared::answer));
        Ok(Self { port, shared })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on answers with this policy.
    pub fn publish(&self, policy: &str) {
        let length = policy.len();
        self.answer(&format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{policy}"
        ));
    }

    /// From now on answers with this, header included.
    pub fn answer(&self, response: &str) {
        *self.shared.response.lock().unwrap() = Some(response.as_bytes().to_vec());
    }

    /// From now on hangs up.
    pub fn fail(&self) {
        *self.shared.response.lock().unwrap() = None;
    }

    /// Connections so far.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Relaxed)
    }
}

impl Drop for PolicyHost {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn is_closed(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn answer(&self, stream: TcpStream) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let _ = self.serve(stream); // a client that goes away in the middle is none of our business
    }

    fn serve(&self, stream: TcpStream) -> Result<()> {
        let Some(response) = self.response.lock().unwrap().clone() else {
            return Ok(());
        };
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut stream = StreamOwned::new(ServerConnection::new(self.tls.clone())?, stream);
        let mut request = Vec::new();
        let mut octet = [0];
        while !request.ends_with(b"\r\n\r\n") && stream.read(&mut octet)? == 1 {
            request.push(octet[0]);
        }
        anyhow::ensure!(request.starts_with(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n"));
        stream.write_all(&response)?;
        stream.conn.send_close_notify();
        stream.flush()?;
        Ok(())
    }
}
