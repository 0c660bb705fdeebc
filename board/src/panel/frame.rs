//! A picture of one bit a pixel, kept the way the small OLEDs want it.

use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use std::convert::Infallible;
use std::fmt;

/// The panels there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glass {
    /// 96x16, as the emulated Pi has.
    Small,
    /// 128x64, as sold everywhere with SSD1306 or SH1106.
    Large,
}

impl Glass {
    /// Pixels across.
    pub const fn width(self) -> u32 {
        match self {
            Glass::Small => 96,
            Glass::Large => 128,
        }
    }

    /// Pixels down; a multiple of 8.
    pub const fn height(self) -> u32 {
        match self {
            Glass::Small => 16,
            Glass::Large => 64,
        }
    }
}

/// A picture. `bits` holds bands of eight lines: octet `band * width + x` is a column of eight
/// pixels, the uppermost in the lowest bit. That is the controllers' own order.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// `width * height / 8` octets.
    pub bits: Vec<u8>,
}

impl Frame {
    /// All dark.
    pub fn new(glass: Glass) -> Frame {
        Frame::with_size(glass.width(), glass.height())
    }

    pub(crate) fn with_size(width: u32, height: u32) -> Frame {
        let bands = height.div_ceil(8);
        Frame {
            width,
            height,
            bits: vec![0; (width * bands) as usize],
        }
    }

    /// Whether the pixel is lit; outside of the picture nothing is.
    pub fn get(&self, x: u32, y: u32) -> bool {
        if x >= self.width || y >= self.height {
            return false;
        }
        let octet = self
            .bits
            .get((y / 8 * self.width + x) as usize)
            .copied()
            .unwrap_or(0);
        octet >> (y % 8) & 1 == 1
    }

    /// Lights or darkens a pixel; outside of the picture it does nothing.
    pub fn set(&mut self, x: u32, y: u32, lit: bool) {
        if x >= self.width || y >= self.height {
            return;
        }
        if let Some(octet) = self.bits.get_mut((y / 8 * self.width + x) as usize) {
            let bit = 1 << (y % 8);
            if lit { *octet |= bit } else { *octet &= !bit }
        }
    }

    /// The same picture moved right and down; what leaves the glass is lost.
    pub fn shifted(&self, dx: u32, dy: u32) -> Frame {
        let mut moved = Frame::with_size(self.width, self.height);
        for y in 0..self.height {
            for x in 0..self.width {
                if self.get(x, y) {
                    moved.set(x + dx, y + dy, true);
                }
            }
        }
        moved
    }

    /// Copies `other` here with every pixel `scale` pixels wide and high.
    pub(crate) fn paste(&mut self, other: &Frame, left: u32, top: u32, scale: u32) {
        for y in 0..other.height * scale {
            for x in 0..other.width * scale {
                if other.get(x / scale, y / scale) {
                    self.set(left + x, top + y, true);
                }
            }
        }
    }

    /// One string a line of pixels: `#` is lit, a blank is dark, the end is trimmed.
    pub fn to_lines(&self) -> Vec<String> {
        (0..self.height)
            .map(|y| {
                let line: String = (0..self.width)
                    .map(|x| if self.get(x, y) { '#' } else { ' ' })
                    .collect();
                line.trim_end().to_owned()
            })
            .collect()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}x{}", self.width, self.height)?;
        self.to_lines().iter().try_for_each(|line| writeln!(f, "|{line}"))
    }
}

impl OriginDimensions for Frame {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl DrawTarget for Frame {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<BinaryColor>>,
    {
        for Pixel(at, colour) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y)) {
                self.set(x, y, colour.is_on());
            }
        }
        Ok(())
    }
}
