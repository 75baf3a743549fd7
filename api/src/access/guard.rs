//! The two middlewares: `surround` is around everything and gives every answer its head and its line in the log;
//! `admit` is before every route and lets through what may pass.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::audit_log::{Asked, write};
use super::credentials::{Credentials, Shown};
use super::limits::Limits;
use super::pinned::{Pinned, is_public};
use super::{Caller, ValidUntil, headers, spanned};
use crate::error::Error;

/// What the guard knows.
pub struct Guard {
    /// None where the API is open.
    pub credentials: Option<Credentials>,
    /// How much anybody may ask.
    pub limits: Limits,
}

/// Gives the request an id, which every line of the log about it has, the answer its head, and the log its line.
pub async fn surround(request: Request, next: Next) -> Response {
    let request_id = headers::request_id(request.headers());
    // As an error, so that a log of errors alone has it too.
    let span = tracing::error_span!("request", %request_id);
    let answer = complete(request, next, request_id).instrument(span.clone()).await;
    answer.map(|body| spanned::within(body, span))
}

async fn complete(request: Request, next: Next, request_id: String) -> Response {
    let started = Instant::now();
    let (method, uri, address) = (request.method().clone(), request.uri().clone(), address(&request));
    let mut response = next.run(request).await;
    headers::complete(response.headers_mut(), &request_id);
    let caller = response.extensions_mut().remove::<Caller>();
    write(&Asked {
        request_id: &request_id,
        caller: caller.as_ref(),
        address,
        method: method.as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        status: response.status().as_u16(),
        took: started.elapsed(),
    });
    response
}

/// Lets a request through to its route, or says why not.
pub async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if is_public(request.extensions().get::<MatchedPath>()) {
        return next.run(request).await;
    }
    // Before the credential, so that nobody can try many.
    if let Some(Err(error)) = address(&request).map(|address| guard.limits.address(address)) {
        return error.into_response();
    }
    let caller = match guard.credentials.as_ref().map(|known| known.shown(request.headers())) {
        None => None,
        Some(Shown::Caller(caller)) => Some(caller),
        Some(Shown::Nothing) => return Error::Unauthenticated { was_given: false }.into_response(),
        Some(Shown::Invalid) => return Error::Unauthenticated { was_given: true }.into_response(),
    };
    let (mut parts, body) = request.into_parts();
    let admitted = Pinned::from_request_parts(&mut parts, &caller).await.and_then(|pinned| {
        pinned.tenant.as_ref().map_or(Ok(()), |tenant| guard.limits.tenant(tenant.as_str()))?;
        guard.limits.place()
    });
    if let Some(expires) = caller.as_ref().and_then(|caller| caller.expires) {
        parts.extensions.insert(ValidUntil(expires));
    }
    let mut response = match admitted {
        Ok(_place) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => error.into_response(),
    };
    if let Some(caller) = caller {
        response.extensions_mut().insert(caller);
    }
    response
}

fn address(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}
