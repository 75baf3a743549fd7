use std::io::Write as _;

use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::*;

/// What a reader sent: each record's offset and line, and what else happened.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    lines: Vec<(u64, String)>,
    restarts: usize,
    bookmark: Option<(u64, String)>,
}

/// Reads the file once to its end, from a bookmark.
fn read(file: &NamedTempFile, from: Option<(u64, String)>) -> Result<Seen, Error> {
    let settings = Settings {
        path: file.path().to_owned(),
        stream: "events".to_owned(),
        follow: false,
        is_compared: true,
    };
    let (sender, mut events) = mpsc::channel(4);
    let (mut seen, mut from) = (Seen::default(), from);
    let result = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let metrics = Metrics::new().expect("the metrics have different names");
            let result = run(&settings, &sender, &AtomicBool::new(false), &metrics);
            drop(sender);
            result
        });
        while let Some(event) = events.blocking_recv() {
            match event {
                Event::Assigned { mut partitions, reply } => {
                    let partition = partitions.remove(0);
                    let (next_offset, bookmark) =
                        from.take().map_or((None, String::new()), |(n, b)| (Some(n), b));
                    let _ = reply.send(vec![Resume { partition, next_offset, bookmark, generation: 0 }]);
                }
                Event::Restarted { reply, .. } => {
                    seen.restarts += 1;
                    let _ = reply.send(());
                }
                Event::Chunk(chunk) => {
                    for record in &chunk.records {
                        seen.lines.push((record.offset, String::from_utf8_lossy(&record.value).into_owned()));
                    }
                    seen.bookmark = Some((chunk.next_offset, chunk.bookmark));
                }
                Event::Revoked { .. } | Event::CaughtUp => {}
            }
        }
        reader.join().expect("the reader does not panic")
    });
    result.map(|()| seen)
}

fn file_of(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn numbered(lines: &[&str], from: u64) -> Vec<(u64, String)> {
    (from..).zip(lines.iter().map(|line| (*line).to_owned())).collect()
}

#[test]
fn a_blank_line_is_a_record_and_an_unfinished_one_is_read_at_the_end() {
    let seen = read(&file_of("a\n\n b\r\nlast"), None).unwrap();
    assert_eq!(seen.lines, numbered(&["a", "", " b\r", "last"], 0));
    assert_eq!(read(&file_of(""), None).unwrap(), Seen::default());
}

#[test]
fn resuming_reads_only_what_is_new() {
    let mut file = file_of("a\nb\n");
    let first = read(&file, None).unwrap();
    file.write_all(b"c\n").unwrap();
    let second = read(&file, first.bookmark).unwrap();
    assert_eq!(second.lines, numbered(&["c"], 2));
}

#[test]
fn a_line_that_was_open_may_be_closed_but_not_continued() {
    let mut file = file_of("a\nb");
    let first = read(&file, None).unwrap();
    assert_eq!(read(&file, first.bookmark.clone()).unwrap().lines, []);
    file.write_all(b"\nc\n").unwrap();
    assert_eq!(read(&file, first.bookmark).unwrap().lines, numbered(&["c"], 2));

    let mut file = file_of("a\nb");
    let first = read(&file, None).unwrap();
    file.write_all(b"b\n").unwrap();
    let error = read(&file, first.bookmark).unwrap_err();
    assert!(matches!(error, Error::LineContinued { line: 1, .. }), "{error}");
}

#[test]
fn another_file_is_refused_wherever_it_differs() {
    let text = "line\n".repeat(2000);
    let bookmark = read(&file_of(&text), None).unwrap().bookmark;
    for place in [0, 1023, 1024, text.len() / 2, text.len() - 2] {
        let mut other = text.clone();
        other.replace_range(place..=place, "X");
        let error = read(&file_of(&(other + "more\n")), bookmark.clone()).unwrap_err();
        assert!(matches!(error, Error::AnotherFile { lines: 2000, .. }), "{error}");
    }
}

#[test]
fn a_cut_file_begins_a_new_generation() {
    let bookmark = read(&file_of("a\nb\nc\n"), None).unwrap().bookmark;
    let seen = read(&file_of("a\nb\n"), bookmark).unwrap();
    assert_eq!((seen.restarts, seen.lines), (1, numbered(&["a", "b"], 0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the lines and wherever reading was interrupted, each is read once and in order.
    #[test]
    fn never_loses_never_doubles_never_reorders(
        lines in prop::collection::vec("[a-zé]{0,8}", 0..200),
        long_line_at in 0_usize..200,
        first_part in 0_usize..200,
    ) {
        let mut lines = lines;
        if let Some(line) = lines.get_mut(long_line_at) {
            *line = "x".repeat(1_500_000);
        }
        let first_part = first_part.min(lines.len());
        let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let mut file = file_of(&text(&lines[..first_part]));
        let first = read(&file, None).unwrap();
        file.write_all(text(&lines[first_part..]).as_bytes()).unwrap();
        let second = read(&file, first.bookmark).unwrap();
        let seen: Vec<_> = first.lines.into_iter().chain(second.lines).collect();
        let expected: Vec<_> = (0..).zip(lines).collect();
        prop_assert_eq!(seen, expected);
    }
}
