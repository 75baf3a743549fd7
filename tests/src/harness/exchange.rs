//! One request and its answer with its head, over a connection of its own: from any loopback address, with any
//! method.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::runtime;

/// Longer than anything that is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug)]
pub struct Exchange {
    /// The HTTP status.
    pub status: u16,
    /// The head, names in lower case.
    pub head: BTreeMap<String, String>,
    /// The body, as it was sent; of a stream of events nothing.
    pub body: String,
    /// From connecting to the end of the answer.
    pub took: Duration,
}

impl Exchange {
    /// The seconds of `retry-after`.
    pub fn retry_after(&self) -> Option<u64> {
        self.head.get("retry-after")?.parse().ok()
    }

    /// The stable name of a problem.
    pub fn code(&self) -> Option<String> {
        let problem: Value = serde_json::from_str(&self.body).ok()?;
        Some(problem["code"].as_str()?.to_owned())
    }
}

/// Asks `METHOD /path` from 127.0.0.1.
///
/// # Panics
/// Where nobody answers.
pub fn exchange(port: u16, request: &str, body: &str) -> Exchange {
    exchange_from(Ipv4Addr::LOCALHOST, port, request, body)
}

/// Asks `METHOD /path` from this loopback address.
///
/// # Panics
/// Where nobody answers.
pub fn exchange_from(address: Ipv4Addr, port: u16, request: &str, body: &str) -> Exchange {
    let started = Instant::now();
    let (head, body) = answer(address, port, request, body)
        .unwrap_or_else(|error| panic!("{request} of port {port}: {error}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let pairs = lines.filter_map(|line| line.split_once(':'));
    Exchange {
        status: status.unwrap_or_else(|| panic!("{request}: no status in {head}")),
        head: pairs.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect(),
        body,
        took: started.elapsed(),
    }
}

fn answer(address: Ipv4Addr, port: u16, request: &str, body: &str) -> std::io::Result<(String, String)> {
    let mut stream = connect(address, port)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nhost: voc\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    let mut piece = [0; 64 * 1024];
    while let length @ 1.. = stream.read(&mut piece)? {
        answer.extend_from_slice(&piece[..length]);
        // It has no end.
        if String::from_utf8_lossy(&answer).contains("\r\ncontent-type: text/event-stream") {
            break;
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.to_owned(), body.to_owned()))
}

/// The standard library connects from an address of the system's choice only.
fn connect(address: Ipv4Addr, port: u16) -> std::io::Result<TcpStream> {
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((address, 0)))?;
        socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}
