//! The board: PID 1, devices, network, clock, watchdog, panel. Knows no mail.

pub mod cmdline;
pub mod init;
pub mod layout;
pub mod link;
pub mod oled;
pub mod panel;
pub mod screen;
pub mod wire;
