//! A connection to the leader of one partition.

use std::sync::Arc;
use std::time::Duration;

use fluvio::Isolation;
use fluvio::dataplane::api::Request;
use fluvio::dataplane::link::ErrorCode;
use fluvio::dataplane::record::{RawRecords, RecordSet};
use fluvio_socket::{ClientConfig, MultiplexerSocket, SocketError, StreamSocket, VersionedSerialSocket};
use fluvio_spu_schema::fetch::{FetchPartition, FetchRequest, FetchableTopic};
use fluvio_spu_schema::produce::{DefaultPartitionRequest, DefaultProduceRequest, DefaultTopicRequest};
use fluvio_spu_schema::server::fetch_offset::{FetchOffsetsRequest, FetchOffsetsResponse};

use super::PATIENCE;
use super::error::Error;
use super::records::{Incoming, Outgoing, Produced, batch_of, unpack_all};
use super::stream::{SmartModule, Stream};
use super::tail::{self, Tail};
use crate::stream::StreamPartition;

/// Where a partition begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    /// The first offset that can be read.
    pub start: u64,
    /// The offset after the last that is committed.
    pub end: u64,
}

/// A connection to the leader of one partition.
pub struct Connection {
    socket: StreamSocket,
    serial: VersionedSerialSocket,
    peer: Arc<Peer>,
}

/// Who is at the other end, for errors.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) partition: StreamPartition,
    pub(super) address: String,
}

impl Peer {
    pub(super) fn broken(&self, source: SocketError) -> Error {
        Error::Connection { partition: self.partition.clone(), address: self.address.clone(), source }
    }

    pub(super) fn refused(&self, code: ErrorCode) -> Error {
        Error::Refused { partition: self.partition.clone(), address: self.address.clone(), code }
    }

    pub(super) fn protocol(&self, reason: impl Into<String>) -> Error {
        let (partition, address) = (self.partition.clone(), self.address.clone());
        Error::Protocol { partition, address, reason: reason.into() }
    }

    pub(super) fn timed_out(&self, most: Duration) -> Error {
        let (partition, address) = (self.partition.clone(), self.address.clone());
        Error::TimedOut { partition, address, seconds: most.as_secs() }
    }

    /// Waits for something that the leader does, no longer than `most`.
    pub(super) async fn within<T>(
        &self,
        most: Duration,
        answer: impl Future<Output = Result<T, SocketError>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(most, answer).await {
            Ok(answer) => answer.map_err(|source| self.broken(source)),
            Err(_) => Err(self.timed_out(most)),
        }
    }
}

impl Connection {
    pub(super) async fn open(
        config: ClientConfig,
        address: String,
        partition: StreamPartition,
    ) -> Result<Self, Error> {
        let peer = Arc::new(Peer { partition, address });
        let (socket, config, versions) = peer.within(PATIENCE, config.connect()).await?.split();
        let mut socket = StreamSocket::new(config, MultiplexerSocket::shared(socket), versions);
        let serial = socket.create_serial_socket().await;
        Ok(Self { socket, serial, peer })
    }

    async fn request<R: Request + Send + Sync>(
        &self,
        most: Duration,
        request: R,
    ) -> Result<R::Response, Error> {
        self.peer.within(most, self.serial.send_receive(request)).await
    }

    /// Where the partition begins and ends.
    ///
    /// # Errors
    /// The leader does not answer, or is not the leader any more.
    pub async fn offsets(&self) -> Result<Offsets, Error> {
        let StreamPartition { stream, partition } = &self.peer.partition;
        let answer = self.request(PATIENCE, FetchOffsetsRequest::new(stream.clone(), *partition)).await?;
        find_offsets(&self.peer, answer)
    }

    /// Begins to read at an offset. An answer has about `max_bytes` bytes of records at most. With
    /// `consumer`, offsets can be committed under that name.
    ///
    /// # Errors
    /// The leader does not answer.
    pub async fn stream(
        &mut self,
        from: u64,
        max_bytes: u64,
        smartmodule: Option<&SmartModule>,
        consumer: Option<&str>,
    ) -> Result<Stream, Error> {
        let request = super::stream::request(&self.peer, from, max_bytes, smartmodule, consumer)?;
        let version = super::stream::version(self.serial.versions());
        let answers =
            self.peer.within(PATIENCE, self.socket.create_stream_with_version(request, version)).await?;
        Ok(Stream::new(answers, self.socket.create_serial_socket().await, self.peer()))
    }

