//! Ports for services that have to know theirs before they start.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the ports lie: below those that the system gives away by itself, so that nobody takes one while its
/// owner is down for a moment.
const FIRST: u64 = 10_000;
const COUNT: u64 = 20_000;

/// Free ports on loopback, no two calls in this process get the same. Other processes begin elsewhere.
///
/// # Panics
/// Where none is free.
pub fn free<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| next())
}

fn next() -> u16 {
    static START: OnceLock<u64> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let start = START.get_or_init(|| RandomState::new().hash_one(()) % COUNT);
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port")
}
