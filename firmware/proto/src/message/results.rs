//! What servers say in Authentication-Results fields (RFC 8601 2.2), as anybody writes them.

use super::lexer::Lexer;

/// What stands between two semicolons: names in lower case, each with the value that follows it, if one
/// does. First the server with its version, then one check each: `dmarc=pass header.from=a.example`.
pub type Statement = Vec<(String, Option<String>)>;

/// The statements of a field, without comments and quotes. Nothing in quotes or in a comment ends one, or
/// begins one.
#[must_use]
pub fn statements(value: &[u8]) -> Vec<Statement> {
    let mut lexer = Lexer::new(value);
    let mut statements = vec![Statement::new()];
    loop {
        lexer.skip_cfws();
        if lexer.eat(b';') {
            statements.push(Statement::new());
            continue;
        }
        let name = word(&mut lexer, b"=").to_lowercase();
        lexer.skip_cfws();
        let value = lexer.eat(b'=').then(|| {
            lexer.skip_cfws();
            word(&mut lexer, b"")
        });
        if name.is_empty() && value.is_none() {
            match lexer.peek() {
                None => return statements,
                Some(b';' | b'(') => {}
                Some(_) => drop(lexer.bump()), // it fits nowhere
            }
            continue;
        }
        if let Some(statement) = statements.last_mut() {
            statement.push((name, value));
        }
    }
}

// Quotes may stand in the middle of it: "a b"@c.example.
fn word(lexer: &mut Lexer<'_>, stops: &[u8]) -> String {
    let mut word = Vec::new();
    while let Some(octet) = lexer.peek() {
        if octet == b'"' {
            word.extend(lexer.quoted().unwrap_or_default());
        } else if b" \t\r\n;()".contains(&octet) || stops.contains(&octet) {
            break;
        } else {
            word.push(octet);
            lexer.bump();
        }
    }
    String::from_utf8_lossy(&word).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_stands_in_quotes_or_comments_says_nothing_else() {
        for (value, wanted) in [
            ("mx.example; none", "mx.example|none"),
            (
                "mx.example 1;\r\n\tspf=pass smtp.mailfrom=a.example",
                "mx.example,1|spf=pass,smtp.mailfrom=a.example",
            ),
            (
                "i=1; MX.example; DMARC = pass (p=none; x) header.from=A.example",
                "i=1|mx.example|dmarc=pass,header.from=A.example",
            ),
            ("(\\() mx.example; spf=pass", "mx.example|spf=pass"),
            ("(;) \"m\\x.example\"; spf=pass", "mx.example|spf=pass"),
            (
                "mx.example; spf=pass smtp.mailfrom=\"a; dmarc=pass\"@b.example",
                "mx.example|spf=pass,smtp.mailfrom=a; dmarc=pass@b.example",
            ),
            (
                "mx.example; spf=pass smtp.mailfrom=dmarc=pass@b.example",
                "mx.example|spf=pass,smtp.mailfrom=dmarc=pass@b.example",
            ),
            ("mx.example; =pass ) x", "mx.example|=pass,x"),
            ("(never closed; spf=pass", ""),
            ("", ""),
        ] {
            let told = statements(value.as_bytes())
                .iter()
                .map(|statement| {
                    let pairs = statement.iter().map(|(name, value)| match value {
                        Some(value) => format!("{name}={value}"),
                        None => name.clone(),
                    });
                    pairs.collect::<Vec<_>>().join(",")
                })
                .collect::<Vec<_>>()
                .join("|");
            assert_eq!(told, wanted, "{value}");
        }
    }

    proptest! {
        #[test]
        fn it_always_ends(value in proptest::collection::vec(proptest::sample::select(b"a=;()\"\\ \n\xff".to_vec()), 0..40)) {
            let _ = statements(&value);
        }
    }
}
