//! From the counts of tokens to how likely a message is spam: G. Robinson, "A Statistical Approach
//! to the Spam Problem" (2003).

use super::lexicon::Word;
use store::{BayesState, TokenCount};

/// How much an unknown token is believed to be in the middle, in messages.
const STRENGTH: f64 = 0.45;
/// What is thought of a token before anything is known.
const MIDDLE: f64 = 0.5;
/// Tokens nearer to the middle say nothing.
const TELLING: f64 = 0.1;
/// Most tokens that are combined: those farthest from the middle.
const CLUES: usize = 150;
/// Up to here e^-x is a number of full precision.
const SMALL: f64 = 700.0;
/// Tokens that are named to a person.
const NAMED: usize = 5;

/// What the filter thinks of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// That it is spam: 0 to 1; 0.5 where nothing is known.
    pub likelihood: f64,
    /// Tokens that it is made from.
    pub clues: usize,
    /// The most telling of them, in words.
    pub telling: Vec<String>,
}

/// Combines the counts of a message's tokens.
#[must_use]
pub fn opinion(learnt: BayesState, words: &[Word<'_>]) -> Opinion {
    let mut clues: Vec<(f64, &Word<'_>)> = words
        .iter()
        .filter(|word| word.count.spam > 0 || word.count.ham > 0)
        .map(|word| (leaning(learnt, word.count), word))
        .filter(|(leaning, _)| leaning.abs() >= TELLING)
        .collect();
    // The order of equals must not be a spammer's choice: by hash.
    let farthest = |(a, first): &(f64, &Word<'_>), (b, second): &(f64, &Word<'_>)| {
        b.abs().total_cmp(&a.abs()).then(first.hash.cmp(&second.hash))
    };
    if clues.len() > CLUES {
        clues.select_nth_unstable_by(CLUES, farthest);
        clues.truncate(CLUES);
    }
    clues.sort_unstable_by(farthest);
    let likelihoods: Vec<f64> = clues.iter().map(|(leaning, _)| MIDDLE + leaning).collect();
    let name = |(leaning, word): &(f64, &Word<'_>)| {
        let side = if *leaning > 0.0 { "spam" } else { "no spam" };
        format!("{} ({side})", word.text)
    };
    Opinion {
        likelihood: combined(&likelihoods),
        clues: clues.len(),
        telling: clues.iter().take(NAMED).map(name).collect(),
    }
}

// How far a token is from the middle, towards spam (at most 0.5) or away from it, the less the rarer it
// is. Spam and the rest swapped give the same number with the other sign, to the last bit: of tokens
// equally far from the middle, rounding must not put one side first.
fn leaning(learnt: BayesState, count: TokenCount) -> f64 {
    let share = |count: u32, of: u64| (f64::from(count) / as_number(of.max(1))).min(1.0);
    let (spam, ham) = (share(count.spam, learnt.spam), share(count.ham, learnt.ham));
    if spam + ham <= 0.0 {
        return 0.0;
    }
    let seen = f64::from(count.spam) + f64::from(count.ham);
    seen * (spam - ham) / (2.0 * (spam + ham) * (STRENGTH + seen))
}

// Fisher: if the likelihoods were chance, how surprising are they together, seen from either side?
fn combined(likelihoods: &[f64]) -> f64 {
    if likelihoods.is_empty() {
        return MIDDLE;
    }
    let surprise = |of: &dyn Fn(f64) -> f64| {
        let logs: f64 = likelihoods
            .iter()
            .map(|p| of(*p).max(f64::MIN_POSITIVE).ln())
            .sum();
        chance(-logs, likelihoods.len())
    };
    let (spam, ham) = (surprise(&|p| 1.0 - p), surprise(&|p| p));
    // `spam` is small where the tokens are spam's.
    let likelihood = f64::midpoint(1.0, ham - spam);
    likelihood.clamp(0.0, 1.0)
}

// The chi-square distribution with 2n degrees of freedom: that a value of 2x or more is chance: the sum of
// the terms e^-x x^i / i!. e^-x alone is 0 from x = 746 on: the logarithms are summed then.
fn chance(x: f64, n: usize) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x < SMALL {
        let mut term = (-x).exp();
        let mut sum = term;
        for i in 1..n {
            term *= x / as_number(i as u64);
            sum += term;
        }
        return sum.min(1.0);
    }
    let mut log_term = -x;
    let mut sum = log_term.exp();
    for i in 1..n {
        log_term += (x / as_number(i as u64)).ln();
        sum += log_term.exp();
    }
    sum.min(1.0)
}

#[allow(clippy::cast_precision_loss)] // counts are far below 2^52
const fn as_number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::super::tokens::hash;
    use super::*;
    use proptest::prelude::*;

    const LEARNT: BayesState = BayesState {
        spam: 100,
        ham: 100,
        tokens: 0,
        version: 0,
    };

    fn judged(counts: &[(u32, u32)]) -> Opinion {
        let texts: Vec<String> = (0..counts.len()).map(|n| format!("w{n}")).collect();
        let words = texts.iter().zip(counts).map(|(text, &(spam, ham))| Word {
            text,
            hash: hash(text),
            count: TokenCount { spam, ham },
        });
        opinion(LEARNT, &words.collect::<Vec<_>>())
    }

    #[test]
    fn tokens_of_one_side_say_so_and_contradictions_say_nothing() {
        assert!((judged(&[]).likelihood - 0.5).abs() < 1e-9);
        assert!((judged(&[(0, 0); 50]).likelihood - 0.5).abs() < 1e-9);
        assert!(judged(&[(20, 0); 10]).likelihood > 0.995);
        assert!(judged(&[(0, 20); 10]).likelihood < 0.005);
        let torn: Vec<_> = (0..40)
            .map(|n| if n % 2 == 0 { (20, 0) } else { (0, 20) })
            .collect();
        assert!((judged(&torn).likelihood - 0.5).abs() < 0.05);
        // A word seen once is a hint, no more.
        assert!((0.6..0.9).contains(&judged(&[(1, 0)]).likelihood));
        assert_eq!(judged(&[(50, 50), (20, 0)]).clues, 1);
        assert!(judged(&[(100, 0); 2000]).likelihood > 0.999);
    }

    #[test]
    fn the_chance_is_that_of_the_tables() {
        // Quantiles of chi-square: 2n degrees of freedom, value, chance.
        for (n, value, expected) in [
            (1, 5.991, 0.05),
            (2, 9.488, 0.05),
            (5, 18.307, 0.05),
            (10, 37.566, 0.01),
        ] {
            let got = chance(value / 2.0, n);
            assert!((got - expected).abs() < 1e-4, "{n}: {got}");
        }
        assert!(chance(5000.0, 150) < 1e-300);
        assert!((chance(0.0, 3) - 1.0).abs() < 1e-12);
    }

    // More tokens than are combined, all equally far from the middle: neither side may be preferred.
    #[test]
    fn of_equals_on_either_side_no_side_is_taken_first() {
        for (spam, ham) in (1..60).flat_map(|spam| (0..spam).map(move |ham| (spam, ham))) {
            let torn: Vec<_> = (0..2 * CLUES)
                .map(|n| if n % 2 == 0 { (spam, ham) } else { (ham, spam) })
                .collect();
            let mirrored: Vec<_> = torn.iter().map(|(spam, ham)| (*ham, *spam)).collect();
            let (seen, other) = (judged(&torn).likelihood, judged(&mirrored).likelihood);
            assert!((seen + other - 1.0).abs() < 1e-6, "{spam} {ham}: {seen} {other}");
        }
    }

    proptest! {
        #[test]
        fn a_likelihood_is_one_and_is_the_other_side_of_the_mirror(
            counts in prop::collection::vec((0u32..200, 0u32..200), 0..300),
        ) {
            let mirrored: Vec<_> = counts.iter().map(|(spam, ham)| (*ham, *spam)).collect();
            let (seen, other) = (judged(&counts).likelihood, judged(&mirrored).likelihood);
            prop_assert!((0.0..=1.0).contains(&seen));
            prop_assert!((seen + other - 1.0).abs() < 1e-6, "{} {}", seen, other);
        }

        #[test]
        fn one_more_spam_word_never_makes_a_message_better(
            counts in prop::collection::vec((0u32..50, 0u32..50), 0..60), more in 5u32..100,
        ) {
            let before = judged(&counts).likelihood;
            let mut counts = counts;
            counts.push((more, 0));
            prop_assert!(judged(&counts).likelihood >= before - 1e-9);
        }
    }
}
