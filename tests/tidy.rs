//! Asserts the architecture: what lies at the top, which package depends on which, who may name what,
//! how long a file may be. A failure says where and why.

#[path = "tidy/observability.rs"]
mod observability;
#[path = "tidy/packages.rs"]
mod packages;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

/// What a newcomer sees first, and nothing else but dotfiles, the lock file and the licence.
const TOP_LEVEL: [&str; 9] = [
    "Cargo.toml",
    "SmartModule.toml",
    "Connector.yaml",
    "README.md",
    "smartmodule",
    "connector",
    "api",
    "deploy",
    "tests",
];
const ALSO_AT_TOP: [&str; 3] = ["Cargo.lock", "LICENSE", "NOTICE"];

/// The arrows between members: "depends on", and nothing else.
const ARROWS: [(&str, &[&str]); 8] = [
    ("voc-smartmodule", &[]),
    ("voc-train", &["voc-smartmodule"]),
    ("voc-connector-core", &["voc-smartmodule"]),
    ("voc-connector", &["voc-connector-core"]),
    ("voc-api", &["voc-smartmodule"]),
    ("voc-clickhouse-local", &[]),
    ("xtask", &[]),
    ("voc-tests", &["voc-api", "voc-connector", "voc-connector-core", "voc-smartmodule"]),
];

/// Who may name a crate: it, or a crate whose name goes on with an underscore.
const ROLES: [(&str, &[&str]); 5] = [
    (
        "fluvio",
        &[
            "smartmodule/src/guest.rs",
            "smartmodule/examples/echo.rs",
            "connector/core/src/cluster",
            "connector/core/src/source",
            "connector/core/src/transform",
            "api/src/ingest/cluster",
            "tests/",
        ],
    ),
    ("axum", &["api/", "connector/core/src/monitoring", "deploy/local/"]),
    ("rdkafka", &["connector/core/src/source/kafka", "tests/src/harness/kafka", "tests/it/"]),
    (
        "anyhow",
        &[
            "api/src/main.rs",
            "connector/src/main.rs",
            "deploy/local/src/main.rs",
            "deploy/xtask/",
            "smartmodule/train/",
            "tests/src/bin/",
        ],
    ),
    ("libloading", &["deploy/local/src/library"]),
];

/// Where memory is handled by hand: the engine's C interface, and the SmartModule's exports.
const MAY_BE_UNSAFE: [&str; 2] = ["deploy/local/src/library", "smartmodule/src/guest.rs"];

/// A file of code has fewer lines than this, tests included.
const LINES: usize = 400;
const CODE: [&str; 9] = ["rs", "sql", "py", "sh", "yml", "yaml", "js", "css", "html"];

/// What the last word of a metric's name may be: the unit, or what is counted.
const METRIC_ENDS: [&str; 11] = [
    "total", "seconds", "bytes", "rows", "records", "requests", "offset", "offsets", "ready", "ratio", "info",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// Every file of the project, relative to the root: what git tracks or would track.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success());
    let mut files: Vec<String> = match listed {
        Some(output) => String::from_utf8_lossy(&output.stdout)
            .split('\0')
            .filter(|path| !path.is_empty())
            .map(str::to_owned)
            .collect(),
        None => walk(&root()),
    };
    files.retain(|path| root().join(path).symlink_metadata().is_ok());
    files.sort();
    assert!(files.iter().any(|path| path == "tests/tidy.rs"), "the project's files were not found");
    files
}

/// For a copy of the project without git.
fn walk(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("a folder of the project").path();
        let relative = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        match path.is_dir() && !path.is_symlink() {
            true if relative == "target" || relative == ".git" => {}
            true => files.extend(walk(&path)),
            false => files.push(relative),
        }
    }
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Rust files with their lines, numbered from 1, comments left out.
fn rust_lines() -> Vec<(String, usize, String)> {
    let sources = files().into_iter().filter(|path| path.ends_with(".rs"));
    let lines = sources.flat_map(|path| {
        let content = read(&path);
        let lines: Vec<_> = content.lines().map(str::to_owned).enumerate().collect();
        lines.into_iter().map(move |(index, line)| (path.clone(), index + 1, line))
    });
    lines.filter(|(_, _, line)| !line.trim_start().starts_with("//")).collect()
}

