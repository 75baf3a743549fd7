//! The HTTP surface without a ClickHouse: nothing listens on the port that these tests name.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::config::{Config, Environment};

/// A router over a port that was free a moment ago and is free again.
fn router() -> Router {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let yaml = format!("clickhouse: {{ host: 127.0.0.1, port: {port} }}");
    super::new(&Config::parse(&yaml, &Environment::default()).unwrap()).unwrap()
}

async fn send(router: &Router, method: Method, uri: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

async fn get(router: &Router, uri: &str) -> (StatusCode, Value) {
    let response = send(router, Method::GET, uri).await;
    (response.status(), serde_json::from_str(&text(response).await).unwrap())
}

#[tokio::test]
async fn alive_without_clickhouse() {
    assert_eq!(get(&router(), "/healthz").await, (StatusCode::OK, json!({"status": "ok"})));
}

#[tokio::test]
async fn clickhouse_down_is_a_503_with_its_reason() {
    for path in ["/readyz", "/metrics/summary?tenant_id=acme"] {
        let (status, body) = get(&router(), path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            (&body["code"], &body["detail"]),
            (&json!("unavailable"), &json!("ClickHouse does not answer"))
        );
    }
}

#[tokio::test]
async fn a_bad_parameter_is_a_400_that_names_it() {
    let (status, body) = get(&router(), "/metrics/summary?tenant_id=acme&days=0").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let message = "days must be a whole number from 1 to 3650";
    let problem = json!({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": message,
        "code": "bad_parameter", "parameter": "days"});
    assert_eq!(body, problem);
}

#[tokio::test]
async fn a_live_stream_says_that_clickhouse_is_down_and_goes_on() {
    let response = send(&router(), Method::GET, "/v1/tenants/acme/live").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let mut body = response.into_body().into_data_stream();
    for _ in 0..2 {
        let message = String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap();
        let data = message.strip_prefix("event: error\ndata: ").unwrap().trim_end();
        let problem: Value = serde_json::from_str(data).unwrap();
        assert_eq!((&problem["code"], &problem["status"]), (&json!("unavailable"), &json!(503)));
    }
}

#[tokio::test]
async fn what_a_live_stream_shows_is_bounded() {
    for query in ["window=0", "window=61", "window=5m", "every=0", "every=61", "every=2&every=2", "since=1"] {
        let (status, body) = get(&router(), &format!("/v1/tenants/acme/live?{query}")).await;
        assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("bad_parameter")), "{query}");
    }
}

#[tokio::test]
async fn an_error_is_not_kept() {
    let router = router();
    for path in ["/v1/tenants/acme/summary", "/v1/tenants/acme/summary?from=x"] {
        for _ in 0..2 {
            let response = send(&router, Method::GET, path).await;
            assert!(!response.status().is_success());
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
            assert!(!response.headers().contains_key(header::AGE));
        }
    }
    let metrics = text(send(&router, Method::GET, "/metrics").await).await;
    assert!(
        metrics.lines().any(|line| line == r#"voc_api_cache_answers_total{origin="asked"} 4"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn an_unknown_path_is_a_404() {
    for path in ["/", "/metrics/", "/metrics/summary/", "/%00", "/healthz%20"] {
        let (status, body) = get(&router(), path).await;
        assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    }
}

#[tokio::test]
async fn another_method_is_a_405_that_names_the_right_one() {
    let response = send(&router(), Method::POST, "/metrics/summary?tenant_id=acme").await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[header::ALLOW], "GET,HEAD");
    let body: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(body["code"], "method_not_allowed");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let router = router();
    for path in ["/healthz", "/healthz", "/metrics/summary?tenant_id=", "/nowhere", "/elsewhere"] {
        send(&router, Method::GET, path).await;
    }
    send(&router, Method::POST, "/healthz").await;
    let metrics = text(send(&router, Method::GET, "/metrics").await).await;
    for line in [
        r#"voc_api_requests_total{method="GET",route="/healthz",status="200"} 2"#,
        r#"voc_api_requests_total{method="POST",route="/healthz",status="405"} 1"#,
        r#"voc_api_requests_total{method="GET",route="/metrics/summary",status="400"} 1"#,
        r#"voc_api_requests_total{method="GET",route="unmatched",status="404"} 2"#,
        r#"voc_api_request_seconds_count{class="4xx",method="GET",route="unmatched"} 2"#,
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} is missing in\n{metrics}");
    }
}

#[tokio::test]
async fn an_api_that_takes_no_events_says_so() {
    let response = send(&router(), Method::POST, "/v1/tenants/acme/events").await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let body: Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(body["code"], "ingest_off");
    assert!(body["detail"].as_str().unwrap().contains("api.ingest.mode"), "{body}");
}
