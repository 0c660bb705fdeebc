//! One question over HTTPS: a GET and its answer, no redirects, no cookies, nothing else of the web.

use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::fmt::Display;
use std::net::Ipv6Addr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Octets of an answer's header that are read.
const HEADER: usize = 16 * 1024;

/// What came back, complete.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whatever it is: what to make of it is the caller's business.
    pub status: StatusCode,
    /// The media type, in lower case and without parameters, if it was said.
    pub kind: Option<String>,
    /// At most as many octets as were wanted.
    pub body: Vec<u8>,
}

/// Asks the server at the other end of `stream`, as `host`, for `path`. How long that may take is up to
/// the caller, who may drop it at any time.
///
/// # Errors
/// In words: no TLS, no HTTP, an answer that is not whole or has more than `most` octets.
pub async fn get(
    stream: TcpStream,
    tls: ClientConfig,
    host: &str,
    path: &str,
    most: usize,
) -> Result<Answer, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(words)?;
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await;
    ask(stream.map_err(words)?, host, path, most).await
}

async fn ask<S>(stream: S, host: &str, path: &str, most: usize) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut client = http1::Builder::new();
    client.max_buf_size(HEADER);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(words)?;
    let mut driver = JoinSet::new(); // ends with us, whenever that is
    driver.spawn(connection);
    // RFC 9110 7.2, RFC 3986 3.2.2
    let host = match host.parse::<Ipv6Addr>() {
        Ok(ip) => format!("[{ip}]"),
        Err(_) => host.to_owned(),
    };
    let request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, "Pillarbox")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(words)?;
    let (head, body) = sender.send_request(request).await.map_err(words)?.into_parts();
    let kind = head.headers.get(CONTENT_TYPE).map(|kind| {
        let kind = kind.to_str().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    });
    let body = Limited::new(body, most).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            format!("the answer has more than {most} octets")
        } else {
            format!("the answer is not whole: {error}")
        }
    })?;
    Ok(Answer {
        status: head.status,
        kind,
        body: body.to_bytes().to_vec(),
    })
}

fn words(error: impl Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    // What is made of an answer, whatever it is.
    async fn made_of(answer: &[u8]) -> Result<Answer, String> {
        let (near, mut far) = duplex(256 * 1024);
        let answer = answer.to_vec();
        let server = tokio::spawn(async move {
            let mut request = [0; 1024];
            let _ = far.read(&mut request).await;
            let _ = far.write_all(&answer).await; // and closed
            String::from_utf8_lossy(&request).into_owned()
        });
        let made = ask(near, "www.example.net", "/file.txt", 64 * 1024).await;
        let request = server.await.unwrap();
        assert!(
            request.starts_with("GET /file.txt HTTP/1.1\r\nhost: www.example.net\r\n"),
            "{request}"
        );
        made
    }

    #[tokio::test]
    async fn an_answer_is_read_whole_or_not_at_all() {
        let ok = "HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\n";
        let chunked = format!("{ok}Transfer-Encoding: chunked\r\n\r\n");
        let not_whole = "not whole";
        for (answer, wanted) in [
            (format!("{ok}Content-Length: 5\r\n\r\nhello, more"), Ok("hello")),
            (format!("{ok}\r\nhello"), Ok("hello")),
            (
                format!("{chunked}3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"),
                Ok("hello"),
            ),
            (format!("{ok}Content-Length: 6\r\n\r\nhello"), Err(not_whole)),
            (format!("{chunked}5\r\nhel"), Err(not_whole)),
            (format!("{chunked}zz\r\nhello\r\n"), Err(not_whole)),
            (format!("{chunked}ffffffffffffffff\r\nhello\r\n"), Err("")),
            (format!("{ok}Content-Length: 70000\r\n\r\nhello"), Err("")),
            (format!("{ok}\r\n{}", "x".repeat(70_000)), Err("more than")),
            (format!("{ok}X: {}\r\n\r\nhello", "x".repeat(70_000)), Err("")),
            ("SSH-2.0-thing\r\n".to_owned(), Err("")),
            (String::new(), Err("")),
        ] {
            match (made_of(answer.as_bytes()).await, wanted) {
                (Ok(made), Ok(body)) => {
                    assert_eq!(made.body, body.as_bytes(), "{answer}");
                    assert_eq!(made.kind.as_deref(), Some("text/plain"), "{answer}");
                }
                (Err(words), Err(wanted)) => assert!(words.contains(wanted), "{words}"),
                (made, _) => panic!("{made:?} of {answer}"),
            }
        }
        let moved = made_of(b"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n")
            .await
            .unwrap();
        assert_eq!((moved.status.as_u16(), moved.kind), (301, None));
    }
    #[tokio::test]
    async fn a_strangers_own_words_are_not_passed_on() {
        let made = made_of(b"HTTP/1.1 404 \x1b[31mred\r\nContent-Length: 0\r\n\r\n").await;
        assert!(!format!("{made:?}").contains("red"), "{made:?}");
    }
}
