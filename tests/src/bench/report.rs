//! Rates and ratios as people read them.

use std::time::Duration;

/// One round of one contestant.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// How many events it took.
    pub events: usize,
    /// How long that took.
    pub elapsed: Duration,
}

impl Round {
    /// Events a second.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "rounds have far fewer events than 2^52")]
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64()
    }
}

/// What a figure was taken on: cores and processor.
#[must_use]
pub fn machine() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = || information.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let name = names().next().map_or("unknown processor", |(_, name)| name);
    format!("{} x {name}", names().count())
}

/// The round with the middle rate.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn middle(rounds: &[Round]) -> Round {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
    rounds[rounds.len() / 2]
}

/// The middle of some figures, 0 of none.
#[must_use]
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

/// The median of the ratios of rounds that ran one after the other.
#[must_use]
pub fn ratio(of: &[Round], to: &[Round]) -> f64 {
    median(of.iter().zip(to).map(|(of, to)| of.rate() / to.rate()))
}

/// A line of the report: name, median rate, and the median ratio to another contestant. None for one without rounds.
pub fn print(name: &str, rounds: &[Round], against: Option<(&str, &[Round])>) {
    if rounds.is_empty() {
        return;
    }
    let against = against.filter(|(_, others)| !others.is_empty());
    let rate = median(rounds.iter().map(Round::rate));
    match against {
        None => println!("{name:<40} {rate:>12.0} events/s"),
        Some((other, others)) => {
            println!("{name:<40} {rate:>12.0} events/s   {:>5.2} x {other}", ratio(rounds, others));
        }
    }
}
