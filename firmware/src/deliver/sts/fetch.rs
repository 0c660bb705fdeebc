//! Fetching a policy's file (RFC 8461 3.3): one GET over TLS, a certificate that holds, no
//! redirects, no cookies, nothing else of the web.

use crate::deliver::relay::Authorities;
use crate::limits::sts as limits;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Octets of a response's header that are read.
const HEADER: usize = 16 * 1024;
const PATH: &str = "/.well-known/mta-sts.txt";

/// Gets the file of the host called `mta-sts.<domain>` from one of its addresses.
///
/// # Errors
/// In words.
pub async fn fetch(
    host: &str,
    addresses: &[IpAddr],
    port: u16,
    authorities: &Authorities,
) -> Result<String, String> {
    let mut last = "it has no address".to_owned();
    for address in addresses {
        let server = SocketAddr::new(*address, port);
        match tokio::time::timeout(limits::FETCH, get(host, server, authorities)).await {
            Ok(Ok(file)) => return Ok(file),
            Ok(Err(words)) => last = words,
            Err(_) => last = "no answer in time".to_owned(),
        }
    }
    Err(format!("https://{host}{PATH}: {last}"))
}

async fn get(host: &str, server: SocketAddr, authorities: &Authorities) -> Result<String, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(words)?;
    let stream = TcpStream::connect(server).await.map_err(words)?;
    let connector = TlsConnector::from(Arc::new(authorities.client()?));
    ask(host, connector.connect(name, stream).await.map_err(words)?).await
}

async fn ask<S>(host: &str, stream: S) -> Result<String, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut client = http1::Builder::new();
    client.max_buf_size(HEADER);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(words)?;
    let mut driver = JoinSet::new(); // ends with us, whenever that is
    driver.spawn(connection);
    let request = Request::get(PATH)
        .header(HOST, host)
        .header(ACCEPT, "text/plain")
        .header(USER_AGENT, "Pillarbox")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(words)?;
    read(sender.send_request(request).await.map_err(words)?).await
}

// The file, complete and of the right kind, or why not.
async fn read(response: Response<Incoming>) -> Result<String, String> {
    // RFC 8461 3.3: a redirect is not followed.
    if response.status() != StatusCode::OK {
        return Err(format!("the answer is {}", response.status()));
    }
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.map_or("text/plain", |kind| kind.to_str().unwrap_or_default());
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("text/plain") {
        let kind: String = kind.chars().take(40).collect();
        return Err(format!("the policy is {kind}, not text/plain"));
    }
    let body = Limited::new(response.into_body(), limits::POLICY).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            format!("the policy has more than {} octets", limits::POLICY)
        } else {
            format!("the response is not whole: {error}")
        }
    })?;
    String::from_utf8(body.to_bytes().to_vec()).map_err(|_| "the policy is not text".to_owned())
}

fn words(error: impl Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    // What is made of a response, whatever it is.
    async fn made_of(response: &[u8]) -> Result<String, String> {
        let (near, mut far) = duplex(256 * 1024);
        let response = response.to_vec();
        let server = tokio::spawn(async move {
            let mut request = [0; 1024];
            let _ = far.read(&mut request).await;
            let _ = far.write_all(&response).await; // and closed
            String::from_utf8_lossy(&request).into_owned()
        });
        let read = ask("mta-sts.example.net", near).await;
        let request = server.await.unwrap();
        assert!(
            request.starts_with("GET /.well-known/mta-sts.txt HTTP/1.1\r\n"),
            "{request}"
        );
        read
    }

    #[tokio::test]
    async fn a_response_is_read_whole_or_not_at_all() {
        let ok = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n";
        let chunked = format!("{ok}Transfer-Encoding: chunked\r\n\r\n");
        let not_whole = "not whole";
        for (response, wanted) in [
            (format!("{ok}Content-Length: 5\r\n\r\nhello, more"), Ok("hello")),
            (format!("{ok}\r\nhello"), Ok("hello")),
            (
                format!("{chunked}3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"),
                Ok("hello"),
            ),
            ("HTTP/1.1 200 OK\r\n\r\nhello".to_owned(), Ok("hello")),
            (format!("{ok}Content-Length: 6\r\n\r\nhello"), Err(not_whole)),
            (format!("{chunked}5\r\nhel"), Err(not_whole)),
            (format!("{chunked}zz\r\nhello\r\n"), Err(not_whole)),
            (format!("{chunked}ffffffffffffffff\r\nhello\r\n"), Err("")),
            (format!("{ok}Content-Length: 70000\r\n\r\nhello"), Err("")),
            (format!("{ok}\r\n{}", "x".repeat(70_000)), Err("more than")),
            (format!("{ok}X: {}\r\n\r\nhello", "x".repeat(70_000)), Err("")),
            (
                "HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n".to_owned(),
                Err("301"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nhello".to_owned(),
                Err("text/html"),
            ),
            ("HTTP/1.1 404 Not Found\r\n\r\n".to_owned(), Err("404")),
            ("SSH-2.0-thing\r\n".to_owned(), Err("")),
            (String::new(), Err("")),
        ] {
            let read = made_of(response.as_bytes()).await;
            match wanted {
                Ok(text) => assert_eq!(read.unwrap(), text, "{response}"),
                Err(words) => assert!(read.as_ref().unwrap_err().contains(words), "{read:?}"),
            }
        }
    }
}
