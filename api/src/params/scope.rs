//! What every analytic resource asks about: a tenant, a range of time, and filters.

use axum::http::request::Parts;
use jiff::Timestamp;

use super::filters::Filters;
use super::format::Format;
use super::parameter::Parameter;
use super::range::Range;
use super::{Params, TenantId, path};
use crate::error::Error;

/// Which events are meant.
#[derive(Debug, PartialEq)]
pub struct Scope {
    /// Whose.
    pub tenant: TenantId,
    /// From when to when.
    pub range: Range,
    /// And which of them.
    pub filters: Filters,
}

impl Scope {
    /// Every parameter beside those of the resource itself.
    pub const PARAMETERS: [&'static [Parameter]; 3] =
        [&Range::PARAMETERS, &Filters::PARAMETERS, &[Format::PARAMETER]];

    /// Takes the tenant from the path, the rest from the parameters; `own` are those of the resource itself.
    ///
    /// # Errors
    /// A 400 for what is not valid, not known or given twice, a 422 for what is not valid together.
    pub async fn of_request<S: Send + Sync>(
        parts: &mut Parts,
        state: &S,
        own: &[Parameter],
    ) -> Result<(Self, Params), Error> {
        let tenant = TenantId::of_path(path(parts, state).await?)?;
        let known = [own, &Self::PARAMETERS.concat()].concat();
        let params = Params::parse(parts.uri.query(), &known)?;
        let range = Range::optional(&params, Timestamp::now().as_microsecond())?;
        let filters = Filters::optional(&params)?;
        Ok((Self { tenant, range, filters }, params))
    }
}
