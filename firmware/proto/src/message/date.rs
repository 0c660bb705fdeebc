//! Dates as messages and protocols write them (RFC 5322 3.3, RFC 9051 9).

use super::lexer::Lexer;
use crate::types::Timestamp;
use jiff::civil;

/// A moment and how far from UTC the writer's clock was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// The moment.
    pub at: Timestamp,
    /// Seconds east of UTC.
    pub offset: i32,
}

impl Date {
    /// The day as written, counted from 1970-01-01 (IMAP's SENTON looks at nothing else).
    #[must_use]
    pub const fn day(self) -> i64 {
        self.at.0.saturating_add(self.offset as i64).div_euclid(DAY)
    }
}

/// Seconds of a day.
pub const DAY: i64 = 86_400;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Reads a Date field's value, obsolete forms included; `None` where there is no date in it.
// date-time = [ day-of-week "," ] day month year hour ":" minute [ ":" second ] zone
#[must_use]
pub fn parse(value: &[u8]) -> Option<Date> {
    let mut lexer = Lexer::new(value);
    lexer.skip_cfws();
    if lexer.peek().is_some_and(|o| o.is_ascii_alphabetic()) {
        lexer.take_while(|o| o.is_ascii_alphabetic());
        lexer.skip_cfws();
        lexer.eat(b',');
    }
    let day = number(&mut lexer)?;
    skip_separators(&mut lexer);
    let month = month(lexer.take_while(|o| o.is_ascii_alphabetic()))?;
    skip_separators(&mut lexer);
    let year = year(lexer.take_while(|o| o.is_ascii_digit()))?;
    let time = time(&mut lexer)?;
    lexer.skip_cfws();
    let offset = zone(lexer.take_while(|o| o.is_ascii_alphanumeric() || o == b'+' || o == b'-'));
    moment(year, month, day, time, offset)
}

fn skip_separators(lexer: &mut Lexer<'_>) {
    lexer.skip_cfws();
    lexer.eat(b'-');
    lexer.skip_cfws();
}

fn number<N: std::str::FromStr>(lexer: &mut Lexer<'_>) -> Option<N> {
    lexer.skip_cfws();
    let digits = lexer.take_while(|o| o.is_ascii_digit());
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn month(name: &[u8]) -> Option<i8> {
    let name = name.get(..3)?;
    (1..)
        .zip(MONTHS)
        .find(|(_, m)| name.eq_ignore_ascii_case(m.as_bytes()))
        .map(|(n, _)| n)
}

// RFC 5322 4.3: two digits under 50 are this century's, others and three digits the last one's.
fn year(digits: &[u8]) -> Option<i16> {
    let year: i16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match digits.len() {
        2 if year < 50 => Some(year + 2000),
        2 | 3 => Some(year + 1900),
        4 => Some(year),
        _ => None,
    }
}

fn time(lexer: &mut Lexer<'_>) -> Option<civil::Time> {
    let hour = number(lexer)?;
    lexer.skip_cfws();
    if !lexer.eat(b':') {
        return None;
    }
    let minute = number(lexer)?;
    lexer.skip_cfws();
    let second: i8 = if lexer.eat(b':') { number(lexer)? } else { 0 };
    // A leap second (60) is shown as the second before it.
    let second = if second == 60 { 59 } else { second };
    civil::Time::new(hour, minute, second, 0).ok()
}

// zone = (FWS ( "+" / "-" ) 4DIGIT) / obs-zone ; unknown names mean UTC (RFC 5322 4.3)
fn zone(text: &[u8]) -> i32 {
    let hours = match text.to_ascii_uppercase().as_slice() {
        b"EDT" => -4,
        b"EST" | b"CDT" => -5,
        b"CST" | b"MDT" => -6,
        b"MST" | b"PDT" => -7,
        b"PST" => -8,
        _ => return numeric_zone(text).unwrap_or(0),
    };
    hours * 3600
}

fn numeric_zone(text: &[u8]) -> Option<i32> {
    let (sign, digits) = text.split_first()?;
    let digits = std::str::from_utf8(digits).ok().filter(|d| d.len() == 4)?;
    let value: i32 = digits.parse().ok()?;
    let seconds = value / 100 * 3600 + value % 100 * 60;
    match sign {
        b'+' if value % 100 < 60 => Some(seconds),
        b'-' if value % 100 < 60 => Some(-seconds),
        _ => None,
    }
}

fn moment(year: i16, month: i8, day: i8, time: civil::Time, offset: i32) -> Option<Date> {
    let date = civil::Date::new(year, month, day).ok()?;
    let local = jiff::tz::Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?;
    let at = Timestamp(local.as_second().saturating_sub(i64::from(offset)));
    Some(Date { at, offset })
}

fn utc(at: Timestamp) -> civil::DateTime {
    let clamped =
        at.0.clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::from_second(clamped).unwrap_or_default())
}

fn month_name(at: civil::DateTime) -> &'static str {
    usize::try_from(at.month() - 1)
        .ok()
        .and_then(|m| MONTHS.get(m))
        .copied()
        .unwrap_or("Jan")
}

