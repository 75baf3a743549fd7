//! What a writer relies on: whole inserts or none, no waiting for others, bounded memory.

mod support;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use support::{Server, eventually, in_url, read_all};

const INSERT: &str = "INSERT INTO t FORMAT TSV";
const SLOW: &str = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)";

fn server_with_table() -> Server {
    let server = Server::start();
    server.run("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100");
    server
}

fn running(server: &Server, query_id: &str) -> bool {
    let sql = format!("KILL QUERY WHERE query_id = '{query_id}' TEST");
    !server.run(&sql).is_empty()
}

#[test]
fn a_broken_body_inserts_nothing() {
    let server = server_with_table();
    let parameters = |id: &str| format!("query_id={id}&{}", in_url(INSERT));
    // A chunked body without its last chunk.
    let mut chunked = server.post(&parameters("chunked"), "Transfer-Encoding: chunked");
    chunked.write_all(b"4\r\n1\n2\n\r\n").unwrap();
    // A body short of its Content-Length.
    let mut short = server.post(&parameters("short"), "Content-Length: 100");
    short.write_all(b"3\n4\n").unwrap();
    for id in ["chunked", "short"] {
        eventually("the insert begins", || running(&server, id));
    }
    drop((chunked, short));
    for id in ["chunked", "short"] {
        eventually("the insert ends", || !running(&server, id));
    }
    // Compressed bodies that end too early, though HTTP is content.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"5\n6\n").unwrap();
    let body = gzip.finish().unwrap();
    let length = body.len() - 4;
    let mut cut = server.post(
        &in_url(INSERT),
        &format!("Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: {length}"),
    );
    cut.write_all(&body[..length]).unwrap();
    assert!(read_all(&mut cut).contains("Code: 271."));
    let (status, text) =
        server.ask(&format!("decompress=1&{}", in_url(INSERT)), b"not a frame at all, but long enough");
    assert_eq!(status, 400, "{text}");
    // Rows that do not parse, behind rows that do.
    let (status, text) = server.ask(&in_url(INSERT), b"7\n8\nnine\n");
    assert_eq!(status, 400, "{text}");
    assert_eq!(server.run("SELECT count() FROM t"), "0");
}

#[test]
fn the_same_token_twice_is_stored_once_in_table_and_view() {
    let server = server_with_table();
    server.run("CREATE TABLE ledger (n UInt64, ids AggregateFunction(groupBitmap, UInt64)) ENGINE = MergeTree ORDER BY n \
                SETTINGS non_replicated_deduplication_window = 100");
    server.run(
        "CREATE MATERIALIZED VIEW v TO ledger AS SELECT count() AS n, groupBitmapState(a) AS ids FROM t",
    );
    let deduplicate =
        "async_insert=0&deduplicate_blocks_in_dependent_materialized_views=1&insert_deduplication_token=";
    for token in ["one", "one", "two"] {
        let (status, text) = server.ask(&format!("{deduplicate}{token}&{}", in_url(INSERT)), b"1\n2\n");
        assert_eq!(status, 200, "{text}");
    }
    assert_eq!(server.run("SELECT count() FROM t"), "4");
    assert_eq!(server.run("SELECT count(), sum(n), groupBitmapMerge(ids) FROM ledger"), "2\t4\t2");
}

#[test]
fn an_insert_of_100000_rows_is_one_block_per_partition() {
    let server = Server::start();
    server.run("CREATE TABLE p (a UInt64, s String) ENGINE = MergeTree PARTITION BY a % 16 ORDER BY a");
    server.run("SYSTEM STOP MERGES p");
    let rows: String = (0..100_000).map(|row| format!("{row}\t{row:>700}\n")).collect();
    let (status, text) = server.ask(&in_url("INSERT INTO p FORMAT TSV"), rows);
    assert_eq!(status, 200, "{text}");
    assert_eq!(
        server.run("SELECT count(), uniqExact(partition) FROM system.parts WHERE table = 'p' AND active"),
        "16\t16"
    );
}

#[test]
fn a_slow_query_delays_neither_ping_nor_insert() {
    let server = server_with_table();
    // More than the server runs at a time: the others wait in line.
    let mut slow: Vec<_> = (0..20)
        .map(|n| server.post(&format!("query_id=slow-{n}&{}", in_url(SLOW)), "Content-Length: 0"))
        .collect();
    eventually("all of them are there", || {
        server.run("KILL QUERY WHERE startsWith(query_id, 'slow-') TEST").lines().count() == 20
    });
    let started = Instant::now();
    let (status, _) = server.ask(&in_url(INSERT), b"1\n");
    assert_eq!(status, 200);
    let mut ping = server.post("", "Content-Length: 0");
    ping.write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    assert!(read_all(&mut ping).ends_with("Ok.\n"));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    server.run("KILL QUERY WHERE startsWith(query_id, 'slow-') SYNC");
    assert_eq!(server.run("KILL QUERY WHERE startsWith(query_id, 'slow-') TEST"), "");
    let mut head = [0; 12];
    for stream in &mut slow {
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 500");
    }
}

/// What says that an answer is small, and taken as a whole: the server then makes it in another way.
const BOUNDED: &str = "wait_end_of_query=1&max_result_rows=1000";

#[test]
fn an_answer_that_is_bounded_is_the_same_as_one_that_is_not() {
    let server = server_with_table();
    for sql in [
        "SELECT number, toString(number) AS text, [number] FROM numbers(700) FORMAT JSON SETTINGS output_format_write_statistics = 0",
        "SELECT number FROM numbers(1000) FORMAT CSVWithNames",
        "SELECT number FROM numbers(0)",
        "SELECT {a:String}",
        "SELECT throwIf(number = 600) FROM numbers(700)",
        "SELECT nothing",
    ] {
        let (plain, bounded) =
            (server.ask("param_a=b", sql), server.ask(&format!("param_a=b&{BOUNDED}"), sql));
        assert_eq!(plain, bounded, "{sql}");
    }
    let (status, body) = server.ask(BOUNDED, "SELECT number FROM numbers(70000)");
    assert!(status >= 400 && body.starts_with("Code: 396."), "{status} {body:.200}");
}

