//! LIST's patterns: `*` is anything, `%` anything but the separator (RFC 9051 6.3.9).

/// A pattern.
#[derive(Debug)]
pub(super) struct Pattern(Vec<char>);

impl Pattern {
    pub fn new(text: &str) -> Self {
        let mut tokens: Vec<char> = Vec::with_capacity(text.len());
        for c in text.chars() {
            // Neighbouring wildcards are the stronger one of them.
            match (tokens.last_mut(), c) {
                (Some('*'), '*' | '%') | (Some('%'), '%') => {}
                (Some(last @ '%'), '*') => *last = '*',
                _ => tokens.push(c),
            }
        }
        // INBOX in any case (RFC 9051 5.1), where the pattern spells it out.
        let head: String = tokens.iter().take(5).collect();
        let ends = tokens.get(5).is_none_or(|&c| matches!(c, '/' | '*' | '%'));
        if ends && head.eq_ignore_ascii_case("INBOX") {
            tokens.splice(..5, "INBOX".chars());
        }
        Self(tokens)
    }

    /// Row by row over the pattern: time is the product of both lengths, whatever the pattern.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        // `reached[i]`: the pattern so far matches the first i characters of the name.
        let mut reached = vec![false; name.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for &token in &self.0 {
            let mut next = vec![false; reached.len()];
            let mut running = false;
            for (place, (&here, slot)) in reached.iter().zip(next.iter_mut()).enumerate() {
                let before = place.checked_sub(1).and_then(|before| name.get(before)).copied();
                match token {
                    '*' => running |= here,
                    '%' => running = here || (running && before != Some('/')),
                    _ => {
                        let came = place.checked_sub(1).and_then(|p| reached.get(p)).copied();
                        running = came == Some(true) && before == Some(token);
                    }
                }
                *slot = running;
            }
            reached = next;
        }
        reached.last() == Some(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_crosses_the_hierarchy_and_percent_does_not() {
        for (pattern, name, matches) in [
            ("*", "a/b/c", true),
            ("%", "a", true),
            ("%", "a/b", false),
            ("%/%", "a/b", true),
            ("a%", "abc", true),
            ("a%", "a/c", false),
            ("a*c", "a/b/c", true),
            ("*b*", "abc", true),
            ("b", "abc", false),
            ("", "", true),
            ("%b/*", "ab/", true),
            ("inbox", "INBOX", true),
            ("InBox/%", "INBOX/x", true),
            ("inboxes", "inboxes", true),
            ("%%%%**", "x/y", true),
            ("*/", "x", false),
            ("Entw%", "Entwürfe", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn many_wildcards_cost_no_more_than_a_product() {
        let pattern = "*a".repeat(500);
        assert!(!Pattern::new(&pattern).matches(&"a".repeat(499)));
        assert!(Pattern::new(&pattern).matches(&"a".repeat(500)));
    }
}
