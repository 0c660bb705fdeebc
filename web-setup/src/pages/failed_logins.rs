//! Who tried to get in and could not.

use crate::Site;
use crate::appliance::Appliance;
use crate::logins::{FailedLogin, LoginFilter, LoginMail};
use crate::page::{Frame, Moment, Page, Posted, Tab, show};
use askama::Template;
use axum::extract::Query;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect};
use proto::types::Protocol;
use serde::Deserialize;
use std::fmt::Write as _;

/// Rows on a page.
const ROWS: usize = 50;
/// Most rows of an export.
const EXPORTED: usize = 10_000;
/// Rows asked for at once.
const PORTION: usize = 500;
/// How often the admins get mail about it.
const MODES: [(&str, &str); 4] = [
    ("off", "never"),
    ("each", "soon after each, those that come together in one letter"),
    ("threshold", "when there are many from one address"),
    ("digest", "once a day"),
];

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The doors by their names.
const DOORS: [Protocol; 5] = [
    Protocol::Smtp,
    Protocol::Submission,
    Protocol::Imap,
    Protocol::Pop3,
    Protocol::Web,
];

#[derive(Template)]
#[template(path = "failed_logins.html")]
struct FailedLoginsPage {
    frame: Frame,
    rows: Vec<Row>,
    newest: bool,
    older: Option<u64>,
    filter: Place,
    /// The filter as it stands in an address, `&` at its end.
    query: String,
    doors: Vec<(&'static str, bool)>,
    said: bool,
    mail: LoginMail,
    modes: [(&'static str, &'static str); 4],
}

struct Row {
    at: Moment,
    first: Option<Moment>,
    ip: String,
    protocol: &'static str,
    login: String,
    known: bool,
    mechanism: &'static str,
    tls: bool,
    client: String,
    reason: String,
    count: u64,
}

impl From<FailedLogin> for Row {
    fn from(row: FailedLogin) -> Self {
        Self {
            first: (row.first != row.at).then(|| row.first.into()),
            at: row.at.into(),
            ip: row.ip.to_string(),
            protocol: row.protocol.as_str(),
            login: if row.login.is_empty() {
                "(none)".to_owned()
            } else {
                row.login
            },
            known: row.known,
            mechanism: row.mechanism.as_str(),
            tls: row.tls,
            client: row.client,
            reason: row.reason,
            count: row.count,
        }
    }
}

/// What is looked at; fields as they are typed, what makes no sense counts as empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    before: String,
    door: String,
    from: String,
    name: String,
    known: String,
    day: String,
    said: String,
}

impl Place {
    fn is_empty(&self) -> bool {
        let Self {
            door,
            from,
            name,
            known,
            day,
            ..
        } = self;
        [door, from, name, known, day]
            .iter()
            .all(|field| field.trim().is_empty())
    }

    fn filter(&self) -> LoginFilter {
        let day: Option<jiff::civil::Date> = self.day.parse().ok();
        let midnight = day.and_then(|day| jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
        LoginFilter {
            protocol: DOORS.into_iter().find(|door| door.as_str() == self.door),
            from: self.from.clone(),
            name: self.name.clone(),
            known: match self.known.as_str() {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            },
            day: midnight.map(|at| at.as_second().div_euclid(DAY)),
        }
    }

    fn query(&self) -> String {
        let fields = [
            ("door", &self.door),
            ("from", &self.from),
            ("name", &self.name),
            ("known", &self.known),
            ("day", &self.day),
        ];
        let mut query = String::new();
        for (name, value) in fields {
            if value.trim().is_empty() {
                continue;
            }
            let _ = write!(query, "{name}="); // a String takes everything
            for octet in value.trim().bytes() {
                if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
                    query.push(char::from(octet));
                } else {
                    let _ = write!(query, "%{octet:02X}");
                }
            }
            query.push('&');
        }
        query
    }
}

pub(crate) async fn list<A: Appliance>(site: Site<A>, Query(place): Query<Place>) -> Page {
    let before = place.before.parse().ok();
    let found = site.appliance.failed_logins(place.filter(), before, ROWS).await?;
    show(&FailedLoginsPage {
        frame: Frame::admin("Failed logins", Tab::FailedLogins),
        rows: found.rows.into_iter().map(Row::from).collect(),
        newest: before.is_none(),
        older: found.older,
        query: place.query(),
        doors: DOORS
            .map(|door| (door.as_str(), door.as_str() == place.door))
            .to_vec(),
        said: place.said == "mail",
        filter: place,
        mail: site.appliance.login_mail().await?,
        modes: MODES,
    })
}

#[derive(Deserialize)]
pub(crate) struct MailForm {
    mode: String,
    threshold: String,
}

pub(crate) async fn set_mail<A: Appliance>(site: Site<A>, Posted(form): Posted<MailForm>) -> Page {
    let threshold = form.threshold.trim().parse().unwrap_or(0); // refused in words
    let mail = LoginMail {
        mode: form.mode,
        threshold,
    };
    site.appliance.set_login_mail(mail).await?;
    Ok(Redirect::to("/failed-logins?said=mail").into_response())
}

/// The same as a table for a spreadsheet.
pub(crate) async fn export<A: Appliance>(site: Site<A>, Query(place): Query<Place>) -> Page {
    let mut csv = String::from("first,last,ip,protocol,account,known,mechanism,tls,reason,client,count\r\n");
    let mut before = None;
    let mut count = 0;
    while count < EXPORTED {
        let found = site
            .appliance
            .failed_logins(place.filter(), before, PORTION)
            .await?;
        count += found.rows.len();
        for row in found.rows {
            let line = [
                Moment::from(row.first).machine,
                Moment::from(row.at).machine,
                row.ip.to_string(),
                row.protocol.as_str().to_owned(),
                cell(&row.login),
                row.known.to_string(),
                row.mechanism.as_str().to_owned(),
                row.tls.to_string(),
                cell(&row.reason),
                cell(&row.client),
                row.count.to_string(),
            ];
            csv.push_str(&line.join(","));
            csv.push_str("\r\n");
        }
        before = found.older;
        if before.is_none() {
            break;
        }
    }
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"failed-logins.csv\""),
    ];
    Ok((headers, csv).into_response())
}

// A stranger's text: never a formula in the admin's spreadsheet, never a cell or line of its own.
pub(super) fn cell(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let formula = clean.trim_start().starts_with([
        '=', '+', '-', '@', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", clean.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_name_is_no_formula_and_no_line_in_a_spreadsheet() {
        for (text, shown) in [
            ("ann@example.com", "\"ann@example.com\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "\"'+1\""),
            ("-2+3", "\"'-2+3\""),
            ("@SUM(1)", "\"'@SUM(1)\""),
            ("\t=1", "\"' =1\""),
            ("a\r\n=1,2", "\"a  =1,2\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_filter_survives_in_an_address() {
        let place = Place {
            door: "imap".to_owned(),
            from: "192.0.2.0/24".to_owned(),
            name: "a&b=c".to_owned(),
            day: "1970-01-03".to_owned(),
            known: "no".to_owned(),
            ..Place::default()
        };
        assert_eq!(
            place.query(),
            "door=imap&from=192.0.2.0%2F24&name=a%26b%3Dc&known=no&day=1970-01-03&"
        );
        let filter = place.filter();
        assert_eq!(
            (filter.day, filter.known, filter.protocol),
            (Some(2), Some(false), Some(Protocol::Imap))
        );
        assert!(!place.is_empty() && Place::default().is_empty());
    }
}
