//! What every page has in common: the frame around it, errors as pages in plain words, the
//! headers that keep browsers strict, forms of bounded size.

use crate::appliance::Fault;
use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use proto::types::{Secret, Timestamp};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use std::time::Duration;

/// The frame around a page.
pub(crate) struct Frame {
    /// Its title, without the product's name.
    pub(crate) title: &'static str,
    /// The lit tab of the navigation; `None` shows no navigation.
    pub(crate) tab: Option<Tab>,
    /// Whether the one who looks may go to the admin's pages.
    pub(crate) admin: bool,
    /// Seconds after which a browser without JavaScript loads the page again; 0 for never.
    pub(crate) reload: u32,
}

/// The tabs: the admin's, then a person's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Accounts,
    FailedLogins,
    Blocked,
    Junk,
    Events,
    Printers,
    Outgoing,
    Dns,
    Programs,
    Password,
    Me,
    MyDevices,
    MyLinks,
    MyPrograms,
    MyCodes,
}

impl Frame {
    /// A page before or without a login.
    pub(crate) const fn bare(title: &'static str) -> Self {
        Self {
            title,
            tab: None,
            admin: false,
            reload: 0,
        }
    }

    /// One of the admin's pages.
    pub(crate) const fn admin(title: &'static str, tab: Tab) -> Self {
        Self {
            title,
            tab: Some(tab),
            admin: true,
            reload: 0,
        }
    }

    /// One of the pages that everybody has.
    pub(crate) const fn own(title: &'static str, tab: Tab, admin: bool) -> Self {
        Self {
            title,
            tab: Some(tab),
            admin,
            reload: 0,
        }
    }

    /// The same, loaded again every so often.
    pub(crate) const fn reloading(mut self, seconds: u32) -> Self {
        self.reload = seconds;
        self
    }

    fn lit(&self, tab: Tab) -> bool {
        self.tab == Some(tab)
    }

    /// Whether this is the page of the admin's own password.
    pub(crate) fn password_lit(&self) -> bool {
        self.lit(Tab::Password)
    }

    /// Tabs with path and name, and whether each is lit.
    pub(crate) fn tabs(&self) -> Vec<(&'static str, &'static str, bool)> {
        if matches!(
            self.tab,
            Some(Tab::Me | Tab::MyDevices | Tab::MyLinks | Tab::MyPrograms | Tab::MyCodes)
        ) {
            return vec![
                ("/me", "Your account", self.lit(Tab::Me)),
                ("/me/devices", "Phones and PCs", self.lit(Tab::MyDevices)),
                ("/me/links", "Attachments", self.lit(Tab::MyLinks)),
                ("/me/codes", "Codes at sign-in", self.lit(Tab::MyCodes)),
                ("/me/mail-programs", "Mail programs", self.lit(Tab::MyPrograms)),
            ];
        }
        vec![
            ("/overview", "Overview", self.lit(Tab::Overview)),
            ("/accounts", "Accounts", self.lit(Tab::Accounts)),
            ("/failed-logins", "Failed logins", self.lit(Tab::FailedLogins)),
            ("/blocked", "Blocked", self.lit(Tab::Blocked)),
            ("/junk", "Junk mail", self.lit(Tab::Junk)),
            ("/events", "Events", self.lit(Tab::Events)),
            ("/printers", "Printers", self.lit(Tab::Printers)),
            ("/outgoing", "Outgoing mail", self.lit(Tab::Outgoing)),
            ("/dns", "DNS records", self.lit(Tab::Dns)),
            ("/mail-programs", "Mail programs", self.lit(Tab::Programs)),
        ]
    }
}

/// What was just done, told on the page that follows: a word in its address.
#[derive(Deserialize)]
pub(crate) struct Said {
    said: Option<String>,
}

impl Said {
    pub(crate) fn word(&self) -> Option<&str> {
        self.said.as_deref()
    }
}

/// What a handler gives back.
pub(crate) type Page = Result<Response, Failure>;

/// Renders a page.
pub(crate) fn show(template: &impl Template) -> Page {
    show_as(StatusCode::OK, template)
}

