//! Makes events to try the system with: realistic good ones, ones that are bad in every way the
//! contract knows, and some that are sent twice.
//!
//! Every line is a function of the options and its number, and of nothing else: the same options give the
//! same bytes on every machine, any amount needs the same memory, and an event can be sent again without
//! having been kept. Each line knows what the contract must say about it.

mod draft;
mod event;
mod fault;
mod phrases;
pub mod plain;
pub(crate) mod random;
mod schedule;
mod time;

use event::Identity;
pub use fault::Fault;
use phrases::Phrases;
use random::Random;
use schedule::{Kind, Resend, Schedule};

/// What to generate.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many lines.
    pub events: u64,
    /// How many tenants, at least 1.
    pub tenants: usize,
    /// Another seed gives other events.
    pub seed: u64,
    /// Latest time of a good event, in milliseconds since 1970.
    pub until_ms: i64,
    /// Good events begin this many days before `until_ms`; at least 1.
    pub days: u32,
    /// Share of bad lines, 0 to 1, spread evenly over the ways to be bad.
    pub bad_share: f64,
    /// Share of lines that send an earlier event again, 0 to 1.
    pub resent_share: f64,
    /// How many lines of more than 1 MiB, beside the bad share.
    pub too_large: u64,
}

/// What the contract must say about a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The line is an event.
    Accepted,
    /// The line becomes a dead letter with this code.
    Rejected(Fault),
}

impl Expected {
    /// `accepted`, or the rejection's code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected(fault) => fault.code(),
        }
    }
}

/// Why nothing can be generated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option has a value that makes no sense.
    #[error("{0}")]
    Option(&'static str),
    /// The phrase material does not parse.
    #[error("tests/data/phrases.json: {0}")]
    Phrases(#[from] serde_json::Error),
}

/// Yields the lines in order.
pub struct Generator {
    options: Options,
    schedule: Schedule,
    phrases: Phrases,
    tenants: Vec<event::Tenant>,
    next: u64,
}

impl Generator {
    /// Checks the options and reads the phrase material.
    ///
    /// # Errors
    /// An option makes no sense.
    pub fn new(options: Options) -> Result<Self, Error> {
        if options.tenants == 0 || options.days == 0 {
            return Err(Error::Option("there must be at least one tenant and one day"));
        }
        if !(0.0..=1.0).contains(&options.bad_share) || !(0.0..=1.0).contains(&options.resent_share) {
            return Err(Error::Option("a share lies between 0 and 1"));
        }
        let phrases = Phrases::read()?;
        let tenants = event::tenants(&phrases, options.tenants);
        let schedule = Schedule::new(&options);
        Ok(Self { options, schedule, phrases, tenants, next: 0 })
    }

    /// Appends the next line, without its line feed; none after the last.
    pub fn write_next(&mut self, line: &mut Vec<u8>) -> Option<Expected> {
        let index = self.next;
        if index == self.options.events {
            return None;
        }
        self.next += 1;
        Some(match self.schedule.kind(index) {
            Kind::Fresh => self.accepted(index, None, line),
            Kind::Resent(resend, earlier) => self.accepted(earlier, Some(resend), line),
            Kind::Bad(fault) => {
                let (identity, mut random) = self.identity(index);
                let tenant = &self.tenants[identity.tenant];
                let draft = event::draft(&self.phrases, tenant, &identity, &mut random);
                fault.write(draft, &self.phrases, &mut random, line);
                Expected::Rejected(fault)
            }
        })
    }

    fn accepted(&self, index: u64, resend: Option<Resend>, line: &mut Vec<u8>) -> Expected {
        let (mut identity, mut random) = self.identity(index);
        match resend {
            None | Some(Resend::Same) => {}
            Some(Resend::OtherTenant) => identity.tenant = (identity.tenant + 1) % self.tenants.len(),
            Some(Resend::OtherTime) => identity.time_us -= 1_500_000,
        }
        let tenant = &self.tenants[identity.tenant];
        event::draft(&self.phrases, tenant, &identity, &mut random).write(&mut random, line);
        Expected::Accepted
    }

    /// Who sent the event with this number, and when; and the randomness for the rest of it.
    fn identity(&self, index: u64) -> (Identity, Random) {
        let mut random = Random::new(self.options.seed, index);
        let event_id = random.uuid();
        // The smaller of two draws: the first tenants are busier than the last.
        let tenant = random.index(self.tenants.len()).min(random.index(self.tenants.len()));
        let time_us = time::of_event(&self.options, index, &mut random);
        (Identity { event_id, tenant, time_us }, random)
    }
}

#[cfg(test)]
mod tests;
