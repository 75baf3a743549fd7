//! The one place that decides whether a caller may ask a route, and of which tenant.

use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use axum::http::Method;
use axum::http::request::Parts;

use super::{Caller, Role};
use crate::error::Error;
use crate::params::{Days, Params, TenantId};

/// Says that the request may go on. Extracted by the guard before every route, so that no handler can forget it.
#[derive(Debug)]
pub struct Pinned {
    /// Whose data is asked for; none where it is of no one tenant.
    pub tenant: Option<TenantId>,
}

const PUBLIC: [&str; 2] = ["/healthz", "/readyz"];
const SUMMARY: &str = "/metrics/summary";

impl FromRequestParts<Option<Caller>> for Pinned {
    type Rejection = Error;

    /// `caller` is none where the API is open to everybody: then only the parameters are looked at.
    async fn from_request_parts(parts: &mut Parts, caller: &Option<Caller>) -> Result<Self, Error> {
        let tenant = tenant(parts).await?;
        let Some(caller) = caller else { return Ok(Self { tenant }) };
        let Some(tenant) = tenant else {
            let needed = Role::Operate;
            return caller.may(needed).then_some(Self { tenant: None }).ok_or(Error::RoleMissing { needed });
        };
        // The same answer for every other tenant: whether it exists is not looked at.
        if caller.tenant.as_deref() != Some(tenant.as_str()) {
            return Err(Error::OtherTenant);
        }
        let only_reads = parts.method == Method::GET || parts.method == Method::HEAD;
        let needed = if only_reads { Role::View } else { Role::Manage };
        caller.may(needed).then_some(Self { tenant: Some(tenant) }).ok_or(Error::RoleMissing { needed })
    }
}

async fn tenant(parts: &mut Parts) -> Result<Option<TenantId>, Error> {
    let path = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| Error::BadParameter {
        parameter: None,
        message: "the path is not percent-encoded UTF-8".to_owned(),
    })?;
    if let Some((_, tenant)) = path.iter().find(|(name, _)| *name == "tenant") {
        return TenantId::of_path(tenant.to_owned()).map(Some);
    }
    if parts.extensions.get::<MatchedPath>().is_some_and(|path| path.as_str() == SUMMARY) {
        let params = Params::parse(parts.uri.query(), &[TenantId::NAME, Days::NAME])?;
        return TenantId::required(&params).map(Some);
    }
    Ok(None)
}

/// Whether everybody may ask it, without a limit: probes.
pub fn is_public(route: Option<&MatchedPath>) -> bool {
    route.is_some_and(|route| PUBLIC.contains(&route.as_str()))
}
