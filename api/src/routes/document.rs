//! `GET /openapi.json`: what this API answers, for programs. `GET /docs`: the same as a page, which needs nothing from
//! anywhere else and runs no script.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::openapi::operation::{Answer, JSON, Operation, Tag, any_object, text as any_text};
use crate::openapi::{self, page};

/// What the document says of [`json`].
pub const OPENAPI: Operation = Operation {
    id: "openapi",
    tag: Tag::Document,
    summary: "This document",
    description: "OpenAPI 3.1.",
    answers: &[Answer { status: 200, meaning: "The document.", content: &[(JSON, any_object)] }],
    ..Operation::get("/openapi.json")
};

/// What the document says of [`html`].
pub const DOCS: Operation = Operation {
    id: "docs",
    tag: Tag::Document,
    summary: "This document as a page",
    description: "It needs nothing from anywhere else and runs no script.",
    answers: &[Answer { status: 200, meaning: "The page.", content: &[(HTML, any_text)] }],
    ..Operation::get("/docs")
};

const HTML: &str = "text/html; charset=utf-8";

/// The document in both forms, made once.
#[derive(Clone)]
pub struct Document {
    json: Bytes,
    html: Bytes,
}

impl Document {
    /// That of an API which is open to everybody, or not.
    #[must_use]
    pub fn new(is_open: bool) -> Self {
        let html = page::render(&openapi::document(is_open));
        Self { json: openapi::text(is_open).into(), html: html.into() }
    }
}

/// Answers with the document.
pub async fn json(State(document): State<Document>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], document.json)
}

/// Answers with the page.
pub async fn html(State(document): State<Document>) -> impl IntoResponse {
    let policy = page::content_security_policy();
    ([(header::CONTENT_TYPE, HTML.to_owned()), (header::CONTENT_SECURITY_POLICY, policy)], document.html)
}