/// `Tue, 24 Nov 2026 06:56:31 +0000` (RFC 5322 3.3).
#[must_use]
pub fn format(at: Timestamp) -> String {
    let at = utc(at);
    let weekday = usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or_default();
    format!(
        "{}, {} {} {:04} {:02}:{:02}:{:02} +0000",
        WEEKDAYS.get(weekday).copied().unwrap_or("Mon"),
        at.day(),
        month_name(at),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// `2026-11-24T06:56:31Z` (RFC 3339 5.6).
#[must_use]
pub fn internet(at: Timestamp) -> String {
    utc(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `24-Nov-2026 06:56:31 +0000`, the day of one digit padded with a blank (RFC 9051 date-time,
/// without its quotes).
#[must_use]
pub fn format_internal(at: Timestamp) -> String {
    let at = utc(at);
    format!(
        "{:2}-{}-{:04} {:02}:{:02}:{:02} +0000",
        at.day(),
        month_name(at),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Reads IMAP's date-time without its quotes, strictly.
// date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
#[must_use]
pub fn parse_internal(text: &[u8]) -> Option<Timestamp> {
    let [
        d1,
        d2,
        b'-',
        m1,
        m2,
        m3,
        b'-',
        y1,
        y2,
        y3,
        y4,
        b' ',
        time @ ..,
        b' ',
        z1,
        z2,
        z3,
        z4,
        z5,
    ] = text
    else {
        return None;
    };
    let [_, _, b':', _, _, b':', _, _] = time else {
        return None;
    };
    let day = if *d1 == b' ' { vec![*d2] } else { vec![*d1, *d2] };
    let day: i8 = std::str::from_utf8(&day).ok()?.parse().ok()?;
    let year = year(&[*y1, *y2, *y3, *y4])?;
    let time = self::time(&mut Lexer::new(time))?;
    let offset = numeric_zone(&[*z1, *z2, *z3, *z4, *z5])?;
    Some(moment(year, month(&[*m1, *m2, *m3])?, day, time, offset)?.at)
}

/// Reads IMAP's date (`1-Feb-1994`, without quotes) as a day counted from 1970-01-01.
// date-text = date-day "-" date-month "-" date-year
#[must_use]
pub fn parse_day(text: &[u8]) -> Option<i64> {
    let mut fields = text.split(|o| *o == b'-');
    let (day, name, digits) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || name.len() != 3 || digits.len() != 4 || day.len() > 2 {
        return None;
    }
    let day: i8 = std::str::from_utf8(day).ok()?.parse().ok()?;
    Some(moment(year(digits)?, month(name)?, day, civil::Time::midnight(), 0)?.day())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_of_rfc_5322_and_of_the_world() {
        let cases: &[(&str, Option<(i64, i32)>)] = &[
            ("Fri, 21 Nov 1997 09:55:06 -0600", Some((880_127_706, -21_600))),
            ("Tue, 1 Jul 2003 10:52:37 +0200", Some((1_057_049_557, 7200))),
            // A.5
            (
                "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)",
                Some((-27_723_480, -12_600)),
            ),
            // A.6.2
            ("21 Nov 97 09:55:06 GMT", Some((880_106_106, 0))),
            // A.6.3
            (
                "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
                Some((880_127_706, -21_600)),
            ),
            ("Thu, 1 Jan 1970 00:00:00 GMT", Some((0, 0))),
            ("1 Jan 1970 00:00 EST", Some((18_000, -18_000))),
            ("1-Jan-1970 00:00:01 +0000", Some((1, 0))),
            ("Thu 1 January 1970 00:00:00 UT", Some((0, 0))),
            ("31 Dec 1998 23:59:60 +0000", Some((915_148_799, 0))),
            ("1 Jan 100 00:00:00 +0000", Some((946_684_800, 0))),
            ("1 Jan 1970 00:00:00 +9", Some((0, 0))),
            ("30 Feb 2020 00:00:00 +0000", None),
            ("yesterday", None),
            ("", None),
            ("1 Jan", None),
            ("99999999999999 Jan 2000 00:00:00 +0000", None),
        ];
        for (text, expected) in cases {
            let got = parse(text.as_bytes()).map(|d| (d.at.0, d.offset));
            assert_eq!(got, *expected, "{text}");
        }
    }

    #[test]
    fn the_day_is_the_writers() {
        let day = |text: &str| parse(text.as_bytes()).unwrap().day();
        assert_eq!(day("2 Jan 1970 00:30:00 +0200"), 1);
        assert_eq!(day("31 Dec 1969 23:30:00 -0200"), -1);
        assert_eq!(parse_day(b"1-Feb-1994"), Some(8797));
        assert_eq!(parse_day(b"01-feb-1994"), Some(8797));
        for wrong in [
            "",
            "1-Feb",
            "1-Feb-94",
            "1-February-1994",
            "1-Feb-1994-",
            "x-Feb-1994",
            "31-Feb-1994",
        ] {
            assert_eq!(parse_day(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn internal_dates_are_strict() {
        assert_eq!(
            parse_internal(b"17-Jul-1996 02:44:25 -0700"),
            Some(Timestamp(837_596_665))
        );
        assert_eq!(parse_internal(b" 1-Jan-1970 00:00:00 +0000"), Some(Timestamp(0)));
        assert_eq!(format_internal(Timestamp(0)), " 1-Jan-1970 00:00:00 +0000");
        for wrong in [
            "",
            "1-Jan-1970 00:00:00 +0000",
            "17-Jul-1996 02:44:25",
            "17-Jul-1996 2:44:25 -0700",
            "17-Jul-1996 02:44:25 GMT",
            "17 Jul 1996 02:44:25 -0700",
            "17-Jul-1996 25:44:25 -0700",
        ] {
            assert_eq!(parse_internal(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn formatted_dates_are_read_back(seconds in 0i64..4_000_000_000) {
            let at = Timestamp(seconds);
            prop_assert_eq!(parse(format(at).as_bytes()), Some(Date { at, offset: 0 }));
            prop_assert_eq!(parse_internal(format_internal(at).as_bytes()), Some(at));
        }

        #[test]
        fn any_time_is_formatted_without_panic(seconds: i64, octets in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = format(Timestamp(seconds));
            let _ = parse(&octets);
            let _ = parse_internal(&octets);
            let _ = parse_day(&octets);
        }
    }
}
