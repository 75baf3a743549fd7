//! Cycle after cycle, on a fresh stage every so often.

use std::any::Any;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Instant;

use super::fault::Fault;
use super::log::{self, Entry};
use super::oracle::{Subject, Verdict};
use super::plan::{Plan, REJECT};
use super::rig::Rig;
use super::services::Services;
use super::{Layer, Topology};

/// Cycles on one stage. What was sent is compared at its end, all of it.
const STAGE: u64 = 40;

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of the first cycle.
    pub first_cycle: u64,
    /// How many.
    pub cycles: u64,
    /// Decides over all of it.
    pub seed: u64,
    /// Between which services.
    pub topology: Topology,
    /// The layer that is left out.
    pub without: Option<Layer>,
    /// Where the log of a long campaign is.
    pub log: Option<PathBuf>,
}

/// How it ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Cycles that were done.
    pub cycles: u64,
    /// What the oracles said.
    pub verdict: Verdict,
    /// What went wrong otherwise, and in which cycle.
    pub failure: Option<(u64, String)>,
    /// How long the cycles took in the mean, everything included.
    pub mean_seconds: f64,
}

impl Outcome {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.verdict.is_clean() && self.failure.is_none()
    }
}

/// Runs the cycles, until the first stage in which something was found.
///
/// # Errors
/// The log cannot be written.
pub fn run(options: &Options) -> io::Result<Outcome> {
    let started = Instant::now();
    let mut outcome = Outcome::default();
    let mut services = match guarded(|| Services::start(options.topology)) {
        Ok(services) => services,
        Err(failure) => {
            outcome.failure = Some((options.first_cycle, failure));
            return Ok(outcome);
        }
    };
    let end = options.first_cycle + options.cycles;
    let mut first_cycle = options.first_cycle;
    while first_cycle < end && outcome.is_clean() {
        let stage_started = Instant::now();
        let cycles = first_cycle..end.min(first_cycle + STAGE);
        let stage = Stage::run(options, &mut services, cycles.clone());
        if let Some(path) = &options.log {
            let entry = Entry {
                seed: options.seed,
                topology: options.topology.as_str().to_owned(),
                without: options.without.map(|layer| layer.as_str().to_owned()),
                first_cycle,
                cycles: stage.cycles,
                seconds: stage_started.elapsed().as_secs_f64(),
                verdict: stage.verdict.clone(),
                failure: stage.failure.as_ref().map(|(cycle, failure)| format!("cycle {cycle}: {failure}")),
            };
            log::append(path, &entry)?;
        }
        outcome.cycles += stage.cycles;
        outcome.verdict.add(stage.verdict);
        outcome.failure = stage.failure;
        first_cycle = cycles.end;
    }
    outcome.mean_seconds =
        started.elapsed().as_secs_f64() / f64::from(u32::try_from(outcome.cycles.max(1)).unwrap_or(u32::MAX));
    Ok(outcome)
}

/// The cycles on one stage.
#[derive(Default)]
struct Stage {
    cycles: u64,
    /// The cycle that runs.
    cycle: u64,
    refusals: u64,
    /// The ledger says so: no need to go on.
    is_doubled: bool,
    verdict: Verdict,
    failure: Option<(u64, String)>,
}

impl Stage {
    fn run(options: &Options, services: &mut Services, cycles: Range<u64>) -> Self {
        let mut stage = Self { cycle: cycles.start, ..Self::default() };
        let result = guarded(|| {
            let name = format!("chaos_{}", cycles.start);
            // Other events for each stage.
            let seed = options.seed.wrapping_add(cycles.start);
            let mut rig = Rig::start(services, options.topology, options.without, &name, seed);
            let completed = guarded(|| stage.cycles(options, &mut rig, cycles));
            // The oracles may tell more than what was missed.
            stage.failure = completed.err().map(|failure| (stage.cycle, failure));
            stage.judge(options, &mut rig);
        });
        if let Err(failure) = result {
            stage.failure.get_or_insert((stage.cycle, failure));
        }
        stage
    }

    fn cycles(&mut self, options: &Options, rig: &mut Rig<'_>, cycles: Range<u64>) {
        for cycle in cycles {
            self.cycle = cycle;
            let started = Instant::now();
            let plan = Plan::of(options.seed, cycle, options.topology, options.without);
            if matches!(plan.fault, Fault::Answer { code, .. } if REJECT.contains(&code)) {
                self.refusals += 1;
            }
            rig.load.burst(plan.burst);
            plan.fault.happen(rig);
            rig.until_stored(rig.load.sent());
            let doubled = rig.until_none_is_doubled();
            rig.assert_alive();
            rig.keep_checkpoints();
            self.cycles += 1;
            let (notes, seconds) = (rig.take_notes(), started.elapsed().as_secs_f64());
            println!("cycle {cycle:5}  {seconds:5.2} s  {:?}{notes}", plan.fault);
            if let Err(stored) = doubled {
                println!("  the ledger has {} rows of {} origins", stored.rows, stored.distinct);
                self.is_doubled = true;
                return;
            }
        }
    }

    /// Stops, and asks the oracles.
    fn judge(&mut self, options: &Options, rig: &mut Rig<'_>) {
        rig.load.pause();
        if self.failure.is_none() {
            rig.until_stored(rig.load.sent());
            rig.drain_connector();
        }
        rig.kill_connector();
        let subject = Subject {
            database: &rig.stage.database,
            files: rig.load.files(),
            topology: options.topology,
            ends: rig.ends(),
            refusals: self.refusals,
            has_final: options.without != Some(Layer::Final),
        };
        self.verdict = subject.judge();
        if self.failure.is_none() && (self.is_doubled || !self.verdict.is_clean()) {
            let failure = "the oracles differ from what was sent".to_owned();
            self.failure = Some((self.cycle, failure));
        }
        // The connector's own view has to be the same; one without a layer has none.
        if self.failure.is_none() && options.without.is_none() {
            self.failure = rig.audit().map(|said| (self.cycle, format!("the audit finds fault:\n{said}")));
        }
        if self.failure.is_none() {
            let database = rig.stage.database.name();
            rig.stage.database.run(&format!("DROP DATABASE {database} SYNC"));
        } else {
            rig.keep_folder();
        }
    }
}

/// Runs something that panics where it cannot go on; gives the reason.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| reason(panic.as_ref()))
}

fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a reason").to_owned()
}
