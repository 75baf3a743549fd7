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
struct Position {
    /// Records read since the connector started.
    read: u64,
    /// Every record below this is stored.
    stored: u64,
    rejected: u64,
}

/// Prints the line when it is due.
pub(super) struct Progress {
    total: u64,
    terminal: bool,
    begun: Instant,
    /// What had been stored by an earlier run.
    before: u64,
    due: Instant,
    last: Position,
}

impl Progress {
    /// For `total` records, before the connector is started.
    pub(super) fn begin(total: u64, ports: &Ports, input: &Input) -> Self {
        let last = ask(ports, input, Position::default());
        let terminal = std::io::stdout().is_terminal();
        let begun = Instant::now();
        Self { total, terminal, begun, before: last.stored, due: begun + pause(terminal), last }
    }

    /// Asks for the position and prints the line, unless that was done just before. Returns up to which
    /// record all are stored.
    pub(super) fn show(&mut self, ports: &Ports, input: &Input) -> u64 {
        if Instant::now() >= self.due {
            self.show_now(ports, input);
        }
        self.last.stored
    }

    /// The last line.
    pub(super) fn finish(&mut self, ports: &Ports, input: &Input) {
        self.show_now(ports, input);
        if self.terminal {
            println!();
        }
    }

    fn show_now(&mut self, ports: &Ports, input: &Input) {
        self.last = ask(ports, input, self.last);
        let Position { read, stored, rejected } = self.last;
        let new = stored.saturating_sub(self.before);
        // The connector's counter is gone with it, but what it stored it has read.
        let read = read.max(new);
        let seconds = self.begun.elapsed().as_secs_f64();
        let rate = new as f64 / seconds.max(0.001);
        let total = self.total;
        let line = format!(
            "{seconds:5.1} s  read {read}  stored {stored} of {total}  rejected {rejected}  {rate:.0} per second"
        );
        if self.terminal {
            print!("\r\x1b[K{line}");
            // A terminal that is gone is no reason to stop.
            let _ = std::io::stdout().flush();
        } else {
            println!("{line}");
        }
        self.due = Instant::now() + pause(self.terminal);
    }
}

/// A line that is written over may change often, a log should not grow fast.
fn pause(terminal: bool) -> Duration {
    Duration::from_millis(if terminal { 200 } else { 1000 })
}

/// What cannot be had just now stays as it was: a process may be restarting, a table not made yet.
fn ask(ports: &Ports, input: &Input, last: Position) -> Position {
    let read = get(&format!("http://127.0.0.1:{}/metrics", ports.monitoring), &[])
        .map_or(last.read, |metrics| sum_of(&metrics, "voc_events_consumed_total"));
    Position {
        read,
        stored: stored(ports, input).unwrap_or(last.stored),
        rejected: first_number(ports, input, REJECTED).unwrap_or(last.rejected),
    }
}

/// Up to which record all are stored, if ClickHouse can tell.
pub(super) fn stored(ports: &Ports, input: &Input) -> Option<u64> {
    first_number(ports, input, STORED)
}

fn first_number(ports: &Ports, input: &Input, sql: &str) -> Option<u64> {
    Some(number(rows(ports.clickhouse, &input.stream, sql).ok()?.first()?.get(0)?))
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
