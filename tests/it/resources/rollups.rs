//! Rollups: the numbers stay those of the events, whatever happens to either.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voc_tests::harness::connector::{command, operate};
use voc_tests::harness::eventually;
use voc_tests::harness::input::{self, call, now_ms, seed};
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::Stage;

use super::loaded::{Api, DAY, near, time};
use super::oracle::{self, Event, Sample};
use crate::audit::assert_clean;
use crate::dead_letters::rig;

const HOUR: i64 = DAY / 24;

/// Hours that are read from their events.
const CHANGED: &str = "SELECT count() FROM (SELECT hour FROM voc_rollup_hours GROUP BY tenant_id, hour
    HAVING max(touched_at) >= max(computed_at))";

/// Computes the rollups of what has changed; gives how many hours that were.
#[track_caller]
fn compute(stage: &Stage, arguments: &[&str]) -> (u64, String) {
    let (code, said) = operate(stage, &[&["rollups", "--settle", "0s"], arguments].concat());
    assert_eq!(code, Some(0), "{said}");
    let hours = said.lines().find_map(|line| line.strip_prefix("hours computed: ")?.parse().ok());
    (hours.unwrap_or_else(|| panic!("{said}")), said)
}

/// What the API says of a tenant, in whole hours and in parts of them, is what its events say.
#[track_caller]
fn assert_numbers(api: &Api, tenant: &str, events: &[Event], what: &str) {
    let now = now_ms() * 1_000;
    let hour = now.div_euclid(HOUR) * HOUR;
    for (from, to) in [(hour - 35 * DAY, hour + HOUR), (hour - 9 * DAY - 1_234_567, now - DAY)] {
        let meant: Vec<&Event> = events
            .iter()
            .filter(|event| event.tenant == tenant && (from..to).contains(&event.micros))
            .collect();
        let range = format!("from={}&to={}", time(from), time(to));
        let summary = &api.get(tenant, &format!("summary?{range}"))["current"];
        assert_eq!(summary["events"], meant.len(), "{what}: {tenant}: {summary}");
        let scores = Sample::of(meant.iter().copied(), "sentiment");
        assert_eq!(summary["scored"], scores.0.len(), "{what}: {tenant}");
        near(&summary["sentiment"], scores.mean(), what);
        let series = api.get(tenant, &format!("timeseries?metric=sentiment&granularity=day&{range}"));
        let points = series["series"][0]["points"].as_array().unwrap();
        let sum = |name: &str| points.iter().map(|point| point[name].as_u64().unwrap()).sum::<u64>();
        assert_eq!(
            (sum("events"), sum("of")),
            (meant.len() as u64, scores.0.len() as u64),
            "{what}: {tenant}"
        );
        let spread = api.get(tenant, &format!("distribution?{range}"));
        for quantile in spread["quantiles"].as_array().unwrap() {
            near(&quantile["value"], scores.quantile(quantile["level"].as_f64().unwrap()), what);
        }
        let listed = api.get(tenant, &format!("agents?limit=100&{range}"));
        let of_agents = |event: &&Event| event.dimension("agent").is_some();
        let found: u64 =
            listed["agents"].as_array().unwrap().iter().map(|one| one["events"].as_u64().unwrap()).sum();
        let agents: BTreeSet<_> = meant.iter().filter_map(|event| event.dimension("agent")).collect();
        assert_eq!(listed["total"], agents.len(), "{what}: {tenant}: {listed}");
        if agents.len() <= 100 {
            assert_eq!(
                found,
                meant.iter().copied().filter(|event| of_agents(event)).count() as u64,
                "{what}"
            );
        }
    }
}

#[track_caller]
fn assert_all(api: &Api, events: &[Event], what: &str) {
    let tenants: BTreeSet<&str> = events.iter().map(|event| event.tenant.as_str()).collect();
    for tenant in tenants {
        assert_numbers(api, tenant, events, what);
    }
}

fn events(lines: &[Vec<u8>]) -> Vec<Event> {
    oracle::events(lines, now_ms())
}

