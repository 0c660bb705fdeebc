//! Every cap of the protocols in one place, the RFC's minimum beside it where there is one.

/// Message structure, found by the scanner and stored beside the body.
pub mod message {
    /// Octets of one header that are looked into; the rest is passed over.
    pub const HEADER: usize = 256 * 1024;
    /// Octets of one field kept in an envelope.
    pub const FIELD: usize = 32 * 1024;
    /// Octets of the text-like Content-* fields and of one parameter.
    pub const PARAM: usize = 2 * 1024;
    /// Parameters of one Content-* field, and languages.
    pub const PARAMS: usize = 32;
    /// Octets of all the fields and parameters kept for one message.
    pub const KEPT: usize = 512 * 1024;
    /// Parts of one message, at all depths.
    pub const PARTS: usize = 1000;
    /// Multiparts and messages inside one another.
    pub const DEPTH: usize = 30;
    /// Octets of a multipart boundary; RFC 2046 5.1.1 says 70, the world says more.
    pub const BOUNDARY: usize = 250;
    /// Addresses read from one field.
    pub const ADDRESSES: usize = 2000;
}

/// Logins.
pub mod sasl {
    /// Octets of a login name.
    pub const LOGIN: usize = 320;
    /// Octets of a password.
    pub const PASSWORD: usize = 1024;
    /// Octets of a line in an exchange, CRLF included: RFC 4954 4 asks for 12288.
    pub const LINE: usize = 12_288;
}
