//! A small HTTP client for loopback.

use std::time::Duration;

use ureq::Agent;

/// An answer with its whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Gets a path with its query; none where nobody answers.
pub fn get(port: u16, path: &str) -> Option<Answer> {
    read(agent().get(format!("http://127.0.0.1:{port}{path}")).call())
}

/// Gets a path as this type of content; none where nobody answers, or not with text.
pub fn get_as(port: u16, path: &str, accept: &str) -> Option<Answer> {
    read(agent().get(format!("http://127.0.0.1:{port}{path}")).header("Accept", accept).call())
}

/// Asks with this credential in `authorization`, `post`ing or getting; none where nobody answers.
pub fn ask(port: u16, path: &str, authorization: &str, post: bool) -> Option<Answer> {
    let url = format!("http://127.0.0.1:{port}{path}");
    if post {
        return read(agent().post(url).header("authorization", authorization).send("{}"));
    }
    read(agent().get(url).header("authorization", authorization).call())
}

/// Posts a body; none where nobody answers.
pub fn post(port: u16, path: &str, body: &str) -> Option<Answer> {
    read(agent().post(format!("http://127.0.0.1:{port}{path}")).send(body))
}

/// Posts a body of this type; the answer, and what its header `retry-after` says. None where nobody answers, or the
/// answer breaks off.
pub fn post_as(
    port: u16,
    path: &str,
    kind: &str,
    authorization: &str,
    body: &[u8],
) -> Option<(Answer, Option<String>)> {
    let request = agent().post(format!("http://127.0.0.1:{port}{path}")).header("content-type", kind);
    let answer = request.header("authorization", authorization).send(body);
    let header = answer.as_ref().ok().and_then(|answer| answer.headers().get("retry-after").cloned());
    let header = header.and_then(|value| Some(value.to_str().ok()?.to_owned()));
    Some((read(answer)?, header))
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build();
    Agent::new_with_config(config)
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Option<Answer> {
    let mut answer = answer.ok()?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(1 << 30).read_to_string().ok()?;
    Some(Answer { status, body })
}
