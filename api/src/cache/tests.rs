//! The layer over a route that answers at once.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower::ServiceExt;

use super::{Cache, Config, Metrics, OVERHEAD, answer};

const BYTES: u64 = 1_000_000;
const BODY: usize = 100_000;

/// A cache, and a route before which it stands, whose answers are large.
fn cached() -> (Cache, Router) {
    let config = Config { lifetime: Duration::from_secs(3600), bytes: BYTES };
    let cache = Cache::new(config, Metrics::new().unwrap());
    let large = async || ([(header::CONTENT_TYPE, "application/json")], "1".repeat(BODY));
    let router = Router::new()
        .route("/v1/tenants/{tenant}/summary", get(large))
        .route_layer(from_fn_with_state(cache.clone(), answer));
    (cache, router)
}

async fn ask(router: &Router, path: &str) -> usize {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    to_bytes(response.into_body(), usize::MAX).await.unwrap().len()
}

#[tokio::test]
async fn what_is_kept_is_bounded_in_bytes() {
    let (cache, router) = cached();
    for number in 0..100 {
        let path = format!("/v1/tenants/acme/summary?from={number}");
        assert_eq!(ask(&router, &path).await, BODY);
        assert_eq!(ask(&router, &path).await, BODY);
    }
    let kept = cache.kept.unwrap();
    kept.run_pending_tasks().await;
    let (entries, bytes) = (kept.entry_count(), kept.weighted_size());
    assert!((1..=9).contains(&entries) && bytes <= BYTES, "{entries} entries of {bytes} bytes");
    assert!(bytes >= entries * (BODY + OVERHEAD) as u64, "{entries} entries of {bytes} bytes");
}
