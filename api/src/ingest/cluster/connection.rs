//! A connection to the leader of one partition.

use std::time::Duration;

use axum::body::Bytes;
use fluvio::Isolation;
use fluvio::dataplane::api::Request;
use fluvio::dataplane::link::ErrorCode;
use fluvio::dataplane::record::{RawRecords, RecordSet};
use fluvio_socket::{ClientConfig, MultiplexerSocket, StreamSocket, VersionedSerialSocket};
use fluvio_spu_schema::fetch::{FetchPartition, FetchRequest, FetchableTopic};
use fluvio_spu_schema::produce::{DefaultPartitionRequest, DefaultProduceRequest, DefaultTopicRequest};
use fluvio_spu_schema::server::fetch_offset::FetchOffsetsRequest;
use tokio::time::timeout;

use super::Trouble;
use super::records::{batch_of, values_of};

/// How long a leader may take to say where its partition ends.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Connection {
    // Held, not used: it is what reads the answers.
    _socket: StreamSocket,
    serial: VersionedSerialSocket,
    topic: String,
    partition: u32,
}

impl Connection {
    pub(super) async fn open(config: ClientConfig, topic: String, partition: u32) -> Result<Self, Trouble> {
        let (socket, config, versions) = config.connect().await?.split();
        let mut socket = StreamSocket::new(config, MultiplexerSocket::shared(socket), versions);
        let serial = socket.create_serial_socket().await;
        Ok(Self { _socket: socket, serial, topic, partition })
    }

    async fn request<R: Request + Send + Sync>(
        &self,
        most: Duration,
        request: R,
    ) -> Result<R::Response, Trouble> {
        let answer = timeout(most, self.serial.send_receive(request)).await;
        Ok(answer.map_err(|_| format!("the leader gave no answer within {most:?}"))??)
    }

    /// Writes lines as one batch, and waits until they are committed.
    ///
    /// # Errors
    /// They are not, or it is not known.
    pub(super) async fn produce(&self, lines: &[&Bytes], most: Duration) -> Result<(), Trouble> {
        let mut of_partition =
            DefaultPartitionRequest { partition_index: self.partition, ..Default::default() };
        of_partition.records.batches.push(batch_of(lines, jiff::Timestamp::now().as_millisecond())?);
        let of_topic = DefaultTopicRequest {
            name: self.topic.clone(),
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
        let found = answer.find_partition_response(&self.topic, self.partition);
        let found = found.ok_or("an answer without the partition")?;
        checked(&found.error_code)
    }

    /// Whether the leader still answers, and is the leader.
    pub(super) async fn is_alive(&self) -> bool {
        self.committed().await.is_ok()
    }

    /// The offset behind the last record that consumers get.
    async fn committed(&self) -> Result<i64, Trouble> {
        let request = FetchOffsetsRequest::new(self.topic.clone(), self.partition);
        let answer = self.request(PATIENCE, request).await?;
        let mut found = answer.topics.into_iter().flat_map(|topic| topic.partitions);
        let found = found.find(|found| found.partition_index == self.partition);
        let found = found.ok_or("no offsets in an answer")?;
        checked(&found.error_code)?;
        Ok(found.last_stable_offset)
    }

    /// Where the leader's log has records that consumers do not get, writes the last of them once more, which commits
    /// them: an event that is there twice is one event.
    pub(super) async fn settle(&self) -> Result<(), Trouble> {
        let committed = self.committed().await?;
        let Some(last) = self.fetch(committed).await?.pop() else { return Ok(()) };
        let (topic, partition) = (&self.topic, self.partition);
        tracing::info!(
            topic,
            partition,
            committed,
            "the last record is written again, to commit those before it"
        );
        self.produce(&[&last], PATIENCE).await
    }

    /// What the leader's log holds from an offset on, committed or not.
    async fn fetch(&self, from: i64) -> Result<Vec<Bytes>, Trouble> {
        let of_partition = FetchPartition {
            partition_index: self.partition,
            fetch_offset: from,
            max_bytes: i32::MAX,
            ..Default::default()
        };
        let of_topic = FetchableTopic { name: self.topic.clone(), fetch_partitions: vec![of_partition] };
        let request = FetchRequest::<RecordSet<RawRecords>> {
            max_bytes: i32::MAX,
            isolation_level: Isolation::ReadUncommitted,
            topics: vec![of_topic],
            ..Default::default()
        };
        let answer = self.request(PATIENCE, request).await?;
        let mut found = answer.topics.into_iter().flat_map(|topic| topic.partitions);
        let found = found.find(|found| found.partition_index == self.partition);
        let found = found.ok_or("no partition in an answer")?;
        checked(&found.error_code)?;
        Ok(values_of(&found.records))
    }
}

fn checked(code: &ErrorCode) -> Result<(), Trouble> {
    if *code == ErrorCode::None { Ok(()) } else { Err(format!("the leader refuses: {code}").into()) }
}