fn may(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

#[track_caller]
fn none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// The words of a line: identifiers with what follows them.
fn words(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let starts = line.char_indices().filter(move |(index, character)| {
        is_word(*character) && !line[..*index].chars().next_back().is_some_and(is_word)
    });
    starts.map(move |(start, _)| {
        let length = line[start..].find(|character| !is_word(character)).unwrap_or(line.len() - start);
        line[start..].split_at(length)
    })
}

/// The members' manifests by package name, with their paths.
fn manifests() -> BTreeMap<String, (String, Table)> {
    let paths = files().into_iter().filter(|path| path.ends_with("/Cargo.toml"));
    let manifests = paths.map(|path| {
        let manifest: Table = read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        (manifest["package"]["name"].as_str().expect("a package has a name").to_owned(), (path, manifest))
    });
    manifests.collect()
}

/// Every dependency of a manifest: the table's name, the dependency's name, its value.
fn dependencies(manifest: &Table) -> Vec<(String, String, Value)> {
    const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let mut found = Vec::new();
    let mut collect = |prefix: &str, table: &Table| {
        for name in TABLES {
            for (dependency, value) in table.get(name).and_then(Value::as_table).into_iter().flatten() {
                found.push((format!("{prefix}{name}"), dependency.clone(), value.clone()));
            }
        }
    };
    collect("", manifest);
    for (target, table) in manifest.get("target").and_then(Value::as_table).into_iter().flatten() {
        collect(&format!("target.'{target}'."), table.as_table().expect("a target is a table"));
    }
    found
}

#[test]
fn the_top_level_is_exactly_as_designed() {
    let found: BTreeSet<String> =
        files().iter().map(|path| path.split('/').next().unwrap_or_default().to_owned()).collect();
    let missing =
        TOP_LEVEL.iter().filter(|name| !found.contains(**name)).map(|name| format!("{name}: missing"));
    let foreign = found
        .iter()
        .filter(|name| !name.starts_with('.'))
        .filter(|name| !TOP_LEVEL.contains(&name.as_str()) && !ALSO_AT_TOP.contains(&name.as_str()))
        .map(|name| format!("{name}: does not belong at the top level"));
    none(&missing.chain(foreign).collect::<Vec<_>>());
}

#[test]
fn members_depend_on_each_other_only_along_the_arrows() {
    let manifests = manifests();
    let mut violations = Vec::new();
    for (name, (path, manifest)) in &manifests {
        let Some((_, allowed)) = ARROWS.iter().find(|(member, _)| member == name) else {
            violations.push(format!("{path}: the member {name} has no place among the arrows"));
            continue;
        };
        for (table, dependency, _) in dependencies(manifest) {
            if manifests.contains_key(&dependency) && !allowed.contains(&dependency.as_str()) {
                violations.push(format!("{path}: [{table}] {name} must not depend on {dependency}"));
            }
        }
    }
    none(&violations);
}

#[test]
fn versions_stand_in_the_root_manifest_alone_and_each_is_used() {
    let workspace: Table = read("Cargo.toml").parse().unwrap();
    let offered = workspace["workspace"]["dependencies"].as_table().unwrap();
    let mut used = BTreeSet::new();
    let mut violations = Vec::new();
    for (path, manifest) in manifests().values() {
        for (table, dependency, value) in dependencies(manifest) {
            if value.get("workspace") != Some(&Value::Boolean(true)) {
                violations.push(format!("{path}: [{table}] {dependency} must say workspace = true"));
            }
            used.insert(dependency);
        }
    }
    let unused = offered.keys().filter(|name| !used.contains(*name));
    violations.extend(
        unused.map(|name| format!("Cargo.toml: [workspace.dependencies] {name} is used by no member")),
    );
    none(&violations);
}

#[test]
fn fluvio_reaches_the_smartmodule_only_where_it_runs() {
    let (path, manifest) = &manifests()["voc-smartmodule"];
    let misplaced = dependencies(manifest)
        .into_iter()
        .filter(|(table, dependency, _)| dependency.starts_with("fluvio") && !table.contains("wasm32"));
    none(
        &misplaced
            .map(|(table, name, _)| format!("{path}: [{table}] {name} belongs under wasm32"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn crates_are_named_only_in_their_role() {
    let mut violations = Vec::new();
    for (path, number, line) in rust_lines() {
        let import = line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub use ");
        for (word, rest) in words(&line) {
            // In a path or an import, so that a word in a message does not count.
            let is_path = rest.starts_with("::") || (import && rest.starts_with([';', ' ']));
            if !is_path {
                continue;
            }
            for (name, places) in ROLES {
                let family =
                    word == name || word.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
                if family && !may(&path, places) {
                    violations
                        .push(format!("{path}:{number}: {word} may be named only in {}", places.join(", ")));
                }
            }
        }
    }
    none(&violations);
}

#[test]
fn unsafe_code_stays_in_its_two_places() {
    let lines =
        rust_lines().into_iter().filter(|(path, _, _)| path != "tests/tidy.rs" && !may(path, &MAY_BE_UNSAFE));
    let unsafe_lines = lines.filter(|(_, _, line)| words(line).any(|(word, _)| word == "unsafe"));
    none(
        &unsafe_lines
            .map(|(path, number, _)| format!("{path}:{number}: unsafe only in {}", MAY_BE_UNSAFE.join(", ")))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_file_stays_short() {
    let code = files().into_iter().filter(|path| {
        let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| CODE.contains(&extension)) && !path.starts_with("tests/data/")
    });
    let long = code.map(|path| (read(&path).lines().count(), path)).filter(|(lines, _)| *lines >= LINES);
    none(
        &long
            .map(|(lines, path)| format!("{path}:{lines}: a file has fewer than {LINES} lines"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn modules_are_named_by_their_file() {
    let modules = files().into_iter().filter(|path| path.ends_with("/mod.rs"));
    none(&modules.map(|path| format!("{path}: use foo.rs beside foo/")).collect::<Vec<_>>());
}

/// The string literals of a line that could be a metric's name.
fn metric_literals(line: &str) -> impl Iterator<Item = &str> {
    // Every second piece between quotes is inside them.
    let literals = line.split('"').skip(1).step_by(2);
    literals.filter(|literal| {
        let plain = literal
            .chars()
            .all(|character| character.is_ascii_lowercase() || "0123456789_".contains(character));
        plain && literal.starts_with("voc_")
    })
}

#[test]
fn metric_names_stand_in_metrics_rs_and_end_in_their_unit() {
    let lines = rust_lines();
    let (definitions, others): (Vec<_>, Vec<_>) =
        lines.iter().partition(|(path, _, _)| path.ends_with("/src/metrics.rs"));
    let mut names = BTreeSet::new();
    let mut violations = Vec::new();
    for (path, number, line) in definitions {
        for name in metric_literals(line) {
            let words: Vec<&str> = name.split('_').collect();
            let end = words.last().copied().unwrap_or_default();
            let spelled = words.iter().all(|word| word.starts_with(|first: char| first.is_ascii_lowercase()));
            if !spelled || words.len() < 3 || !METRIC_ENDS.contains(&end) {
                violations.push(format!(
                    "{path}:{number}: {name} must be voc_<noun>_<unit>, unit one of {METRIC_ENDS:?}"
                ));
            }
            names.insert(name);
        }
    }
    assert!(!names.is_empty(), "no metrics.rs names a metric");
    for (path, number, line) in others {
        // A test may say what it expects; the programs say it once.
        let is_program =
            (path.starts_with("api/src/") || path.starts_with("connector/")) && !path.contains("tests");
        let named =
            |name: &str| names.contains(name) || name.ends_with("_total") || name.ends_with("_seconds");
        let literals = metric_literals(line).filter(|name| is_program && named(name));
        violations.extend(literals.map(|name| format!("{path}:{number}: {name} belongs in metrics.rs")));
    }
    none(&violations);
}

#[test]
fn nothing_is_put_off_and_no_test_is_left_out() {
    const WORDS: [&str; 4] = ["TODO", "FIXME", "should_panic", "ignore"];
    let mut violations = Vec::new();
    for path in files() {
        let extension = Path::new(&path).extension().and_then(|extension| extension.to_str());
        if !extension.is_some_and(|extension| CODE.contains(&extension)) || path == "tests/tidy.rs" {
            continue;
        }
        for (index, line) in read(&path).lines().enumerate() {
            for (word, _) in words(line) {
                // "ignore" is a word of the language too: it counts only as an attribute.
                if WORDS.contains(&word) && (word != "ignore" || line.trim_start().starts_with("#[ignore")) {
                    violations.push(format!("{path}:{}: {word}", index + 1));
                }
            }
        }
    }
    none(&violations);
}

#[test]
fn sql_files_are_numbered_without_holes() {
    const FOLDER: &str = "deploy/clickhouse/";
    let files = files();
    let names =
        files.iter().filter_map(|path| path.strip_prefix(FOLDER)).filter(|name| name.ends_with(".sql"));
    // What an administrator runs by hand lies in a folder of its own.
    let names = names.filter(|name| !name.contains('/'));
    let mut violations = Vec::new();
    for (index, name) in names.enumerate() {
        if !name.starts_with(&format!("{:04}_", index + 1)) {
            violations.push(format!("{FOLDER}{name}: should begin with {:04}_", index + 1));
        }
    }
    none(&violations);
}
