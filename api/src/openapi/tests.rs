//! The document and the code say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{OPERATIONS, document, page, text};
use crate::config::{Config, Environment};
use crate::params::cursor::Cursor;

/// Writes the document instead of comparing it: `cargo xtask openapi`.
const WRITE: &str = "VOC_WRITE_OPENAPI";

/// A router over a port where nothing listens.
fn router() -> Router {
    let yaml = "clickhouse: { host: 127.0.0.1, port: 9 }";
    crate::router::new(&Config::parse(yaml, &Environment::default()).unwrap()).unwrap()
}

async fn ask(method: &str, uri: &str) -> Response<Body> {
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
    router().oneshot(request).await.unwrap()
}

async fn body(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 4 << 20).await.unwrap().to_vec()).unwrap()
}

fn objects(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value))
}

/// Path, method and operation of everything in the document.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = objects(&document["paths"]);
    paths.flat_map(|(path, item)| objects(item).map(move |(method, one)| (path, method, one))).collect()
}

/// A path with something in place of its parameters.
fn filled(path: &str) -> String {
    path.replace("{tenant}", "acme")
        .replace("{id}", "00000000-0000-4000-8000-000000000000")
        .replace("{stream}", "events%231")
        .replace("{partition}", "0")
        .replace("{offset}", "1")
}

/// The names of an operation's parameters of this place.
fn names(operation: &Value, place: &str) -> BTreeSet<String> {
    let parameters = operation["parameters"].as_array().unwrap().iter();
    parameters.filter(|one| one["in"] == place).map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_document_in_the_repository_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, text(false)).unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(
        committed == document(false),
        "api/openapi.json is not up to date; cargo xtask openapi writes it"
    );
}

#[tokio::test]
async fn the_routes_of_the_router_are_those_of_the_document() {
    let page = include_str!("../router.rs");
    let routes: BTreeSet<&str> =
        page.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let document = document(true);
    let documented: BTreeSet<&str> = objects(&document["paths"]).map(|(path, _)| path).collect();
    assert_eq!(routes, documented);
    for (path, item) in objects(&document["paths"]) {
        let refused = ask("trace", &filled(path)).await;
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = refused.headers()[header::ALLOW].to_str().unwrap().to_lowercase();
        let allowed: BTreeSet<&str> = allowed.split(',').filter(|method| *method != "head").collect();
        assert_eq!(allowed, objects(item).map(|(method, _)| method).collect(), "{path}");
    }
}

#[tokio::test]
async fn the_parameters_that_a_route_takes_are_those_of_the_document() {
    // They look at no query string.
    let blind = ["/healthz", "/readyz", "/metrics", "/v1/audit", "/openapi.json", "/docs"];
    for (path, method, operation) in operations(&document(true)) {
        let documented = names(operation, "query");
        let in_path: BTreeSet<String> =
            path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned()).collect();
        assert_eq!(names(operation, "path"), in_path, "{path}");
        if blind.contains(&path) {
            assert!(documented.is_empty(), "{path}");
            continue;
        }
        let refused: Value =
            serde_json::from_str(&body(ask(method, &format!("{}?no_such_one=1", filled(path))).await).await)
                .unwrap();
        assert_eq!(refused["parameter"], "no_such_one", "{path}: {refused}");
        let known = refused["detail"].as_str().unwrap().split_once("known are ").unwrap().1;
        let known: BTreeSet<String> =
            known.split(", ").filter(|one| !one.is_empty()).map(str::to_owned).collect();
        assert_eq!(known, documented, "{method} {path}");
    }
}

#[test]
fn every_schema_is_one_and_every_example_fits_its_own() {
    let document = document(false);
    let fits = |schema: &Value, example: &Value, place: &str| {
        let whole = json!({"allOf": [schema], "components": document["components"]});
        let validator =
            jsonschema::draft202012::new(&whole).unwrap_or_else(|error| panic!("{place}: {error}"));
        let faults: Vec<String> = validator.iter_errors(example).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{place}: {faults:?}");
    };
    let mut examples = 0;
    for (name, schema) in objects(&document["components"]["schemas"]) {
        jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            for example in schema["examples"].as_array().into_iter().flatten() {
                fits(schema, example, &format!("{name}.{field}"));
                examples += 1;
            }
        }
    }
    for (name, response) in objects(&document["components"]["responses"]) {
        let content = &response["content"]["application/problem+json"];
        for (_, example) in objects(&content["examples"]) {
            fits(&content["schema"], &example["value"], name);
            examples += 1;
        }
    }
    for (path, _, operation) in operations(&document) {
        let content = &operation["requestBody"]["content"]["application/json"];
        for one in operation["parameters"].as_array().unwrap().iter().chain([content]) {
            if let Some(example) = one.get("example") {
                fits(&one["schema"], example, &format!("{path} {}", one["name"]));
                examples += 1;
            }
        }
    }
    assert!(examples > 100, "{examples}");
}

