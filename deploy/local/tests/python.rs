//! Python's clickhouse-connect, which nobody here wrote.

mod support;

use std::process::Command;

use support::{Server, variable};

/// Runs one function of `python_client.py` against a new server.
fn python(function: &str) {
    let server = Server::start();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python_client.py");
    let python =
        Command::new(variable("VOC_PYTHON")).args([script, function, &server.port.to_string()]).output();
    let output = python.expect("VOC_PYTHON names a Python interpreter");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{function}: {out}{err}");
}

#[test]
fn python_client_inserts_and_selects_the_types_of_our_tables() {
    python("types_of_our_tables");
}

#[test]
fn python_client_compresses_in_every_way_it_offers() {
    python("compressions");
}

#[test]
fn python_client_sees_the_server_s_exceptions() {
    python("exceptions");
}

#[test]
fn python_client_works_in_a_session_and_without() {
    python("sessions");
}
