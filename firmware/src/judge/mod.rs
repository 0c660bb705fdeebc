//! Judging mail from elsewhere.

pub mod admin;
pub mod bayes;
pub mod filtering;
pub mod grey;
pub mod lists;
pub mod sender;
