//! Parameters of MAIL and RCPT (RFC 5321 4.1.1.11). Which of them are offered on this connection is
//! the session's matter.

use super::command::{ForwardPath, Wrong};
use crate::types::{
    BodyKind, EnvelopeId, Hold, Notify, OriginalRecipient, RecipientWishes, Returned, ReversePath, Timestamp,
    TlsWish, Wishes,
};

/// MAIL with its parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct Mail {
    pub from: ReversePath,
    /// SIZE= (RFC 1870), octets.
    pub size: Option<u64>,
    pub wishes: Wishes,
}

/// RCPT with its parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct Rcpt {
    pub path: ForwardPath,
    /// The path was written in ASCII; any other wants SMTPUTF8 (RFC 6531 3.4).
    pub ascii: bool,
    pub wishes: RecipientWishes,
}

// esmtp-param = esmtp-keyword ["=" esmtp-value], each keyword once
fn each<'a>(params: &'a [u8], mut take: impl FnMut(&str, &'a str) -> Result<(), Wrong>) -> Result<(), Wrong> {
    let params = std::str::from_utf8(params).map_err(|_| Wrong::NotAscii)?;
    let mut seen = Vec::new();
    for param in params.split(' ').filter(|param| !param.is_empty()) {
        let (keyword, value) = param.split_once('=').unwrap_or((param, ""));
        let keyword = keyword.to_ascii_uppercase();
        take(&keyword, value)?;
        if seen.contains(&keyword) {
            return Err(Wrong::Syntax("each parameter once"));
        }
        seen.push(keyword);
    }
    Ok(())
}

pub fn mail_params(from: ReversePath, params: &[u8]) -> Result<Mail, Wrong> {
    let mut mail = Mail {
        from,
        size: None,
        wishes: Wishes::default(),
    };
    let wishes = &mut mail.wishes;
    each(params, |keyword, value| {
        match keyword {
            "SIZE" => mail.size = Some(size(value)?),
            "BODY" => wishes.body = body(value)?,
            // RFC 4954 5: who wrote it says the client; nobody here needs to believe it.
            "AUTH" if !value.is_empty() => {}
            "SMTPUTF8" if value.is_empty() => wishes.utf8 = true,
            "REQUIRETLS" if value.is_empty() => wishes.tls = TlsWish::Required,
            "RET" => wishes.returned = Some(returned(value)?),
            "ENVID" => {
                let id = EnvelopeId::parse(value).ok_or(Wrong::Syntax("ENVID=xtext"))?;
                wishes.envelope_id = Some(id);
            }
            // RFC 4865 4.2: one of the two
            "HOLDFOR" | "HOLDUNTIL" if wishes.hold.is_some() => {
                return Err(Wrong::Syntax("HOLDFOR or HOLDUNTIL, once"));
            }
            "HOLDFOR" => wishes.hold = Some(hold_for(value)?),
            "HOLDUNTIL" => wishes.hold = Some(hold_until(value)?),
            _ => return Err(Wrong::Parameter),
        }
        Ok(())
    })?;
    Ok(mail)
}

pub fn rcpt_params(params: &[u8]) -> Result<RecipientWishes, Wrong> {
    let mut wishes = RecipientWishes::default();
    each(params, |keyword, value| {
        match keyword {
            "NOTIFY" => {
                let expected = Wrong::Syntax("NOTIFY=NEVER, or of SUCCESS,FAILURE,DELAY");
                wishes.notify = Notify::parse(value).ok_or(expected)?;
            }
            "ORCPT" => {
                let original = OriginalRecipient::parse(value);
                wishes.original = Some(original.ok_or(Wrong::Syntax("ORCPT=type;xtext"))?);
            }
            _ => return Err(Wrong::Parameter),
        }
        Ok(())
    })?;
    Ok(wishes)
}

// size-value = 1*20DIGIT (RFC 1870 3); more than a u64 is too much in any case
fn size(value: &str) -> Result<u64, Wrong> {
    if !(1..=20).contains(&value.len()) || !value.bytes().all(|o| o.is_ascii_digit()) {
        return Err(Wrong::Syntax("SIZE=octets"));
    }
    Ok(value.parse().unwrap_or(u64::MAX))
}

// body-value = "7BIT" / "8BITMIME" (RFC 6152 2) / "BINARYMIME" (RFC 3030 3)
fn body(value: &str) -> Result<BodyKind, Wrong> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Ok(BodyKind::SevenBit),
        "8BITMIME" => Ok(BodyKind::EightBit),
        "BINARYMIME" => Ok(BodyKind::Binary),
        _ => Err(Wrong::Syntax("BODY=7BIT, 8BITMIME or BINARYMIME")),
    }
}

