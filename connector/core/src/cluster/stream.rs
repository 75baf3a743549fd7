//! The records of one partition from an offset on, as its leader sends them.
//!
//! The leader sends one answer and waits until it hears how far the reader got; then it sends what lies
//! behind. So the reader sets the pace, and a batch that an answer cut in half is sent again because it
//! was never acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluvio::dataplane::link::ErrorCode;
use fluvio::{Isolation, SmartModuleInvocation, SmartModuleInvocationWasm, SmartModuleKind};
use fluvio_socket::{AsyncResponse, SocketError, VersionedSerialSocket, Versions};
use fluvio_spu_schema::server::consumer_offset::UpdateConsumerOffsetRequest;
use fluvio_spu_schema::server::fetch_offset::FetchOffsetsRequest;
use fluvio_spu_schema::server::stream_fetch::{
    CHAIN_SMARTMODULE_API, DefaultStreamFetchRequest, DefaultStreamFetchResponse,
};
use fluvio_spu_schema::server::update_offset::{OffsetUpdate, UpdateOffsetsRequest};
use futures_util::StreamExt as _;

use super::PATIENCE;
use super::connection::{Offsets, Peer, find_offsets};
use super::error::Error;
use super::records::{Incoming, unpack_all};

/// A SmartModule that the leader runs on what it sends.
#[derive(Debug, Clone)]
pub struct SmartModule {
    /// As the cluster knows it: `NAME`, or `GROUP/NAME@VERSION`.
    pub name: String,
    /// Its params.
    pub params: BTreeMap<String, String>,
}

/// What the leader sent at once.
#[derive(Debug)]
pub struct Answer {
    /// Records in the order of their offsets.
    pub records: Vec<Incoming>,
    /// The offset of a batch that the answer cut in half: that batch is to be asked for again.
    pub cut_at: Option<u64>,
    /// The offset after the partition's last committed record, when the answer was made.
    pub end: u64,
}

/// The request that begins a stream.
pub(super) fn request(
    peer: &Peer,
    from: u64,
    max_bytes: u64,
    smartmodule: Option<&SmartModule>,
    consumer: Option<&str>,
) -> Result<DefaultStreamFetchRequest, Error> {
    let invocation = |module: &SmartModule| SmartModuleInvocation {
        wasm: SmartModuleInvocationWasm::Predefined(module.name.clone()),
        kind: SmartModuleKind::Generic(Default::default()),
        params: module.params.clone().into(),
        name: None,
    };
    DefaultStreamFetchRequest::builder()
        .topic(peer.partition.stream.clone())
        .partition(peer.partition.partition)
        .fetch_offset(i64::try_from(from).unwrap_or(i64::MAX))
        .max_bytes(i32::try_from(max_bytes).unwrap_or(i32::MAX))
        .isolation(Isolation::ReadCommitted)
        .smartmodules(smartmodule.map(invocation).into_iter().collect::<Vec<_>>())
        .consumer_id(consumer.map(str::to_owned))
        .build()
        .map_err(|error| peer.protocol(error.to_string()))
}

/// The version of the request that both sides know.
pub(super) fn version(versions: &Versions) -> i16 {
    versions.lookup_version::<DefaultStreamFetchRequest>().unwrap_or(CHAIN_SMARTMODULE_API)
}

/// A running stream.
pub struct Stream {
    answers: AsyncResponse<DefaultStreamFetchRequest>,
    serial: VersionedSerialSocket,
    peer: Arc<Peer>,
    /// The leader's name for this stream, known from its first answer on.
    session: Option<u32>,
}

impl Stream {
    pub(super) fn new(
        answers: AsyncResponse<DefaultStreamFetchRequest>,
        serial: VersionedSerialSocket,
        peer: Arc<Peer>,
    ) -> Self {
        Self { answers, serial, peer, session: None }
    }

    /// Waits for the next answer. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// The connection broke off, or the leader ends the stream.
    pub async fn next(&mut self) -> Result<Answer, Error> {
        let answer = self.answers.next().await.unwrap_or(Err(SocketError::SocketClosed));
        let DefaultStreamFetchResponse { stream_id, partition, .. } =
            answer.map_err(|source| self.peer.broken(source))?;
        if partition.error_code != ErrorCode::None {
            return Err(self.peer.refused(partition.error_code));
        }
        self.session = Some(stream_id);
        let unpacked = unpack_all(&partition.records);
        let (records, cut_at) = unpacked.map_err(|reason| self.peer.protocol(reason))?;
        Ok(Answer { records, cut_at, end: u64::try_from(partition.high_watermark).unwrap_or(0) })
    }

    /// What is wrong with what this stream gives.
    #[must_use]
    pub fn unreadable(&self, reason: String) -> Error {
        self.peer.protocol(reason)
    }

    /// Tells the leader that everything below an offset was read: it sends what lies behind.
    ///
    /// # Errors
    /// The leader does not answer.
    pub async fn acknowledge(&self, next_offset: u64) -> Result<(), Error> {
        let Some(session_id) = self.session else { return Ok(()) };
        let offset = i64::try_from(next_offset).unwrap_or(i64::MAX);
        let request = UpdateOffsetsRequest::new(vec![OffsetUpdate { offset, session_id }]);
        let answer = self.peer.within(PATIENCE, self.serial.send_receive(request)).await?;
        match answer.status.into_iter().find(|status| status.error != ErrorCode::None) {
            Some(status) => Err(self.peer.refused(status.error)),
            None => Ok(()),
        }
    }

    /// Notes under the consumer's name, for people, that everything below an offset is stored.
    ///
    /// # Errors
    /// The leader does not answer, or keeps no consumers' offsets.
    pub async fn commit(&self, next_offset: u64) -> Result<(), Error> {
        // Fluvio keeps the last offset that was dealt with.
        let (Some(session_id), Some(last)) = (self.session, next_offset.checked_sub(1)) else {
            return Ok(());
        };
        let request = UpdateConsumerOffsetRequest::new(i64::try_from(last).unwrap_or(i64::MAX), session_id);
        let answer = self.peer.within(PATIENCE, self.serial.send_receive(request)).await?;
        match answer.error_code {
            ErrorCode::None => Ok(()),
            code => Err(self.peer.refused(code)),
        }
    }

    /// Where the partition begins and ends.
    ///
    /// # Errors
    /// The leader does not answer.
    pub async fn offsets(&self) -> Result<Offsets, Error> {
        let request =
            FetchOffsetsRequest::new(self.peer.partition.stream.clone(), self.peer.partition.partition);
        let answer = self.peer.within(PATIENCE, self.serial.send_receive(request)).await?;
        find_offsets(&self.peer, answer)
    }
}