#[test]
fn late_repeated_replayed_and_erased_events_leave_the_numbers_right() {
    let mut stage = Stage::new("rollups_right");
    let seed = seed();
    let mut lines = input::lines(input::options(4_000, seed));
    // For a while what is nested is refused.
    let deep = (0..50).map(|number| rig::deep("acme", number).into_bytes());
    lines.extend(deep.chain((50..60).map(|number| call("acme", number).into_bytes())));
    input::write(&stage.file, &lines);
    stage.config["transforms"][0]["with"] = json!({ "max_depth": "2" });
    stage.run_once();
    let api = Api::start(&stage);
    let refused: Vec<Vec<u8>> = lines[lines.len() - 60..lines.len() - 10].to_vec();
    compute(&stage, &[]);
    assert_eq!(stage.database.number(CHANGED), 0);

    stage.config["transforms"][0]["with"] = json!({});
    let replayed = rig::carried_out(&stage, &["replay", "--tenant", "acme"], 0);
    assert_eq!(replayed["passed"], refused.len());
    assert!(stage.database.number(CHANGED) > 0, "a replay touches no hour");
    let known = |lines: &[Vec<u8>]| -> Vec<Event> {
        events(lines).into_iter().filter(|event| event.tenant == "acme").collect()
    };
    assert_numbers(&api, "acme", &known(&lines), "replayed");
    compute(&stage, &[]);
    assert_numbers(&api, "acme", &known(&lines), "replayed and computed");
    // The rest of what was refused, so that the lines say what is stored.
    rig::carried_out(&stage, &["replay", "--all"], 1);

    let mut late = input::options(1_500, seed ^ 1);
    late.until_ms -= 8 * 86_400_000;
    let mut more = input::lines(late);
    more.extend(lines.iter().step_by(7).cloned());
    input::append(&stage.file, &more);
    lines.extend(more);
    stage.run_once();
    let mut expected = events(&lines);
    assert_all(&api, &expected, "late and repeated");
    let (hours, _) = compute(&stage, &[]);
    assert!(hours > 100, "{hours}");
    assert_all(&api, &expected, "late, repeated and computed");

    let one = expected.iter().position(|event| event.score.is_some()).unwrap();
    let one = expected.swap_remove(one);
    let tenant = expected[0].tenant.clone();
    for arguments in [
        vec!["--tenant", one.tenant.as_str(), "--event", &one.id.to_string()],
        vec!["--tenant", tenant.as_str()],
    ] {
        let (code, said) = operate(&stage, &[&["erase", "--reason", "asked for"], &arguments[..]].concat());
        assert_eq!(code, Some(0), "{said}");
    }
    expected.retain(|event| event.tenant != tenant);
    assert_numbers(&api, &tenant, &expected, "erased");
    assert_all(&api, &expected, "erased");
    compute(&stage, &[]);
    assert_eq!(stage.database.number(CHANGED), 0);
    assert_numbers(&api, &tenant, &expected, "erased and computed");
    assert_all(&api, &expected, "erased and computed");
    let (_, said) = compute(&stage, &["--nightly"]);
    assert!(said.contains("hours that differed: 0\n"), "{said}");

    // Computed once more right before, they lie in several parts.
    stage.database.run(
        "INSERT INTO voc_rollup_hours (tenant_id, hour, touched_at) SELECT tenant_id, hour, now64(6)
        FROM voc_rollups GROUP BY tenant_id, hour",
    );
    let (_, said) = compute(&stage, &["--nightly"]);
    let parts = "SELECT max(number) FROM (SELECT count() AS number FROM system.parts WHERE active
        AND database = currentDatabase() AND table = 'voc_rollups' GROUP BY partition_id)";
    assert_eq!(stage.database.number(parts), 1, "{said}");
    assert!(!said.contains("months merged: 0"), "{said}");
    assert_all(&api, &expected, "merged");
    assert_clean(&stage);
}

#[test]
fn a_kill_in_the_middle_of_a_computation_leaves_the_numbers_right() {
    let stage = Stage::new("rollups_killed");
    let seed = seed();
    let mut lines = Vec::new();
    input::write(&stage.file, &lines);
    let mut api = None;
    // Killed when it has begun, when it has written rollups, and when it has finished some hours.
    for (round, reached) in [
        "SELECT 1",
        "SELECT count() > {before} FROM voc_rollups",
        "SELECT countIf(computed_at > touched_at) > 0 FROM voc_rollup_hours FINAL",
        "SELECT count() > {before} FROM voc_rollups",
    ]
    .into_iter()
    .enumerate()
    {
        let more = input::lines(input::options(3_000, seed ^ round as u64));
        input::append(&stage.file, &more);
        lines.extend(more);
        stage.run_once();
        let before = stage.database.number("SELECT count() FROM voc_rollups");
        let path = stage.folder().join("Operated.yaml");
        std::fs::write(&path, format!("{:#}", stage.config)).unwrap();
        let template = command("voc-connector", stage.folder(), &stage.config);
        let mut command = std::process::Command::new(template.get_program());
        command.args(["rollups", "--settle", "0s", "--config"]).arg(path);
        let mut process = Process::start("rollups", &mut command, stage.folder());
        eventually("the computation has come so far", || {
            let found = stage.database.number(&reached.replace("{before}", &before.to_string()));
            (found > 0 || !process.is_running()).then_some(())
        });
        process.kill();
        let api = api.get_or_insert_with(|| Api::start(&stage));
        assert_all(api, &events(&lines), "killed");
    }
    compute(&stage, &[]);
    assert_eq!(stage.database.number(CHANGED), 0);
    assert_all(&api.unwrap(), &events(&lines), "computed after all");
}

