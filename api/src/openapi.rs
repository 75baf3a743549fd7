//! The OpenAPI document of this API: `api/openapi.json` in the repository, `/openapi.json` and `/docs` of a running one.
//!
//! Each route says beside its handler what only it knows ([`operation`]). The rest comes from the code that answers:
//! schemas from the types of the answers, parameters from the constants that they are read by, errors from
//! [`crate::error`], roles from [`crate::access`]. A test holds the document against the router, so that no route and no
//! parameter can be left out.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

pub mod operation;
pub mod page;
mod paths;
mod problems;

#[cfg(test)]
mod tests;

use self::operation::{Operation, Tag};
use crate::params::range::time_zones;
use crate::routes::{agents, breakdown, distribution, event, events, qos, tenant_summary, timeseries, tools};
use crate::routes::{
    audit, dead_letter_jobs, dead_letters, document, health, ingest, live, metrics, summary,
};

/// Every route, in the order of the document.
pub const OPERATIONS: [Operation; 24] = [
    tenant_summary::OPERATION,
    timeseries::OPERATION,
    distribution::OPERATION,
    breakdown::OPERATION,
    events::OPERATION,
    event::OPERATION,
    agents::OPERATION,
    tools::OPERATION,
    qos::OPERATION,
    live::OPERATION,
    ingest::OPERATION,
    summary::OPERATION,
    dead_letters::LIST,
    dead_letters::COUNTS,
    dead_letters::SHOW,
    dead_letter_jobs::REPLAY,
    dead_letter_jobs::PURGE,
    dead_letter_jobs::JOB,
    health::LIVE,
    health::READY,
    metrics::OPERATION,
    audit::OPERATION,
    document::OPENAPI,
    document::DOCS,
];

const ABOUT: &str = "How a tenant's customers feel, about what, since when, and whether it is getting worse.

A route under `/v1/tenants/{tenant}` answers for that tenant alone, which is the one of the credential. A tenant that is \
not known has no events. Parameters are read strictly: one that is not known, given twice or out of range is a 400 that \
names it. Values that cannot hold together, each fine on its own, are a 422.

Errors are problem details (RFC 9457) with a stable `code`. A method that a path does not answer is a 405 with the header \
`allow`. `HEAD` is answered wherever `GET` is. Times are RFC 3339, durations are in milliseconds. Every answer has an \
`x-request-id`, the caller's own if it sent one of up to 64 letters, digits, `-`, `_` and `.`.";

/// The document. Where the API is open to everybody, no credential is needed, and it says so.
#[must_use]
pub fn document(is_open: bool) -> Value {
    let mut answers = generator(SchemaSettings::for_serialize);
    let mut bodies = generator(SchemaSettings::for_deserialize);
    let mut by_path = Map::new();
    for operation in &OPERATIONS {
        let item = by_path.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method] = paths::operation(operation, is_open, &mut answers, &mut bodies);
    }
    let mut schemas = bodies.take_definitions(true);
    schemas.extend(answers.take_definitions(true));
    schemas.insert("Problem".to_owned(), problems::schema());
    schemas.insert(
        "TimeZone".to_owned(),
        json!({"description": "A name of the IANA database.", "type": "string", "enum": time_zones()}),
    );
    let tags = Tag::ALL.map(|(_, name, about)| json!({"name": name, "description": about}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "VOC analytics",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")},
            "summary": "Voice-of-customer analytics, one tenant at a time",
            "description": ABOUT,
        },
        "servers": [{"url": "/", "description": "Where this document comes from"}],
        "tags": tags,
        "paths": by_path,
        "components": {
            "schemas": schemas,
            "responses": problems::responses(),
            "headers": paths::headers(),
            "securitySchemes": paths::security_schemes(),
        },
    })
}

/// The document as it lies in the repository, and as an API with access control serves it.
#[must_use]
pub fn text(is_open: bool) -> String {
    format!("{:#}\n", document(is_open))
}

fn generator(contract: fn(SchemaSettings) -> SchemaSettings) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    contract(settings).into_generator()
}
