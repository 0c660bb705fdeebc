//! Fetching a policy's file (RFC 8461 3.3): a certificate that holds, and no redirects.

use crate::deliver::relay::Authorities;
use crate::https::{self, Answer};
use crate::limits::sts as limits;
use hyper::StatusCode;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

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
    let stream = TcpStream::connect(server).await.map_err(|e| e.to_string())?;
    file(https::get(stream, authorities.client()?, host, PATH, limits::POLICY).await?)
}

fn file(answer: Answer) -> Result<String, String> {
    // RFC 8461 3.3: a redirect is not followed.
    if answer.status != StatusCode::OK {
        return Err(format!("the answer is {}", answer.status));
    }
    if let Some(kind) = answer.kind.filter(|kind| kind != "text/plain") {
        let kind: String = kind.chars().take(40).collect();
        return Err(format!("the policy is {kind}, not text/plain"));
    }
    String::from_utf8(answer.body).map_err(|_| "the policy is not text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_that_stands_there_is_a_policy() {
        for (status, kind, body, wanted) in [
            (200, Some("text/plain"), &b"hello"[..], Ok("hello")),
            (200, None, b"hello", Ok("hello")),
            (200, Some("text/html"), b"hello", Err("text/html")),
            (200, None, b"\xff", Err("not text")),
            (204, None, b"", Err("204")),
            (301, None, b"", Err("301")),
            (404, Some("text/plain"), b"hello", Err("404")),
        ] {
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                kind: kind.map(str::to_owned),
                body: body.to_vec(),
            };
            match (file(answer), wanted) {
                (Ok(text), Ok(wanted)) => assert_eq!(text, wanted),
                (Err(words), Err(wanted)) => assert!(words.contains(wanted), "{words}"),
                (made, _) => panic!("{made:?} of {status} {kind:?}"),
            }
        }
    }
}
