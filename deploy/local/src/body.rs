//! A request's body, carried from the socket (async) to the engine (blocking) without copying.

use std::io::{self, BufRead, Read};

use axum::body::Body;
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Pieces of the body on their way; a few hundred kilobytes at most.
const PIECES: usize = 4;

/// One step of a body.
enum Piece {
    Data(Bytes),
    /// The body is complete. Without this it has broken off.
    End,
    Broken(String),
}

/// Why reading a body stopped before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The client went away, or sent less than it had announced.
    #[error("{0}")]
    Broken(String),
    /// The request was cancelled meanwhile.
    #[error("cancelled")]
    Cancelled,
}

/// The sending end.
pub(crate) struct BodySender(mpsc::Sender<Piece>);

/// The reading end, for one blocking thread.
pub(crate) struct BodyReader {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
    cancelled: CancellationToken,
    runtime: Handle,
}

/// A channel for one body. Reading fails as soon as `cancelled` is set.
pub(crate) fn channel(cancelled: CancellationToken) -> (BodySender, BodyReader) {
    let (sender, pieces) = mpsc::channel(PIECES);
    let reader =
        BodyReader { pieces, current: Bytes::new(), ended: false, cancelled, runtime: Handle::current() };
    (BodySender(sender), reader)
}

impl BodySender {
    /// Sends a whole body, as fast as it is read. After the reader has gone it reads on for a
    /// while, since a client that is still sending would not see the answer.
    pub(crate) async fn send(self, body: Option<Body>) {
        const DRAINED: usize = 256 << 20;
        let mut pieces = body.unwrap_or_default().into_data_stream();
        let mut unread = 0;
        while let Some(piece) = pieces.next().await {
            let piece = match piece {
                Ok(data) => Piece::Data(data),
                Err(error) => Piece::Broken(error.to_string()),
            };
            if let Err(mpsc::error::SendError(Piece::Data(data))) = self.0.send(piece).await {
                unread += data.len();
                if unread > DRAINED {
                    return;
                }
            }
        }
        // A send that fails finds the reader gone, which needs no end.
        let _ = self.0.send(Piece::End).await;
    }
}

impl BodyReader {
    /// Waits for the next piece that is not empty; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        while self.current.is_empty() && !self.ended {
            let (pieces, cancelled) = (&mut self.pieces, &self.cancelled);
            let next = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = cancelled.cancelled() => Err(BodyError::Cancelled),
                    piece = pieces.recv() => Ok(piece),
                }
            });
            match next.map_err(io::Error::other)? {
                Some(Piece::Data(data)) => self.current = data,
                Some(Piece::End) => self.ended = true,
                Some(Piece::Broken(reason)) => return Err(io::Error::other(BodyError::Broken(reason))),
                None => return Err(io::Error::other(BodyError::Broken("the client went away".to_owned()))),
            }
        }
        Ok(!self.current.is_empty())
    }
}

impl Read for BodyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.advance()? {
            return Ok(0);
        }
        let length = out.len().min(self.current.len());
        self.current.copy_to_slice(&mut out[..length]);
        Ok(length)
    }
}

impl BufRead for BodyReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.advance()?;
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_body_that_ends_is_told_from_one_that_breaks_off() {
        let (sender, mut reader) = channel(CancellationToken::new());
        let whole = tokio::task::spawn_blocking(move || {
            let mut out = String::new();
            reader.read_to_string(&mut out).map(|_| out)
        });
        sender.send(Some(Body::from("rows"))).await;
        assert_eq!(whole.await.unwrap().unwrap(), "rows");

        let (sender, mut reader) = channel(CancellationToken::new());
        drop(sender);
        let broken = tokio::task::spawn_blocking(move || reader.read(&mut [0]));
        assert!(broken.await.unwrap().unwrap_err().get_ref().unwrap().is::<BodyError>());
    }
}