#[test]
fn a_bounded_query_is_killed_and_ends_with_its_client() {
    let server = server_with_table();
    let slow = |id: &str| {
        let parameters = format!("query_id={id}&{BOUNDED}&{}", in_url(SLOW));
        server.post(&parameters, "Connection: close\r\nContent-Length: 0")
    };
    let (mut killed, left) = (slow("voc-killed"), slow("voc-left"));
    eventually("both run", || running(&server, "voc-killed") && running(&server, "voc-left"));
    server.run("KILL QUERY WHERE query_id = 'voc-killed' SYNC");
    let answer = read_all(&mut killed);
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("Code: 394."), "{answer}");
    drop(left);
    eventually("it ends", || !running(&server, "voc-left"));
}

#[test]
fn kill_query_waits_until_inserts_and_queries_have_ended() {
    let server = server_with_table();
    let mut insert = server.post(
        &format!("query_id=voc-insert&{}", in_url(INSERT)),
        "Connection: close\r\nTransfer-Encoding: chunked",
    );
    insert.write_all(b"4\r\n1\n2\n\r\n").unwrap();
    let mut select = server
        .post(&format!("query_id=voc-select&{}", in_url(SLOW)), "Connection: close\r\nContent-Length: 0");
    eventually("both run", || running(&server, "voc-insert") && running(&server, "voc-select"));
    eventually("the engine shows the client's id", || {
        server.run("SELECT query_id FROM system.processes WHERE query_id = 'voc-select'") == "voc-select"
    });
    let killed = server.run("KILL QUERY WHERE startsWith(query_id, 'voc-') SYNC");
    assert_eq!(killed.lines().filter(|line| line.starts_with("finished\tvoc-")).count(), 2, "{killed}");
    assert!(!running(&server, "voc-insert") && !running(&server, "voc-select"));
    assert_eq!(server.run("SELECT count() FROM system.processes WHERE startsWith(query_id, 'voc-')"), "0");
    assert_eq!(server.run("SELECT count() FROM t"), "0");
    // The end of the body comes too late.
    insert.write_all(b"0\r\n\r\n").unwrap();
    assert!(read_all(&mut insert).contains("Code: 394."));
    assert!(read_all(&mut select).contains("Code: 394."));
    assert_eq!(server.run("SELECT count() FROM t"), "0");
}

#[test]
fn a_client_that_leaves_stops_its_query() {
    let server = Server::start();
    let endless = "SELECT number FROM numbers(1000000000000) FORMAT RowBinary";
    for (id, sql) in [("silent", SLOW), ("streaming", endless)] {
        let stream = server.post(&format!("query_id={id}&{}", in_url(sql)), "Content-Length: 0");
        eventually("it runs", || running(&server, id));
        drop(stream);
        eventually("it ends", || !running(&server, id));
    }
}

#[test]
fn an_id_in_use_is_refused() {
    let server = Server::start();
    let _first = server.post(&format!("query_id=same&{}", in_url(SLOW)), "Content-Length: 0");
    eventually("it runs", || running(&server, "same"));
    let (status, text) = server.ask("query_id=same", "SELECT 1");
    assert!(status == 500 && text.starts_with("Code: 216."), "{text}");
}

#[test]
fn large_results_are_streamed_in_every_format() {
    let server = Server::start();
    server.run("SELECT * FROM numbers(1000000) FORMAT Null");
    let before = server.peak_memory();
    // With wait_end_of_query the result waits on disk, not in memory.
    for parameters in ["", "wait_end_of_query=1"] {
        for format in ["JSON", "RowBinaryWithNamesAndTypes"] {
            let sql = format!(
                "SELECT number, 'some text to make the rows longer' FROM numbers(7000000) FORMAT {format}"
            );
            let mut stream = server
                .post(&format!("{parameters}&{}", in_url(&sql)), "Content-Length: 0\r\nConnection: close");
            let mut buffer = vec![0; 1 << 20];
            let mut total = 0;
            loop {
                match stream.read(&mut buffer).unwrap() {
                    0 => break,
                    length => total += length,
                }
            }
            assert!(total > 250 << 20, "{format}: {total} bytes");
        }
    }
    let growth = server.peak_memory() - before;
    assert!(growth < 150, "{growth} MiB more");
}

#[test]
fn inserts_are_streamed() {
    let server = Server::start();
    server.run("CREATE TABLE n (s String) ENGINE = Null");
    let blocks = "max_insert_block_size=10000&min_insert_block_size_rows=10000";
    let row = [b"x".repeat(999), b"\n".to_vec()].concat();
    let piece = row.repeat(1000);
    let send = |pieces: usize| {
        let framing = format!("Connection: close\r\nContent-Length: {}", pieces * piece.len());
        let mut stream = server.post(&format!("{blocks}&{}", in_url("INSERT INTO n FORMAT TSV")), &framing);
        for _ in 0..pieces {
            stream.write_all(&piece).unwrap();
        }
        let answer = read_all(&mut stream);
        assert!(answer.contains(&format!("\"written_rows\":\"{}\"", pieces * 1000)), "{answer}");
    };
    send(50);
    let before = server.peak_memory();
    send(600);
    let growth = server.peak_memory() - before;
    assert!(growth < 150, "{growth} MiB more");
}
