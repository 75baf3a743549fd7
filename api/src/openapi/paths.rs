//! One operation as OpenAPI has it.

use axum::http::{Method, StatusCode};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::operation::{Answer, Operation};
use super::problems;
use crate::access::Role;
use crate::access::pinned::needed;
use crate::params::format::Format;
use crate::params::parameter::Parameter;
use crate::params::{TenantId, event_id_schema};

const TOKEN: &str = "token";
const API_KEY: &str = "api_key";

/// How a credential is shown.
pub(super) fn security_schemes() -> Value {
    json!({
        TOKEN: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A JSON Web Token (HS256, RS256 or ES256) with `exp`, the tenant, and its roles.",
        },
        API_KEY: {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key of at least 32 characters, in the same place as a token: \
                `authorization: Bearer KEY`.",
        },
    })
}

/// Headers of answers.
pub(super) fn headers() -> Value {
    let header = |description: &str, schema: Value| json!({"description": description, "schema": schema});
    json!({
        "x-request-id": header(
            "The id of the request, as the log of the API has it.",
            json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}),
        ),
        "www-authenticate": header("What a credential lacks, after RFC 6750.", json!({"type": "string"})),
        "retry-after": header("Seconds to wait.", json!({"type": "integer", "minimum": 1})),
        "allow": header("The methods that the path answers.", json!({"type": "string"})),
    })
}

pub(super) fn operation(
    of: &Operation,
    is_open: bool,
    answers: &mut SchemaGenerator,
    bodies: &mut SchemaGenerator,
) -> Value {
    let role = Method::from_bytes(of.method.to_uppercase().as_bytes())
        .map_or(Some(Role::Operate), |method| needed(of.path, &method));
    let mut operation = json!({
        "operationId": of.id,
        "tags": [of.tag.name()],
        "summary": of.summary,
        "description": description(of, role),
        "parameters": parameters(of),
        "responses": responses(of, role, is_open, answers),
        "security": match role {
            Some(_) if !is_open => json!([{TOKEN: []}, {API_KEY: []}]),
            _ => json!([]),
        },
    });
    if let Some(body) = of.body {
        let mut content = Map::new();
        for (kind, schema) in body.content {
            content.insert((*kind).to_owned(), json!({"schema": schema(bodies)}));
            if let Ok(example) = serde_json::from_str::<Value>(body.example) {
                content[*kind]["example"] = example;
            }
        }
        operation["requestBody"] =
            json!({"description": body.meaning, "required": body.is_required, "content": content});
    }
    operation
}

fn description(of: &Operation, role: Option<Role>) -> String {
    let who = match role {
        None => "Everybody may ask.".to_owned(),
        Some(role @ Role::View) => {
            format!("Needs the role `{}` or `{}`.", role.name(), Role::Manage.name())
        }
        Some(role) => format!("Needs the role `{}`.", role.name()),
    };
    if of.description.is_empty() { who } else { format!("{}\n\n{who}", of.description) }
}

/// Those of the path in its order, then those of the query string.
fn parameters(of: &Operation) -> Vec<Value> {
    let names = of.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let of_path = names.map(|name| path_parameter(name, of.path));
    let of_query = of.parameters.iter().chain(of.shared.iter().copied().flatten());
    of_path.chain(of_query.map(query_parameter)).collect()
}

fn query_parameter(of: &Parameter) -> Value {
    let mut parameter = json!({
        "name": of.name,
        "in": "query",
        "description": of.meaning,
        "required": of.is_required,
        "schema": of.schema.to_json(),
    });
    if !of.example.is_empty() {
        parameter["example"] = of.example.into();
    }
    parameter
}

fn path_parameter(name: &str, path: &str) -> Value {
    let (meaning, schema, example) = match name {
        "tenant" => ("Whose events.", TenantId::schema(), json!("acme")),
        "id" if path.contains("/jobs/") => ("The id of the job.", event_id_schema(), Value::Null),
        "id" => ("The id of the event.", event_id_schema(), Value::Null),
        "stream" => (
            "The stream with its generation, `NAME#GENERATION`.",
            json!({"type": "string", "minLength": 1}),
            json!("events.ndjson#1"),
        ),
        "partition" => (
            "The partition of the stream.",
            json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            json!(0),
        ),
        "offset" => (
            "The offset in the partition.",
            json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}),
            json!(4711),
        ),
        _ => ("", json!({"type": "string", "minLength": 1}), Value::Null),
    };
    let mut parameter =
        json!({"name": name, "in": "path", "description": meaning, "required": true, "schema": schema});
    if !example.is_null() {
        parameter["example"] = example;
    }
    parameter
}

fn responses(of: &Operation, role: Option<Role>, is_open: bool, answers: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for answer in of.answers {
        let mut response = good(answer, answers);
        if of.has_files() {
            for file in Format::FILES {
                response["content"][file.media_type()] = json!({});
            }
        }
        for link in of.links {
            response["links"][link.name] = json!({
                "operationId": link.operation,
                "parameters": link.parameters.iter().copied().collect::<std::collections::BTreeMap<_, _>>(),
            });
        }
        responses.insert(answer.status.to_string(), response);
    }
    for (status, problem) in problems::of(of, role, is_open) {
        let problem = match of.missing {
            Some(missing) if status == StatusCode::NOT_FOUND => {
                json!({"$ref": problem["$ref"], "description": missing})
            }
            _ => problem,
        };
        responses.insert(status.as_str().to_owned(), problem);
    }
    Value::Object(responses)
}

fn good(answer: &Answer, answers: &mut SchemaGenerator) -> Value {
    let mut content = Map::new();
    let mut meaning = answer.meaning.to_owned();
    for (kind, schema) in answer.content {
        let schema = schema(answers);
        if meaning.is_empty() {
            meaning = described(&schema, answers);
        }
        // Without a schema, a media type is bytes.
        let is_any = schema.as_object().is_none_or(Map::is_empty);
        content.insert((*kind).to_owned(), if is_any { json!({}) } else { json!({"schema": schema}) });
    }
    let headers = json!({"x-request-id": {"$ref": "#/components/headers/x-request-id"}});
    json!({"description": meaning, "headers": headers, "content": content})
}

/// The doc comment of the type that a schema refers to.
fn described(schema: &schemars::Schema, answers: &SchemaGenerator) -> String {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let described = name.and_then(|name| answers.definitions().get(name)?.get("description")?.as_str());
    described.unwrap_or_default().to_owned()
}
