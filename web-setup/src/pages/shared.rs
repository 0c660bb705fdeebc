//! What a stranger with a link sees: one page without scripts, and the file.

use crate::Site;
use crate::access::Visit;
use crate::appliance::{Appliance, Peer};
use crate::links::{Piece, Shared, SharedFile};
use crate::page::{Failure, Frame, Page, Posted, secret, show};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::{Extension, body::Body};
use proto::message::linking::{day_words, size_words};
use proto::types::Secret;
use serde::Deserialize;

/// The cookie that says that the password was given.
const COOKIE: &str = "pillarbox-link";

#[derive(Template)]
#[template(path = "shared.html")]
struct SharedPage<'a> {
    frame: Frame,
    token: &'a str,
    file: Option<Shown>,
}

struct Shown {
    office: String,
    name: String,
    size: String,
    sha256: String,
    until: String,
}

impl From<SharedFile> for Shown {
    fn from(file: SharedFile) -> Self {
        Self {
            office: file.office,
            name: file.name,
            size: size_words(file.size),
            sha256: file.sha256,
            until: day_words(file.until),
        }
    }
}

pub(crate) async fn page<A: Appliance>(
    State(site): State<Site<A>>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Page {
    let found = look(&site, visit, &token, &headers).await?;
    let file = match found {
        Shared::File(file) => Some(file.into()),
        Shared::Locked => None,
        other => return Err(refused(other)),
    };
    let page = SharedPage {
        frame: Frame::bare("A file for you"),
        token: &token,
        file,
    };
    show(&page)
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(deserialize_with = "secret")]
    password: Secret,
}

/// Takes the password and comes back to the page with a cookie that opens it for an hour.
pub(crate) async fn unlock<A: Appliance>(
    State(site): State<Site<A>>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    Posted(form): Posted<PasswordForm>,
) -> Page {
    let key = site
        .appliance
        .unlock_link(peer(visit), token.clone(), form.password)
        .await?;
    let Some(key) = key else {
        return Err(refused(Shared::Nothing));
    };
    let path = format!("/l/{token}");
    let cookie = format!("{COOKIE}={key}; Path={path}; Max-Age=3600; HttpOnly; Secure; SameSite=Strict");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&path)).into_response())
}

/// The file, whole or a piece of it (RFC 9110 14).
pub(crate) async fn file<A: Appliance>(
    State(site): State<Site<A>>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Page {
    let file = match look(&site, visit, &token, &headers).await? {
        Shared::File(file) => file,
        // The page asks for the password.
        Shared::Locked => return Ok(Redirect::to(&format!("/l/{token}")).into_response()),
        other => return Err(refused(other)),
    };
    let tag = etag(&file);
    let asked = headers
        .get(header::RANGE)
        .filter(|_| method == Method::GET && may_resume(&headers, &tag))
        .and_then(|range| range.to_str().ok());
    let (status, start, length) = match asked.map_or(Asked::All, |range| asked_for(range, file.size)) {
        Asked::All => (StatusCode::OK, 0, file.size),
        Asked::Part { start, length } => (StatusCode::PARTIAL_CONTENT, start, length),
        Asked::Nowhere => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{}", file.size))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, range).into_response());
        }
    };
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let piece = Piece {
            start,
            length,
            counts: start == 0,
        };
        site.appliance.read_link(peer(visit), file.link, piece).await?
    };
    let mut response = (status, body).into_response();
    dress(response.headers_mut(), &file, &tag, length);
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{}", start + length.saturating_sub(1), file.size);
        put(response.headers_mut(), header::CONTENT_RANGE, &range);
    }
    Ok(response)
}

async fn look<A: Appliance>(
    site: &Site<A>,
    visit: Visit,
    token: &str,
    headers: &HeaderMap,
) -> Result<Shared, Failure> {
    let key = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .map(str::to_owned);
    Ok(site
        .appliance
        .shared_link(peer(visit), token.to_owned(), key)
        .await?)
}

fn peer(visit: Visit) -> Peer {
    visit.peer.unwrap_or(Peer(std::net::Ipv6Addr::UNSPECIFIED.into()))
}

// Whatever is wrong with a link, the page is the same.
fn refused(found: Shared) -> Failure {
    match found {
        Shared::Stopped(reason) => Failure::new(
            StatusCode::FORBIDDEN,
            "This file cannot be fetched now",
            format!("The account that sent it is stopped: {reason}. Please ask the sender by phone."),
        ),
        Shared::Away => Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "This file is not available at the moment",
            "The link is good, but the disk with the file is not there. Please try again later, or tell \
             the one who sent it.",
        ),
        _ => Failure::new(
            StatusCode::NOT_FOUND,
            "This link does not work",
            "It may be mistyped, expired or withdrawn, or the password is wrong. \
             Please ask the one who sent it.",
        ),
    }
}