#[test]
fn the_nightly_comparison_finds_rollups_that_differ() {
    let stage = Stage::new("rollups_differ");
    let lines: Vec<Vec<u8>> = (0..300).map(|number| call("acme", number).into_bytes()).collect();
    input::write(&stage.file, &lines);
    stage.run_once();
    compute(&stage, &[]);
    let api = Api::start(&stage);
    assert_all(&api, &events(&lines), "computed");
    stage.database.run("ALTER TABLE voc_rollups DELETE WHERE dimension = 'type'");
    let hour = now_ms() * 1_000 / HOUR * HOUR;
    let all = format!("summary?from={}&to={}", time(hour - 35 * DAY), time(hour + HOUR));
    assert_eq!(api.get("acme", &all)["current"]["events"], 0, "rollups are not what is read");
    let (hours, said) = compute(&stage, &["--nightly"]);
    assert!(hours > 0 && said.contains(&format!("hours that differed: {hours}\n")), "{said}");
    assert_all(&api, &events(&lines), "compared");
}

#[test]
fn a_connector_computes_hours_once_they_have_settled() {
    let mut stage = Stage::new("rollups_running");
    stage.config["rollups"] = json!({ "interval": "100ms", "settle": "300ms" });
    let lines: Vec<Vec<u8>> = (0..300).map(|number| call("acme", number).into_bytes()).collect();
    input::write(&stage.file, &lines[..200]);
    let mut connector = stage.connector(&[]);
    let api = Api::start(&stage);
    let mut computed = || connector.metric("voc_rollup_hours_computed_total").unwrap();
    let first = eventually("every hour is computed", || {
        let first = computed();
        (first > 0.0 && stage.records() == 200 && stage.database.number(CHANGED) == 0).then_some(first)
    });
    input::append(&stage.file, &lines[200..]);
    eventually("the others are computed, too", || {
        let is_more = stage.records() == 300 && computed() > first;
        (is_more && stage.database.number(CHANGED) == 0).then_some(())
    });
    assert_all(&api, &events(&lines), "computed");
}

#[test]
fn what_is_too_old_goes_and_its_rollups_stay() {
    let mut stage = Stage::new("rollups_retention");
    stage.config["retention"] =
        json!({ "events": "10d", "tenants": { "acme": { "events": "20d", "rollups": "25d" } } });
    let lines = input::lines(input::options(3_000, seed()));
    let of_acme: Vec<Vec<u8>> = oracle::events(&lines, now_ms())
        .iter()
        .map(|event| {
            let mut document = event.document.clone();
            document["tenant_id"] = json!("acme");
            document.to_string().into_bytes()
        })
        .collect();
    input::write(&stage.file, lines.iter().chain(&of_acme));
    stage.run_once();
    let api = Api::start(&stage);
    let (_, said) = compute(&stage, &["--nightly"]);
    assert!(!said.contains("removed by age: 0 rows"), "{said}");
    let oldest = |tenant: &str| {
        let sql = format!(
            "SELECT dateDiff('hour', min(ts), now()) FROM voc_events WHERE tenant_id {tenant} 'acme'"
        );
        stage.database.number(&sql)
    };
    assert!((18 * 24..=20 * 24 + 1).contains(&oldest("=")), "{}", oldest("="));
    assert!((8 * 24..=10 * 24 + 1).contains(&oldest("!=")), "{}", oldest("!="));
    // The rows are gone, the numbers are not: of whole hours.
    let hour = now_ms() * 1_000 / HOUR * HOUR;
    let events = events(&lines);
    let count = |tenant: &str, days: i64| -> Value {
        let range = format!("from={}&to={}", time(hour - days * DAY), time(hour + HOUR));
        api.get(tenant, &format!("summary?{range}"))["current"]["events"].clone()
    };
    let tenant = &events.iter().find(|event| event.tenant != "acme").unwrap().tenant;
    let expected = events.iter().filter(|event| &event.tenant == tenant).count();
    assert_eq!(count(tenant, 35), expected);
    // Of all tenants, some of which have equal ids.
    let of_acme: BTreeSet<_> = events.iter().map(|event| (event.id, event.micros)).collect();
    let expected = of_acme.iter().filter(|(_, micros)| *micros >= hour - 24 * DAY).count();
    assert_eq!(count("acme", 24), expected);
    let gone = stage.database.number("SELECT count() FROM voc_rollups WHERE tenant_id = 'acme' AND hour < now() - INTERVAL 25 DAY - INTERVAL 1 HOUR");
    assert_eq!(gone, 0);
    assert_clean(&stage);
    // One that comes later still is counted apart.
    let before = count(tenant, 35);
    let old = events.iter().find(|event| &event.tenant == tenant && event.micros < hour - 12 * DAY).unwrap();
    let mut late = old.document.clone();
    late["event_id"] = json!("018f0000-0000-7000-8000-000000000001");
    input::append(&stage.file, [late.to_string()]);
    stage.run_once();
    compute(&stage, &["--nightly"]);
    assert_eq!(count(tenant, 35), before);
    assert_eq!(stage.database.number("SELECT sum(events) FROM voc_late_events FINAL"), 1);
    assert_clean(&stage);
}
