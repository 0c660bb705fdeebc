//! Which page is up when. Pure: fed with the seconds since it was made.

use super::facts::{Body, Fact, facts};
use super::{Frame, Glass, drawing};
use crate::screen::Screen;

/// Seconds a page stays.
const PAGE: u64 = 5;
/// Seconds that a page just become true stays in front.
const NEWS: u64 = 8;
/// Seconds without trouble after which the glass goes dark.
const CALM: u64 = 600;
/// Seconds between moves of the picture by a pixel, against burning in.
const SHIFT: u64 = 60;

/// Shows a [`Screen`] on a [`Glass`] over time: turns pages, brings news to the front, moves the
/// picture about, and after ten calm minutes leaves only a walking dot.
#[derive(Debug)]
pub struct Rotation {
    glass: Glass,
    pages: Vec<Fact>,
    current: usize,
    /// When the current page gives way.
    until: u64,
    /// Whether the box runs and nothing is wrong.
    calm: bool,
    /// Since when that is so and nobody pressed the button.
    calm_since: u64,
}

impl Rotation {
    /// Nothing to show yet.
    pub fn new(glass: Glass) -> Rotation {
        Rotation {
            glass,
            pages: Vec::new(),
            current: 0,
            until: 0,
            calm: false,
            calm_since: 0,
        }
    }

    /// Takes the newest content at `now` seconds. A trouble that is new, or whose number rose, is
    /// in front at once; anything else waits for its turn.
    pub fn show(&mut self, screen: &Screen, now: u64) {
        let pages = facts(screen, self.glass);
        if pages == self.pages {
            return;
        }
        let news = pages.iter().position(|page| page.trouble && self.is_news(page));
        let other_kind = pages.first().map(|p| &p.title) != self.pages.first().map(|p| &p.title);
        if let Some(at) = news {
            self.current = at;
            self.until = now + NEWS;
        } else if other_kind || self.current >= pages.len() {
            self.current = 0;
            self.until = now + PAGE;
        }
        // Only a running box without trouble may darken; the claim code must stay readable.
        let calm = matches!(screen, Screen::Running(_)) && !pages.iter().any(|p| p.trouble);
        if calm && !self.calm {
            self.calm_since = now;
        }
        self.calm = calm;
        self.pages = pages;
    }

    /// The button: lights a dark glass, or turns the page.
    pub fn press(&mut self, now: u64) {
        if !self.is_dark(now) {
            self.turn(now);
        }
        self.calm_since = now;
    }

    /// The picture at `now` seconds.
    pub fn frame(&mut self, now: u64) -> Frame {
        if now >= self.until && self.pages.len() > 1 {
            self.turn(now);
        }
        if self.is_dark(now) {
            return self.dot(now);
        }
        let Some(page) = self.pages.get(self.current) else {
            return Frame::new(self.glass);
        };
        let step = now / SHIFT;
        let (dx, dy) = match self.glass {
            Glass::Small => (step % 2, 0),
            Glass::Large => (step % 3, step / 3 % 3),
        };
        drawing::draw(page, self.glass).shifted(small(dx), small(dy))
    }

    fn turn(&mut self, now: u64) {
        self.current = (self.current + 1) % self.pages.len().max(1);
        self.until = now + PAGE;
    }

    /// Whether `page` says something worse than the same page said before.
    fn is_news(&self, page: &Fact) -> bool {
        let Some(before) = self.pages.iter().find(|p| p.title == page.title && p.trouble) else {
            return true;
        };
        match (&before.body, &page.body) {
            (Body::Number { value: old, .. }, Body::Number { value: new, .. }) => new > old,
            _ => !self.pages.contains(page),
        }
    }

    fn is_dark(&self, now: u64) -> bool {
        self.calm && now.saturating_sub(self.calm_since) >= CALM
    }

    fn dot(&self, now: u64) -> Frame {
        let mut frame = Frame::new(self.glass);
        // Steps that share no factor with either side reach every pixel in time.
        let (x, y) = (
            now * 5 % u64::from(frame.width),
            now * 3 % u64::from(frame.height),
        );
        frame.set(small(x), small(y), true);
        frame
    }
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}
