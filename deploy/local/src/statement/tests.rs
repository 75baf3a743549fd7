//! Statements as clients write them.

use super::*;

fn insert_of(text: &str) -> Option<(String, String, String)> {
    match parse(text.as_bytes()) {
        Ok(Statement::Insert { head, format, data }) => {
            Some((String::from_utf8_lossy(&head).into_owned(), format, text[data..].to_owned()))
        }
        _ => None,
    }
}

fn select_of(text: &str) -> (String, String, Option<String>) {
    match parse(text.as_bytes()) {
        Ok(Statement::Select { before, after, format }) => (
            String::from_utf8_lossy(&before).into_owned(),
            String::from_utf8_lossy(&after).into_owned(),
            format,
        ),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn inserts_are_cut_at_their_rows() {
    let cases = [
        ("INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t", "CSV", "1,2\n"),
        (
            "insert into d.t(a, b) settings x=1 format RowBinary",
            "insert into d.t(a, b) settings x=1",
            "RowBinary",
            "",
        ),
        ("INSERT INTO t VALUES (1, 'a;b')", "INSERT INTO t", "Values", " (1, 'a;b')"),
        ("INSERT INTO `format` FORMAT TSV \t\n\n1", "INSERT INTO `format`", "TSV", "\n1"),
        ("INSERT INTO values FORMAT TSV", "INSERT INTO values", "TSV", ""),
        ("INSERT INTO t", "INSERT INTO t", "Values", ""),
        (
            "INSERT INTO FUNCTION file('x', 'CSV') FORMAT CSV\n1",
            "INSERT INTO FUNCTION file('x', 'CSV')",
            "CSV",
            "1",
        ),
    ];
    for (text, head, format, data) in cases {
        let expected = (head.to_owned(), format.to_owned(), data.to_owned());
        assert_eq!(insert_of(text), Some(expected), "{text}");
    }
}

#[test]
fn an_insert_from_a_query_is_a_command() {
    for text in [
        "INSERT INTO t SELECT 1",
        "INSERT INTO t (a) WITH 1 AS x SELECT x",
        "INSERT INTO t (a) SELECT 1 FORMAT Null",
    ] {
        assert!(matches!(parse(text.as_bytes()), Ok(Statement::Command { reads: false, .. })), "{text}");
    }
}

#[test]
fn a_head_is_recognised_as_soon_as_it_is_complete_and_never_before() {
    let text = b"INSERT INTO t(a) FORMAT RowBinary\n\x01\x02";
    for cut in 0..text.len() {
        let known = begin(&text[..cut]) != Progress::NeedsMore;
        assert_eq!(known, cut > text.len() - 2, "after {cut} bytes");
    }
}

#[test]
fn other_texts_are_known_not_to_be_inserts() {
    assert!(is_no_insert(b"SELECT 1"));
    assert!(!is_no_insert(b"INS"));
    assert!(!is_no_insert(b"INSERT INTO"));
    assert!(!is_no_insert(b"SELECT"));
}

#[test]
fn the_pipe_goes_before_the_format() {
    let owned = |before: &str, after: &str, format: Option<&str>| {
        (before.to_owned(), after.to_owned(), format.map(str::to_owned))
    };
    assert_eq!(select_of("SELECT 1"), owned("SELECT 1", "", None));
    assert_eq!(select_of("SELECT 1 -- format x"), owned("SELECT 1", "", None));
    assert_eq!(select_of("SELECT 1 FORMAT JSON;"), owned("SELECT 1 ", "FORMAT JSON", Some("JSON")));
    assert_eq!(
        select_of("SELECT 1 FORMAT JSON SETTINGS a = 1"),
        owned("SELECT 1 ", "FORMAT JSON SETTINGS a = 1", Some("JSON"))
    );
    assert_eq!(select_of("SELECT format FROM t"), owned("SELECT format FROM t", "", None));
    assert_eq!(
        select_of("(SELECT 1) UNION ALL (SELECT 2)"),
        owned("(SELECT 1) UNION ALL (SELECT 2)", "", None)
    );
}

#[test]
fn processes_show_the_clients_ids() {
    let (before, ..) = select_of("SELECT query_id FROM system.processes AS p WHERE p.elapsed > 1");
    assert!(before.starts_with("SELECT query_id FROM (SELECT * REPLACE"), "{before}");
    assert!(before.ends_with("FROM system.processes) AS p WHERE p.elapsed > 1"), "{before}");
}

#[test]
fn kills_are_taken_apart() {
    let kill = |text: &str| match parse(text.as_bytes()) {
        Ok(Statement::KillQuery { condition, mode, format }) => {
            (String::from_utf8_lossy(&condition).into_owned(), mode, format)
        }
        other => panic!("{text}: {other:?}"),
    };
    let id = "query_id = 'a'".to_owned();
    assert_eq!(kill("KILL QUERY WHERE query_id = 'a'"), (id.clone(), KillMode::Async, None));
    assert_eq!(kill("kill query where query_id = 'a' sync;"), (id.clone(), KillMode::Sync, None));
    assert_eq!(
        kill("KILL QUERY WHERE query_id = 'a' TEST FORMAT JSON"),
        (id, KillMode::Test, Some("JSON".to_owned()))
    );
    assert!(parse(b"KILL QUERY").is_err());
    assert!(parse(b"KILL QUERY WHERE SYNC").is_err());
    assert!(matches!(parse(b"KILL MUTATION WHERE 1"), Ok(Statement::Command { .. })));
}

#[test]
fn what_the_server_does_not_do_is_refused() {
    let code = |text: &str| parse(text.as_bytes()).err().map(|exception| exception.code);
    assert_eq!(code(""), Some(62));
    assert_eq!(code(" -- nothing\n;"), Some(62));
    assert_eq!(code("SELECT 1; SELECT 2"), Some(62));
    assert_eq!(code("SELECT 1;;"), None);
    assert_eq!(code("SELECT 1 INTO OUTFILE 'x'"), Some(48));
    assert_eq!(code("INSERT INTO t FROM INFILE 'x' FORMAT CSV"), Some(48));
}
