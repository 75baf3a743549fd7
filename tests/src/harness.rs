//! Starts the real binaries in folders of their own, and looks at what they did, for the tests in
//! `tests/it`.
//!
//! Everything here panics with a reason where it cannot go on: to a test, that is the result.

pub mod clickhouse;
pub mod connector;
pub mod exchange;
pub mod fluvio;
pub mod gate;
pub mod http;
pub mod input;
pub mod kafka;
pub mod oracle;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod stage;
pub mod stored;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Long enough for a machine that does something else; never waited for when all is well.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A variable that names a part which was built or fetched before.
///
/// # Panics
/// Where it is not set; the message names the command that provides it.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: `cargo xtask test` sets it, `cargo xtask prepare` provides what it names")
    })
}

/// One of the project's binaries, in the folder that `VOC_BIN` names or where cargo put this test.
///
/// # Panics
/// Where it has not been built.
pub fn binary(name: &str) -> PathBuf {
    let folder = std::env::var_os("VOC_BIN").map_or_else(
        || {
            // target/release/deps/TEST
            let test = std::env::current_exe().expect("a test knows its own file");
            test.ancestors().nth(2).expect("tests lie in target/release/deps").to_owned()
        },
        PathBuf::from,
    );
    let binary = folder.join(name);
    assert!(binary.is_file(), "{} is not built: cargo build --release --package {name}", binary.display());
    binary
}

/// Waits until `condition` gives something, looking every few milliseconds.
///
/// # Panics
/// Where it gives nothing before the deadline.
pub fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, condition)
}

/// The same, with another deadline.
///
/// # Panics
/// Where it gives nothing before it.
pub fn eventually_within<T>(deadline: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < deadline, "not within {deadline:?}: {what}");
        // Between two looks only: what is waited for runs on the same cores.
        std::thread::sleep(Duration::from_millis(10));
    }
}
