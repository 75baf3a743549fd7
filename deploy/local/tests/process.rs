//! The life of the process: refusals at start, signals, being killed.

mod support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{Server, command, eventually, in_url, read_all};

/// Runs a server that is expected to refuse, and gives its exit code and what it says.
fn refused(command: &mut Command) -> (Option<i32>, String) {
    let output =
        command.stderr(Stdio::piped()).spawn().expect("it starts").wait_with_output().expect("it ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn refuses_to_listen_beyond_loopback_without_password() {
    let folder = tempfile::tempdir().unwrap();
    let (code, says) = refused(command(folder.path()).args(["--host", "0.0.0.0"]));
    assert_eq!(code, Some(1));
    assert!(says.contains("--host 0.0.0.0") && says.contains("CLICKHOUSE_PASSWORD"), "{says}");
}

#[test]
fn a_password_is_asked_for_once_it_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(
        command(folder.path()).args(["--host", "0.0.0.0", "--user", "voc"]).env("CLICKHOUSE_PASSWORD", "s3"),
    );
    let ask = |parameters: &str, header: &str| {
        let mut stream =
            server.post(parameters, &format!("Connection: close\r\nContent-Length: 8\r\n{header}X: x"));
        stream.write_all(b"SELECT 1").unwrap();
        let answer = read_all(&mut stream).to_lowercase();
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        (status, answer.contains("x-clickhouse-exception-code: 516"))
    };
    let good = ("200".to_owned(), false);
    assert_eq!(ask("user=voc&password=s3", ""), good);
    assert_eq!(ask("", "X-ClickHouse-User: voc\r\nX-ClickHouse-Key: s3\r\n"), good);
    assert_eq!(ask("", "Authorization: Basic dm9jOnMz\r\n"), good);
    assert_eq!(ask("", ""), ("401".to_owned(), true));
    assert_eq!(ask("user=voc&password=wrong", ""), ("403".to_owned(), true));
    assert_eq!(ask("user=default&password=s3", ""), ("403".to_owned(), true));
}

#[test]
fn taken_port_is_a_clear_error() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let port = server.port.to_string();
    let mut second = Command::new(env!("CARGO_BIN_EXE_voc-clickhouse-local"));
    let library = support::variable("VOC_LIBCHDB");
    second.args(["--library", &library, "--port", &port, "--path"]).arg(folder.path());
    let (code, says) = refused(second.env_remove("CLICKHOUSE_PASSWORD").stdout(Stdio::null()));
    assert_eq!(code, Some(1));
    assert!(says.contains(&port) && says.contains("--port"), "{says}");
}

#[test]
fn two_processes_on_one_folder_are_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Server::on(&mut command(folder.path()));
    let (code, says) = refused(&mut command(folder.path()));
    assert_eq!(code, Some(1));
    assert!(
        says.contains("in use by another") && says.contains(&folder.path().display().to_string()),
        "{says}"
    );
}

#[test]
fn a_missing_library_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Command::new(env!("CARGO_BIN_EXE_voc-clickhouse-local"));
    wrong
        .args(["--library", "/nowhere/libchdb.so", "--port", "0", "--path"])
        .arg(folder.path())
        .stdout(Stdio::null());
    let (code, says) = refused(&mut wrong);
    assert_eq!(code, Some(1));
    assert!(says.contains("/nowhere/libchdb.so"), "{says}");
}

#[test]
fn a_signal_lets_requests_finish() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::on(&mut command(folder.path()));
        server.run("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a");
        let mut insert =
            server.post(&format!("query_id=i&{}", in_url("INSERT INTO t FORMAT TSV")), "Content-Length: 4");
        insert.write_all(b"1\n").unwrap();
        eventually("the insert runs", || !server.run("KILL QUERY WHERE query_id = 'i' TEST").is_empty());
        server.signal(signal);
        eventually("nobody new gets in", || {
            std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err()
        });
        insert.write_all(b"2\n").unwrap();
        let mut answer = [0; 12];
        insert.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        drop(insert);
        assert_eq!(server.child.wait().unwrap().code(), Some(0), "{signal}");
        let again = Server::on(&mut command(folder.path()));
        assert_eq!(again.run("SELECT count() FROM t"), "2");
    }
}

#[test]
fn a_signal_ends_requests_that_do_not_finish() {
    let mut server = Server::start();
    let endless = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)";
    let _endless = server.post(&format!("query_id=e&{}", in_url(endless)), "Content-Length: 0");
    eventually("it runs", || !server.run("KILL QUERY WHERE query_id = 'e' TEST").is_empty());
    let started = Instant::now();
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn a_killed_server_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..5 {
        let mut server = Server::on(&mut command(folder.path()));
        server.run("CREATE TABLE IF NOT EXISTS t (round UInt8, n UInt64) ENGINE = MergeTree ORDER BY n");
        let stored: u64 = server.run("SELECT count() FROM t").parse().unwrap();
        // Whole inserts only: all that were acknowledged, and perhaps the one that was not.
        assert!(stored == acknowledged || stored == acknowledged + 1000, "{stored} of {acknowledged}");
        acknowledged = stored;
        let rows: String = (0..1000).map(|n| format!("{round}\t{n}\n")).collect();
        let url = in_url("INSERT INTO t FORMAT TSV");
        for _ in 0..3 + round {
            let (status, _) = server.ask(&url, &rows);
            assert_eq!(status, 200);
            acknowledged += 1000;
        }
        // One more is under way, complete but unanswered.
        let mut last = server.post(&url, &format!("Content-Length: {}", rows.len()));
        last.write_all(rows.as_bytes()).unwrap();
        server.child.kill().unwrap();
        server.child.wait().unwrap();
    }
}

#[test]
fn a_token_without_rows_does_not_outlive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let rows = || {
        let server = Server::on(&mut command(folder.path()));
        server.run(
            "CREATE TABLE IF NOT EXISTS t (a UInt64) ENGINE = MergeTree PARTITION BY a ORDER BY a \
             SETTINGS non_replicated_deduplication_window = 100",
        );
        let insert = format!("insert_deduplication_token=one&{}", in_url("INSERT INTO t FORMAT TSV"));
        assert_eq!(server.ask(&insert, "1\n2\n").0, 200);
        (server.run("SELECT groupArray(a) FROM (SELECT a FROM t ORDER BY a)"), server)
    };
    let (stored, mut server) = rows();
    assert_eq!(stored, "[1,2]");
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    // As if the engine had been killed between writing the token of partition 2 and its part.
    let parts = |folder: &std::path::Path| {
        let inside = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        inside.collect::<Vec<_>>()
    };
    let tables = parts(&folder.path().join("store")).into_iter().flat_map(|prefix| parts(&prefix));
    let part = tables
        .flat_map(|table| parts(&table))
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("2_")));
    std::fs::remove_dir_all(part.expect("a part of partition 2")).unwrap();
    assert_eq!(rows().0, "[1,2]");
}
