//! Fluvio's own client, with nothing of ours around it: what the legs are measured against.

use std::time::{Duration, Instant};

use fluvio::consumer::{ConsumerConfigExt, ConsumerConfigExtBuilder};
use fluvio::{
    Fluvio, FluvioClusterConfig, Isolation, Offset, RecordKey, SmartModuleInvocation,
    SmartModuleInvocationWasm, SmartModuleKind, TopicProducerConfigBuilder,
};
use futures_util::StreamExt as _;
use tokio::runtime::Runtime;

/// The most bytes of one answer: the connector's own default, so that both are given the same.
const MAX_BYTES: i32 = 8 << 20;

/// How long the producer waits for more records before it sends a batch that has room.
const LINGER: Duration = Duration::from_millis(10);

/// A consumer that has heard nothing for so long has got all that it will get.
const SILENCE: Duration = Duration::from_secs(3);

/// A connected client.
pub(super) struct Client {
    runtime: Runtime,
    fluvio: Fluvio,
}

/// What came to a consumer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consumed {
    /// How many records.
    pub(super) records: usize,
    /// From asking for the stream to the last of them.
    pub(super) elapsed: Duration,
}

impl Client {
    /// Connects to a cluster.
    ///
    /// # Panics
    /// Where it does not answer.
    #[must_use]
    pub(super) fn connect(endpoint: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let config = FluvioClusterConfig::new(endpoint);
        let fluvio = runtime.block_on(Fluvio::connect_with_config(&config)).expect("the cluster answers");
        Self { runtime, fluvio }
    }

    /// Sends values to a topic of one partition; from the making of the producer until all are
    /// acknowledged.
    ///
    /// # Panics
    /// Where they are not.
    #[must_use]
    pub(super) fn produce<'a>(
        &self,
        topic: &str,
        values: impl IntoIterator<Item = &'a [u8]>,
        batch_bytes: usize,
    ) -> Duration {
        let config = TopicProducerConfigBuilder::default()
            .batch_size(batch_bytes)
            .linger(LINGER)
            .build()
            .expect("a producer's configuration");
        self.runtime.block_on(async {
            let started = Instant::now();
            let producer = self.fluvio.topic_producer_with_config(topic, config).await.expect("a producer");
            for value in values {
                producer.send(RecordKey::NULL, value).await.expect("a record is taken");
            }
            producer.flush().await.expect("all records are acknowledged");
            started.elapsed()
        })
    }

    /// Reads the `records` records that a topic of one partition holds, through the SmartModule of this
    /// name if there is one.
    ///
    /// # Panics
    /// Where the stream ends with an error.
    #[must_use]
    pub(super) fn consume(&self, topic: &str, records: usize, smartmodule: Option<&str>) -> Consumed {
        let config = consumer_config(topic, smartmodule);
        let last = i64::try_from(records).expect("offsets fit") - 1;
        self.runtime.block_on(async {
            let started = Instant::now();
            let mut consumed = Consumed { records: 0, elapsed: Duration::ZERO };
            let mut stream = self.fluvio.consumer_with_config(config).await.expect("a stream");
            // What a fetch cuts in half never comes, and that may be the last of them.
            while let Ok(next) = tokio::time::timeout(SILENCE, stream.next()).await {
                let record = next.expect("the stream goes on").expect("a record");
                consumed.records += 1;
                if record.offset() >= last {
                    consumed.elapsed = started.elapsed();
                    return consumed;
                }
                if consumed.records.is_multiple_of(1_000) {
                    consumed.elapsed = started.elapsed();
                }
            }
            consumed
        })
    }
}

fn consumer_config(topic: &str, smartmodule: Option<&str>) -> ConsumerConfigExt {
    let invocation = |name: &str| SmartModuleInvocation {
        wasm: SmartModuleInvocationWasm::Predefined(name.to_owned()),
        kind: SmartModuleKind::Generic(Default::default()),
        ..Default::default()
    };
    ConsumerConfigExtBuilder::default()
        .topic(topic)
        .partition(0)
        .offset_start(Offset::beginning())
        .isolation(Isolation::ReadCommitted)
        .max_bytes(MAX_BYTES)
        .smartmodule(smartmodule.map(invocation).into_iter().collect())
        .build()
        .expect("a consumer's configuration")
}
