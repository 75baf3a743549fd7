//! Clients that nobody here wrote: the Rust crate `clickhouse`, and curl.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use clickhouse::error::Error;
use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};
use support::{Server, eventually};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Event {
    id: u64,
    tenant: String,
    sentiment: Option<f64>,
}

const TABLE: &str = "CREATE TABLE events (id UInt64, tenant LowCardinality(String), sentiment Nullable(Float64)) \
                     ENGINE = MergeTree ORDER BY id";

fn events(count: u64) -> Vec<Event> {
    (0..count)
        .map(|id| Event { id, tenant: format!("t{}", id % 7), sentiment: (id % 2 == 0).then_some(0.5) })
        .collect()
}

#[tokio::test]
async fn rust_client_inserts_and_selects_in_every_mode() {
    let server = Server::start();
    for compression in [Compression::None, Compression::Lz4] {
        for validation in [false, true] {
            server.run("DROP TABLE IF EXISTS events");
            server.run(TABLE);
            let client = Client::default()
                .with_url(&server.url)
                .with_compression(compression)
                .with_validation(validation);
            let rows = events(50_000);
            let mut insert = client.insert::<Event>("events").await.unwrap();
            for row in &rows {
                insert.write(row).await.unwrap();
            }
            insert.end().await.unwrap();
            let select = client.query("SELECT ?fields FROM events ORDER BY id");
            assert_eq!(
                select.fetch_all::<Event>().await.unwrap(),
                rows,
                "{compression:?}, validation {validation}"
            );
        }
    }
}

#[tokio::test]
async fn rust_client_binds_parameters_and_reads_exceptions() {
    let server = Server::start();
    let client = Client::default().with_url(&server.url);
    let text = "it's a \\ tab\t and a 'quote'";
    let got = client.query("SELECT {text:String}").param("text", text).fetch_one::<String>().await.unwrap();
    assert_eq!(got, text);
    let missing = client.query("SELECT * FROM nowhere").execute().await.unwrap_err();
    assert!(
        matches!(&missing, Error::BadResponse(reason) if reason.starts_with("Code: 60. DB::Exception")),
        "{missing}"
    );
    let unknown = client.query("SELECT 1").with_setting("no_such_setting", "1").execute().await.unwrap_err();
    assert!(unknown.to_string().contains("Code: 115"), "{unknown}");
}

// The client closes its connection in a task of its own, while this one waits.
#[tokio::test(flavor = "multi_thread")]
async fn rust_client_that_hangs_up_ends_its_query_also_while_it_has_nothing_to_send() {
    let server = Server::start();
    let client = Client::default().with_url(&server.url).with_compression(Compression::None);
    // Some megabytes at once, then nothing for minutes.
    let sql = "SELECT number FROM system.numbers WHERE number % 1000000000000 < 1000000";
    let mut cursor = client.query(sql).fetch_bytes("TabSeparated").unwrap();
    let mut received = 0;
    while received < 6_000_000 {
        received += cursor.next().await.unwrap().unwrap().len();
    }
    let running = || {
        server.run("SELECT count() FROM system.processes WHERE query LIKE 'SELECT number FROM system.num%'")
    };
    assert_eq!(running(), "1");
    drop(cursor);
    eventually("the query ends", || running() == "0");
}

#[tokio::test]
async fn rust_client_sees_an_exception_in_the_middle_of_a_result() {
    let server = Server::start();
    for compression in [Compression::None, Compression::Lz4] {
        let client = Client::default().with_url(&server.url).with_compression(compression);
        let sql = "SELECT number + throwIf(number = 9000000) FROM numbers(10000000)";
        let mut cursor = client.query(sql).fetch::<u64>().unwrap();
        let mut rows = 0;
        let error = loop {
            match cursor.next().await {
                Ok(Some(_)) => rows += 1,
                Ok(None) => panic!("the exception is lost after {rows} rows"),
                Err(error) => break error,
            }
        };
        assert!(rows > 0 && error.to_string().contains("Code: 395"), "{compression:?}: {error}");
    }
}

