//! The store from outside, on real folders and on backends that fail.

mod life;
mod office;
