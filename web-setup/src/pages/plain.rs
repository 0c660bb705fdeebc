//! Plain HTTP: nothing happens here but the way to TLS.

use crate::appliance::Appliance;
use crate::page::{Failure, Frame, Page, show};
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect};

#[derive(Template)]
#[template(path = "plain.html")]
struct Plain<'a> {
    frame: Frame,
    to: &'a str,
}

pub(crate) async fn lead_to_tls<A: Appliance>(
    State(appliance): State<A>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Page {
    if method != Method::GET && method != Method::HEAD {
        let text = "Passwords and forms are never taken without encryption. Open the page with https://.";
        return Err(Failure::new(
            StatusCode::FORBIDDEN,
            "Not without encryption",
            text,
        ));
    }
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let Some(name) = host.and_then(host_name) else {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "Which box?",
            "The request named no host.",
        ));
    };
    let port = match appliance.facts().ports.https {
        443 => String::new(),
        port => format!(":{port}"),
    };
    if appliance.progress().await?.finished {
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        return Ok(Redirect::temporary(&format!("https://{name}{port}{path}")).into_response());
    }
    show(&Plain {
        frame: Frame::bare("Welcome"),
        to: &format!("https://{name}{port}/"),
    })
}

// Host = uri-host [ ":" port ] (RFC 9110 7.2), of harmless characters only.
fn host_name(host: &str) -> Option<&str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    };
    let inside = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let fits = match inside {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b".-_".contains(&c))
        }
    };
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::host_name;

    #[test]
    fn the_host_is_taken_only_when_it_is_one() {
        assert_eq!(host_name("pillarbox.local"), Some("pillarbox.local"));
        assert_eq!(host_name("192.168.1.20:10080"), Some("192.168.1.20"));
        assert_eq!(host_name("[::1]:80"), Some("[::1]"));
        assert_eq!(host_name("[fe80::1]"), Some("[fe80::1]"));
        for bad in ["", ":80", "a b", "a/../b", "x\"><script>", "[::1", "a@b"] {
            assert_eq!(host_name(bad), None, "{bad}");
        }
    }
}
