//! The file behind a link: whole, in pieces, or not again (RFC 9110 13, 14), under its name in every
//! script (RFC 6266, RFC 8187).

use super::shared::{look, peer, refused};
use crate::Site;
use crate::access::Visit;
use crate::appliance::Appliance;
use crate::links::{Piece, Shared, SharedFile};
use crate::page::Page;
use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

/// The file, whole or a piece of it (RFC 9110 14).
pub(crate) async fn file<A: Appliance>(
    site: Site<A>,
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
    if let Some(answer) = precondition(&headers, &tag) {
        return Ok(answer);
    }
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
        let piece = Piece { start, length };
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

// RFC 9110 13.2.2: before a range is looked at.
fn precondition(headers: &HeaderMap, tag: &str) -> Option<Response> {
    // 13.1.1: another version, or one that is only nearly the same, is not what was meant.
    if !names(headers, header::IF_MATCH, tag, false).unwrap_or(true) {
        return Some(StatusCode::PRECONDITION_FAILED.into_response());
    }
    // 13.1.2; a 304 has what tells the copies apart (15.4.5).
    if names(headers, header::IF_NONE_MATCH, tag, true).unwrap_or(false) {
        let mut same = StatusCode::NOT_MODIFIED.into_response();
        put(same.headers_mut(), header::ETAG, tag);
        put(same.headers_mut(), header::CACHE_CONTROL, CACHING);
        return Some(same);
    }
    None
}

// Whether a list of entity tags has ours; `None`: there is no list. Ours has no comma in it.
fn names(headers: &HeaderMap, field: HeaderName, tag: &str, weak: bool) -> Option<bool> {
    let mut lines = headers.get_all(field).iter().peekable();
    lines.peek()?;
    let same = |one: &str| {
        let one = one.trim();
        let strong = if weak {
            one.strip_prefix("W/").unwrap_or(one)
        } else {
            one
        };
        one == "*" || strong == tag
    };
    Some(
        lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(same),
    )
}

/// A copy may be kept by the one who fetched it, and is asked for again with its tag.
const CACHING: &str = "private, no-cache";

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
    put(headers, header::CACHE_CONTROL, CACHING);
    // Should a browser show it after all, it may do nothing there.
    put(
        headers,
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'; frame-ancestors 'none'",
    );
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
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
                "Отчёт.docx",
                "attachment; filename=\"_____.docx\"; \
                 filename*=UTF-8''%D0%9E%D1%82%D1%87%D1%91%D1%82.docx",
            ),
            (
                "תוכנית.pdf",
                "attachment; filename=\"______.pdf\"; \
                 filename*=UTF-8''%D7%AA%D7%95%D7%9B%D7%A0%D7%99%D7%AA.pdf",
            ),
            (
                "تقرير.pdf",
                "attachment; filename=\"_____.pdf\"; \
                 filename*=UTF-8''%D8%AA%D9%82%D8%B1%D9%8A%D8%B1.pdf",
            ),
            (
                "नक्शा",
                "attachment; filename=\"_____\"; \
                 filename*=UTF-8''%E0%A4%A8%E0%A4%95%E0%A5%8D%E0%A4%B6%E0%A4%BE",
            ),
            (
                "แผน.zip",
                "attachment; filename=\"___.zip\"; filename*=UTF-8''%E0%B9%81%E0%B8%9C%E0%B8%99.zip",
            ),
            (
                "👍🏽.png",
                "attachment; filename=\"__.png\"; filename*=UTF-8''%F0%9F%91%8D%F0%9F%8F%BD.png",
            ),
            (
                "a;b=c'd*e,(f).txt",
                "attachment; filename=\"a;b=c'd*e,(f).txt\"; \
                 filename*=UTF-8''a%3Bb%3Dc%27d%2Ae%2C%28f%29.txt",
            ),
            (
                "a\\b/c.txt",
                "attachment; filename=\"a_b_c.txt\"; filename*=UTF-8''a%5Cb%2Fc.txt",
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