    /// Writes records as one batch, and waits until they are committed.
    ///
    /// # Errors
    /// All but [`Error::Refused`] with a size say that it is not known whether they were written.
    pub async fn produce(&self, records: &[Outgoing], most: Duration) -> Result<Produced, Error> {
        let StreamPartition { stream, partition } = &self.peer.partition;
        let batch = batch_of(records).map_err(|error| self.peer.protocol(error.to_string()))?;
        let mut of_partition = DefaultPartitionRequest { partition_index: *partition, ..Default::default() };
        of_partition.records.batches.push(batch);
        let of_topic = DefaultTopicRequest {
            name: stream.clone(),
            partitions: vec![of_partition],
            ..Default::default()
        };
        let request = DefaultProduceRequest {
            isolation: Isolation::ReadCommitted,
            timeout: most,
            topics: vec![of_topic],
            ..Default::default()
        };
        // The leader gives up after `most`; its answer needs a moment to arrive.
        let answer = self.request(most + Duration::from_secs(1), request).await?;
        let found = answer
            .find_partition_response(stream, *partition)
            .ok_or_else(|| self.peer.protocol("no partition in the answer"))?;
        if found.error_code != ErrorCode::None {
            return Err(self.peer.refused(found.error_code.clone()));
        }
        let base_offset =
            u64::try_from(found.base_offset).map_err(|error| self.peer.protocol(error.to_string()))?;
        Ok(Produced { base_offset })
    }

    /// What the leader's log holds from an offset on, committed or not: whole batches, the first of them
    /// the one with that offset. Nothing at the log's end.
    ///
    /// # Errors
    /// The leader does not answer, or its log ends before that offset.
    pub async fn fetch(&self, from: u64) -> Result<Vec<Incoming>, Error> {
        let StreamPartition { stream, partition } = &self.peer.partition;
        let of_partition = FetchPartition {
            partition_index: *partition,
            fetch_offset: i64::try_from(from).unwrap_or(i64::MAX),
            max_bytes: i32::MAX,
            ..Default::default()
        };
        let of_topic = FetchableTopic { name: stream.clone(), fetch_partitions: vec![of_partition] };
        let request = FetchRequest::<RecordSet<RawRecords>> {
            max_bytes: i32::MAX,
            isolation_level: Isolation::ReadUncommitted,
            topics: vec![of_topic],
            ..Default::default()
        };
        let answer = self.request(PATIENCE, request).await?;
        let found = answer
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .find(|found| found.partition_index == *partition)
            .ok_or_else(|| self.peer.protocol("no partition in the answer"))?;
        if found.error_code != ErrorCode::None {
            return Err(self.peer.refused(found.error_code));
        }
        let (records, _) = unpack_all(&found.records).map_err(|reason| self.peer.protocol(reason))?;
        Ok(records)
    }

    /// The end of the leader's log.
    ///
    /// # Errors
    /// The leader does not answer, or retention left no record to tell.
    pub async fn tail(&self) -> Result<Tail, Error> {
        tail::read(self).await
    }

    pub(super) fn peer(&self) -> Arc<Peer> {
        Arc::clone(&self.peer)
    }
}

/// The partition's offsets in an answer.
pub(super) fn find_offsets(peer: &Peer, answer: FetchOffsetsResponse) -> Result<Offsets, Error> {
    let found = answer
        .topics
        .into_iter()
        .flat_map(|topic| topic.partitions)
        .find(|found| found.partition_index == peer.partition.partition)
        .ok_or_else(|| peer.protocol("no offsets in the answer"))?;
    if found.error_code != ErrorCode::None {
        return Err(peer.refused(found.error_code));
    }
    match (u64::try_from(found.start_offset), u64::try_from(found.last_stable_offset)) {
        (Ok(start), Ok(end)) => Ok(Offsets { start, end }),
        _ => Err(peer.protocol(format!("offsets below 0: {found}"))),
    }
}
