//! What the guard found, in words for a person.

use super::rules::window;
use super::windows::Over;
use crate::clock::DAY;
use store::Counter;

/// Such as `16 messages in an hour from a new network (15 are allowed)`.
#[must_use]
pub fn reason(over: &Over) -> String {
    numbers(over.counter, over.count, over.limit)
}

/// The same for a counter and its numbers.
#[must_use]
pub fn numbers(counter: Counter, count: u32, limit: u32) -> String {
    let time = if window(counter) == DAY {
        "a day"
    } else {
        "an hour"
    };
    let what = match counter {
        Counter::LanMessages => format!("{count} messages in {time} from the office"),
        Counter::KnownMessages => format!("{count} messages in {time} from a known network"),
        Counter::NewMessages => format!("{count} messages in {time} from a new network"),
        Counter::Recipients => format!("{count} recipients in {time}"),
        Counter::FirstTimeRecipients => format!("{count} recipients never written to before in {time}"),
        Counter::HardBounces => format!("{count} undeliverable recipients in {time}"),
        Counter::NewNetworks => format!("mail from {count} new networks in {time}"),
        Counter::Senders => format!("{count} sender addresses in {time}"),
    };
    let verb = if limit == 1 { "is" } else { "are" };
    format!("{what} ({limit} {verb} allowed)")
}
