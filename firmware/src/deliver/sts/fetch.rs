//! Fetching a policy's file (RFC 8461 3.3): one GET over TLS, a certificate that holds, no
//! redirects, no cookies, nothing else of the web.

use crate::deliver::relay::Authorities;
use crate::limits::sts as limits;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
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
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let stream = TcpStream::connect(server).await.map_err(|e| e.to_string())?;
    let connector = TlsConnector::from(Arc::new(authorities.client()?));
    let mut stream = connector.connect(name, stream).await.map_err(|e| e.to_string())?;
    let request = format!(
        "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nAccept: text/plain\r\nUser-Agent: Pillarbox\r\nConnection: close\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(|e| e.to_string())?;
    let mut response = Vec::new();
    let most = (HEADER + limits::POLICY) as u64;
    let read = (&mut stream).take(most).read_to_end(&mut response).await;
    // Many servers close without saying so in TLS; the response's own length tells what is missing.
    if let Err(error) = read
        && error.kind() != std::io::ErrorKind::UnexpectedEof
    {
        return Err(error.to_string());
    }
    let body = body(&response)?;
    String::from_utf8(body).map_err(|_| "the policy is not text".to_owned())
}

// The body of a response, complete and of the right kind, or why not (RFC 9112 6).
fn body(response: &[u8]) -> Result<Vec<u8>, String> {
    let end = memchr::memmem::find(response, b"\r\n\r\n").ok_or("the response has no header")?;
    let (header, rest) = response.split_at(end);
    let rest = rest.get(4..).unwrap_or_default();
    let header = std::str::from_utf8(header).map_err(|_| "the response's header is not text")?;
    let mut lines = header.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let code = status.split(' ').nth(1).unwrap_or_default();
    if !status.starts_with("HTTP/1.") || code != "200" {
        // RFC 8461 3.3: a redirect is not followed.
        return Err(format!(
            "the answer is {:?}",
            status.chars().take(60).collect::<String>()
        ));
    }
    let field = |wanted: &str| {
        header.split("\r\n").skip(1).find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let kind = field("content-type").unwrap_or("text/plain");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("text/plain") {
        return Err(format!(
            "the policy is {}, not text/plain",
            kind.chars().take(40).collect::<String>()
        ));
    }
    let too_long = || format!("the policy has more than {} octets", limits::POLICY);
    let body = match (field("transfer-encoding"), field("content-length")) {
        (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => chunks(rest)?,
        (Some(_), _) => return Err("an unknown transfer coding".to_owned()),
        (None, Some(length)) => {
            let length: usize = length.parse().map_err(|_| "a bad Content-Length")?;
            if length > limits::POLICY {
                return Err(too_long());
            }
            rest.get(..length).ok_or("the response ends early")?.to_vec()
        }
        (None, None) => rest.to_vec(),
    };
    if body.len() > limits::POLICY {
        return Err(too_long());
    }
    Ok(body)
}

// RFC 9112 7.1
fn chunks(mut rest: &[u8]) -> Result<Vec<u8>, String> {
    let early = "the response ends early";
    let mut body = Vec::new();
    loop {
        let end = memchr::memmem::find(rest, b"\r\n").ok_or(early)?;
        let (line, after) = rest.split_at(end);
        let size = std::str::from_utf8(line).unwrap_or_default();
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| "a bad chunk")?;
        if size == 0 {
            return Ok(body);
        }
        let data = after.get(2..).unwrap_or_default();
        body.extend_from_slice(data.get(..size).ok_or(early)?);
        rest = data
            .get(size..)
            .and_then(|rest| rest.strip_prefix(b"\r\n"))
            .ok_or(early)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_whole_or_not_at_all() {
        let ok = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n";
        for (response, wanted) in [
            (format!("{ok}Content-Length: 5\r\n\r\nhello, more"), Ok("hello")),
            (format!("{ok}\r\nhello"), Ok("hello")),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"),
                Ok("hello"),
            ),
            ("HTTP/1.1 200 OK\r\n\r\nhello".to_owned(), Ok("hello")),
            (format!("{ok}Content-Length: 6\r\n\r\nhello"), Err("early")),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
                Err("early"),
            ),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
                Err("chunk"),
            ),
            (
                format!("{ok}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello\r\n"),
                Err("early"),
            ),
            (
                format!("{ok}Content-Length: 70000\r\n\r\nhello"),
                Err("more than"),
            ),
            (format!("{ok}\r\n{}", "x".repeat(70_000)), Err("more than")),
            (
                "HTTP/1.1 301 Moved\r\nLocation: https://x/\r\n\r\n".to_owned(),
                Err("301"),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nhello".to_owned(),
                Err("text/html"),
            ),
            ("HTTP/1.1 404 Not Found\r\n\r\n".to_owned(), Err("404")),
            ("SSH-2.0-thing\r\n".to_owned(), Err("header")),
        ] {
            let read = body(response.as_bytes());
            match wanted {
                Ok(text) => assert_eq!(read.unwrap(), text.as_bytes(), "{response}"),
                Err(words) => assert!(read.as_ref().unwrap_err().contains(words), "{read:?}"),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_octets_are_a_response_or_none(tail: Vec<u8>, chunked: bool) {
            let coding = if chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
            let mut response = format!("HTTP/1.1 200 OK\r\n{coding}\r\n").into_bytes();
            response.extend(tail);
            let _ = body(&response);
        }
    }
}
