//! Answers that are kept for a few seconds, so that a page that many look at asks ClickHouse once.
//!
//! The layer stands behind the guard: whoever gets a kept answer has shown a credential of its tenant, counts against
//! the limits, and is in the log. What an answer says does not depend on who of the tenant asks, so all of them
//! share it. Its age is stated, and nothing but a 200 is kept.

mod wanted;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use moka::future::Cache as Kept;
use tracing::Instrument as _;

use crate::config::cache::Cache as Config;
use crate::error::Error;
use crate::metrics::Metrics;
use wanted::Wanted;

/// What an entry takes beside its key and its body: its headers and what the cache itself needs, roughly.
const OVERHEAD: usize = 1_000;

/// The answers that are kept, cheap to clone.
#[derive(Clone)]
pub struct Cache {
    /// None where nothing is kept.
    kept: Option<Kept<String, Arc<Answer>>>,
    lifetime: Duration,
    /// What an answer that is kept says of itself.
    control: HeaderValue,
    metrics: Metrics,
}

/// A whole answer, to be given more than once.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// When ClickHouse had answered.
    made: Instant,
}

/// Where an answer came from, for the metrics.
#[derive(Clone, Copy)]
enum Origin {
    Kept,
    /// Another request that came before asked for the same, and both get its answer.
    Shared,
    Asked,
}

impl Cache {
    /// A cache as configured, empty.
    ///
    /// # Panics
    /// Never: the value of a header is made of a number.
    pub fn new(config: Config, metrics: Metrics) -> Self {
        let control = format!("private, max-age={}", config.lifetime.as_secs());
        let weigh = |key: &String, answer: &Arc<Answer>| {
            u32::try_from(key.len() + answer.body.len() + OVERHEAD).unwrap_or(u32::MAX)
        };
        let kept = Kept::builder().max_capacity(config.bytes).weigher(weigh).time_to_live(config.lifetime);
        Self {
            kept: (!config.lifetime.is_zero()).then(|| kept.build()),
            lifetime: config.lifetime,
            control: HeaderValue::from_str(&control).expect("digits are text"),
            metrics,
        }
    }

    fn give(&self, answer: &Answer, origin: Origin) -> Response {
        self.metrics.cache_answered(match origin {
            Origin::Kept => "kept",
            Origin::Shared => "shared",
            Origin::Asked => "asked",
        });
        let mut response = Response::new(Body::from(answer.body.clone()));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers.clone();
        if answer.status == StatusCode::OK {
            response.headers_mut().insert(header::AGE, answer.made.elapsed().as_secs().into());
        }
        response
    }

    /// Asks, and takes the answer in whole: what sums up is of a bounded size.
    async fn ask(&self, request: Request, next: Next) -> Answer {
        let (mut parts, body) = next.run(request).await.into_parts();
        let body = match to_bytes(body, usize::MAX).await {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, "an answer broke off");
                let (failed, body) = Error::Internal.into_response().into_parts();
                parts = failed;
                to_bytes(body, usize::MAX).await.unwrap_or_default()
            }
        };
        if parts.status == StatusCode::OK {
            parts.headers.insert(header::CACHE_CONTROL, self.control.clone());
            parts.headers.insert(header::VARY, HeaderValue::from_static("accept, authorization"));
        }
        Answer { status: parts.status, headers: parts.headers, body, made: Instant::now() }
    }
}

/// Answers with what is kept; else asks, and keeps the answer. Of those who ask for the same at once one asks, and
/// all get that answer, an error too.
pub async fn answer(State(cache): State<Cache>, request: Request, next: Next) -> Response {
    let Some(kept) = &cache.kept else { return next.run(request).await };
    let Some(Wanted { key, younger_than }) = Wanted::of(&request) else { return next.run(request).await };
    match kept.get(&key).await {
        Some(found) if found.made.elapsed() < younger_than.min(cache.lifetime) => {
            cache.give(&found, Origin::Kept)
        }
        None if !younger_than.is_zero() => {
            // On its own: whoever came first may leave, and the others wait for its answer.
            let asking = ask_once(cache.clone(), kept.clone(), key, request, next);
            let asking = tokio::spawn(asking.in_current_span());
            asking.await.unwrap_or_else(|error| {
                tracing::error!(%error, "a request ended without an answer");
                Error::Internal.into_response()
            })
        }
        _ => {
            let answer = Arc::new(cache.ask(request, next).await);
            if answer.status == StatusCode::OK {
                kept.insert(key, Arc::clone(&answer)).await;
            }
            cache.give(&answer, Origin::Asked)
        }
    }
}

async fn ask_once(
    cache: Cache,
    kept: Kept<String, Arc<Answer>>,
    key: String,
    request: Request,
    next: Next,
) -> Response {
    let mut origin = Origin::Shared;
    let asked = kept.try_get_with(key, async {
        origin = Origin::Asked;
        let answer = cache.ask(request, next).await;
        if answer.status == StatusCode::OK { Ok(Arc::new(answer)) } else { Err(answer) }
    });
    match asked.await {
        Ok(answer) => cache.give(&answer, origin),
        Err(answer) => cache.give(&answer, origin),
    }
}

#[cfg(test)]
mod tests;
