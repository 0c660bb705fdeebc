//! A browser that keeps its cookie.

use crate::desk::{ADMIN_PASSWORD, CODE, Desk, PERSONS_PASSWORD};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use std::net::IpAddr;
use tower::ServiceExt;
use web_setup::{Outsider, Peer};

/// What came back.
pub struct Seen {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

impl Seen {
    pub fn head(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn to(&self) -> &str {
        self.headers
            .get(header::LOCATION)
            .map_or("", |l| l.to_str().unwrap())
    }
}

/// A browser at an address, with at most one cookie, following nothing by itself.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    pub ip: IpAddr,
    pub host: &'static str,
    pub cookie: Option<String>,
    /// The pages are not for whoever sits there.
    pub outside: bool,
}

impl Browser {
    pub fn new(desk: &Desk) -> Self {
        Self {
            router: web_setup::router(desk.clone()),
            ip: "192.168.1.50".parse().unwrap(),
            host: "pillarbox.local",
            cookie: None,
            outside: false,
        }
    }

    /// At the door that is only for links.
    pub fn stranger(desk: &Desk) -> Self {
        Self {
            router: web_setup::links_router(desk.clone()),
            ip: "203.0.113.9".parse().unwrap(),
            outside: true,
            ..Self::new(desk)
        }
    }

    pub async fn send(&mut self, request: axum::http::request::Builder, body: impl Into<Body>) -> Seen {
        let mut request = request.header(header::HOST, self.host).body(body.into()).unwrap();
        if let Some(cookie) = &self.cookie {
            request
                .headers_mut()
                .insert(header::COOKIE, cookie.parse().unwrap());
        }
        request.extensions_mut().insert(Peer(self.ip));
        if self.outside {
            request.extensions_mut().insert(Outsider);
        }
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        if let Some(set) = parts.headers.get(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            let pair = set.split(';').next().unwrap().to_owned();
            self.cookie = (!set.contains("Max-Age=0")).then_some(pair);
        }
        let text = String::from_utf8_lossy(&to_bytes(body, 1 << 20).await.unwrap()).into_owned();
        Seen {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    pub async fn get(&mut self, path: &str) -> Seen {
        self.send(Request::get(path), Body::empty()).await
    }

    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Seen {
        let form: Vec<String> = form.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, "https://pillarbox.local");
        self.send(request, form.join("&")).await
    }

    /// Signs in as admin.
    pub async fn signed_in(desk: &Desk) -> Self {
        let mut browser = Self::new(desk);
        let seen = browser
            .post("/login", &[("name", "admin"), ("password", ADMIN_PASSWORD)])
            .await;
        assert_eq!((seen.status, seen.to()), (StatusCode::SEE_OTHER, "/overview"));
        browser
    }

    /// Signed in as somebody who is no admin.
    pub async fn person(desk: &Desk) -> Self {
        let mut browser = Self::new(desk);
        let form = [("name", "bob@example.com"), ("password", PERSONS_PASSWORD)];
        let seen = browser.post("/login", &form).await;
        assert_eq!((seen.status, seen.to()), (StatusCode::SEE_OTHER, "/me"));
        browser
    }

    /// Enters the claim code.
    pub async fn claimed(desk: &Desk) -> Self {
        let mut browser = Self::new(desk);
        let seen = browser.post("/claim", &[("code", CODE)]).await;
        assert_eq!((seen.status, seen.to()), (StatusCode::SEE_OTHER, "/"));
        browser
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                (b as char).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
