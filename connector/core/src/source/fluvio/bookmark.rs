//! What makes a partition known again, stored with its checkpoint. Compared by later versions: **do not
//! change**.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A note about the last record that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bookmark {
    /// The first half of the SHA-256 of the record before the checkpoint, as it was sent; absent where
    /// that record was evicted unread.
    pub(super) digest: Option<String>,
    /// Topic, partition, generation and offset of the last record from each partition of Kafka.
    pub(super) mirrored: Vec<(String, u32, u32, u64)>,
}

impl Bookmark {
    /// Reads one. What cannot be read was written by nobody we know, and says nothing.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).expect("a bookmark is plain JSON")
    }
}

pub(super) fn digest(original: &[u8]) -> String {
    Sha256::digest(original).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_is_stable() {
        let bookmark = Bookmark {
            // `printf '{"a":1}' | sha256sum | cut -c1-32`
            digest: Some(digest(b"{\"a\":1}")),
            mirrored: vec![("voc.events".to_owned(), 3, 1, 41)],
        };
        let text = r#"{"digest":"015abd7f5cc57a2dd94b7590f04ad808","mirrored":[["voc.events",3,1,41]]}"#;
        assert_eq!(bookmark.write(), text);
        assert_eq!(Bookmark::read(text), bookmark);
        assert_eq!(Bookmark::read(""), Bookmark::default());
    }
}
