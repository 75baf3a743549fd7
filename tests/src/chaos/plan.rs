//! What happens in a cycle: one fault at one moment, both a function of the seed and the cycle's number alone,
//! so that any cycle can be repeated without those before it.

use std::time::Duration;

use super::fault::{Fault, Moment};
use super::proxy::Table;
use super::{Layer, Topology};
use crate::generate::random::Random;

/// Errors of ClickHouse after which nothing was written and another try may help. The codes are the connector's
/// (`core/retry.rs`), and some that it has in no table.
const RETRY: [u32; 7] = [202, 210, 241, 242, 243, 252, 319_999];

/// Errors after which it is not known what was written.
const UNKNOWN: [u32; 4] = [159, 209, 319, 394];

/// Errors that say that a row is at fault.
pub(super) const REJECT: [u32; 16] = [6, 26, 27, 33, 38, 41, 69, 70, 72, 117, 131, 321, 349, 376, 467, 469];

/// Errors that only a person can help with.
const FATAL: [u32; 22] =
    [16, 20, 36, 43, 44, 46, 47, 48, 50, 53, 60, 62, 73, 80, 81, 115, 164, 192, 193, 194, 497, 516];

/// How much more often faults come that attack the layer which is left out.
const ATTACK: u64 = 12;

/// One cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Lines that come at once before the fault, so that it meets work.
    pub burst: usize,
    /// What happens.
    pub fault: Fault,
}

/// The kinds of faults; their parameters are drawn afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    KillConnector,
    KillClickHouse,
    KillBoth,
    FreezeConnector,
    FreezeClickHouse,
    LateInsert,
    CutRequest,
    LoseAnswer,
    HoldAnswer,
    CutAll,
    StallAll,
    RetryableError,
    UnknownError,
    RejectingError,
    FatalError,
    FullDisk,
    Rewind,
    OtherBatches,
    Recreate,
    KillSpu,
    KillKafka,
    CutSpu,
    StallSpu,
    DeafenSpu,
}

impl Kind {
    const ALL: [Self; 24] = [
        Self::KillConnector,
        Self::KillClickHouse,
        Self::KillBoth,
        Self::FreezeConnector,
        Self::FreezeClickHouse,
        Self::LateInsert,
        Self::CutRequest,
        Self::LoseAnswer,
        Self::HoldAnswer,
        Self::CutAll,
        Self::StallAll,
        Self::RetryableError,
        Self::UnknownError,
        Self::RejectingError,
        Self::FatalError,
        Self::FullDisk,
        Self::Rewind,
        Self::OtherBatches,
        Self::Recreate,
        Self::KillSpu,
        Self::KillKafka,
        Self::CutSpu,
        Self::StallSpu,
        Self::DeafenSpu,
    ];

    /// How often it comes, in proportion to the others. What takes long to come back comes seldom.
    fn weight(self, topology: Topology, without: Option<Layer>) -> u64 {
        let weight = match (self, topology) {
            (Self::KillConnector, _) => 14,
            (Self::KillClickHouse | Self::LateInsert, _) => 10,
            (Self::KillBoth | Self::FreezeConnector | Self::Rewind, _) => 7,
            (
                Self::KillSpu | Self::KillKafka | Self::CutSpu | Self::StallSpu | Self::DeafenSpu,
                Topology::OneMachine,
            ) => 0,
            (Self::Recreate, Topology::Cluster) => 3,
            (Self::KillSpu, Topology::Cluster) => 8,
            (Self::KillKafka, Topology::Cluster) => 4,
            _ => 5,
        };
        if weight > 0 && without.is_some_and(|layer| self.attacks(layer)) { weight * ATTACK } else { weight }
    }

    /// Whether this fault finds out that the layer is missing.
    fn attacks(self, layer: Layer) -> bool {
        match layer {
            Layer::Fence => matches!(self, Self::LateInsert | Self::FreezeConnector),
            Layer::Ledger => matches!(self, Self::KillConnector | Self::KillBoth | Self::Rewind),
            Layer::Token => matches!(self, Self::LoseAnswer | Self::UnknownError),
            Layer::Contiguity => matches!(
                self,
                Self::KillConnector | Self::KillBoth | Self::KillSpu | Self::CutSpu | Self::StallSpu
            ),
            Layer::Generation => matches!(self, Self::Recreate),
            Layer::Final => false,
        }
    }
}

impl Plan {
    /// The plan of a cycle.
    #[must_use]
    pub fn of(seed: u64, cycle: u64, topology: Topology, without: Option<Layer>) -> Self {
        let mut random = Random::new(seed ^ 0x6368_616f_732e_706c, cycle);
        let burst = 300 + random.index(2_500);
        let weights = Kind::ALL.map(|kind| kind.weight(topology, without));
        let mut place = random.below(weights.iter().sum());
        let kind = Kind::ALL.into_iter().zip(weights).find(|(_, weight)| {
            let is_here = place < *weight;
            place = place.saturating_sub(*weight);
            is_here
        });
        let kind = kind.map_or(Kind::KillConnector, |(kind, _)| kind);
        Self { burst, fault: fault(kind, &mut random) }
    }
}