#[test]
fn every_error_of_the_code_is_in_the_document() {
    let (_, rest) = include_str!("../error.rs").split_once("pub fn code(").unwrap();
    let (code, _) = rest.split_once("\n    }\n").unwrap();
    let (_, rest) = include_str!("../ingest/error.rs").split_once("pub const fn code(").unwrap();
    let (of_ingest, _) = rest.split_once("\n    }\n").unwrap();
    let named = |text: &'static str| text.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
    let codes: BTreeSet<&str> = named(code).chain(named(of_ingest)).chain(["all_rejected"]).collect();
    let document = document(false);
    let values =
        document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
    assert_eq!(codes, values.iter().map(|value| value.as_str().unwrap()).collect());
    let responses = &document["components"]["responses"];
    let shown = objects(responses)
        .flat_map(|(_, one)| objects(&one["content"]["application/problem+json"]["examples"]));
    let shown: BTreeSet<&str> =
        shown.map(|(_, example)| example["value"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, shown);
}

#[test]
fn everything_is_described_and_named_once() {
    let document = document(false);
    let is_said = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let mut ids = BTreeMap::new();
    for (path, method, operation) in operations(&document) {
        let earlier = ids.insert(operation["operationId"].as_str().unwrap().to_owned(), path);
        assert_eq!(earlier, None, "{path}");
        assert!(is_said(&operation["summary"]) && is_said(&operation["description"]), "{path}");
        assert!(
            operation["parameters"].as_array().unwrap().iter().all(|one| is_said(&one["description"])),
            "{path}"
        );
        let good: Vec<&Value> = objects(&operation["responses"])
            .filter(|(status, _)| status.starts_with('2'))
            .map(|(_, response)| response)
            .collect();
        assert!(!good.is_empty() && good.iter().all(|one| is_said(&one["description"])), "{path}");
        // Links lead somewhere.
        for (_, link) in good.iter().flat_map(|one| one["links"].as_object().into_iter().flatten()) {
            let target = OPERATIONS.iter().find(|one| link["operationId"] == one.id);
            assert!(target.is_some(), "{method} {path}: {link}");
        }
    }
    for (name, schema) in objects(&document["components"]["schemas"]) {
        // Two types of one name would be told apart by a number.
        assert!(
            is_said(&schema["description"]) && !name.ends_with(|last: char| last.is_ascii_digit()),
            "{name}"
        );
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            assert!(is_said(&schema["description"]), "{name}.{field} is not described");
        }
    }
}

#[test]
fn the_example_of_a_cursor_is_one_and_every_cursor_has_its_form() {
    let validator = jsonschema::draft202012::new(&Cursor::schema()).unwrap();
    assert!(validator.is_valid(&Cursor::PARAMETER.example.into()));
    for time in [-1_893_456_000_000_000, -1, 0, 946_684_800_000_000, 9_900_000_000_000_000] {
        let text = Cursor { time, event_id: uuid::Uuid::from_u128(u128::MAX) }.to_text();
        assert!(validator.is_valid(&text.as_str().into()), "{text}");
    }
}

#[tokio::test]
async fn a_running_api_serves_its_document_and_the_page() {
    let served: Value = serde_json::from_str(&body(ask("get", "/openapi.json").await).await).unwrap();
    assert!(served == document(true));
    // Open, it asks for no credential; that is all the difference.
    let mut closed = document(false);
    for item in closed["paths"].as_object_mut().unwrap().values_mut() {
        for operation in item.as_object_mut().unwrap().values_mut() {
            operation["security"] = json!([]);
            let id = operation["operationId"].clone();
            let responses = operation["responses"].as_object_mut().unwrap();
            let takes_events = id == "post_events";
            responses.retain(|status, _| status != "401" && (status != "403" || takes_events));
        }
    }
    assert!(served == closed);

    let response = ask("get", "/docs").await;
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert_eq!(policy, page::content_security_policy());
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let html = body(response).await;
    for operation in &OPERATIONS {
        assert!(html.contains(&format!("<details id=\"{}\">", operation.id)), "{}", operation.id);
    }
    for foreign in ["<script", "<link", "<img", "src=", "//", "style="] {
        assert!(!html.contains(foreign), "{foreign}");
    }
}
