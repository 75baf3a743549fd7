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

const PUBLIC: [&str; 4] = ["/healthz", "/readyz", "/openapi.json", "/docs"];
const SUMMARY: &str = "/metrics/summary";

impl FromRequestParts<Option<Caller>> for Pinned {
    type Rejection = Error;

    /// `caller` is none where the API is open to everybody: then only the parameters are looked at.
    async fn from_request_parts(parts: &mut Parts, caller: &Option<Caller>) -> Result<Self, Error> {
        let tenant = tenant(parts).await?;
        let Some(caller) = caller else { return Ok(Self { tenant }) };
        // The same answer for every other tenant: whether it exists is not looked at.
        if tenant.as_ref().is_some_and(|tenant| caller.tenant.as_deref() != Some(tenant.as_str())) {
            return Err(Error::OtherTenant);
        }
        let needed = role(tenant.is_some(), &parts.method);
        caller.may(needed).then_some(Self { tenant }).ok_or(Error::RoleMissing { needed })
    }
}

/// What it takes to ask a route that is not public.
fn role(is_of_tenant: bool, method: &Method) -> Role {
    match *method {
        _ if !is_of_tenant => Role::Operate,
        Method::GET | Method::HEAD => Role::View,
        _ => Role::Manage,
    }
}

/// What it takes to ask a route of the router, for the document; none where everybody may.
#[must_use]
pub fn needed(route: &str, method: &Method) -> Option<Role> {
    let is_of_tenant = route == SUMMARY || route.contains("{tenant}");
    (!PUBLIC.contains(&route)).then(|| role(is_of_tenant, method))
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
        let params = Params::parse(parts.uri.query(), &[TenantId::PARAMETER, Days::PARAMETER])?;
        return TenantId::required(&params).map(Some);
    }
    Ok(None)
}

/// Whether everybody may ask it, without a limit: probes, and what this API is.
pub fn is_public(route: Option<&MatchedPath>) -> bool {
    route.is_some_and(|route| PUBLIC.contains(&route.as_str()))
}