fn fault(kind: Kind, random: &mut Random) -> Fault {
    match kind {
        Kind::KillConnector => {
            let at = moment(random);
            // Also while it takes over from itself.
            let again = random.percent(35).then(|| Duration::from_micros(random.below(500_000)));
            Fault::KillConnector { at, again }
        }
        Kind::KillClickHouse => Fault::KillClickHouse { at: moment(random) },
        Kind::KillBoth => Fault::KillBoth { at: moment(random) },
        Kind::FreezeConnector => Fault::FreezeConnector { at: moment(random) },
        Kind::FreezeClickHouse => Fault::FreezeClickHouse { at: moment(random), pause: pause(random) },
        Kind::LateInsert => {
            Fault::LateInsert { table: *random.pick(&[Table::Events, Table::Events, Table::DeadLetters]) }
        }
        Kind::CutRequest => Fault::CutRequest { table: table(random), after: random.index(200_000) },
        Kind::LoseAnswer => Fault::LoseAnswer { table: table(random), kills: random.percent(30) },
        Kind::HoldAnswer => Fault::HoldAnswer { table: table(random), pause: pause(random) },
        Kind::CutAll => Fault::CutAll { at: moment(random), pause: pause(random) },
        Kind::StallAll => Fault::StallAll { at: moment(random), pause: pause(random) },
        Kind::RetryableError => error(*random.pick(&RETRY), false, random),
        Kind::UnknownError => {
            let is_carried_out = random.percent(60);
            error(*random.pick(&UNKNOWN), is_carried_out, random)
        }
        Kind::RejectingError => {
            let code = *random.pick(&REJECT);
            Fault::Answer { table: Table::Events, code, is_carried_out: false }
        }
        Kind::FatalError => Fault::FatalAnswer { table: table(random), code: *random.pick(&FATAL) },
        Kind::FullDisk => Fault::FullDisk { at: moment(random), pause: pause(random) },
        Kind::Rewind => Fault::Rewind { cycles: (!random.percent(30)).then(|| 1 + random.index(6)) },
        Kind::OtherBatches => {
            let most = *random.pick(&[60, 600, 4_000]);
            Fault::OtherBatches {
                max_rows: 60 + random.index(most),
                max_age: Duration::from_millis(20 + random.below(300)),
                kills: random.percent(50),
            }
        }
        Kind::Recreate => Fault::Recreate { is_longer: random.percent(50) },
        Kind::KillSpu => Fault::KillSpu { at: moment(random) },
        Kind::KillKafka => Fault::KillKafka { at: moment(random) },
        Kind::CutSpu => Fault::CutSpu { at: moment(random), pause: pause(random) },
        Kind::StallSpu => Fault::StallSpu { at: moment(random), pause: pause(random) },
        Kind::DeafenSpu => Fault::DeafenSpu { at: moment(random), pause: pause(random) },
    }
}

fn error(code: u32, is_carried_out: bool, random: &mut Random) -> Fault {
    Fault::Answer { table: table(random), code, is_carried_out }
}

/// Half of the faults come while a certain insert is on its way.
fn moment(random: &mut Random) -> Moment {
    match random.below(4) {
        0 | 1 => Moment::After(Duration::from_micros(random.below(400_000))),
        2 => Moment::BeforeInsert(table(random)),
        _ => Moment::AfterInsert(table(random)),
    }
}

fn table(random: &mut Random) -> Table {
    *random.pick(&[Table::Events, Table::Events, Table::DeadLetters, Table::Checkpoints])
}

fn pause(random: &mut Random) -> Duration {
    Duration::from_millis(50 + random.below(700))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPOLOGIES: [Topology; 2] = [Topology::OneMachine, Topology::Cluster];

    #[test]
    fn a_cycle_is_the_same_every_time_and_another_for_another_seed() {
        for topology in TOPOLOGIES {
            let plans = |seed: u64| (0..200).map(move |cycle| Plan::of(seed, cycle, topology, None));
            assert!(plans(1).eq(plans(1)));
            assert!(!plans(1).eq(plans(2)));
        }
    }

    #[test]
    fn every_kind_of_fault_comes_and_none_that_the_topology_lacks() {
        for topology in TOPOLOGIES {
            for kind in Kind::ALL {
                let wanted = kind.weight(topology, None) > 0;
                let name = format!("{kind:?}");
                let named = |fault: &Fault| format!("{fault:?}").starts_with(&name);
                // Two kinds make faults of other names, told apart by their codes.
                if name.ends_with("Error") {
                    continue;
                }
                let comes = (0..3_000).any(|cycle| named(&Plan::of(7, cycle, topology, None).fault));
                assert_eq!(comes, wanted, "{name} on {topology:?}");
            }
        }
    }

    #[test]
    fn a_layer_that_is_left_out_is_attacked_more_often() {
        let count = |without| {
            let plans = (0..500).map(|cycle| Plan::of(3, cycle, Topology::OneMachine, without));
            plans.filter(|plan| matches!(plan.fault, Fault::Recreate { .. })).count()
        };
        assert!(count(Some(Layer::Generation)) > 3 * count(None));
    }
}
