//! The resources of a tenant as files: CSV, NDJSON, Parquet or Arrow where `format` or the header `accept` asks for it,
//! with the parameters that the resource has as JSON.

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::tz::TimeZone;

use super::{agents, breakdown, dead_letters, distribution, events, tenant_summary, timeseries};
use crate::error::Error;
use crate::params::format::Format;
use crate::params::range::Range;
use crate::query::client::Query;
use crate::query::export::{Exports, rows};

const OF_A_TENANT: &str = "/v1/tenants/{tenant}/";

/// A resource that can be had as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Summary,
    Timeseries,
    Distribution,
    Breakdown,
    Events,
    Agents,
    Tools,
    Qos,
    DeadLetters,
}

impl Resource {
    const ALL: [(&'static str, Self); 9] = [
        ("summary", Self::Summary),
        ("timeseries", Self::Timeseries),
        ("distribution", Self::Distribution),
        ("breakdown", Self::Breakdown),
        ("events", Self::Events),
        ("agents", Self::Agents),
        ("tools", Self::Tools),
        ("qos", Self::Qos),
        ("dead-letters", Self::DeadLetters),
    ];

    fn of(parts: &Parts) -> Option<(&'static str, Self)> {
        let route = parts.extensions.get::<MatchedPath>()?.as_str().strip_prefix(OF_A_TENANT)?;
        Self::ALL.into_iter().find(|(name, _)| *name == route)
    }
}

/// Answers where a file is asked for, and leaves JSON to the route.
pub async fn divert(State(exports): State<Exports>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // What is sent to a path of the same name has no format.
    let is_asked = matches!(parts.method, Method::GET | Method::HEAD);
    let Some((name, resource)) = Resource::of(&parts).filter(|_| is_asked) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    match Format::of_request(&parts) {
        Ok(None) => next.run(Request::from_parts(parts, body)).await,
        Ok(Some(format)) => match export(&exports, &mut parts, (name, resource), format).await {
            Ok(response) => response,
            Err(error) => error.into_response(),
        },
        Err(error) => error.into_response(),
    }
}

async fn export(
    exports: &Exports,
    parts: &mut Parts,
    (name, resource): (&str, Resource),
    format: Format,
) -> Result<Response, Error> {
    let (query, range) = query(exports, parts, resource, format).await?;
    // Only chunks can say that a body is not complete.
    if parts.version < Version::HTTP_11 {
        return Err(Error::HttpVersion);
    }
    let place =
        exports.place().ok_or_else(|| Error::Unavailable { message: "too many exports at once".into() })?;
    let bytes = exports.begin(query, format, place).await?;
    let head = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file(name, range, format))),
    ];
    Ok((head, Body::from_stream(bytes.bytes())).into_response())
}

/// With the days of its range, in its time zone: `events_2026-10-01_2026-11-01.csv`.
fn file(name: &str, range: Option<Range>, format: Format) -> String {
    let day = |micros: i64, zone: &TimeZone| {
        let moment = jiff::Timestamp::from_microsecond(micros).ok()?;
        Some(format!("_{}", moment.to_zoned_datetime(zone.clone()).date()))
    };
    let days = range.and_then(|range| Some(day(range.from, &range.zone)? + &day(range.to, &range.zone)?));
    format!("{name}{}.{}", days.unwrap_or_default(), format.extension())
}

/// What the resource asks of ClickHouse, and of which time.
async fn query(
    exports: &Exports,
    parts: &mut Parts,
    resource: Resource,
    format: Format,
) -> Result<(Query, Option<Range>), Error> {
    let state = &();
    let (query, scope) = match resource {
        Resource::Summary => {
            let tenant_summary::Request(scope) =
                tenant_summary::Request::from_request_parts(parts, state).await?;
            (rows::summary(exports, format, &scope).await?, scope)
        }
        Resource::Timeseries => {
            let request = timeseries::Request::from_request_parts(parts, state).await?;
            let timeseries::Request { scope, metric, group_by, buckets, limit, .. } = request;
            let by = (metric, group_by);
            (rows::timeseries(exports, format, &scope, by, &buckets, limit).await?, scope)
        }
        Resource::Distribution => {
            let distribution::Request { scope, bins } =
                distribution::Request::from_request_parts(parts, state).await?;
            (rows::distribution(exports, format, &scope, bins).await?, scope)
        }
        Resource::Breakdown => {
            let request = breakdown::Request::from_request_parts(parts, state).await?;
            let breakdown::Request { scope, metric, by, limit, min_events } = request;
            // Two ends are those of the JSON answer; of all groups, none is left out.
            let compared = if limit.is_some() { breakdown::COMPARED } else { u32::MAX };
            let counted = (min_events, compared);
            (rows::breakdown(exports, format, &scope, (metric, by), counted, limit).await?, scope)
        }
        Resource::Events => {
            let request = events::Request::from_request_parts(parts, state).await?;
            let events::Request { scope, search, cursor, limit } = request;
            (rows::events(exports, format, &scope, search.as_deref(), cursor, &limit), scope)
        }
        Resource::Agents | Resource::Tools | Resource::Qos => {
            let agents::Request { scope, limit } = agents::Request::from_request_parts(parts, state).await?;
            let query = match resource {
                Resource::Agents => rows::agents(exports, format, &scope, &limit).await?,
                Resource::Tools => rows::tools(exports, format, &scope, &limit).await?,
                _ => rows::qos(exports, format, &scope, &limit).await?,
            };
            (query, scope)
        }
        Resource::DeadLetters => {
            let request = dead_letters::ListRequest::from_request_parts(parts, state).await?;
            let dead_letters::ListRequest { tenant, filter, limit } = request;
            return Ok((rows::dead_letters(exports, format, &tenant, &filter, &limit), None));
        }
    };
    Ok((query, Some(scope.range)))
}
