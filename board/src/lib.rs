//! The board: PID 1, devices, network, clock, watchdog, panel. Knows no mail.

pub mod layout;
pub mod panel;
pub mod screen;
pub mod slots;
pub mod wire;