// ret-value = "FULL" / "HDRS" (RFC 3461 4.3)
fn returned(value: &str) -> Result<Returned, Wrong> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Ok(Returned::Full),
        "HDRS" => Ok(Returned::Header),
        _ => Err(Wrong::Syntax("RET=FULL or RET=HDRS")),
    }
}

// future-release-integer = %x31-39 *8DIGIT (RFC 4865 3)
fn hold_for(value: &str) -> Result<Hold, Wrong> {
    let digits = (1..=9).contains(&value.len()) && value.bytes().all(|o| o.is_ascii_digit());
    let seconds = value.parse().ok().filter(|seconds| digits && *seconds > 0);
    seconds.map(Hold::For).ok_or(Wrong::Syntax("HOLDFOR=seconds"))
}

// future-release-date-time = Internet-style-date-time-UTC (RFC 4865 3)
fn hold_until(value: &str) -> Result<Hold, Wrong> {
    let expected = Wrong::Syntax("HOLDUNTIL=2030-01-31T12:00:00Z");
    if !value.is_ascii() || !value.ends_with(['Z', 'z']) {
        return Err(expected);
    }
    let then: jiff::Timestamp = value.parse().map_err(|_| expected)?;
    Ok(Hold::Until(Timestamp(then.as_second())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(params: &str) -> Result<(Option<u64>, Wishes), Wrong> {
        mail_params(None, params.as_bytes()).map(|mail| (mail.size, mail.wishes))
    }

    #[test]
    fn mail_parameters() {
        let eight = Wishes {
            body: BodyKind::EightBit,
            ..Wishes::default()
        };
        assert_eq!(mail("SIZE=1000 body=8bitmime AUTH=<>"), Ok((Some(1000), eight)));
        assert_eq!(mail("BODY=7BIT"), Ok((None, Wishes::default())));
        assert_eq!(
            mail("SIZE=99999999999999999999"),
            Ok((Some(u64::MAX), Wishes::default()))
        );
        let all = Wishes {
            body: BodyKind::Binary,
            utf8: true,
            returned: Some(Returned::Full),
            envelope_id: EnvelopeId::parse("a+2Bb"),
            tls: TlsWish::Required,
            hold: Some(Hold::For(60)),
        };
        assert_eq!(
            mail("body=BINARYMIME smtputf8 RET=full ENVID=a+2Bb RequireTLS HOLDFOR=60"),
            Ok((None, all))
        );
        let until = Wishes {
            hold: Some(Hold::Until(Timestamp(86_400))),
            ..Wishes::default()
        };
        assert_eq!(mail("HOLDUNTIL=1970-01-02T00:00:00Z"), Ok((None, until)));
        for wrong in [
            "SIZE=",
            "SIZE=-1",
            "SIZE=1x",
            "SIZE=999999999999999999999",
            "BODY=9BIT",
            "BODY",
            "SIZE=1 SIZE=2",
            "SMTPUTF8 SMTPUTF8",
            "RET=ALL",
            "ENVID=",
            "ENVID=a+2b",
            "HOLDFOR=0",
            "HOLDFOR=1234567890",
            "HOLDFOR=+5",
            "HOLDFOR=1 HOLDUNTIL=1970-01-02T00:00:00Z",
            "HOLDUNTIL=1970-01-02T00:00:00+01:00",
            "HOLDUNTIL=tomorrowZ",
        ] {
            assert!(matches!(mail(wrong), Err(Wrong::Syntax(_))), "{wrong}");
        }
        for unknown in [
            "X=Y",
            "AUTH=",
            "=1",
            "SMTPUTF8=yes",
            "REQUIRETLS=1",
            "NOTIFY=NEVER",
        ] {
            assert_eq!(mail(unknown), Err(Wrong::Parameter), "{unknown}");
        }
    }

    #[test]
    fn rcpt_parameters() {
        let wishes = rcpt_params(b"notify=success,delay ORCPT=rfc822;a+2Bb@c.example").unwrap();
        assert!(wishes.notify.of_success() && wishes.notify.of_delay() && !wishes.notify.of_failure());
        assert_eq!(wishes.original.unwrap().address(), "a+b@c.example");
        assert_eq!(rcpt_params(b""), Ok(RecipientWishes::default()));
        for wrong in [
            "NOTIFY=",
            "NOTIFY=NEVER,DELAY",
            "ORCPT=a@b",
            "NOTIFY=NEVER NOTIFY=NEVER",
        ] {
            assert!(
                matches!(rcpt_params(wrong.as_bytes()), Err(Wrong::Syntax(_))),
                "{wrong}"
            );
        }
        assert_eq!(rcpt_params(b"SIZE=1"), Err(Wrong::Parameter));
    }
}
