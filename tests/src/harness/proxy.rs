//! A connection that breaks at the worst moment: the server has done what it was asked, and the answer
//! never arrives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::clickhouse::Database;

/// A proxy before a ClickHouse. It serves until the test ends.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    swallowed: Arc<AtomicUsize>,
}

/// What the threads of one proxy share.
struct Trap {
    upstream: u16,
    request: &'static str,
    /// Runs when the answer has been swallowed, before the client learns that it will not come.
    afterwards: Box<dyn Fn() + Send + Sync>,
    is_armed: AtomicBool,
    swallowed: Arc<AtomicUsize>,
}

impl Proxy {
    /// Swallows the answer to the first request that has these words in its head, runs `afterwards`, and
    /// cuts the connection. Everything else passes.
    ///
    /// # Panics
    /// Where no port can be had.
    pub fn swallow_first_answer(
        database: &Database,
        request: &'static str,
        afterwards: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let swallowed = Arc::new(AtomicUsize::new(0));
        let trap = Arc::new(Trap {
            upstream: database.port(),
            request,
            afterwards: Box::new(afterwards),
            is_armed: AtomicBool::new(true),
            swallowed: Arc::clone(&swallowed),
        });
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let trap = Arc::clone(&trap);
                std::thread::spawn(move || trap.pass(client));
            }
        });
        Self { port, swallowed }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many answers it has swallowed.
    pub fn swallowed(&self) -> usize {
        self.swallowed.load(Ordering::SeqCst)
    }
}

impl Trap {
    /// Passes one connection on until an end closes it or the trap shuts.
    fn pass(&self, mut client: TcpStream) {
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", self.upstream)) else { return };
        let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else {
            return;
        };
        let swallows = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut bytes = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = from_client.read(&mut bytes) {
                    // A client sends the head of a request in one piece.
                    let head = String::from_utf8_lossy(&bytes[..length.min(4096)]);
                    if head.contains(self.request) && self.is_armed.swap(false, Ordering::SeqCst) {
                        swallows.store(true, Ordering::SeqCst);
                    }
                    if to_server.write_all(&bytes[..length]).is_err() {
                        break;
                    }
                }
                let _ = to_server.shutdown(Shutdown::Write);
            });
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = server.read(&mut bytes) {
                if swallows.load(Ordering::SeqCst) {
                    (self.afterwards)();
                    self.swallowed.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                if client.write_all(&bytes[..length]).is_err() {
                    break;
                }
            }
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }
}
