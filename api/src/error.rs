//! The one error envelope: what a caller may know goes out, the cause goes to the log.

use std::borrow::Cow;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::query;

/// Everything that a request can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A parameter is bad, missing, given twice or unknown: 400.
    #[error("{message}")]
    BadParameter {
        /// The parameter at fault; none where the query string as a whole cannot be read.
        parameter: Option<String>,
        /// What is wrong with it, for the caller.
        message: String,
    },
    /// No such route: 404.
    #[error("there is nothing at this path")]
    NotFound,
    /// The route exists, for another method: 405.
    #[error("this path does not answer this method; the header `allow` names those that it does")]
    MethodNotAllowed,
    /// Waiting helps: 503.
    #[error("{message}")]
    Unavailable {
        /// Why, for the caller.
        message: Cow<'static, str>,
    },
    /// Our fault, with the cause in the log: 500.
    #[error("an internal error occurred; the log of the API has its cause")]
    Internal,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
}

impl Error {
    /// The stable name of the error in the envelope.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadParameter { .. } => "bad_parameter",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that goes with it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadParameter { .. } => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Logs the cause, here and nowhere else, and keeps what the caller may know.
impl From<query::Error> for Error {
    fn from(error: query::Error) -> Self {
        // As an error and not as text, so that the log has its causes, too.
        let cause: &dyn std::error::Error = &error;
        match error.unavailable() {
            Some(reason) => {
                tracing::warn!(error = cause, "clickhouse is unavailable");
                Self::Unavailable { message: reason.into() }
            }
            None => {
                tracing::error!(error = cause, "a query failed");
                Self::Internal
            }
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let message = self.to_string();
        let parameter = match &self {
            Self::BadParameter { parameter, .. } => parameter.as_deref(),
            _ => None,
        };
        let envelope = Envelope { error: Body { code: self.code(), message: &message, parameter } };
        (self.status(), Json(envelope)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, Envelope, Error};

    #[test]
    fn the_envelope_has_one_shape() {
        let body = Body { code: "bad_parameter", message: "a \"quoted\" reason", parameter: Some("days") };
        assert_eq!(
            serde_json::to_string(&Envelope { error: body }).unwrap(),
            r#"{"error":{"code":"bad_parameter","message":"a \"quoted\" reason","parameter":"days"}}"#
        );
        let body = Body { code: "not_found", message: "nothing", parameter: None };
        assert_eq!(
            serde_json::to_string(&Envelope { error: body }).unwrap(),
            r#"{"error":{"code":"not_found","message":"nothing"}}"#
        );
    }

    #[test]
    fn an_internal_error_says_nothing_about_its_cause() {
        let cause = clickhouse::error::Error::BadResponse("Code: 47. secret_column is unknown".to_owned());
        let error = Error::from(crate::query::Error::from(cause));
        assert_eq!(error.code(), "internal");
        assert!(!error.to_string().contains("secret_column"));
    }
}