/// Runs curl with `input` as its standard input.
fn curl(arguments: &[&str], input: &[u8]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--globoff", "--max-time", "60"]).args(arguments);
    let mut curl = curl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("curl is installed");
    curl.stdin.take().expect("stdin is piped").write_all(input).expect("curl reads its input");
    let output = curl.wait_with_output().expect("curl ends");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn curl_asks_in_url_and_body() {
    let server = Server::start();
    let url = &server.url;
    assert_eq!(curl(&[&format!("{url}/ping")], b""), "Ok.\n");
    assert_eq!(curl(&[url], b""), "Ok.\n");
    assert_eq!(curl(&[&format!("{url}/replicas_status")], b""), "Ok.\n");
    assert_eq!(curl(&[&format!("{url}/?query=SELECT+1")], b""), "1\n");
    assert_eq!(curl(&[url, "--data-binary", "SELECT 1, 'a'"], b""), "1\ta\n");
    assert_eq!(curl(&[&format!("{url}/?query=SELECT+1,"), "--data-binary", "2"], b""), "1\t2\n");
    assert_eq!(curl(&[&format!("{url}/?query=SELECT+{{x:String}}&param_x=a%5Ctb")], b""), "a\\tb\n");
    assert_eq!(curl(&[&format!("{url}/?default_format=CSV&query=SELECT+'a'")], b""), "\"a\"\n");
    assert_eq!(
        curl(&[&format!("{url}/?query=SELECT+'a'"), "-H", "X-ClickHouse-Format: JSONEachRow"], b""),
        "{\"'a'\":\"a\"}\n"
    );
    assert_eq!(curl(&[&format!("{url}/?max_threads=1&query=SELECT+getSetting('max_threads')")], b""), "1\n");
    let multi = curl(&[url, "--data-binary", "SELECT 1; SELECT 2"], b"");
    assert!(multi.starts_with("Code: 62."), "{multi}");
}

#[test]
fn curl_inserts_rows_from_url_and_body() {
    let server = Server::start();
    let url = &server.url;
    server.run("CREATE DATABASE d");
    assert_eq!(
        curl(
            &[
                &format!("{url}/?database=d"),
                "--data-binary",
                "CREATE TABLE t (a Int32) ENGINE = MergeTree ORDER BY a"
            ],
            b""
        ),
        ""
    );
    let insert = format!("{url}/?database=d&query=INSERT+INTO+t+FORMAT+TSV");
    assert_eq!(curl(&[&insert, "--data-binary", "@-"], b"1\n2\n"), "");
    assert_eq!(curl(&[url, "--data-binary", "@-"], b"INSERT INTO d.t VALUES (3), (4)"), "");
    assert_eq!(curl(&[&format!("{url}/?query=INSERT+INTO+d.t+VALUES"), "--data-binary", "@-"], b"(5)"), "");
    assert_eq!(
        curl(
            &[url, "-H", "Transfer-Encoding: chunked", "--data-binary", "@-"],
            b"INSERT INTO d.t FORMAT CSV\n6\n"
        ),
        ""
    );
    assert_eq!(curl(&[&insert, "-X", "GET"], b"").split('.').next(), Some("Code: 164"));
    assert_eq!(server.run("SELECT groupArray(a) FROM (SELECT a FROM d.t ORDER BY a)"), "[1,2,3,4,5,6]");
}

#[test]
fn curl_reads_headers_and_statuses() {
    let server = Server::start();
    let url = &server.url;
    let good = curl(
        &["-i", &format!("{url}/?query_id=my-id"), "-d", "SELECT number FROM numbers(3) FORMAT JSONEachRow"],
        b"",
    )
    .to_lowercase();
    for header in [
        "x-clickhouse-query-id: my-id",
        "x-clickhouse-format: jsoneachrow",
        "x-clickhouse-timezone: ",
        "\"result_rows\":\"3\"",
    ] {
        assert!(good.contains(header), "{header} in {good}");
    }
    let cases = [
        ("SELECT * FROM nowhere", 404, 60),
        ("SELEC 1", 400, 62),
        ("SELECT 1 FORMAT Nothing", 404, 73),
        ("SELECT throwIf(1)", 500, 395),
        ("CREATE TABLE nowhere.t (a Int8) ENGINE = Memory", 404, 81),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 501, 48),
    ];
    for (sql, status, code) in cases {
        let bad = curl(&["-i", url, "-d", sql], b"").to_lowercase();
        assert!(bad.starts_with(&format!("http/1.1 {status} ")), "{sql}: {bad}");
        assert!(bad.contains(&format!("x-clickhouse-exception-code: {code}\r\n")), "{sql}: {bad}");
        assert!(bad.contains(&format!("\r\n\r\ncode: {code}. db::exception: ")), "{sql}: {bad}");
    }
    let slow = curl(
        &[&format!("{url}/?max_execution_time=0.1"), "-d", "SELECT count() FROM numbers(100000000000)"],
        b"",
    );
    assert!(slow.starts_with("Code: 159."), "{slow}");
}

#[test]
fn curl_compresses_both_ways() {
    let server = Server::start();
    let url = &server.url;
    server.run("CREATE TABLE t (a String) ENGINE = MergeTree ORDER BY a");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"INSERT INTO t FORMAT TSV\nsqueezed\n").unwrap();
    let body = gzip.finish().unwrap();
    assert_eq!(curl(&[url, "-H", "Content-Encoding: gzip", "--data-binary", "@-"], &body), "");
    assert_eq!(
        curl(&[&format!("{url}/?enable_http_compression=1"), "--compressed", "-d", "SELECT a FROM t"], b""),
        "squeezed\n"
    );
    let headers = curl(&["-D", "-", "-o", "/dev/null", url, "--compressed", "-d", "SELECT a FROM t"], b"");
    assert!(headers.to_lowercase().contains("content-encoding: gzip"), "{headers}");
}

#[test]
fn curl_keeps_a_session() {
    let server = Server::start();
    let url = format!("{}/?session_id=s", server.url);
    assert_eq!(curl(&[&url, "-d", "CREATE TEMPORARY TABLE t (a Int8)"], b""), "");
    assert_eq!(curl(&[&url, "-d", "INSERT INTO t VALUES (7)"], b""), "");
    assert_eq!(curl(&[&url, "-d", "SET max_threads = 3"], b""), "");
    assert_eq!(curl(&[&url, "-d", "SELECT a, getSetting('max_threads') FROM t"], b""), "7\t3\n");
    assert!(curl(&[&server.url, "-d", "SELECT a FROM t"], b"").starts_with("Code: 60."));
    assert!(
        curl(&[&format!("{}/?session_id=other&session_check=1", server.url), "-d", "SELECT 1"], b"")
            .starts_with("Code: 372.")
    );
}
