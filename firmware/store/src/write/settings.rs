//! Settings: JSON under a key.

use super::Write;
use crate::rows::{from_json, to_json};
use crate::{Change, StoreError};
use redb::ReadableTable;

/// Most octets of a key.
const KEY: usize = 100;
/// Most octets of a value.
const VALUE: usize = 256 * 1024;

impl Write<'_> {
    /// See [`crate::Store::put_setting`].
    pub(crate) fn put_setting(&mut self, key: &str, value: &serde_json::Value) -> Result<(), StoreError> {
        let value = to_json(value)?;
        if key.len() > KEY || value.len() > VALUE {
            return Err(StoreError::CannotChange("the setting is too long"));
        }
        self.edit().settings.insert(key, value.as_slice())?;
        self.tell(Change::Settings);
        Ok(())
    }

    /// See [`crate::Store::replace_setting`].
    pub(crate) fn replace_setting(
        &mut self,
        key: &str,
        before: Option<&serde_json::Value>,
        after: &serde_json::Value,
    ) -> Result<bool, StoreError> {
        let there = match self.read().settings.get(key)? {
            Some(value) => Some(from_json::<serde_json::Value>(value.value())?),
            None => None,
        };
        if there.as_ref() != before {
            return Ok(false);
        }
        self.put_setting(key, after)?;
        Ok(true)
    }

    /// See [`crate::Store::remove_setting`].
    pub(crate) fn remove_setting(&mut self, key: &str) -> Result<(), StoreError> {
        if self.read().settings.get(key)?.is_some() {
            self.edit().settings.remove(key)?;
            self.tell(Change::Settings);
        }
        Ok(())
    }
}
