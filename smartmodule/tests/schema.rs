//! The published JSON Schemas and the Rust contract say the same, on random documents.

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use voc_smartmodule::params::Params;
use voc_smartmodule::rejection::Code;
use voc_smartmodule::transform::annotate;

fn schema(text: &str) -> Validator {
    let schema = serde_json::from_str(text).expect("the schema is JSON");
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).expect("and a schema")
}

fn event_schema() -> Validator {
    schema(include_str!("../schema/event.v1.json"))
}

fn envelope_of(document: &Value) -> Value {
    let mut envelope = Vec::new();
    // A record without a time: how far an event lies from it is not in the schema.
    annotate(document.to_string().as_bytes(), -1, &Params::default(), &mut envelope);
    serde_json::from_slice(&envelope).expect("an envelope is JSON")
}

/// The good values, then near misses: right type, wrong value, and the other way about.
fn value_of(name: &'static str) -> BoxedStrategy<Value> {
    let good = match name {
        "event_id" => prop_oneof![
            Just(json!("27ac435a-7a97-4643-a564-12a9b8a1abcd")),
            Just(json!("27AC435A-7A97-4643-A564-12A9B8A1ABCD")),
        ]
        .boxed(),
        "tenant_id" => "[a-zé ]{1,128}".prop_map(Value::from).boxed(),
        "timestamp" => prop_oneof![
            Just(json!("2026-11-01T09:05:00.123456789-03:00")),
            Just(json!("2024-02-29t23:59:59z")),
            (0_i64..4_000_000_000_000).prop_map(Value::from),
        ]
        .boxed(),
        "event_type" => prop::sample::select(vec!["call", "agent_action", "tool_invocation", "qos_metric"])
            .prop_map(Value::from)
            .boxed(),
        "schema_version" => prop_oneof![Just(json!(1)), Just(json!(1.0))].boxed(),
        "metadata" => Just(json!({"a": [1, null]})).boxed(),
        "success" => any::<bool>().prop_map(Value::from).boxed(),
        "value" => (-1e9..1e9).prop_map(Value::from).boxed(),
        "duration_ms" | "latency_ms" | "offset_ms" => (0.0..1e9).prop_map(Value::from).boxed(),
        "transcript" => prop_oneof![
            Just(json!("bad")),
            prop::collection::vec(object(vec!["speaker", "text", "offset_ms", "more"], 9), 0..3)
                .prop_map(Value::from),
            Just(json!([{"speaker": "a", "text": "b"}, 1])),
        ]
        .boxed(),
        _ => "[a-z]{0,4}".prop_map(Value::from).boxed(),
    };
    let other = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(2),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!("a\u{1}"),
        json!("\u{85}"),
        json!("é".repeat(129)),
        json!("2026-02-30T00:00:00Z"),
        json!("2026-11-01T09:05:00"),
        json!("2026-11-01 09:05:00Z"),
        json!("27ac435a7a974643a56412a9b8a1abcd"),
        json!("{27ac435a-7a97-4643-a564-12a9b8a1abcd}"),
        json!("2026-11-01T24:00:00Z"),
        json!([[]]),
    ]);
    prop_oneof![14 => good, 1 => other].boxed()
}

/// An object with most of these fields.
fn object(names: Vec<&'static str>, weight: u32) -> BoxedStrategy<Value> {
    names
        .into_iter()
        .map(|name| {
            let present = value_of(name).prop_map(move |value| Some((name.to_owned(), value)));
            prop_oneof![weight => present, 1 => Just(None)]
        })
        .collect::<Vec<_>>()
        .prop_map(|members| Value::Object(members.into_iter().flatten().collect::<Map<_, _>>()))
        .boxed()
}

fn document() -> BoxedStrategy<Value> {
    let common =
        object(vec!["event_id", "tenant_id", "timestamp", "event_type", "schema_version", "metadata"], 30);
    let own = object(
        vec![
            "call_id",
            "agent_id",
            "customer_id",
            "channel",
            "direction",
            "language",
            "duration_ms",
            "transcript",
            "action",
            "target",
            "success",
            "tool",
            "arguments",
            "latency_ms",
            "error",
            "metric",
            "value",
            "unit",
            "more",
        ],
        9,
    );
    (common, own)
        .prop_map(|(mut common, own)| {
            if let (Some(common), Value::Object(own)) = (common.as_object_mut(), own) {
                common.extend(own);
            }
            common
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_schema_and_the_contract_agree(document in document()) {
        let envelope = envelope_of(&document);
        let is_accepted = envelope["status"] == "accepted";
        let is_valid = event_schema().is_valid(&document);
        prop_assert_eq!(is_accepted, is_valid, "{}", envelope);
    }

    #[test]
    fn every_envelope_fits_its_schema(document in document()) {
        let envelope = envelope_of(&document);
        let schema = schema(include_str!("../schema/envelope.v1.json"));
        prop_assert!(schema.is_valid(&envelope), "{}", envelope);
    }
}

#[test]
fn the_envelope_schema_lists_every_code() {
    let schema: Value = serde_json::from_str(include_str!("../schema/envelope.v1.json")).unwrap();
    let listed = &schema["oneOf"][1]["properties"]["rejection"]["properties"]["code"]["enum"];
    assert_eq!(*listed, json!(Code::ALL.map(Code::as_str)));
}
