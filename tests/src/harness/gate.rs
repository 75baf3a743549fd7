//! A way to ClickHouse that counts what is asked, and can be shut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::clickhouse::Database;

/// A gate before a ClickHouse. It serves until the test ends.
#[derive(Debug)]
pub struct Gate {
    port: u16,
    way: Arc<Way>,
}

#[derive(Debug)]
struct Way {
    upstream: u16,
    questions: AtomicUsize,
    is_shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    /// One that is open.
    ///
    /// # Panics
    /// Where no port can be had.
    pub fn before(database: &Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let way = Arc::new(Way {
            upstream: database.port(),
            questions: AtomicUsize::new(0),
            is_shut: Mutex::new(false),
            opened: Condvar::new(),
        });
        let passing = Arc::clone(&way);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let way = Arc::clone(&passing);
                std::thread::spawn(move || way.pass(client));
            }
        });
        Self { port, way }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many requests have come to it.
    pub fn questions(&self) -> usize {
        self.way.questions.load(Ordering::SeqCst)
    }

    /// Holds up every request that comes from now on.
    pub fn shut(&self) {
        *self.way.is_shut.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Lets all go on.
    pub fn open(&self) {
        *self.way.is_shut.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.way.opened.notify_all();
    }
}

impl Way {
    /// Passes one connection on until an end closes it.
    fn pass(&self, mut client: TcpStream) {
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", self.upstream)) else { return };
        let (Ok(mut from_client), Ok(mut to_server)) = (client.try_clone(), server.try_clone()) else {
            return;
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut bytes = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = from_client.read(&mut bytes) {
                    // A client sends the head of a request in one piece, and nothing of the next before the answer.
                    if [&b"POST /"[..], b"GET /"].iter().any(|start| bytes[..length].starts_with(start)) {
                        self.questions.fetch_add(1, Ordering::SeqCst);
                        self.wait();
                    }
                    if to_server.write_all(&bytes[..length]).is_err() {
                        break;
                    }
                }
                let _ = to_server.shutdown(Shutdown::Write);
            });
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = server.read(&mut bytes) {
                if client.write_all(&bytes[..length]).is_err() {
                    break;
                }
            }
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }

    fn wait(&self) {
        let shut = self.is_shut.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = self.opened.wait_while(shut, |is_shut| *is_shut);
        drop(opened.unwrap_or_else(PoisonError::into_inner));
    }
}
