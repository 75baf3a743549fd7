//! What every answer has in its head: its request's id, and what a browser must not do with it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use uuid::Uuid;

/// The header with the id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An id of the caller is taken up to this length.
const LONGEST_ID: usize = 64;

const SECURITY: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The caller's own id if it is letters, digits, `-`, `_` and `.`; else a new one.
pub fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(known)
    };
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(plain);
    given.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// Completes the head of an answer; what the route has set stays.
pub fn complete(headers: &mut HeaderMap, request_id: &str) {
    for (name, value) in SECURITY {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
}
