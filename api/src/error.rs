//! The one error envelope: what a caller may know goes out, the cause goes to the log.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::access::Role;
use crate::ingest;
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
    /// Parameters are all right, each on its own, and cannot hold together: 422.
    #[error("{message}")]
    BadCombination {
        /// The one to change.
        parameter: &'static str,
        /// What is wrong with it, for the caller.
        message: String,
    },
    /// A credential is needed: 401.
    #[error("{}", if *.was_given { "the credential is not valid" } else { "a credential is needed: authorization: Bearer" })]
    Unauthenticated {
        /// Whether there was one.
        was_given: bool,
    },
    /// The credential is of another tenant, or of none: 403, whether the tenant exists or not.
    #[error("the credential is not one of this tenant")]
    OtherTenant,
    /// The credential does not allow it: 403.
    #[error("the credential lacks the role {}", .needed.name())]
    RoleMissing {
        /// What it would need.
        needed: Role,
    },
    /// The body is larger than any of ours: 413.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The question reads too much: 422.
    #[error("this would read more rows than one question may; ask of a shorter time")]
    TooManyRows,
    /// Asked too often: 429.
    #[error("too many requests; try again in {seconds} s")]
    TooManyRequests {
        /// When to come again, in seconds.
        seconds: u64,
    },
    /// An answer whose end has to be told from its breaking off: 505.
    #[error("an export needs HTTP/1.1: before it, nobody could tell a complete body from one that broke off")]
    HttpVersion,
    /// No such route: 404.
    #[error("there is nothing at this path")]
    NotFound,
    /// The route exists, for another method: 405.
    #[error("this path does not answer this method; the header `allow` names those that it does")]
    MethodNotAllowed,
    /// Events are not taken.
    #[error(transparent)]
    Ingest(#[from] ingest::Error),
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

/// Problem details (RFC 9457); `code` is stable, `type` would say no more than it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Problem<'a> {
    /// Always `about:blank`: the status and the code say it.
    r#type: &'static str,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    /// What is wrong, for people.
    detail: &'a str,
    /// What is wrong, for programs; stable.
    code: &'static str,
    /// The parameter at fault, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
}

impl<'a> Problem<'a> {
    /// What goes out of an error and its message.
    pub(crate) fn of(error: &'a Error, message: &'a str) -> Self {
        let parameter = match error {
            Error::BadParameter { parameter, .. } => parameter.as_deref(),
            Error::BadCombination { parameter, .. } => Some(*parameter),
            _ => None,
        };
        Self {
            r#type: "about:blank",
            title: error.status().canonical_reason().unwrap_or_default(),
            status: error.status().as_u16(),
            detail: message,
            code: error.code(),
            parameter,
        }
    }
}

/// The media type of every error.
pub(crate) const PROBLEM: &str = "application/problem+json";

impl Error {
    /// The stable name of the error in the envelope.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadParameter { .. } => "bad_parameter",
            Self::BadCombination { .. } => "bad_combination",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::OtherTenant | Self::RoleMissing { .. } => "forbidden",
            Self::BodyTooLarge => "body_too_large",
            Self::TooManyRows => "too_many_rows",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::HttpVersion => "http_version",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Ingest(error) => error.code(),
            Self::Unavailable { .. } => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that goes with it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadParameter { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::OtherTenant | Self::RoleMissing { .. } => StatusCode::FORBIDDEN,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadCombination { .. } | Self::TooManyRows => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::HttpVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Ingest(error) => error.status(),
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The header that says what to do about it.
    pub(crate) fn advice(&self) -> Option<(HeaderName, String)> {
        let challenge = |text: &str| Some((header::WWW_AUTHENTICATE, format!("Bearer realm=\"voc\"{text}")));
        match self {
            Self::Unauthenticated { was_given: false } => challenge(""),
            Self::Unauthenticated { was_given: true } => challenge(", error=\"invalid_token\""),
            Self::OtherTenant => challenge(", error=\"insufficient_scope\""),
            Self::RoleMissing { needed } => {
                challenge(&format!(", error=\"insufficient_scope\", scope=\"{}\"", needed.name()))
            }
            Self::TooManyRequests { seconds } => Some((header::RETRY_AFTER, seconds.to_string())),
            Self::Ingest(error) => error.advice(),
            Self::Unavailable { .. } => Some((header::RETRY_AFTER, "1".to_owned())),
            _ => None,
        }
    }
}

/// Logs the cause, here and nowhere else, and keeps what the caller may know.
impl From<query::Error> for Error {
    fn from(error: query::Error) -> Self {
        // As an error and not as text, so that the log has its causes, too.
        let cause: &dyn std::error::Error = &error;
        if error.is_too_large() {
            tracing::warn!(error = cause, "a query reads too much");
            return Self::TooManyRows;
        }
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
        let problem = Problem::of(&self, &message);
        let kind = [(header::CONTENT_TYPE, PROBLEM)];
        let advice = self.advice().map(|advice| [advice]);
        match advice {
            Some(advice) => (self.status(), advice, kind, Json(problem)).into_response(),
            None => (self.status(), kind, Json(problem)).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn an_internal_error_says_nothing_about_its_cause() {
        let cause = clickhouse::error::Error::BadResponse("Code: 47. secret_column is unknown".to_owned());
        let error = Error::from(crate::query::Error::from(cause));
        assert_eq!(error.code(), "internal");
        assert!(!error.to_string().contains("secret_column"));
    }
}
