//! What the events of a stream `replay:` were, for its audit and repair: their letters have the originals.

use tokio::sync::mpsc;

use super::run::record;
use super::{Place, Selection};
use crate::sink::Sink;
use crate::sink::letters::Filter;
use crate::source::lookup::{Error, Wanted};
use crate::stream::Record;

/// What the stream of a replay begins with; the letters' own stream follows.
pub(crate) const REPLAY: &str = "replay:";

/// Sends the originals of letters of this stream, as far as they are still there, in the order of their
/// offsets. One at a time: they may be large, and an audit asks for each only once.
///
/// # Errors
/// The letters cannot be read.
pub(crate) async fn look_up(
    sink: &Sink,
    stream: &str,
    wanted: Wanted,
    found: mpsc::Sender<Record>,
) -> Result<(), Error> {
    for offset in &wanted.offsets {
        let origin =
            Place { stream: stream.to_owned(), partition: wanted.partition.partition, offset: *offset };
        let selection = Selection { origin: Some(origin), ..Selection::default() };
        let letters = sink.whole_letters(Filter::of(&selection)).await;
        let letters = letters.map_err(|error| Error::Unreadable {
            partition: wanted.partition.clone(),
            reason: error.to_string(),
        })?;
        for letter in &letters {
            if found.send(record(letter)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
