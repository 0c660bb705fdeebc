//! The OLED on the header's I2C bus. SSD1306, SH1106 and SSD0303 share page addressing: set a band
//! of eight lines and a column, then send columns. Nothing else of them is used.

use crate::panel::{Frame, Glass};
use embedded_hal::i2c::I2c;

/// Where such panels answer.
pub const ADDRESSES: [u8; 2] = [0x3c, 0x3d];

/// Before one octet that is a command.
const COMMAND: u8 = 0x80;
/// Before octets that are all picture, up to the end of the transfer.
const PICTURE: u8 = 0x40;

/// The controllers, which differ in size, first visible column and how they are powered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// 128x64.
    Ssd1306,
    /// 128x64, the middle of 132 columns.
    Sh1106,
    /// 96x16, in the midst of 132 columns.
    Ssd0303,
}

impl Controller {
    /// Tells the controller by its status octet: an SH1106 has 8 in the low half. An SSD0303
    /// without a status drives all ones. Modules are too many to be sure; the option
    /// `pillarbox.panel` overrides this.
    pub fn from_status(status: u8) -> Controller {
        match status {
            0xff => Controller::Ssd0303,
            _ if status & 0x0f == 8 => Controller::Sh1106,
            _ => Controller::Ssd1306,
        }
    }

    /// The size of the glass on it.
    pub fn glass(self) -> Glass {
        match self {
            Controller::Ssd0303 => Glass::Small,
            Controller::Ssd1306 | Controller::Sh1106 => Glass::Large,
        }
    }

    fn first_column(self) -> u32 {
        match self {
            Controller::Ssd1306 => 0,
            Controller::Sh1106 => 2,
            Controller::Ssd0303 => 36,
        }
    }

    /// Commands that make it ready, each with its arguments. Data sheets: SSD1306 rev 1.1 section
    /// 10 and application note; SH1106 V2.3 "commands"; SSD0303 section 9.
    fn start_up(self) -> &'static [&'static [u8]] {
        const OFF: &[u8] = &[0xae];
        const FIRST_LINE: &[u8] = &[0x40];
        const FROM_MEMORY: &[u8] = &[0xa4];
        const NOT_INVERSE: &[u8] = &[0xa6];
        const MIRROR: &[u8] = &[0xa1];
        const UPSIDE: &[u8] = &[0xc8];
        const LINES_64: &[u8] = &[0xa8, 63];
        const NO_OFFSET: &[u8] = &[0xd3, 0];
        const CLOCK: &[u8] = &[0xd5, 0x80];
        const PINS: &[u8] = &[0xda, 0x12];
        const CONTRAST: &[u8] = &[0x81, 0x8f];
        const PRECHARGE: &[u8] = &[0xd9, 0xf1];
        const DESELECT: &[u8] = &[0xdb, 0x40];
        const CHARGE_PUMP: &[u8] = &[0x8d, 0x14];
        const CONVERTER: &[u8] = &[0xad, 0x8b];
        const PAGE_MODE: &[u8] = &[0x20, 0x02];
        match self {
            Controller::Ssd1306 => &[
                OFF,
                CLOCK,
                LINES_64,
                NO_OFFSET,
                FIRST_LINE,
                CHARGE_PUMP,
                PAGE_MODE,
                MIRROR,
                UPSIDE,
                PINS,
                CONTRAST,
                PRECHARGE,
                DESELECT,
                FROM_MEMORY,
                NOT_INVERSE,
            ],
            Controller::Sh1106 => &[
                OFF,
                CLOCK,
                LINES_64,
                NO_OFFSET,
                FIRST_LINE,
                CONVERTER,
                MIRROR,
                UPSIDE,
                PINS,
                CONTRAST,
                PRECHARGE,
                DESELECT,
                FROM_MEMORY,
                NOT_INVERSE,
            ],
            Controller::Ssd0303 => &[OFF, FIRST_LINE, CONTRAST, CONVERTER, FROM_MEMORY, NOT_INVERSE],
        }
    }
}

/// A panel that was found.
#[derive(Debug)]
pub struct Oled<B> {
    bus: B,
    address: u8,
    controller: Controller,
    /// What it shows; nothing is known before the first picture.
    shown: Option<Frame>,
}

impl<B: I2c> Oled<B> {
    /// Asks the addresses in turn; none answers when there is no panel, which is fine. `controller`
    /// is taken for granted when given.
    pub fn find(mut bus: B, controller: Option<Controller>) -> Option<Oled<B>> {
        let mut status = [0];
        let address = ADDRESSES
            .into_iter()
            .find(|at| bus.read(*at, &mut status).is_ok())?;
        let [status] = status;
        let controller = controller.unwrap_or_else(|| Controller::from_status(status));
        Some(Oled {
            bus,
            address,
            controller,
            shown: None,
        })
    }

    /// Which one it is.
    pub fn controller(&self) -> Controller {
        self.controller
    }

    /// Shows a picture; only the columns that changed are sent.
    ///
    /// # Errors
    /// The bus's own, such as when the panel was pulled out; the next picture starts afresh.
    pub fn show(&mut self, frame: &Frame) -> Result<(), B::Error> {
        let before = self.shown.take();
        if before.is_none() {
            for command in self.controller.start_up() {
                self.command(command)?;
            }
        }
        for (band, columns) in (0..).zip(frame.bits.chunks(frame.width as usize)) {
            let old = before
                .as_ref()
                .and_then(|f| f.bits.chunks(f.width as usize).nth(band as usize));
            if let Some((first, changed)) = difference(old, columns) {
                self.send(band, first, changed)?;
            }
        }
        if before.is_none() {
            self.command(&[0xaf])?; // on, now that there is something to see
        }
        self.shown = Some(frame.clone());
        Ok(())
    }

