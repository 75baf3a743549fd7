//! One connection through the proxy.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use super::{Release, Shared, Trap};

const BLOCK: usize = 64 * 1024;

/// How often it is looked whether an answer has come.
const LOOK: Duration = Duration::from_millis(2);

/// The last chunk of a request's body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A client, and the server that it wants to talk to.
pub(super) struct Connection<'a> {
    client: TcpStream,
    server: TcpStream,
    shared: &'a Shared,
    /// What is to become of the answer that comes next.
    answer: Mutex<Option<Trap>>,
}

impl<'a> Connection<'a> {
    /// Connects to the server; none where it does not listen, or where everything is cut.
    pub(super) fn open(client: TcpStream, shared: &'a Shared) -> Option<Self> {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.upstream)).ok()?;
        for stream in [&client, &server] {
            stream.set_nodelay(true).ok()?;
        }
        let mut state = shared.lock();
        if state.is_cut {
            return None;
        }
        // Those that have ended by themselves.
        state.open.retain(|open| open.peer_addr().is_ok());
        state.open.extend([client.try_clone().ok()?, server.try_clone().ok()?]);
        drop(state);
        Some(Self { client, server, shared, answer: Mutex::new(None) })
    }

    /// Passes everything on until an end closes it, or a trap.
    pub(super) fn pass(&self) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = self.pass_requests();
                let _ = self.server.shutdown(Shutdown::Write);
            });
            let _ = self.pass_answers();
            self.answer.lock().expect("no panic while locked").take();
            self.cut();
        });
    }

    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    fn pass_requests(&self) -> std::io::Result<()> {
        let (mut client, mut server) = (&self.client, &self.server);
        let mut block = vec![0; BLOCK];
        loop {
            let length = client.read(&mut block)?;
            self.shared.until_not_stalled();
            let bytes = &block[..length];
            if length == 0 {
                return Ok(());
            }
            let head = String::from_utf8_lossy(&bytes[..length.min(4096)]);
            match self.shared.met(&head) {
                None => server.write_all(bytes)?,
                Some(Trap::Cut { after }) => {
                    let request = self.rest(bytes.to_vec())?;
                    let head = position(&request, b"\r\n\r\n").map_or(0, |end| end + 4);
                    server.write_all(&request[..request.len().min(head + after)])?;
                    self.cut();
                    self.shared.has_caught();
                    return Ok(());
                }
                Some(Trap::HoldRequest) => {
                    let request = self.rest(bytes.to_vec())?;
                    self.shared.has_caught();
                    if self.shared.until_released() == Release::Drop {
                        self.cut();
                        return Ok(());
                    }
                    *self.answer.lock().expect("no panic while locked") = Some(Trap::HoldRequest);
                    server.write_all(&request)?;
                    // The sender may be gone; a server that knew would end the request.
                    while self.answer.lock().expect("no panic while locked").is_some() {
                        std::thread::sleep(LOOK);
                    }
                }
                Some(Trap::Answer { code, is_carried_out: false }) => {
                    self.rest(bytes.to_vec())?;
                    self.fail(code);
                    return Ok(());
                }
                Some(trap) => {
                    *self.answer.lock().expect("no panic while locked") = Some(trap);
                    server.write_all(bytes)?;
                }
            }
        }
    }

    /// The whole request, of which this is the beginning.
    fn rest(&self, mut request: Vec<u8>) -> std::io::Result<Vec<u8>> {
        let mut block = vec![0; BLOCK];
        while !request.ends_with(LAST_CHUNK) {
            match (&self.client).read(&mut block)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                length => request.extend_from_slice(&block[..length]),
            }
        }
        Ok(request)
    }

    fn pass_answers(&self) -> std::io::Result<()> {
        let (mut client, mut server) = (&self.client, &self.server);
        let mut block = vec![0; BLOCK];
        loop {
            let length = server.read(&mut block)?;
            self.shared.until_not_stalled();
            if self.shared.is_missed() {
                return Ok(());
            }
            let trap = self.answer.lock().expect("no panic while locked").take();
            match trap {
                // Whatever it is that the server says: it has done what it was asked.
                Some(Trap::LoseAnswer) => {
                    self.cut();
                    self.shared.has_caught();
                    return Ok(());
                }
                Some(Trap::Answer { code, .. }) => {
                    self.fail(code);
                    return Ok(());
                }
                Some(Trap::HoldAnswer) => {
                    self.shared.has_caught();
                    if self.shared.until_released() == Release::Drop {
                        return Ok(());
                    }
                }
                Some(Trap::HoldRequest) => self.shared.is_over(),
                Some(Trap::Cut { .. }) | None => {}
            }
            if length == 0 {
                return Ok(());
            }
            client.write_all(&block[..length])?;
        }
    }

    /// Answers as ClickHouse does, and hangs up.
    fn fail(&self, code: u32) {
        let text = format!("Code: {code}. DB::Exception: said by the fault harness\n");
        let answer = format!(
            "HTTP/1.1 500 Internal Server Error\r\nX-ClickHouse-Exception-Code: {code}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        let _ = (&self.client).write_all(answer.as_bytes());
        self.cut();
        self.shared.has_caught();
    }
}

fn position(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
