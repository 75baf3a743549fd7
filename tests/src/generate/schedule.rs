//! Which line is good, bad, or an earlier one again.

use super::random::Random;
use super::{Fault, Options};

/// What a line is.
pub(super) enum Kind {
    Fresh,
    /// The event with this number again.
    Resent(Resend, u64),
    Bad(Fault),
}

/// In which way an event is sent again.
#[derive(Clone, Copy)]
pub(super) enum Resend {
    /// The same bytes.
    Same,
    /// The same id under another tenant: another event.
    OtherTenant,
    /// The same id and tenant at another time: stored, and a conflict.
    OtherTime,
}

/// A pure function from a line's number to its kind.
pub(super) struct Schedule {
    seed: u64,
    events: u64,
    bad_per_million: u64,
    resent_per_million: u64,
    too_large: u64,
}

/// Keeps the schedule's randomness apart from the content's.
const SCHEDULE_SEED: u64 = 0x7363_6865_6475_6c65;

/// How far back an event that is sent again may lie.
const RESENT_REACH: u64 = 400;

impl Schedule {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            seed: options.seed ^ SCHEDULE_SEED,
            events: options.events,
            bad_per_million: per_million(options.bad_share),
            resent_per_million: per_million(options.resent_share),
            too_large: options.too_large.min(options.events),
        }
    }

    pub(super) fn kind(&self, index: u64) -> Kind {
        if let Some(fault) = self.fault(index) {
            return Kind::Bad(fault);
        }
        let mut random = Random::new(self.seed, index);
        if !self.is_resent(&mut random) || index == 0 {
            return Kind::Fresh;
        }
        let resend = match random.below(10) {
            0 => Resend::OtherTenant,
            1 => Resend::OtherTime,
            _ => Resend::Same,
        };
        let latest = index - 1 - random.below(RESENT_REACH.min(index));
        // Sent again is what was sent for the first time before.
        match (latest.saturating_sub(20)..=latest).rev().find(|earlier| self.is_fresh(*earlier)) {
            Some(earlier) => Kind::Resent(resend, earlier),
            None => Kind::Fresh,
        }
    }

    fn is_fresh(&self, index: u64) -> bool {
        self.fault(index).is_none() && (index == 0 || !self.is_resent(&mut Random::new(self.seed, index)))
    }

    fn is_resent(&self, random: &mut Random) -> bool {
        random.below(1_000_000) < self.resent_per_million
    }

    fn fault(&self, index: u64) -> Option<Fault> {
        if self.is_too_large(index) {
            return Some(Fault::TooLarge);
        }
        // The lines are cut into stretches with one bad line each, at a random place; the ways to be bad
        // take turns, so that each of them occurs as soon as there are enough lines.
        let scale = u128::from(self.bad_per_million);
        let stretch = u64::try_from(u128::from(index) * scale / 1_000_000).ok()?;
        let start = self.start(stretch)?;
        let length = self.start(stretch + 1)? - start;
        let place = Random::new(!self.seed, stretch).below(length);
        let turn = usize::try_from(stretch).ok()? % Fault::SMALL.len();
        (index == start + place).then_some(Fault::SMALL[turn])
    }

    /// The first index of a stretch; none if no line is bad.
    fn start(&self, stretch: u64) -> Option<u64> {
        let scaled = u128::from(stretch) * 1_000_000;
        u64::try_from(scaled.checked_div(u128::from(self.bad_per_million))?).ok().map(|floor| {
            // Rounded up, to agree with how an index finds its stretch.
            floor + u64::from(scaled % u128::from(self.bad_per_million) != 0)
        })
    }

    fn is_too_large(&self, index: u64) -> bool {
        // In the middle of each of as many equal parts.
        (0..self.too_large).any(|part| {
            let middle = u128::from(self.events) * u128::from(2 * part + 1) / u128::from(2 * self.too_large);
            u128::from(index) == middle
        })
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share lies between 0 and 1")]
fn per_million(share: f64) -> u64 {
    (share * 1_000_000.0).round() as u64
}
