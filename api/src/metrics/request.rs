//! What is counted of requests.

use std::time::Duration;

use prometheus::{IntCounterVec, IntGauge};

use super::Metrics;

/// A request that has been answered.
#[derive(Debug)]
pub struct Request<'a> {
    /// The router's pattern; none where no route matches.
    pub route: Option<&'a str>,
    /// The method, as sent.
    pub method: &'a str,
    /// The status of the response.
    pub status: u16,
    /// From head to head.
    pub took: Duration,
}

/// Why a request is refused before anybody works on it.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {
    /// Too many at once: 503.
    Busy,
    /// Too many a second for one tenant: 429.
    Tenant,
    /// Too many a second of one address: 429.
    Address,
}

/// Counts a request as in flight as long as it lives.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// A request has come.
    #[must_use]
    pub fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request was answered.
    pub fn answered(&self, request: &Request<'_>) {
        let (route, method) = (request.route.unwrap_or("unmatched"), method(request.method));
        let status = request.status.to_string();
        self.requests.with_label_values(&[route, method, &status]).inc();
        let seconds = self.request_seconds.with_label_values(&[route, method, class(request.status)]);
        seconds.observe(request.took.as_secs_f64());
    }

    /// A request was refused.
    pub fn refused(&self, refusal: Refusal) {
        self.refused.with_label_values(&[refusal.name()]).inc();
    }
}

impl Refusal {
    const ALL: [Self; 3] = [Self::Busy, Self::Tenant, Self::Address];

    fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Tenant => "tenant",
            Self::Address => "address",
        }
    }
}

/// Makes every reason a series: `increase()` does not see where one begins.
pub(super) fn at_zero(refused: IntCounterVec) -> IntCounterVec {
    for refusal in Refusal::ALL {
        refused.with_label_values(&[refusal.name()]);
    }
    refused
}

/// A caller may send any word as a method.
fn method(sent: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == sent).unwrap_or("other")
}

fn class(status: u16) -> &'static str {
    match status {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}
