//! What has become of each event of a request, and how that is answered.

use axum::Json;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use uuid::Uuid;
use voc_smartmodule::params::Params;

use super::documents::{Document, on_one_line};
use super::judge::judge;

/// What has become of one event.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Its place in the array, or the number of its line, from 0.
    index: usize,
    /// `accepted` or `rejected`.
    status: &'static str,
    /// Of an accepted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<Uuid>,
    /// Of a rejected one: one of the contract's codes, or `forbidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The field at fault, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// A request's events, judged.
#[derive(Debug)]
pub struct Sorted {
    /// The good ones, each on one line without its end.
    pub lines: Vec<Bytes>,
    /// Of each what becomes of it, in their order.
    pub outcomes: Vec<Outcome>,
}

/// Judges each document for itself.
#[must_use]
pub fn sort(documents: Vec<Document>, tenant: &str, now_ms: i64, params: &Params) -> Sorted {
    let mut sorted = Sorted { lines: Vec::new(), outcomes: Vec::with_capacity(documents.len()) };
    for Document { index, bytes } in documents {
        let judged = judge(&bytes, tenant, now_ms, params);
        let outcome =
            Outcome { index, status: "accepted", event_id: None, code: None, field: None, message: None };
        sorted.outcomes.push(match judged {
            Ok(event_id) => {
                sorted.lines.push(on_one_line(bytes));
                Outcome { event_id: Some(event_id), ..outcome }
            }
            Err(refusal) => Outcome {
                status: "rejected",
                code: Some(refusal.code),
                field: refusal.field,
                message: Some(refusal.message),
                ..outcome
            },
        });
    }
    sorted
}

/// The answer. Of 422 it is a problem (RFC 9457) with two members more.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    problem: Option<Problem>,
    accepted: usize,
    rejected: usize,
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    code: &'static str,
}

/// Says what has become of the events: 202 where all are accepted, which says that they are kept and not yet in any
/// result; 207 where some are; 422 where none is, so that a client that looks at the status alone does not take it
/// for a success.
#[must_use]
pub fn answer(accepted: usize, results: Vec<Outcome>) -> Response {
    let rejected = results.len() - accepted;
    let (status, problem) = match (accepted, rejected) {
        (_, 0) => (StatusCode::ACCEPTED, None),
        (0, _) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let problem = Problem {
                r#type: "about:blank",
                title: status.canonical_reason().unwrap_or_default(),
                status: status.as_u16(),
                detail: "no event was accepted; results says why",
                code: "all_rejected",
            };
            (status, Some(problem))
        }
        _ => (StatusCode::MULTI_STATUS, None),
    };
    let kind = if problem.is_some() { "application/problem+json" } else { "application/json" };
    (status, [(header::CONTENT_TYPE, kind)], Json(Answer { problem, accepted, rejected, results }))
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_793_491_200_000;

    fn event(tenant: &str) -> String {
        format!(
            "{{\"event_id\":\"27ac435a-7a97-4643-a564-12a9b8a1abcd\",\"tenant_id\":\"{tenant}\",\n\"timestamp\":{NOW},\
             \"event_type\":\"call\"}}"
        )
    }

    async fn answered(events: &[String]) -> (u16, String, Value) {
        let documents = events.iter().enumerate();
        let documents = documents.map(|(index, text)| Document { index, bytes: text.clone().into() });
        let sorted = sort(documents.collect(), "acme", NOW, &Params::default());
        assert!(sorted.lines.iter().all(|line| !line.contains(&b'\n')));
        let response = answer(sorted.lines.len(), sorted.outcomes);
        let (status, kind) = (response.status().as_u16(), response.headers()[header::CONTENT_TYPE].clone());
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, kind.to_str().unwrap().to_owned(), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn the_status_tells_all_from_some_from_none() {
        let (status, kind, body) = answered(&[event("acme")]).await;
        let good =
            json!({"index": 0, "status": "accepted", "event_id": "27ac435a-7a97-4643-a564-12a9b8a1abcd"});
        assert_eq!((status, kind.as_str()), (202, "application/json"));
        assert_eq!(body, json!({"accepted": 1, "rejected": 0, "results": [good]}));

        let (status, kind, body) = answered(&[event("acme"), event("other"), "{}".to_owned()]).await;
        let foreign = json!({"index": 1, "status": "rejected", "code": "forbidden", "field": "tenant_id",
            "message": "the event is of another tenant than the path"});
        let empty = json!({"index": 2, "status": "rejected", "code": "missing_field", "field": "event_id",
            "message": "the field is required"});
        assert_eq!((status, kind.as_str()), (207, "application/json"));
        assert_eq!(body, json!({"accepted": 1, "rejected": 2, "results": [good, foreign, empty]}));

        let (status, kind, body) = answered(&["7".to_owned()]).await;
        assert_eq!((status, kind.as_str()), (422, "application/problem+json"));
        assert_eq!((&body["code"], &body["status"]), (&json!("all_rejected"), &json!(422)));
        assert_eq!((&body["rejected"], &body["results"][0]["code"]), (&json!(1), &json!("not_object")));
    }
}
