//! Clients that ask one after the other, each on a connection that it keeps.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, TimeDelta, Timelike, Utc};

/// What the clients of one question saw.
pub(super) struct Asked {
    /// Ascending.
    took: Vec<Duration>,
    elapsed: Duration,
}

impl Asked {
    /// The time within which this share of the answers came.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn quantile(&self, level: f64) -> Duration {
        let place = (level * (self.took.len() - 1) as f64).round() as usize;
        self.took[place]
    }

    /// Answers a second.
    #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    pub(super) fn rate(&self) -> f64 {
        self.took.len() as f64 / self.elapsed.as_secs_f64()
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [middle, slow] = [0.5, 0.99].map(|level| self.quantile(level).as_secs_f64() * 1e3);
        write!(f, "p50 {middle:>7.2} ms   p99 {slow:>7.2} ms   {:>7.0}/s", self.rate())
    }
}

/// Asks for so long, after a second that does not count.
///
/// # Panics
/// Where an answer is not 200.
pub(super) fn ask(
    port: u16,
    clients: usize,
    time: Duration,
    request: &(dyn Fn(u64) -> String + Sync),
) -> Asked {
    let number = AtomicU64::new(0);
    let begin = Instant::now() + Duration::from_secs(1);
    let client = || {
        let mut connection = Connection::open(port);
        let mut took = Vec::new();
        while begin.elapsed() < time || Instant::now() < begin {
            let request = request(number.fetch_add(1, Ordering::Relaxed));
            let asked = Instant::now();
            connection.ask(&request);
            if asked >= begin {
                took.push(asked.elapsed());
            }
        }
        took
    };
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client does not fail")).collect()
    });
    took.sort_unstable();
    Asked { took, elapsed: time }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
        stream.set_nodelay(true).expect("a socket takes its options");
        Self(BufReader::with_capacity(1 << 16, stream))
    }

    fn ask(&mut self, request: &str) {
        self.0.get_mut().write_all(request.as_bytes()).expect("a request is taken");
        let mut line = String::new();
        let (mut status, mut length, mut is_chunked) = (String::new(), 0_u64, false);
        loop {
            line.clear();
            self.0.read_line(&mut line).expect("an answer has a head");
            let text = line.trim_end().to_ascii_lowercase();
            if status.is_empty() {
                status = text;
            } else if text.is_empty() {
                break;
            } else if let Some(value) = text.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length is a number");
            } else if text.starts_with("transfer-encoding:") {
                is_chunked = true;
            }
        }
        let mut body = Vec::new();
        if is_chunked {
            loop {
                line.clear();
                self.0.read_line(&mut line).expect("a chunk has a length");
                let length = u64::from_str_radix(line.trim_end(), 16).expect("a length is a number");
                (&mut self.0).take(length + 2).read_to_end(&mut body).expect("a chunk has a body");
                if length == 0 {
                    break;
                }
            }
        } else {
            (&mut self.0).take(length).read_to_end(&mut body).expect("an answer has a body");
        }
        assert!(status.contains(" 200"), "{status}: {}", String::from_utf8_lossy(&body));
    }
}

/// A request of the API.
pub(super) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
}

/// What a tenant's first look asks: the 30 days until now, beside those before.
pub(super) fn summary(tenant: &str) -> String {
    format!("/v1/tenants/{tenant}/summary")
}

fn week() -> (String, String) {
    let now = Utc::now();
    let to = now
        .with_minute(0)
        .and_then(|now| now.with_second(0))
        .and_then(|now| now.with_nanosecond(0))
        .unwrap_or(now);
    let [from, to] =
        [to - TimeDelta::days(7), to].map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
    (from, to)
}

/// The sentiment of the last seven days by the hour.
pub(super) fn series(tenant: &str) -> String {
    let (from, to) = week();
    format!("/v1/tenants/{tenant}/timeseries?metric=sentiment&granularity=hour&from={from}&to={to}")
}

/// The same, asked of the rows in ClickHouse.
pub(super) fn rows(database: &str, tenant: &str) -> String {
    let (from, to) = week();
    let body = format!(
        "SELECT toStartOfHour(ts) AS hour, count(), count(sentiment), avg(sentiment) FROM {database}.voc_events FINAL
        WHERE tenant_id = '{tenant}' AND ts >= parseDateTime64BestEffort('{from}', 6, 'UTC')
            AND ts < parseDateTime64BestEffort('{to}', 6, 'UTC')
        GROUP BY hour SETTINGS do_not_merge_across_partitions_select_final = 1"
    );
    format!("POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