    /// One transfer a command: the emulated SSD0303 loses its place after an argument.
    fn command(&mut self, octets: &[u8]) -> Result<(), B::Error> {
        let transfer: Vec<u8> = octets.iter().flat_map(|octet| [COMMAND, *octet]).collect();
        self.bus.write(self.address, &transfer)
    }

    fn send(&mut self, band: u8, first: u32, columns: &[u8]) -> Result<(), B::Error> {
        let column = (first + self.controller.first_column()).to_le_bytes()[0];
        let mut transfer = vec![
            COMMAND,
            0xb0 | band,
            COMMAND,
            column & 0x0f,
            COMMAND,
            0x10 | column >> 4,
            PICTURE,
        ];
        transfer.extend_from_slice(columns);
        self.bus.write(self.address, &transfer)
    }
}

/// The stretch from the first to the last column that differs, and where it begins.
fn difference<'n>(old: Option<&[u8]>, new: &'n [u8]) -> Option<(u32, &'n [u8])> {
    let Some(old) = old else { return Some((0, new)) };
    let differs = |(a, b): (&u8, &u8)| a != b;
    let first = old.iter().zip(new).position(differs)?;
    let end = new.len() - old.iter().rev().zip(new.iter().rev()).position(differs)?;
    Some((u32::try_from(first).ok()?, new.get(first..end)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_hal::i2c::{ErrorKind, ErrorType, NoAcknowledgeSource, Operation};

    /// A bus with one device, which answers reads with its status and keeps what is written.
    struct Wire {
        device: Option<(u8, u8)>,
        written: Vec<Vec<u8>>,
    }

    impl ErrorType for Wire {
        type Error = ErrorKind;
    }

    impl I2c for Wire {
        fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
            let Some((at, status)) = self.device.filter(|(at, _)| *at == address) else {
                return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
            };
            assert_eq!(at, address);
            for operation in operations {
                match operation {
                    Operation::Read(into) => into.fill(status),
                    Operation::Write(octets) => self.written.push(octets.to_vec()),
                }
            }
            Ok(())
        }
    }

    fn wire(address: u8, status: u8) -> Wire {
        Wire {
            device: Some((address, status)),
            written: Vec::new(),
        }
    }

    #[test]
    fn panels_are_told_apart_by_their_status() {
        for (address, status, controller) in [
            (0x3c, 0x43, Controller::Ssd1306),
            (0x3d, 0x08, Controller::Sh1106),
            (0x3c, 0xff, Controller::Ssd0303),
        ] {
            let oled = Oled::find(wire(address, status), None).unwrap();
            assert_eq!((oled.address, oled.controller()), (address, controller));
        }
        let told = Oled::find(wire(0x3c, 0xff), Some(Controller::Ssd1306)).unwrap();
        assert_eq!(told.controller(), Controller::Ssd1306);
        assert!(Oled::find(wire(0x50, 0), None).is_none());
    }

    #[test]
    fn first_picture_is_sent_whole_after_the_start_up() {
        let mut oled = Oled::find(wire(0x3c, 0xff), None).unwrap();
        let mut frame = Frame::new(Glass::Small);
        frame.set(0, 8, true);
        oled.show(&frame).unwrap();
        let written = &oled.bus.written;
        assert_eq!(written[0], [0x80, 0xae]);
        assert_eq!(written[2], [0x80, 0x81, 0x80, 0x8f], "a command and its argument");
        assert_eq!(written.last().unwrap()[..], [0x80, 0xaf]);
        let picture = &written[written.len() - 3..written.len() - 1];
        // Column 36 is 4 in the low half and 2 in the high one.
        assert_eq!(picture[0][..7], [0x80, 0xb0, 0x80, 0x04, 0x80, 0x12, 0x40]);
        assert_eq!(picture[0].len(), 7 + 96);
        assert_eq!(picture[1][..8], [0x80, 0xb1, 0x80, 0x04, 0x80, 0x12, 0x40, 0x01]);
    }

    #[test]
    fn later_pictures_send_only_the_columns_that_changed() {
        let mut oled = Oled::find(wire(0x3c, 0x08), None).unwrap();
        let mut frame = Frame::new(Glass::Large);
        oled.show(&frame).unwrap();
        oled.bus.written.clear();
        oled.show(&frame).unwrap();
        assert!(oled.bus.written.is_empty());
        frame.set(17, 63, true);
        frame.set(19, 56, true);
        oled.show(&frame).unwrap();
        // 17 + 2 = 0x13: the SH1106 starts at column 2.
        assert_eq!(
            oled.bus.written,
            [vec![0x80, 0xb7, 0x80, 0x03, 0x80, 0x11, 0x40, 0x80, 0x00, 0x01]]
        );
    }

    #[test]
    fn after_an_error_everything_is_sent_again() {
        let mut oled = Oled::find(wire(0x3c, 0), None).unwrap();
        let frame = Frame::new(Glass::Large);
        oled.show(&frame).unwrap();
        let device = oled.bus.device.take();
        let mut other = frame.clone();
        other.set(0, 0, true);
        assert!(oled.show(&other).is_err());
        oled.bus.device = device;
        oled.bus.written.clear();
        oled.show(&frame).unwrap();
        assert_eq!(oled.bus.written[0], [0x80, 0xae]);
        assert_eq!(oled.bus.written.iter().filter(|w| w.len() == 7 + 128).count(), 8);
    }
}
