//! The connector on a Fluvio cluster, leg by leg, beside what Fluvio's own client does in the same place.
//!
//! One partition everywhere. The clock of a leg runs from the moment when everything is started and it is
//! known where to go on, to the end of the process; that of a bare client from the moment when it asks for
//! its producer or stream. So the connection, and the compilation of the SmartModule in the SPU, count for
//! both. Of the mirror's time that of a mirror without events is taken off: to leave Kafka's group is not
//! what is compared. Processor time is that of the connector's whole process less that of a run without
//! events.

mod client;
mod legs;
mod services;

use std::path::Path;
use std::time::Duration;

use super::report::{self, Round};
use legs::Run;
use services::{EVENTS, NOTHING, SMARTMODULE, Services};

/// Sizes of a bare producer's batches, of which the fastest is taken.
const BATCH_KIB: [usize; 4] = [16, 64, 256, 512];

/// Share of the events that one trial of a batch size has.
const TRIAL: usize = 4;

/// What is to be reached, by the figures of one run.
const SINK_TO_CONSUMER: f64 = 0.75;
const MIRROR_TO_PRODUCER: f64 = 0.5;
const CPU_MICROSECONDS: f64 = 4.0;

/// The rounds of each contestant, in turn.
#[derive(Debug, Default)]
pub struct Rounds {
    /// Size of the bare producer's batches.
    batch_kib: usize,
    producer: Vec<Round>,
    consumer: Vec<Round>,
    /// Records that the bare consumer did not get.
    lost: usize,
    consumer_with: Vec<Round>,
    sink: Leg,
    mirror: Leg,
    both: Leg,
}

/// Rounds of the connector.
#[derive(Debug, Default)]
struct Leg {
    rounds: Vec<Round>,
    /// Microseconds of processor time per event.
    cpu: Vec<f64>,
    spu: Vec<f64>,
    clickhouse: Vec<f64>,
}

impl Leg {
    /// Adds a run, whose processor time includes so much that is not for its events.
    fn push(&mut self, events: usize, run: Run, idle: Duration) {
        self.rounds.push(Round { events, elapsed: run.elapsed });
        self.cpu.push(microseconds(run.cpu.saturating_sub(idle), events));
        self.spu.push(microseconds(run.spu, events));
        self.clickhouse.push(microseconds(run.clickhouse, events));
    }
}

#[allow(clippy::cast_precision_loss, reason = "rounds have far fewer events than 2^52")]
fn microseconds(cpu: Duration, events: usize) -> f64 {
    cpu.as_secs_f64() * 1e6 / events as f64
}

/// Starts the services, and runs `rounds` rounds of `events` 463-byte call events of ten tenants; of the legs and clients
/// all, or only the sink leg and the bare consumer with the SmartModule.
///
/// # Panics
/// Where a service or the connector does not run, or not everything arrives that has to.
#[must_use]
pub fn run(smartmodule: &Path, events: usize, rounds: usize, sink_only: bool) -> Rounds {
    let mut services = Services::start(smartmodule, events);
    let mut result = Rounds { batch_kib: fastest_batch(&services), ..Rounds::default() };
    for round in 0..rounds {
        result.add_round(&mut services, round, events, sink_only);
    }
    result
}

/// Tries each size, after one round that warms up.
fn fastest_batch(services: &Services) -> usize {
    let events = services.events().len() / TRIAL;
    let trial = |kib: usize| {
        let topic = format!("trial-{kib}");
        services.fluvio.create_topic(&topic, 1, &[]);
        services.client.produce(&topic, services.events().take(events), kib * 1024)
    };
    services.fluvio.create_topic("warm-up", 1, &[]);
    let _ = services.client.produce("warm-up", services.events().take(events), BATCH_KIB[0] * 1024);
    BATCH_KIB.into_iter().min_by_key(|kib| trial(*kib)).unwrap_or(BATCH_KIB[0])
}

