//! What makes a partition known again: one of its records.

use std::fmt::Write;

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A record's offset, and the first half of the SHA-256 of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The record's offset.
    pub offset: u64,
    /// The digest; a null value has that of an empty one.
    pub digest: [u8; 16],
}

#[derive(Deserialize)]
struct Written {
    digest: String,
    offset: u64,
}

impl Mark {
    /// Of a record.
    #[must_use]
    pub fn of(offset: u64, value: &[u8]) -> Self {
        let mut digest = [0; 16];
        digest.copy_from_slice(&Sha256::digest(value)[..16]);
        Self { offset, digest }
    }

    /// Of a bookmark; `None` where there is none, or it is of a kind that we do not know.
    #[must_use]
    pub fn read(bookmark: &str) -> Option<Self> {
        let Written { digest, offset } = serde_json::from_str(bookmark).ok()?;
        if digest.len() != 32 || !digest.is_ascii() {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, at) in bytes.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&digest[at..at + 2], 16).ok()?;
        }
        Some(Self { offset, digest: bytes })
    }

    /// The digest as text.
    #[must_use]
    pub fn hex(&self) -> String {
        self.digest.iter().fold(String::with_capacity(32), |mut hex, byte| {
            // Writing into a string does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// The bookmark. Stored with the checkpoint and compared by later versions: do not change.
impl std::fmt::Display for Mark {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, r#"{{"digest":"{}","offset":{}}}"#, self.hex(), self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_is_stable() {
        // `printf '{"a":1}' | sha256sum | cut -c1-32`
        let bookmark = r#"{"digest":"015abd7f5cc57a2dd94b7590f04ad808","offset":7}"#;
        let mark = Mark::of(7, b"{\"a\":1}");
        assert_eq!(mark.to_string(), bookmark);
        assert_eq!(Mark::read(bookmark), Some(mark));
    }

    #[test]
    fn an_unknown_bookmark_is_none() {
        for bookmark in [
            "",
            "{}",
            "7",
            r#"{"digest":"","offset":7}"#,
            r#"{"digest":"015abd7f5cc57a2dd94b7590f04ad80","offset":7}"#,
            r#"{"digest":"+15abd7f5cc57a2dd94b7590f04ad8zz","offset":7}"#,
            r#"{"digest":"0000000000000000000000000000üü","offset":7}"#,
            r#"{"digest":"015abd7f5cc57a2dd94b7590f04ad808","offset":-7}"#,
        ] {
            assert_eq!(Mark::read(bookmark), None, "{bookmark}");
        }
    }
}