/// Renders a form again, with what was wrong about it.
pub(crate) fn show_again(template: &impl Template) -> Page {
    show_as(StatusCode::UNPROCESSABLE_ENTITY, template)
}

/// Renders a page under another status.
fn show_as(status: StatusCode, template: &impl Template) -> Page {
    match template.render() {
        Ok(text) => Ok((status, Html(text)).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Err(Fault::Internal.into())
        }
    }
}

/// When what is refused now may be had.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Later {
    In(Duration),
    At(Timestamp),
}

/// Renders a form again for somebody who has to wait; `None`: nobody knows for how long.
// RFC 6585 4
pub(crate) fn show_later(later: Option<Later>, template: &impl Template) -> Page {
    let mut response = show_as(StatusCode::TOO_MANY_REQUESTS, template)?;
    retry_after(response.headers_mut(), later);
    Ok(response)
}

// RFC 9110 10.2.3: seconds, or a date where there is no clock to count them by.
fn retry_after(headers: &mut HeaderMap, later: Option<Later>) {
    let later = match later {
        Some(Later::In(wait)) => Some(HeaderValue::from(wait.as_secs())),
        Some(Later::At(at)) => http_date(at),
        None => None,
    };
    if let Some(later) = later {
        headers.insert(header::RETRY_AFTER, later);
    }
}

/// Why there is no page: a page that says so.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    status: StatusCode,
    title: &'static str,
    text: String,
}

/// What is not available now may be after so long, where nothing better is known.
pub(crate) const SOME_MINUTES: Later = Later::In(Duration::from_secs(600));

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    frame: Frame,
    text: &'a str,
}

/// The same for strangers: nothing on it leads anywhere.
#[derive(Template)]
#[template(path = "lost.html")]
struct LostPage<'a> {
    frame: Frame,
    text: &'a str,
}

/// The same for somebody to whom not even the style is given.
#[derive(Template)]
#[template(path = "shut_out.html")]
struct ShutOutPage<'a> {
    frame: Frame,
    text: &'a str,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            title,
            text: text.into(),
        }
    }

    pub(crate) fn not_found() -> Self {
        Self::from_status(StatusCode::NOT_FOUND)
    }

    fn from_status(status: StatusCode) -> Self {
        let (title, text) = match status.as_u16() {
            404 => (
                "There is nothing here",
                "The address may be mistyped, or the page is gone.",
            ),
            405 => ("That does not work here", "This page cannot be used that way."),
            408 => (
                "That took too long",
                "The box is busy. Please try again in a moment.",
            ),
            412 => (
                "The file is another one now",
                "What you have of it does not belong to it. Please fetch it from the start.",
            ),
            413 => (
                "That is too much",
                "The form was larger than anything this box asks for.",
            ),
            416 => (
                "There is no such part",
                "The file is shorter than that. Please fetch it from the start.",
            ),
            400 | 415 | 422 => ("The form could not be read", "Please go back and send it again."),
            403 => (
                "That came from another site",
                "A different web page tried to use this one. Nothing was changed. \
                 If it was you, open the page again and repeat it.",
            ),
            _ => (
                "The box could not do that",
                "Something went wrong inside. It is in the log. Please try again.",
            ),
        };
        Self::new(status, title, text)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(words) => Self::new(StatusCode::CONFLICT, "That is not possible", words),
            Fault::Gone => Self::not_found(),
            Fault::Internal => Self::from_status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let page = FailurePage {
            frame: Frame::bare(self.title),
            text: &self.text,
        };
        let html = page.render().unwrap_or_else(|_| self.text.clone());
        let mut response = (self.status, Html(html)).into_response();
        response.extensions_mut().insert(self.clone()); // it may have to be told to a stranger
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            retry_after(response.headers_mut(), Some(SOME_MINUTES));
        }
        response
    }
}

