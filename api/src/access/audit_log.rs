//! Who asked what, one line a request, under the target `voc_api::asked`: no body, and of the parameters the
//! names alone, as a search may hold what a customer said.

use std::net::IpAddr;
use std::time::Duration;

use super::Caller;

/// What is known of a request when it has been answered.
pub struct Asked<'a> {
    /// Its id, also in the answer.
    pub request_id: &'a str,
    /// None where the API is open or the credential is not valid.
    pub caller: Option<&'a Caller>,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The method.
    pub method: &'a str,
    /// The path, as sent.
    pub path: &'a str,
    /// The query string, of which the names are logged.
    pub query: &'a str,
    /// What it got.
    pub status: u16,
    /// How long that took.
    pub took: Duration,
}

/// Writes the line.
pub fn write(asked: &Asked<'_>) {
    let names: Vec<&str> = asked.query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    tracing::info!(
        target: "voc_api::asked",
        parent: None, // it names its request itself, whatever else is logged
        request_id = asked.request_id,
        caller = asked.caller.map_or("", |caller| caller.name.as_str()),
        tenant = asked.caller.and_then(|caller| caller.tenant.as_deref()).unwrap_or_default(),
        address = asked.address.map(tracing::field::display),
        method = asked.method,
        path = asked.path,
        parameters = names.join(","),
        status = asked.status,
        milliseconds = u64::try_from(asked.took.as_millis()).unwrap_or(u64::MAX),
        "asked"
    );
}
