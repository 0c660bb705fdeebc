//! From an older version of the data to this one: one function a step.

use crate::StoreError;
use crate::schema::{META, OLDEST_READER, Tables, VERSION};
use crate::write::Counter;
use redb::{ReadableTable, WriteTransaction};

type Step = fn(&WriteTransaction) -> Result<(), StoreError>;

/// `STEPS[n]` leads from version n to n + 1. A step must also do right by rows that an older
/// version wrote after a rollback, so it looks at the data, not at the version.
// Version 2: whom an account knows; 3: what the judges of inbound mail remember, links, further
// domains and aliases.
const STEPS: &[Step] = &[make_tables, make_tables, make_tables];

const _: () = assert!(STEPS.len() as u64 == VERSION);

/// Brings the data up to this version. A file without tables is version 0.
pub(crate) fn migrate(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let found = transaction
        .open_table(META)?
        .get("version")?
        .map_or(0, |v| v.value());
    // Data of a later version that we can read has `found` above every step; its version is set
    // back, so that the later one looks again at what we write.
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for step in STEPS.iter().skip(done) {
        step(transaction)?;
    }
    let mut meta = transaction.open_table(META)?;
    // Mail programs know mailboxes by it: after a new start with an empty store they must not take
    // what comes for what they have seen (RFC 9051 2.3.1.1). Three quarters of the numbers are left.
    if meta.get(Counter::UidValidity.key())?.is_none() {
        let first = getrandom::u32().map_err(|error| StoreError::Internal(error.to_string()))? >> 2;
        meta.insert(Counter::UidValidity.key(), u64::from(first))?;
    }
    meta.insert("version", VERSION)?;
    meta.insert("oldest_reader", OLDEST_READER)?;
    Ok(())
}

fn make_tables(transaction: &WriteTransaction) -> Result<(), StoreError> {
    Tables::open(transaction)?;
    Ok(())
}
