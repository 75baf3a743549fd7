//! `voc-connector annotate`: anyone can try the SmartModule alone, line for line.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use voc_smartmodule::envelope::Envelope;
use voc_tests::harness::{binary, input, variable};

fn annotate(input: Vec<u8>, arguments: &[&str]) -> Output {
    let mut child = Command::new(binary("voc-connector"))
        .args(["annotate", "--smartmodule", &variable("VOC_SMARTMODULE")])
        .args(arguments)
        .env("RUST_LOG", "info")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Beside reading the output, since pipes hold little. A process that refuses does not read.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

#[test]
fn every_line_has_its_envelope_in_order() {
    let big = input::call(&"x".repeat(3 << 20), 3);
    let good = input::call("acme", 1);
    let with_return = format!("{good}\r");
    let unfinished = input::call("acme", 2);
    let lines: [(&[u8], &str); 8] = [
        (good.as_bytes(), "accepted"),
        (b"", "not_json"),
        (with_return.as_bytes(), "accepted"),
        (b"\xff\xfe\x00", "not_utf8"),
        (big.as_bytes(), "too_large"),
        (b"   ", "not_json"),
        (b"[1]", "not_object"),
        (unfinished.as_bytes(), "accepted"),
    ];
    let text: Vec<&[u8]> = lines.iter().map(|(line, _)| *line).collect();
    let output = annotate(text.join(&b'\n'), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let envelopes: Vec<&[u8]> =
        output.stdout.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').collect();
    assert_eq!(envelopes.len(), lines.len());
    for (envelope, (line, expected)) in envelopes.into_iter().zip(lines) {
        let (status, original) = match Envelope::read(envelope).unwrap() {
            Envelope::Accepted(accepted) => ("accepted", accepted.payload.to_vec()),
            Envelope::Rejected(rejected) => (rejected.code, rejected.original.to_vec()),
        };
        assert_eq!(status, expected);
        assert!(original == line, "the bytes of the record that is {expected}");
        assert!(serde_json::from_slice::<Value>(envelope).is_ok());
    }
}

#[test]
fn nothing_in_nothing_out() {
    let output = annotate(Vec::new(), &[]);
    assert!(output.status.success());
    assert_eq!(output.stdout, b"");
}

#[test]
fn params_can_be_given_and_wrong_ones_are_refused() {
    let output = annotate(b"{\"a\":1}\n".to_vec(), &["--param", "max_bytes=3"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("too_large"));
    for param in ["max_bites=3", "max_bytes"] {
        let output = annotate(b"{}\n".to_vec(), &["--param", param]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(param.trim_end_matches("=3")), "{error}");
        assert_eq!(output.stdout, b"");
    }
}
