//! Whether a request may be answered with what is kept, under which name, and how old that may be.

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method, Uri, header};

/// The routes whose answers are kept: what sums up. Pages of events are large, read once, and hold what customers
/// said; nothing of them lies about here.
const KEPT: [&str; 8] = [
    "/metrics/summary",
    "/v1/tenants/{tenant}/summary",
    "/v1/tenants/{tenant}/timeseries",
    "/v1/tenants/{tenant}/distribution",
    "/v1/tenants/{tenant}/breakdown",
    "/v1/tenants/{tenant}/agents",
    "/v1/tenants/{tenant}/tools",
    "/v1/tenants/{tenant}/qos",
];

/// What is asked for, where an answer may be kept.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    /// The same for two requests only if their answers are the same: the path, which has the tenant, and the
    /// parameters in one order.
    pub(super) key: String,
    /// The caller takes an answer that is younger than this.
    pub(super) younger_than: Duration,
}

impl Wanted {
    /// None where the answer is not to be kept: another route or method, another form than JSON, or the caller does
    /// not want it to be (`no-store`).
    pub(super) fn of(request: &Request) -> Option<Self> {
        let route = request.extensions().get::<MatchedPath>()?;
        let is_kept = request.method() == Method::GET && KEPT.contains(&route.as_str());
        if !is_kept || !takes_json(request.headers()) {
            return None;
        }
        Some(Self { key: key(request.uri())?, younger_than: younger_than(request.headers())? })
    }
}

/// None where a parameter asks for another form than JSON. One that occurs twice stays so, as no valid request has
/// that: its key is that of errors alone, which are not kept.
fn key(uri: &Uri) -> Option<String> {
    let mut pairs: Vec<&str> =
        uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
    let is_plain = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // An encoded name may be that of the form.
        !name.contains(['%', '+']) && (name != "format" || value == "json")
    };
    if !pairs.iter().all(is_plain) {
        return None;
    }
    pairs.sort_unstable();
    let mut key = String::with_capacity(uri.path().len() + uri.query().map_or(0, str::len) + 1);
    key.push_str(uri.path());
    for (number, pair) in pairs.iter().enumerate() {
        key.push(if number == 0 { '?' } else { '&' });
        key.push_str(pair);
    }
    Some(key)
}

/// Whether JSON is all that the caller asks for.
fn takes_json(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().all(|value| {
        value.to_str().is_ok_and(|value| {
            let ranges = value.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
            let is_json = |range: &str| {
                ["", "*/*", "application/*", "application/json"]
                    .iter()
                    .any(|json| range.eq_ignore_ascii_case(json))
            };
            ranges.into_iter().all(is_json)
        })
    })
}

/// What `cache-control` says of it; none where the answer is not to be kept.
fn younger_than(headers: &HeaderMap) -> Option<Duration> {
    let mut younger_than = Duration::MAX;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',').map(str::trim) {
            if directive.eq_ignore_ascii_case("no-store") {
                return None;
            }
            let (name, seconds) = directive.split_once('=').unwrap_or((directive, ""));
            let said = match seconds.parse().map(Duration::from_secs) {
                _ if name.eq_ignore_ascii_case("no-cache") => Duration::ZERO,
                Ok(seconds) if name.eq_ignore_ascii_case("max-age") => seconds,
                _ => continue,
            };
            younger_than = younger_than.min(said);
        }
    }
    Some(younger_than)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::{Duration, HeaderMap, header, key, takes_json};

    fn key_of(uri: &str) -> Option<String> {
        key(&uri.parse().unwrap())
    }

    #[test]
    fn the_order_of_parameters_does_not_matter_and_all_else_does() {
        let one = key_of("/v1/tenants/acme/qos?to=2&from=1").unwrap();
        assert_eq!(one, "/v1/tenants/acme/qos?from=1&to=2");
        assert_eq!(key_of("/v1/tenants/acme/qos?from=1&&to=2&").unwrap(), one);
        for other in [
            "/v1/tenants/acme/qos",
            "/v1/tenants/acme/qos?from=1",
            "/v1/tenants/acme/qos?from=1&to=2&to=2",
            "/v1/tenants/acme/qos?from=2&to=1",
            "/v1/tenants/acme/tools?from=1&to=2",
            "/v1/tenants/globex/qos?from=1&to=2",
            "/v1/tenants/acme/qos?from=1%26to=2",
        ] {
            assert_ne!(key_of(other).unwrap(), one);
        }
    }

    #[test]
    fn another_form_than_json_is_not_kept() {
        for uri in ["/a?format=csv", "/a?format=", "/a?format", "/a?b=1&format=parquet", "/a?form%61t=csv"] {
            assert_eq!(key_of(uri), None, "{uri}");
        }
        assert!(key_of("/a?format=json").is_some());
        let accepts =
            |value| takes_json(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]));
        assert!(takes_json(&HeaderMap::new()));
        for value in ["*/*", "application/json", "Application/JSON; charset=utf-8, */*;q=0.1", ""] {
            assert!(accepts(value), "{value}");
        }
        for value in ["text/csv", "application/json, text/csv;q=0.1", "text/html,*/*", "application/jsonl"] {
            assert!(!accepts(value), "{value}");
        }
    }

    #[test]
    fn the_caller_says_what_it_takes() {
        let of = |value| {
            let value = HeaderValue::from_static(value);
            super::younger_than(&HeaderMap::from_iter([(header::CACHE_CONTROL, value)]))
        };
        let younger = |seconds| Some(Duration::from_secs(seconds));
        for (value, expected) in [
            ("", Some(Duration::MAX)),
            ("no-transform", Some(Duration::MAX)),
            ("max-age=x", Some(Duration::MAX)),
            ("no-cache", younger(0)),
            ("No-Cache, max-age=7", younger(0)),
            ("max-age=7, no-cache", younger(0)),
            ("max-age=7", younger(7)),
            ("max-age=0", younger(0)),
            ("no-cache, no-store", None),
            ("no-store", None),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
        assert_eq!(super::younger_than(&HeaderMap::new()), Some(Duration::MAX));
    }
}
