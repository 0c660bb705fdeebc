//! Pillarbox.
fn main() {}
