//! One line that tells how far the connector is.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::clickhouse::{get, number, rows};
use super::folder::Input;
use super::ports::Ports;

/// `origin_stream` is the stream's name, a number sign and the generation.
const STORED: &str = "SELECT max(next_offset) FROM voc_checkpoints WHERE startsWith(origin_stream, concat({stream:String}, '#'))";
const REJECTED: &str =
    "SELECT uniqExact(origin_stream, origin_partition, origin_offset) FROM voc_dead_letters";

/// How far it is.
#[derive(Clone, Copy, Default)]
pub(super) struct Position {
    /// Records read since the connector started.
    read: u64,
    /// Every record below this is stored.
    pub(super) stored: u64,
    rejected: u64,
}

/// Prints the line when it is due.
pub(super) struct Progress {
    total: u64,
    terminal: bool,
    begun: Instant,
    /// What had been stored by an earlier run.
    before: Option<u64>,
    due: Instant,
    last: Position,
}

impl Progress {
    /// For `total` records.
    pub(super) fn new(total: u64) -> Self {
        let now = Instant::now();
        let terminal = std::io::stdout().is_terminal();
        Self { total, terminal, begun: now, before: None, due: now, last: Position::default() }
    }

    /// Asks for the position and prints the line, unless that was done just before.
    pub(super) fn show(&mut self, ports: &Ports, input: &Input) -> Position {
        if Instant::now() >= self.due {
            self.show_now(ports, input);
        }
        self.last
    }

    /// The last line.
    pub(super) fn finish(&mut self, ports: &Ports, input: &Input) -> Position {
        self.show_now(ports, input);
        if self.terminal {
            println!();
        }
        self.last
    }

    fn show_now(&mut self, ports: &Ports, input: &Input) {
        self.last = ask(ports, input, self.last);
        let before = *self.before.get_or_insert(self.last.stored);
        let Position { read, stored, rejected } = self.last;
        let seconds = self.begun.elapsed().as_secs_f64();
        let rate = stored.saturating_sub(before) as f64 / seconds.max(0.001);
        let line = format!(
            "{seconds:5.1} s  read {read}  stored {stored} of {}  rejected {rejected}  {rate:.0} per second",
            self.total
        );
        if self.terminal {
            print!("\r\x1b[K{line}");
            // A terminal that is gone is no reason to stop.
            let _ = std::io::stdout().flush();
        } else {
            println!("{line}");
        }
        let pause = if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(1) };
        self.due = Instant::now() + pause;
    }
}

/// What cannot be had just now stays as it was: a process may be restarting, a table not made yet.
fn ask(ports: &Ports, input: &Input, last: Position) -> Position {
    let read = get(&format!("http://127.0.0.1:{}/metrics", ports.monitoring), &[])
        .map_or(last.read, |metrics| sum_of(&metrics, "voc_events_consumed_total"));
    let first = |sql: &str| Some(number(rows(ports.clickhouse, &input.stream, sql).ok()?.first()?.get(0)?));
    Position {
        read,
        stored: first(STORED).unwrap_or(last.stored),
        rejected: first(REJECTED).unwrap_or(last.rejected),
    }
}

/// The sum of a counter over all its labels, in Prometheus' text format, where a whole number has no fraction.
fn sum_of(metrics: &str, name: &str) -> u64 {
    let samples = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = rest.rsplit_once(' ').filter(|_| rest.starts_with(['{', ' ']))?.1;
        value.parse::<u64>().ok()
    });
    samples.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_a_counter_over_its_labels() {
        let metrics =
            "# HELP a_total x\na_total{partition=\"0\"} 3\na_total{partition=\"1\"} 4\na_total_more 9\n";
        assert_eq!(sum_of(metrics, "a_total"), 7);
        assert_eq!(sum_of("b 5\n", "b"), 5);
        assert_eq!(sum_of("", "a_total"), 0);
    }
}
