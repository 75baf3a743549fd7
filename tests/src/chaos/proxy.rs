//! A network between the connector and ClickHouse that can be broken on purpose: one request is met by a
//! [`Trap`], or all connections are cut for a while. What no trap waits for passes.
//!
//! It knows just enough of HTTP: a client sends the head of a request in one piece, an insert's body in chunks
//! with an empty one at the end, and nothing behind it before the answer.

mod connection;

use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use connection::Connection;

/// What an insert is sent into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `voc_events`
    Events,
    /// `voc_dead_letters`
    DeadLetters,
    /// `voc_checkpoints`
    Checkpoints,
}

impl Table {
    /// The table's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "voc_events",
            Self::DeadLetters => "voc_dead_letters",
            Self::Checkpoints => "voc_checkpoints",
        }
    }
}

/// What happens to the first insert into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// The connection is cut when so many bytes of the request have passed.
    Cut {
        /// Bytes behind the head.
        after: usize,
    },
    /// ClickHouse does what it was asked, and the connection is cut instead of its answer.
    LoseAnswer,
    /// The whole request waits in the network until [`Proxy::release`], also when its sender is gone.
    HoldRequest,
    /// ClickHouse does what it was asked, and its answer waits until [`Proxy::release`].
    HoldAnswer,
    /// The server answers with an error: without the request having reached it, or after it was carried out.
    Answer {
        /// ClickHouse's code of the error.
        code: u32,
        /// Whether it was carried out.
        is_carried_out: bool,
    },
}

/// What becomes of what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// It goes where it was to go.
    Deliver,
    /// It never arrives, and the connection is cut.
    Drop,
}

/// A proxy before a server: traps are for ClickHouse, the rest is for any. It serves until the process ends.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

/// What the connections of one proxy share.
#[derive(Debug)]
struct Shared {
    upstream: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    trap: Option<(Table, Trap)>,
    /// A request has met the trap, and what is to happen then has happened: it is held, or it is over.
    has_caught: bool,
    /// What is to become of what is held.
    release: Option<Release>,
    /// A request that was held has been answered.
    is_over: bool,
    /// Nothing passes.
    is_cut: bool,
    /// Bytes do not move.
    is_stalled: bool,
    /// Requests arrive, and answers do not.
    is_deaf: bool,
    /// Connections that are open, to be cut.
    open: Vec<TcpStream>,
}

impl Proxy {
    /// Starts one before the server on this port.
    ///
    /// # Panics
    /// Where no port can be had.
    pub fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let shared =
            Arc::new(Shared { upstream, state: Mutex::new(State::default()), changed: Condvar::new() });
        let of_threads = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&of_threads);
                std::thread::spawn(move || {
                    if let Some(connection) = Connection::open(client, &shared) {
                        connection.pass();
                    }
                });
            }
        });
        Self { port, shared }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lays a trap for the next insert into this table; one that was not met is taken away.
    pub fn lay(&self, table: Table, trap: Trap) {
        let mut state = self.shared.lock();
        state.trap = Some((table, trap));
        state.has_caught = false;
        state.release = None;
        state.is_over = false;
    }

    /// Waits until a request has met the trap; false where none has in that time, and the trap is gone then.
    pub fn caught(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut state = self.shared.lock();
        while !state.has_caught {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.trap = None;
                return false;
            }
            state = self.shared.wait(state, left);
        }
        true
    }

    /// Lets go what is held.
    pub fn release(&self, release: Release) {
        self.shared.lock().release = Some(release);
        self.shared.changed.notify_all();
    }

    /// Waits until the server has answered the request that was held; false where it has not in that time.
    pub fn answered(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut state = self.shared.lock();
        while !state.is_over && Instant::now() < deadline {
            state = self.shared.wait(state, deadline.saturating_duration_since(Instant::now()));
        }
        state.is_over
    }

    /// Cuts every connection, and every new one until [`Proxy::mend`].
    pub fn cut(&self) {
        let mut state = self.shared.lock();
        state.is_cut = true;
        for connection in state.open.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Nothing moves until [`Proxy::mend`], and nobody is told.
    pub fn stall(&self) {
        self.shared.lock().is_stalled = true;
    }

    /// Requests arrive and answers do not, until [`Proxy::mend`].
    pub fn deafen(&self) {
        self.shared.lock().is_deaf = true;
    }

    /// Everything passes again. A connection that has missed an answer is cut.
    pub fn mend(&self) {
        let mut state = self.shared.lock();
        state.is_cut = false;
        state.is_stalled = false;
        state.is_deaf = false;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while locked")
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, at_most).expect("no panic while locked").0
    }

    /// Takes the trap if this is the head of a request that it waits for.
    fn met(&self, head: &str) -> Option<Trap> {
        let mut state = self.lock();
        let (table, trap) = state.trap?;
        // As the client spells it.
        head.contains(&format!("INSERT+INTO+%60{}%60", table.name())).then(|| {
            state.trap = None;
            trap
        })
    }

    fn has_caught(&self) {
        self.lock().has_caught = true;
        self.changed.notify_all();
    }

    fn is_over(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    fn until_released(&self) -> Release {
        let mut state = self.lock();
        loop {
            match state.release {
                Some(release) => return release,
                None => state = self.wait(state, Duration::from_secs(60)),
            }
        }
    }

    /// Waits while answers do not arrive; whether one has been missed.
    fn is_missed(&self) -> bool {
        let mut state = self.lock();
        let is_missed = state.is_deaf;
        while state.is_deaf {
            state = self.wait(state, Duration::from_secs(60));
        }
        is_missed
    }

    fn until_not_stalled(&self) {
        let mut state = self.lock();
        while state.is_stalled {
            state = self.wait(state, Duration::from_secs(60));
        }
    }
}
