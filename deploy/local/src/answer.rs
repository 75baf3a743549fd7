//! An answer: held back while it is small, so that its status and summary are the final ones, and
//! sent in pieces once it is large.

use std::io::{self, Read, Seek, Write};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bytes::Bytes;
use tempfile::SpooledTempFile;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::compression::{Coding, Encoder};
use crate::exception::Exception;
use crate::library::Counters;

/// How much of an answer is held back before the first piece is sent.
const HELD_BACK: usize = 1 << 20;
/// The size of the pieces after that.
const PIECE: usize = 128 << 10;
/// How much of an answer that has to be complete first (wait_end_of_query) stays in memory.
const IN_MEMORY: usize = 8 << 20;

/// What the HTTP side makes a response of.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) exception_code: Option<u32>,
    pub(crate) asks_for_credentials: bool,
    /// The X-ClickHouse-Summary.
    pub(crate) summary: String,
    /// The format that the output is in.
    pub(crate) format: Option<String>,
    pub(crate) coding: Coding,
    pub(crate) body: Pieces,
}

/// The body of a response.
pub(crate) enum Pieces {
    Whole(Bytes),
    Stream(mpsc::Receiver<io::Result<Bytes>>),
}

/// The client is gone, or the query was cancelled: nobody reads the rest.
#[derive(Debug)]
pub(crate) struct Unread;

/// Facts about the request that every answer needs.
pub(crate) struct Terms {
    pub(crate) coding: Coding,
    pub(crate) wait_for_end: bool,
    /// Marks an exception within a stream; also sent as a header.
    pub(crate) exception_tag: String,
    pub(crate) version: String,
    pub(crate) started: Instant,
    pub(crate) cancelled: CancellationToken,
}

/// An answer in the making; used by one blocking thread.
pub(crate) struct Answer {
    terms: Terms,
    head: Option<oneshot::Sender<Head>>,
    encoder: Encoder,
    held: SpooledTempFile,
    stream: Option<mpsc::Sender<io::Result<Bytes>>>,
    format: Option<String>,
    runtime: Handle,
}

impl Answer {
    /// An empty answer; `head` takes the response when it can begin.
    pub(crate) fn new(terms: Terms, head: oneshot::Sender<Head>, runtime: Handle) -> Self {
        let encoder = Encoder::new(terms.coding);
        Self {
            terms,
            head: Some(head),
            encoder,
            held: SpooledTempFile::new(IN_MEMORY),
            stream: None,
            format: None,
            runtime,
        }
    }

    /// Names the format of the output.
    pub(crate) fn set_format(&mut self, format: String) {
        self.format = Some(format);
    }