/// The page for somebody whose address is shut out: why, and until when if not for ever.
#[must_use]
pub fn blocked(why: &str, until: Option<Timestamp>) -> Response {
    let end = until.map_or_else(String::new, |until| {
        format!(" until {}", Moment::from(until).words)
    });
    let text = format!(
        "It is blocked{end}. The reason: {why}. If that is wrong, ask the office's administrator by phone."
    );
    let page = ShutOutPage {
        frame: Frame::bare("Your address is blocked"),
        text: &text,
    };
    let html = page.render().unwrap_or_else(|_| text.clone());
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(ALONE));
    retry_after(headers, until.map(Later::At));
    be_strict(headers);
    response
}

// RFC 9110 5.6.7: IMF-fixdate.
fn http_date(at: Timestamp) -> Option<HeaderValue> {
    let at = jiff::Timestamp::from_second(at.0).ok()?;
    HeaderValue::try_from(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

/// Makes a page that strangers may get one that has no script and leads nowhere.
pub(crate) async fn for_strangers(mut response: Response) -> Response {
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let failure = response.extensions_mut().remove::<Failure>();
        let failure = failure.unwrap_or_else(|| Failure::from_status(status));
        let page = LostPage {
            frame: Frame::bare(failure.title),
            text: &failure.text,
        };
        let html = page.render().unwrap_or_else(|_| failure.text.clone());
        response = dressed_as((status, Html(html)).into_response(), response.headers());
        response.extensions_mut().insert(failure); // it may pass here twice
    }
    if is_html(response.headers()) {
        // A file has a stricter one of its own.
        let policy = response.headers_mut().entry(header::CONTENT_SECURITY_POLICY);
        policy.or_insert(HeaderValue::from_static(NO_SCRIPT));
    }
    response
}

/// Every response passes here last: errors from layers below become pages, and browsers are told
/// to be strict.
pub(crate) async fn dress(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let mut response = if is_error && !is_html(response.headers()) {
        dressed_as(Failure::from_status(status).into_response(), response.headers())
    } else {
        response
    };
    be_strict(response.headers_mut());
    response
}

// The page, with the other headers of what it replaces (405 has Allow, RFC 9110 15.5.6).
fn dressed_as(mut page: Response, others: &HeaderMap) -> Response {
    for (name, value) in others {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            page.headers_mut().insert(name.clone(), value.clone());
        }
    }
    page
}

fn be_strict(headers: &mut HeaderMap) {
    for (name, value) in STRICT {
        // A page or file for a stranger has stricter ones of its own.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|t| t.as_bytes().starts_with(b"text/html"))
}

/// Of pages for strangers.
const NO_SCRIPT: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                         base-uri 'none'; frame-ancestors 'none'";
/// Of the page that has its own style in it, since nothing else would be given.
const ALONE: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                     frame-ancestors 'none'";

// No Strict-Transport-Security: with it a browser would not let anybody past our own certificate.
const STRICT: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // `no-referrer` would make browsers send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    // The panel's picture shows the claim code: no other site may embed it.
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// A posted form.
pub(crate) struct Posted<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Posted<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match Form::<T>::from_request(request, state).await {
            Ok(Form(form)) => Ok(Self(form)),
            // The rejection's own text may quote the form.
            Err(FormRejection::BytesRejection(bytes)) => Err(Failure::from_status(bytes.status())),
            Err(_) => Err(Failure::from_status(StatusCode::UNPROCESSABLE_ENTITY)),
        }
    }
}

/// Reads a password field into memory that is wiped.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    Ok(Secret::new(String::deserialize(deserializer)?.into_bytes()))
}

/// A moment as a page shows it.
pub(crate) struct Moment {
    /// RFC 3339, for `<time datetime>`.
    pub(crate) machine: String,
    /// For people, UTC.
    pub(crate) words: String,
}

impl From<proto::types::Timestamp> for Moment {
    fn from(at: proto::types::Timestamp) -> Self {
        let at = jiff::Timestamp::from_second(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self {
            machine: at.to_string(),
            words: at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string(),
        }
    }
}

/// A certificate's fingerprint as the panel shows it: the first 16 hex digits in groups of four.
pub(crate) fn short_fingerprint(hex: &str) -> String {
    let first: Vec<char> = hex.to_uppercase().chars().take(16).collect();
    first
        .chunks(4)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join(" ")
}
