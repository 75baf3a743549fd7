use super::ingest::Target;
use super::{Config, Environment};

fn parse_with(yaml: &str, variables: &[(&str, &str)], secrets: Option<&str>) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment = Environment::new(variables, secrets).map_err(|e| e.to_string())?;
    Config::parse(yaml, &environment).map_err(|e| e.to_string())
}

fn parse(yaml: &str) -> Result<Config, String> {
    parse_with(yaml, &[], None)
}

#[track_caller]
fn refused(result: Result<Config, String>, parts: &[&str]) {
    let error = result.expect_err("this configuration must be refused");
    for part in parts {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.clickhouse.url(), "http://localhost:8123");
    assert_eq!((config.clickhouse.user.as_str(), config.clickhouse.password.as_str()), ("default", ""));
    assert_eq!(config.clickhouse.database, "default");
    assert_eq!((config.api.host.as_str(), config.api.port), ("127.0.0.1", 8000));
    assert_eq!((config.api.cache.lifetime.as_secs(), config.api.cache.bytes), (5, 64_000_000));
    assert_eq!(config.api.limits.live_streams, 256);
}

#[test]
fn sections_of_the_connector_are_ignored() {
    let yaml = "
meta: { name: voc, secrets: [{ name: KAFKA }] }
source: { kind: kafka, kafka: { properties: { sasl.password: ${{ secrets.KAFKA }} } } }
batch: { max_age: 2s, surprise: true }
clickhouse: { host: ch, compression: lz4, partition_by: tenant }
api:
  port: 8080
";
    let config = parse(yaml).unwrap();
    assert_eq!(config.clickhouse.url(), "http://ch:8123");
    assert_eq!(config.api.port, 8080);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    refused(parse("api:\n  host: localhost\n  prot: 8000\n"), &["prot", "line 3"]);
    refused(parse("clickhouse: { databse: voc }\n"), &["databse", "line 1"]);
}

#[test]
fn wrong_values_are_named_with_their_line() {
    for value in ["0x50", "65536", "-1", "eighty", "1.5", "\"\""] {
        refused(parse(&format!("\napi:\n  port: {value}\n")), &["api.port", "line 3", "port"]);
    }
    refused(parse("clickhouse: { port: 0 }"), &["clickhouse.port", "1 to 65535"]);
    refused(parse("clickhouse: { host: 'http://ch' }"), &["clickhouse.host", "line 1", "http://ch"]);
    refused(parse("api: 8000"), &["line 1"]);
    refused(parse("api: { port: [8000] }"), &["line 1"]);
    refused(parse("api: { port: 1 }\napi: { port: 2 }\n"), &["api", "line 2"]);
}

#[test]
fn an_ipv6_host_is_bracketed_in_the_url() {
    assert_eq!(parse("clickhouse: { host: '::1' }").unwrap().clickhouse.url(), "http://[::1]:8123");
}

#[test]
fn the_environment_overrides_the_file() {
    let variables = [
        ("CLICKHOUSE_HOST", "other"),
        ("CLICKHOUSE_PORT", "9"),
        ("CLICKHOUSE_USER", "reader"),
        ("CLICKHOUSE_PASSWORD", "p w"),
        ("CLICKHOUSE_DB", "voc"),
        ("HTTP_PORT", "0"),
    ];
    let config =
        parse_with("clickhouse: { host: ch, port: 1 }\napi: { port: 2 }\n", &variables, None).unwrap();
    assert_eq!(config.clickhouse.url(), "http://other:9");
    assert_eq!((config.clickhouse.user.as_str(), config.clickhouse.password.as_str()), ("reader", "p w"));
    assert_eq!((config.clickhouse.database.as_str(), config.api.port), ("voc", 0));
}

#[test]
fn a_port_injected_by_kubernetes_is_explained() {
    let variables = [("CLICKHOUSE_PORT", "tcp://10.0.0.7:8123")];
    refused(parse_with("", &variables, None), &["CLICKHOUSE_PORT", "Kubernetes", "Service named clickhouse"]);
    refused(parse_with("", &[("HTTP_PORT", "http")], None), &["HTTP_PORT", "`http` is not a port"]);
}

#[test]
fn a_secret_comes_from_the_file_then_from_the_environment() {
    let yaml = "clickhouse: { user: \"${{ secrets.USER_NAME }}\", password: ${{secrets.PASSWORD}}, port: ${{ secrets.PORT }} }";
    let variables = [("USER_NAME", "from the environment"), ("PASSWORD", "shadowed"), ("PORT", "81")];
    let secrets = "# what the operator wrote\n\nPASSWORD=a\"b: #'{=}\n";
    let clickhouse = parse_with(yaml, &variables, Some(secrets)).unwrap().clickhouse;
    assert_eq!(clickhouse.user, "from the environment");
    assert_eq!(clickhouse.password, "a\"b: #'{=}", "no character of a secret means anything to YAML");
    assert_eq!(clickhouse.port, 81);
}

