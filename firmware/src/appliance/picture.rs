//! The panel as a PNG: what the glass would show, large enough to read on a page.

use board::panel::{Frame, Glass, Rotation, text_lines};
use board::screen::Screen;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use web_setup::Panel;

/// Pixels of the picture for each of the glass.
const SCALE: u32 = 4;
/// Dark and lit, as an OLED looks: red, green, blue.
const PALETTE: [u8; 6] = [0x05, 0x08, 0x0c, 0xd9, 0xee, 0xff];
/// Unlike a glass, a page does not wear out: it begins anew before it would go dark.
const AFRESH: Duration = Duration::from_secs(540);

/// Turns the pages as the glass does.
pub(super) struct Picture(Mutex<(Instant, Rotation)>);

impl Default for Picture {
    fn default() -> Self {
        Self(Mutex::new((Instant::now(), Rotation::new(Glass::Large))))
    }
}

impl Picture {
    /// The picture of `screen` now.
    pub(super) fn of(&self, screen: &Screen) -> Result<Panel, png::EncodingError> {
        let frame = {
            let mut rotation = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if rotation.0.elapsed() >= AFRESH {
                *rotation = (Instant::now(), Rotation::new(Glass::Large));
            }
            let now = rotation.0.elapsed().as_secs();
            rotation.1.show(screen, now);
            rotation.1.frame(now)
        };
        Ok(Panel {
            png: png(&frame)?,
            size: (frame.width * SCALE, frame.height * SCALE),
            lines: text_lines(screen),
        })
    }
}

fn png(frame: &Frame) -> Result<Vec<u8>, png::EncodingError> {
    let (width, height) = (frame.width * SCALE, frame.height * SCALE);
    let mut octets = Vec::new();
    let mut encoder = png::Encoder::new(&mut octets, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_palette(&PALETTE[..]);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bits(frame))?;
    writer.finish()?;
    Ok(octets)
}

// Lines of eight pixels an octet, the leftmost in the highest bit.
fn bits(frame: &Frame) -> Vec<u8> {
    let mut bits = Vec::new();
    for y in 0..frame.height * SCALE {
        for octet in 0..(frame.width * SCALE).div_ceil(8) {
            let lit = |bit: u32| frame.get((octet * 8 + bit) / SCALE, y / SCALE);
            bits.push((0..8).fold(0_u8, |bits, bit| bits << 1 | u8::from(lit(bit))));
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_holds_the_glass_pixel_by_pixel() {
        let mut frame = Frame::new(Glass::Large);
        frame.set(0, 0, true);
        frame.set(127, 63, true);
        frame.set(3, 1, true);
        let octets = png(&frame).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(octets))
            .read_info()
            .unwrap();
        assert_eq!((reader.info().width, reader.info().height), (512, 256));
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut buffer).unwrap();
        let lit = |x: usize, y: usize| buffer[y * 64 + x / 8] >> (7 - x % 8) & 1 == 1;
        for y in 0..256 {
            for x in 0..512 {
                let pixel = (x / 4, y / 4);
                assert_eq!(lit(x, y), [(0, 0), (127, 63), (3, 1)].contains(&pixel), "{x} {y}");
            }
        }
    }
}
