//! The document as a page: HTML made from the document alone, with its style inside, no script, and nothing from
//! anywhere else. So it needs no exception from the content security policy but the digest of that style.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("page.css");

/// Longer lists of values are cut.
const SHOWN_VALUES: usize = 16;

/// The policy that lets the page have its own style and nothing else.
#[must_use]
pub fn content_security_policy() -> String {
    let digest = BASE64.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'")
}

/// The page of a document.
#[must_use]
pub fn render(document: &Value) -> String {
    let info = &document["info"];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (text(&info["title"])) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (text(&info["title"])) " " small { (text(&info["version"])) } }
                (prose(&info["description"]))
                p { "For programs: " a href="/openapi.json" { "openapi.json" } " (OpenAPI 3.1)." }
                @for tag in list(&document["tags"]) { (chapter(document, tag)) }
                (credentials(document))
                h2 { "Schemas" }
                @for (name, schema) in entries(&document["components"]["schemas"]) {
                    details id=(name) {
                        summary { code { (name) } (first_line(text(&schema["description"]))) }
                        div.inside { (prose(&schema["description"])) (shape(schema)) }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn chapter(document: &Value, tag: &Value) -> Markup {
    let name = text(&tag["name"]);
    html! {
        h2 { (name) }
        (prose(&tag["description"]))
        @for (path, methods) in entries(&document["paths"]) {
            @for (method, operation) in entries(methods) {
                @if operation["tags"][0] == name { (section(document, path, method, operation)) }
            }
        }
    }
}

fn section(document: &Value, path: &str, method: &str, operation: &Value) -> Markup {
    let parameters = list(&operation["parameters"]);
    html! {
        details id=(text(&operation["operationId"])) {
            summary { span.method { (method.to_uppercase()) } code { (path) } (text(&operation["summary"])) }
            div.inside {
                (prose(&operation["description"]))
                @if !parameters.is_empty() {
                    h3 { "Parameters" }
                    div.scroll { table { @for parameter in parameters { (parameter_row(parameter)) } } }
                }
                @if let Some(body) = operation.get("requestBody") { (request_body(body)) }
                h3 { "Answers" }
                div.scroll {
                    table {
                        @for (status, response) in entries(&operation["responses"]) {
                            (answer_row(document, status, response))
                        }
                    }
                }
            }
        }
    }
}

fn parameter_row(parameter: &Value) -> Markup {
    html! {
        tr {
            th {
                code { (text(&parameter["name"])) } br;
                small { (text(&parameter["in"])) @if parameter["required"] == true { ", required" } }
            }
            td { (marked(text(&parameter["description"]))) br; small { (kind(&parameter["schema"])) (example(parameter)) } }
        }
    }
}

fn request_body(body: &Value) -> Markup {
    html! {
        h3 { "Body" @if body["required"] != true { " " small { "(may be left out)" } } }
        (prose(&body["description"]))
        @for (media_type, content) in entries(&body["content"]) {
            p { code { (media_type) } }
            (shape(&content["schema"]))
            @if let Some(example) = content.get("example") { pre { (format!("{example:#}")) } }
        }
    }
}

fn answer_row(document: &Value, status: &str, response: &Value) -> Markup {
    let path = response["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    let whole = path.and_then(|path| document.pointer(path)).unwrap_or(response);
    let description = response.get("description").unwrap_or(&whole["description"]);
    html! {
        tr {
            th { code { (status) } }
            td {
                (marked(text(description)))
                @for (media_type, content) in entries(&whole["content"]) {
                    br; small { code { (media_type) } @if let Some(schema) = content.get("schema") { " " (kind(schema)) } }
                }
            }
        }
    }
}

fn credentials(document: &Value) -> Markup {
    html! {
        h2 { "credentials" }
        @for (name, scheme) in entries(&document["components"]["securitySchemes"]) {
            p { code { (name) } ": " (marked(text(&scheme["description"]))) }
        }
    }
}

/// The fields of an object, or what else a schema is.
fn shape(schema: &Value) -> Markup {
    let required = list(&schema["required"]);
    let fields: Vec<(&str, &Value)> = entries(&schema["properties"]).collect();
    html! {
        @if fields.is_empty() { p { (kind(schema)) } }
        @else {
            div.scroll {
                table {
                    @for (name, field) in fields {
                        tr {
                            th {
                                code { (name) }
                                @if !required.iter().any(|one| *one == name) { br; small { "not always" } }
                            }
                            td { (marked(text(&field["description"]))) br; small { (kind(field)) } }
                        }
                    }
                }
            }
        }
        @for one in list(&schema["oneOf"]) { (shape(one)) }
    }
}

/// What a value is, in a few words.
fn kind(schema: &Value) -> Markup {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap_or(path);
        return html! { a href={"#" (name)} { (name) } };
    }
    let alternatives = list(&schema["anyOf"]);
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect(),
        Value::String(one) => vec![one],
        _ => Vec::new(),
    };
    html! {
        @for (at, one) in alternatives.iter().filter(|_| types.is_empty()).enumerate() {
            @if at > 0 { " or " } (kind(one))
        }
        @if types.is_empty() && alternatives.is_empty() { "anything" }
        (types.join(" or "))
        @if let Some(format) = schema["format"].as_str() { ", " (format) }
        @if let Some(items) = schema.get("items").filter(|items| items.is_object()) { " of " (kind(items)) }
        @for (at, item) in list(&schema["prefixItems"]).iter().enumerate() {
            @if at == 0 { " of " } @else { ", " } (kind(item))
        }
        @if let Some(each) = schema.get("additionalProperties").filter(|each| each.is_object()) { " of " (kind(each)) }
        (values(list(&schema["enum"])))
        (range(schema, "minimum", "maximum", "")) (range(schema, "minLength", "maxLength", " characters"))
        @if let Some(value) = schema.get("default") { ", default " code { (plain(value)) } }
    }
}

fn values(all: &[Value]) -> Markup {
    html! {
        @for (at, value) in all.iter().take(SHOWN_VALUES).enumerate() {
            @if at == 0 { ": " } @else { ", " } code { (plain(value)) }
        }
        @if all.len() > SHOWN_VALUES { ", … (" (all.len()) ")" }
    }
}

fn range(schema: &Value, least: &str, most: &str, unit: &str) -> Markup {
    html! {
        @match (schema.get(least), schema.get(most)) {
            (Some(least), Some(most)) => { ", " (plain(least)) " to " (plain(most)) (unit) }
            (Some(least), None) => { ", from " (plain(least)) (unit) }
            (None, Some(most)) => { ", up to " (plain(most)) (unit) }
            (None, None) => {}
        }
    }
}

fn example(parameter: &Value) -> Markup {
    html! { @if let Some(value) = parameter.get("example") { ", such as " code { (plain(value)) } } }
}

/// Paragraphs.
fn prose(text_of: &Value) -> Markup {
    html! { @for paragraph in text(text_of).split("\n\n").filter(|one| !one.is_empty()) { p { (marked(paragraph)) } } }
}

/// The one mark that our descriptions have: code between backticks.
fn marked(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
