//! A client that takes a body as bytes, as slowly as a test wants.

use std::io::{self, Read};
use std::time::Duration;

use ureq::Agent;

use super::super::loaded::encoded;

/// A body to its end.
pub(super) struct Download {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) disposition: String,
    pub(super) bytes: Vec<u8>,
}

/// An answer of which the body is still to be read.
pub(super) struct Begun {
    pub(super) status: u16,
    pub(super) retry_after: String,
    pub(super) body: Box<dyn Read>,
}

fn ask(port: u16, tenant: &str, rest: &str, accept: &str) -> ureq::http::Response<ureq::Body> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(900)))
        .build();
    let url = format!("http://127.0.0.1:{port}/v1/tenants/{}/{rest}", encoded(tenant));
    let request = Agent::new_with_config(config).get(url);
    let request = if accept.is_empty() { request } else { request.header("accept", accept) };
    request.call().expect("the API answers")
}

fn header(answer: &ureq::http::Response<ureq::Body>, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Reads all of it, which has to be complete.
#[track_caller]
pub(super) fn download(port: u16, tenant: &str, rest: &str, accept: &str) -> Download {
    let answer = ask(port, tenant, rest, accept);
    let (status, content_type) = (answer.status().as_u16(), header(&answer, "content-type"));
    let disposition = header(&answer, "content-disposition");
    let mut bytes = Vec::new();
    answer.into_body().into_reader().read_to_end(&mut bytes).expect("a complete body");
    Download { status, content_type, disposition, bytes }
}

/// Begins.
pub(super) fn begin(port: u16, tenant: &str, rest: &str) -> Begun {
    let answer = ask(port, tenant, rest, "");
    let (status, retry_after) = (answer.status().as_u16(), header(&answer, "retry-after"));
    Begun { status, retry_after, body: Box::new(answer.into_body().into_reader()) }
}

/// Reads on to the end without keeping anything; how many bytes, and how many lines, there were.
pub(super) fn drain(body: &mut dyn Read) -> io::Result<(u64, u64)> {
    let (mut buffer, mut bytes, mut lines) = (vec![0; 256 << 10], 0, 0);
    loop {
        match body.read(&mut buffer)? {
            0 => return Ok((bytes, lines)),
            length => {
                bytes += length as u64;
                lines += buffer[..length].iter().filter(|byte| **byte == b'\n').count() as u64;
            }
        }
    }
}
