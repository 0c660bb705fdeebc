//! The message formats: header fields, addresses, dates, MIME structure, reports. Pure functions
//! over octets; what is wrong in a message is passed over, never an error (RFC 5322 4 and worse).
//!
//! | RFC | what | here |
//! |---|---|---|
//! | 5322, 6532 | fields, addresses, dates | read with all obsolete forms and UTF-8, written strictly |
//! | 2045, 2046 | MIME structure, transfer encodings | yes; external-body and partial are not looked into |
//! | 2047 | encoded words | read in every charset of the web's, written in UTF-8 |
//! | 2183, 3282 | Content-Disposition, Content-Language | yes |
//! | 2231 | parameters in other charsets | kept as written; names of linked attachments are decoded |
//! | 3030 | binary parts | made base64 |
//! | 3464, 6522, 6533 | delivery reports | written |
//! | 3834 | automatic mail | what we write says so |
//! | 3848 | protocol names in Received | yes |
//! | 8601 | Authentication-Results | read, with quotes and comments |

pub mod address;
pub mod body;
pub mod date;
pub mod dsn;
pub mod encoded_word;
pub mod header;
pub mod html;
mod lexer;
pub mod lines;
pub mod linking;
pub mod parameter;
pub mod received;
pub mod reply;
pub mod results;
pub mod scan;