impl Rounds {
    fn add_round(&mut self, services: &mut Services, round: usize, events: usize, sink_only: bool) {
        let [produced, empty, mirrored, through] =
            ["produced", "empty", "mirrored", "through"].map(|name| format!("{name}-{round}"));
        for topic in [&produced, &empty, &mirrored, &through] {
            services.fluvio.create_topic(topic, 1, &[]);
        }
        let idle_sink = legs::sink(services, &empty, 0);
        let idle_mirror = (!sink_only).then(|| legs::mirror(services, NOTHING, &empty));

        // What is compared runs one after the other.
        let elapsed = services.client.produce(&produced, services.events(), self.batch_kib * 1024);
        self.producer.push(Round { events, elapsed });
        if let Some(idle) = idle_mirror {
            let mut mirror = legs::mirror(services, EVENTS, &mirrored);
            mirror.elapsed = mirror.elapsed.saturating_sub(idle.elapsed);
            self.mirror.push(events, mirror, idle.cpu);
            self.add_consumer(services, &produced, events);
        }
        let with = services.client.consume(&produced, events, Some(SMARTMODULE));
        assert_eq!(with.records, events, "with a SmartModule every record arrives");
        self.consumer_with.push(Round { events, elapsed: with.elapsed });
        self.sink.push(events, legs::sink(services, &produced, events), idle_sink.cpu);
        if let Some(idle) = idle_mirror {
            let both = legs::both(services, EVENTS, &through, events);
            self.both.push(events, both, idle_sink.cpu + idle.cpu);
        }
    }

    fn add_consumer(&mut self, services: &Services, produced: &str, events: usize) {
        let bare = services.client.consume(produced, events, None);
        self.consumer.push(Round { events: bare.records, elapsed: bare.elapsed });
        self.lost += events.saturating_sub(bare.records);
    }

    /// Prints the figures, and what they have to be.
    pub fn print(&self) {
        let producer = format!("bare producer, batches of {} KiB", self.batch_kib);
        report::print(&producer, &self.producer, None);
        report::print("bare consumer", &self.consumer, None);
        let against = Some(("bare consumer", self.consumer.as_slice()));
        report::print("bare consumer with our SmartModule", &self.consumer_with, against);
        let against = Some(("bare consumer with our SmartModule", self.consumer_with.as_slice()));
        report::print("sink leg, Fluvio to ClickHouse", &self.sink.rounds, against);
        let against = Some(("bare producer", self.producer.as_slice()));
        report::print("mirror leg, Kafka to Fluvio", &self.mirror.rounds, against);
        report::print("Kafka to ClickHouse, both legs at once", &self.both.rounds, None);
        let legs = [("sink leg", &self.sink), ("mirror leg", &self.mirror), ("both legs", &self.both)];
        for (name, leg) in legs.into_iter().filter(|(_, leg)| !leg.rounds.is_empty()) {
            let [cpu, spu, clickhouse] =
                [&leg.cpu, &leg.spu, &leg.clickhouse].map(|of| report::median(of.iter().copied()));
            println!(
                "{:<40} {cpu:>12.2} µs an event   the SPU's {spu:.2}, ClickHouse's {clickhouse:.2}",
                format!("the connector's CPU, {name}")
            );
        }
        println!("{:<40} {:>12} records", "lost by the bare consumer", self.lost);
        println!();
        let sink = report::ratio(&self.sink.rounds, &self.consumer_with);
        let mirror = report::ratio(&self.mirror.rounds, &self.producer);
        let cpu = report::median(self.sink.cpu.iter().copied());
        let limits = [
            (&self.sink, "sink leg to bare consumer with our SmartModule", sink, '≥', SINK_TO_CONSUMER),
            (&self.mirror, "mirror leg to bare producer", mirror, '≥', MIRROR_TO_PRODUCER),
            (&self.sink, "the connector's CPU, sink leg, µs", cpu, '≤', CPU_MICROSECONDS),
        ];
        for (_, name, found, sign, limit) in limits.into_iter().filter(|(leg, ..)| !leg.rounds.is_empty()) {
            let is_reached = if sign == '≥' { found >= limit } else { found <= limit };
            let outcome = if is_reached { "reached" } else { "NOT REACHED" };
            println!("{name:<47} {found:>5.2}   wanted {sign} {limit:<4}  {outcome}");
        }
    }
}