    /// Adds output.
    ///
    /// # Errors
    /// Nobody reads it.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(), Unread> {
        self.encoder.write(data).map_err(|_| Unread)?;
        let ready = self.encoder.output().len();
        if self.stream.is_some() {
            return if ready >= PIECE { self.send_output() } else { Ok(()) };
        }
        if self.terms.wait_for_end {
            if ready >= PIECE {
                let output = std::mem::take(self.encoder.output());
                self.held.write_all(&output).map_err(|_| Unread)?;
            }
            return Ok(());
        }
        if ready < HELD_BACK {
            return Ok(());
        }
        self.begin(&Counters::default())?;
        self.send_output()
    }

    /// Starts a response whose body follows in pieces.
    fn begin(&mut self, counters: &Counters) -> Result<(), Unread> {
        let (pieces, body) = mpsc::channel(2);
        self.stream = Some(pieces);
        self.send_head(StatusCode::OK, counters, Pieces::Stream(body))
    }

    fn send_head(&mut self, status: StatusCode, counters: &Counters, body: Pieces) -> Result<(), Unread> {
        let head = Head {
            status,
            exception_code: None,
            asks_for_credentials: false,
            summary: summary(counters, self.terms.started.elapsed()),
            format: self.format.clone(),
            coding: self.terms.coding,
            body,
        };
        self.head.take().ok_or(Unread)?.send(head).map_err(|_| Unread)
    }

    fn send_output(&mut self) -> Result<(), Unread> {
        let output = std::mem::take(self.encoder.output());
        self.send(Ok(output.into()))
    }

    /// Sends one piece, as soon as the client takes it.
    fn send(&mut self, piece: io::Result<Bytes>) -> Result<(), Unread> {
        let stream = self.stream.as_ref().ok_or(Unread)?;
        let cancelled = &self.terms.cancelled;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                sent = stream.send(piece) => sent.map_err(|_| Unread),
                // A client that has stopped reading must not keep a cancelled query.
                () = cancelled.cancelled() => Err(Unread),
            }
        })
    }

    /// Waits until the socket has taken a piece, or the client is gone.
    fn wait(&self, taken: oneshot::Receiver<()>) -> Result<(), Unread> {
        let cancelled = &self.terms.cancelled;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                // The other end is only ever dropped.
                _ = taken => Ok(()),
                () = cancelled.cancelled() => Err(Unread),
            }
        })
    }

    /// Ends the answer of a query that went well.
    pub(crate) fn finish(mut self, counters: &Counters) -> Result<(), Unread> {
        let encoder = std::mem::replace(&mut self.encoder, Encoder::Identity(Vec::new()));
        let rest = encoder.finish().map_err(|_| Unread)?;
        if self.stream.is_some() {
            return if rest.is_empty() { Ok(()) } else { self.send(Ok(rest.into())) };
        }
        if self.held.stream_position().map_err(|_| Unread)? == 0 {
            return self.send_head(StatusCode::OK, counters, Pieces::Whole(rest.into()));
        }
        self.held.write_all(&rest).and_then(|()| self.held.rewind()).map_err(|_| Unread)?;
        self.begin(counters)?;
        loop {
            let mut piece = vec![0; PIECE];
            match self.held.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    piece.truncate(length);
                    self.send(Ok(piece.into()))?;
                }
                Err(error) => return self.send(Err(error)),
            }
        }
    }

    /// Ends the answer of a query that failed: with its own response if none has begun; else with
    /// the exception at the end of the stream, as ClickHouse writes it, and without the end that
    /// HTTP needs, so that every client sees a failure.
    pub(crate) fn fail(mut self, exception: &Exception) {
        let message = exception.body(&self.terms.version);
        if self.stream.is_none() {
            if let Some(head) = self.head.take() {
                let elapsed = self.terms.started.elapsed();
                let _ = head.send(failure(exception, message, summary(&Counters::default(), elapsed)));
            }
            return;
        }
        let tag = &self.terms.exception_tag;
        let block =
            format!("\r\n__exception__\r\n{tag}\r\n{message}{} {tag}\r\n__exception__\r\n", message.len());
        let sent = self.encoder.flush().map_err(|_| Unread).and_then(|()| self.send_output());
        let sent = sent.and_then(|()| self.encoder.write(block.as_bytes()).map_err(|_| Unread));
        let encoder = std::mem::replace(&mut self.encoder, Encoder::Identity(Vec::new()));
        let last = sent.and_then(|()| encoder.finish().map_err(|_| Unread));
        let Ok(last) = last else { return };
        let (on_the_way, taken) = oneshot::channel();
        let sent = self.send(Ok(Bytes::from_owner(Watched { data: last, _on_the_way: on_the_way })));
        // An error makes hyper drop what the socket has not taken yet, so it comes after that.
        if sent.is_ok() && self.wait(taken).is_ok() {
            let _ = self.send(Err(io::Error::other("the query failed")));
        }
    }
}

/// Bytes that tell, by being dropped, that the socket has taken them.
struct Watched {
    data: Vec<u8>,
    _on_the_way: oneshot::Sender<()>,
}

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

/// A response that is an exception.
pub(crate) fn failure(exception: &Exception, message: String, summary: String) -> Head {
    Head {
        status: exception.status(),
        exception_code: Some(exception.code),
        asks_for_credentials: exception.asks_for_credentials,
        summary,
        format: None,
        coding: Coding::Identity,
        body: Pieces::Whole(message.into()),
    }
}

/// The X-ClickHouse-Summary: JSON whose numbers are strings.
fn summary(counters: &Counters, elapsed: Duration) -> String {
    // ClickHouse counts the rows of an insert as read and as its result, too.
    let inserted = counters.written_rows > 0 && counters.read_rows == 0;
    let or_written = |value, written| if inserted { written } else { value };
    let fields = [
        ("read_rows", or_written(counters.read_rows, counters.written_rows)),
        ("read_bytes", or_written(counters.read_bytes, counters.written_bytes)),
        ("written_rows", counters.written_rows),
        ("written_bytes", counters.written_bytes),
        ("total_rows_to_read", counters.read_rows),
        ("result_rows", or_written(counters.result_rows, counters.written_rows)),
        ("result_bytes", or_written(counters.result_bytes, counters.written_bytes)),
        ("elapsed_ns", u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)),
        ("memory_usage", 0),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    format!("{{{}}}", fields.join(","))
}
