//! Answers, as a person reads them or as JSON.

use anyhow::Result;
use proto::message::date::internet;
use proto::types::Timestamp;
use serde_json::{Map, Value};
use std::io::Write;

/// Fields that are moments: seconds since 1970 on the way from the box, dates (RFC 3339, UTC) for whoever
/// asked, a person or a program.
const MOMENTS: [&str; 18] = [
    "at",
    "created",
    "due",
    "expires",
    "first",
    "last",
    "last_download",
    "left_alone_until",
    "made",
    "next",
    "removable",
    "seen",
    "since",
    "time",
    "until",
    "used",
    "valid_until",
    "watched_until",
];

/// Prints an answer: in JSON, or each row as a line.
///
/// # Errors
/// Nobody reads any more.
pub(super) fn show(answer: &Value, json: bool) -> Result<()> {
    match &dated(answer) {
        answer if json => tell(&serde_json::to_string_pretty(answer)?),
        Value::Array(rows) => rows.iter().try_for_each(|row| tell(&lines(row))),
        row => tell(&lines(row)),
    }
}

/// Prints a line.
///
/// # Errors
/// Nobody reads any more.
pub(super) fn tell(words: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{words}")?)
}

// The same with dates.
fn dated(answer: &Value) -> Value {
    match answer {
        Value::Object(fields) => {
            let dated = |(key, value): (&String, &Value)| {
                let at = MOMENTS.contains(&key.as_str()).then(|| value.as_i64()).flatten();
                let date = at.map(|at| Value::String(internet(Timestamp(at))));
                (key.clone(), date.unwrap_or_else(|| dated(value)))
            };
            fields.iter().map(dated).collect()
        }
        Value::Array(rows) => rows.iter().map(dated).collect(),
        value => value.clone(),
    }
}

// `key=value` pairs on one line, below it a line for each row inside; what is empty is left out.
fn lines(row: &Value) -> String {
    let Value::Object(fields) = row else {
        return plain(row);
    };
    let (mut words, mut below) = (Vec::new(), Vec::new());
    collect(fields, "", &mut words, &mut below);
    let mut text = words.join("  ");
    for (name, row) in below {
        for line in format!("{name}: {}", lines(row)).lines() {
            text.push_str("\n    ");
            text.push_str(line);
        }
    }
    text
}

fn collect<'a>(
    fields: &'a Map<String, Value>,
    before: &str,
    words: &mut Vec<String>,
    below: &mut Vec<(String, &'a Value)>,
) {
    for (key, value) in fields {
        let name = format!("{before}{key}");
        match value {
            Value::Null => {}
            Value::Object(inner) => collect(inner, &format!("{name}."), words, below),
            Value::Array(list) if list.iter().any(Value::is_object) => {
                below.extend(list.iter().map(|row| (name.clone(), row)));
            }
            Value::Array(list) if list.is_empty() => {}
            Value::Array(list) => {
                let list: Vec<String> = list.iter().map(plain).collect();
                words.push(format!("{name}={}", list.join(",")));
            }
            value => words.push(format!("{name}={}", plain(value))),
        }
    }
}

// Much of it was said by strangers: it may neither break a line nor steer the terminal.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace(char::is_control, " "),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_person_reads_lines_with_dates_and_rows_below_them() {
        let row = json!({
            "address": "anna@firm.example",
            "admin": true,
            "since": 1_795_549_709,
            "until": null,
            "used": "2026-11-24T19:48:29Z",
            "counts": { "messages": 3, "at": 1_795_549_709 },
            "targets": ["a", "b"],
            "none": [],
            "words": "550 \u{1b}[2Jno\nmore=1",
            "next": { "records": [{ "name": "x", "text": "y" }, { "name": "z" }] },
        });
        let shown = "address=anna@firm.example  admin=true  counts.at=2026-11-24T19:48:29Z  counts.messages=3  \
                     since=2026-11-24T19:48:29Z  targets=a,b  used=2026-11-24T19:48:29Z  words=550  [2Jno more=1\n    \
                     next.records: name=x  text=y\n    next.records: name=z";
        assert_eq!(lines(&dated(&row)), shown);
        let (rows, dates) = (
            json!([{ "at": 1_795_549_709, "tries": 7, "next": null }, { "inner": { "until": 0 } }]),
            json!([{ "at": "2026-11-24T19:48:29Z", "tries": 7, "next": null },
                   { "inner": { "until": "1970-01-01T00:00:00Z" } }]),
        );
        assert_eq!(dated(&rows), dates);
        for value in [json!("words"), json!(7)] {
            assert_eq!(lines(&value), value.to_string().trim_matches('"'));
        }
    }
}
