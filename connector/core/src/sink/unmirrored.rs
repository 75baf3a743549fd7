//! Records that the mirror could not bring into Fluvio, as dead letters whose origin is Kafka itself.

use bytes::Bytes;
use uuid::Uuid;
use voc_smartmodule::params::Params;
use voc_smartmodule::transform::tenant_of;

use super::insert::{Outcome, Piece};
use super::rows::Common;
use super::{Error, Sink};
use crate::batch::{DeadLetter, Origin};
use crate::stream::{Position, StreamPartition};

/// The code that the SmartModule gives a record that is too large for it, too.
pub(crate) const TOO_LARGE: &str = "too_large";

impl Sink {
    /// Keeps a record that is too large for Fluvio; on return it is stored, once. Its origin is the
    /// stream `kafka:TOPIC#GENERATION`: no topic of Fluvio or Kafka can have that name.
    ///
    /// # Errors
    /// [`Error::Refused`], where no attempt can succeed.
    pub async fn keep_unmirrored(
        &self,
        partition: &StreamPartition,
        generation: u32,
        offset: u64,
        message: String,
        original: Bytes,
    ) -> Result<(), Error> {
        let client = self.client();
        let origin = Origin {
            stream: format!("kafka:{}#{generation}", partition.stream),
            partition: partition.partition,
            // Not fenced: each is looked up by its place before it is written, whoever mirrors.
            epoch: 0,
        };
        let source =
            Position { topic: partition.stream.as_str().into(), partition: partition.partition, offset };
        let letter = DeadLetter {
            offset,
            source: Some(source),
            tenant_id: tenant_of(&original, &Params::default()).unwrap_or_default(),
            code: TOO_LARGE.to_owned(),
            field: String::new(),
            message,
            original,
        };
        let common = Common { origin: &origin, processed_at: chrono::Utc::now().timestamp_millis() };
        let mut piece = Piece {
            origin: &origin,
            first_offset: offset,
            last_offset: offset,
            cause: "unmirrored",
            repair: None,
        };
        loop {
            // Met again after a crash, or after an answer that never came.
            if self.stored(&client, &origin, offset).await?.contains(&offset) {
                return Ok(());
            }
            let letters = std::slice::from_ref(&letter);
            match self.insert_dead_letters(&client, &piece, &common, letters).await? {
                Outcome::Stored => {
                    self.metrics.rejected(TOO_LARGE, 1);
                    return Ok(());
                }
                // The server may remember the token and not have the row.
                Outcome::StoredPerhaps => piece.repair = Some(Uuid::new_v4()),
                Outcome::Refused(source) => {
                    return Err(Error::Refused {
                        action: "keep a record that is too large".to_owned(),
                        source,
                    });
                }
            }
        }
    }
}