fn etag(file: &SharedFile) -> String {
    format!("\"{}\"", file.sha256)
}

// RFC 9110 13.1.5: with another version of the file, or a date, the whole file is sent.
fn may_resume(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get(header::IF_RANGE)
        .is_none_or(|known| known.as_bytes() == tag.as_bytes())
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    All,
    Part { start: u64, length: u64 },
    Nowhere,
}

// ranges-specifier = "bytes" "=" range-set ; int-range = first-pos "-" [ last-pos ] ;
// suffix-range = "-" suffix-length (RFC 9110 14.1.2). Several ranges at once: all is sent (14.2).
fn asked_for(range: &str, size: u64) -> Asked {
    let Some((unit, set)) = range.split_once('=') else {
        return Asked::All;
    };
    let Some((first, last)) = set.trim().split_once('-') else {
        return Asked::All;
    };
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if !unit.trim().eq_ignore_ascii_case("bytes") || !digits(first) || !digits(last) {
        return Asked::All;
    }
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => return Asked::All,
        (Ok(first), Ok(last)) => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) => (first, size),
        (Err(_), Ok(suffix)) => (size.saturating_sub(suffix), size),
        (Err(_), Err(_)) => return Asked::All,
    };
    if start >= end {
        return Asked::Nowhere;
    }
    Asked::Part {
        start,
        length: end - start,
    }
}

fn dress(headers: &mut HeaderMap, file: &SharedFile, tag: &str, length: u64) {
    put(headers, header::CONTENT_TYPE, &file.media_type);
    put(headers, header::CONTENT_LENGTH, &length.to_string());
    put(headers, header::CONTENT_DISPOSITION, &disposition(&file.name));
    put(headers, header::ETAG, tag);
    put(headers, header::ACCEPT_RANGES, "bytes");
    put(headers, header::CACHE_CONTROL, "private, no-cache");
    // Should a browser show it after all, it may do nothing there.
    put(
        headers,
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'; frame-ancestors 'none'",
    );
}

fn put(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    let safe = HeaderValue::from_str(value);
    headers.insert(
        name,
        safe.unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream")),
    );
}

// RFC 6266 4.1: a name in ASCII for old programs, and the real one (RFC 8187 3.2).
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            // Some programs decode percent signs and believe backslashes.
            '"' | '\\' | '%' | '/' => '_',
            c if c == ' ' || c.is_ascii_graphic() => c,
            _ => '_',
        })
        .collect();
    let mut coded = String::new();
    for octet in name.bytes() {
        // attr-char
        if octet.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&octet) {
            coded.push(char::from(octet));
        } else {
            coded.push_str(&format!("%{octet:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let part = |start, length| Asked::Part { start, length };
        // RFC 9110 14.1.2 uses 10,000 octets.
        for (range, asked) in [
            ("bytes=0-499", part(0, 500)),
            ("bytes=500-999", part(500, 500)),
            ("bytes=-500", part(9_500, 500)),
            ("bytes=9500-", part(9_500, 500)),
            ("Bytes=0-0", part(0, 1)),
            ("bytes=0-99999", part(0, 10_000)),
            ("bytes=-99999", part(0, 10_000)),
            ("bytes=10000-", Asked::Nowhere),
            ("bytes=-0", Asked::Nowhere),
            ("bytes=0-0,-1", Asked::All),
            ("bytes=5-4", Asked::All),
            ("bytes=-", Asked::All),
            ("bytes=a-b", Asked::All),
            ("bytes=+1-2", Asked::All),
            ("lines=0-1", Asked::All),
            ("bytes", Asked::All),
            ("bytes=99999999999999999999999-", Asked::All),
        ] {
            assert_eq!(asked_for(range, 10_000), asked, "{range}");
        }
        assert_eq!(asked_for("bytes=0-", 0), Asked::Nowhere);
    }

    #[test]
    fn names_travel_in_every_script() {
        for (name, field) in [
            ("a.pdf", "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"),
            (
                "Pläne \"1\".pdf",
                "attachment; filename=\"Pl_ne _1_.pdf\"; filename*=UTF-8''Pl%C3%A4ne%20%221%22.pdf",
            ),
            (
                "日本",
                "attachment; filename=\"__\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC",
            ),
            (
                "50%.txt",
                "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt",
            ),
        ] {
            assert_eq!(disposition(name), field);
            assert!(HeaderValue::from_str(&disposition(name)).is_ok());
        }
    }
}
