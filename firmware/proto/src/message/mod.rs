//! The message formats: header fields, addresses, dates, MIME structure, reports. Pure functions
//! over octets; what is wrong in a message is passed over, never an error (RFC 5322 4 and worse).

pub mod address;
pub mod body;
pub mod date;
pub mod dsn;
pub mod encoded_word;
pub mod header;
mod lexer;
pub mod received;
pub mod scan;