#[test]
fn a_secret_that_nobody_gives_is_named_where_it_is_used() {
    let yaml = "# ${{ secrets.NOT_USED }}\nclickhouse:\n  password: ${{ secrets.PASSWORD }}\n";
    refused(parse(yaml), &["clickhouse.password", "line 3", "PASSWORD", "secrets file"]);
    refused(parse_with(yaml, &[], Some("PASSWORD\n")), &["line 1", "NAME=value"]);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let config = parse_with("api: { port: 2 }", &[("HTTP_PORT", ""), ("CLICKHOUSE_HOST", "")], None).unwrap();
    assert_eq!((config.api.port, config.clickhouse.host.as_str()), (2, "localhost"));
}

#[test]
fn secrets_and_what_only_looks_like_one_are_told_apart() {
    refused(
        parse("clickhouse: { password: '${{ env.PASSWORD }}' }"),
        &["clickhouse.password", "secrets.NAME"],
    );
    refused(parse_with("", &[], Some("A=1\n A = 2\n")), &["line 2", "twice"]);
    let yaml = "clickhouse: { host: ${{ secrets.HOST }} }";
    let error = parse_with(yaml, &[], Some("HOST=not a host\n")).unwrap_err();
    assert!(error.contains("clickhouse.host") && !error.contains("not a host\n") && !error.contains("`not"));
}

#[test]
fn the_password_is_never_shown() {
    let config = parse("clickhouse: { password: hunter2 }").unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn access_is_open_only_when_no_key_is_given_and_keys_are_needed_where_it_is_not() {
    assert!(parse("").unwrap().api.access.open);
    refused(parse("api: {access: {mode: credentials}}"), &["api.access", "api_keys_file"]);
    refused(parse("api: {access: {api_keys_file: keys.yaml}}"), &["api.access", "mode: credentials"]);
    refused(parse("api:\n  access: {mode: closed}"), &["api.access.mode", "line 2", "open, credentials"]);
    refused(parse("api: {access: {jwt: {secret: x}}}"), &["secret", "line 1"]);
    refused(parse("api: {limits: {live_streams: 0}}"), &["api.limits.live_streams", "1 to"]);
    refused(parse("api: {cache: {seconds: 3601}}"), &["api.cache.seconds", "line 1", "0 to 3600"]);
    refused(parse("api: {cache: {bytes: 1MB}}"), &["api.cache.bytes", "1000000"]);
    refused(parse("api: {limits: {query_seconds: 11}}"), &["api.limits.query_seconds", "1 to 10"]);
}

#[test]
fn events_are_taken_only_where_it_is_said_and_where_to() {
    assert!(parse("api: {ingest: {spool: x.ndjson, topic: calls}}").unwrap().api.ingest.target.is_none());
    assert!(parse("api: {ingest: {mode: off}}").unwrap().api.ingest.target.is_none());
    let spool = parse("api: {ingest: {mode: spool, spool: x.ndjson, spool_bytes: 2000000}}").unwrap();
    assert!(matches!(spool.api.ingest.target, Some(Target::Spool { most: 2_000_000, .. })));
    let topic =
        parse("fluvio: {endpoint: 'sc:9003'}\napi: {ingest: {mode: fluvio}}").unwrap().api.ingest.target;
    let Some(Target::Topic { name, endpoint, profile }) = topic else { panic!("{topic:?}") };
    assert_eq!((name.as_str(), endpoint.as_deref(), profile), ("voc-ingest", Some("sc:9003"), None));
    refused(parse("api: {ingest: {mode: spool}}"), &["api.ingest", "spool", "which file"]);
    refused(parse("api:\n  ingest: {mode: kafka}"), &["api.ingest.mode", "line 2", "off, spool, fluvio"]);
    refused(parse("api:\n  ingest: {topic: Voc}"), &["api.ingest.topic", "line 2", "a-z"]);
    refused(parse("api: {ingest: {queue: 0}}"), &["api.ingest.queue", "1 to 10000"]);
    refused(parse("api: {ingest: {path: x}}"), &["path", "line 1"]);
}

#[test]
fn events_are_held_against_the_params_of_the_smartmodule() {
    let yaml = |with: &str, mode: &str| {
        format!("transforms: [{{uses: voc, with: {{{with}}}}}]\napi: {{ingest: {{mode: {mode}, spool: x}}}}")
    };
    let params = parse(&yaml("max_depth: \"3\", max_bytes: 300", "spool")).unwrap().api.ingest.params;
    assert_eq!((params.max_depth, params.max_bytes), (3, 300));
    refused(parse(&yaml("max_byte: \"3\"", "spool")), &["api.ingest", "transforms[0].with", "max_byte"]);
    // Where none are taken, the connector says what is wrong with its sections.
    assert!(parse(&yaml("max_byte: \"3\"", "off")).is_ok());
}
