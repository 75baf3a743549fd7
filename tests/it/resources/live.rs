//! Server-sent events: what arrives is shown, whatever happens to ClickHouse and the server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::eventually;
use voc_tests::harness::gate::Gate;
use voc_tests::harness::input::{self, call, now_ms};
use voc_tests::harness::stage::Stage;

use super::serving::{Message, Serving, Stream, token};

const LIVE: &str = "/v1/tenants/acme/live?window=60&every=1";

/// What all messages so far say is new, together.
fn new_events(messages: &[Message]) -> u64 {
    messages.iter().filter_map(|message| message.data["new"]["events"].as_u64()).sum()
}

/// Waits until the window has so many events; gives the message that says so.
fn until_events(stream: &Stream, events: u64) -> Message {
    eventually(&format!("the window has {events} events"), || {
        stream.messages().into_iter().rfind(|message| message.data["events"] == events)
    })
}

fn tool(number: u32, tenant: &str, timestamp: i64) -> String {
    format!(
        r#"{{"event_id":"00000000-0000-4000-8000-{number:012}","tenant_id":"{tenant}","timestamp":{timestamp},"event_type":"tool_invocation","agent_id":"a","tool":"search","success":true}}"#
    )
}

#[test]
fn what_arrives_is_shown_and_what_is_new_adds_up() {
    let mut stage = Stage::new("live");
    stage.config["transforms"][0]["with"]["sentiment"] = "keywords".into();
    input::write(&stage.file, [call("acme", 1), call("globex", 2)]);
    let mut connector = stage.connector(&[]);
    connector.until_ready_is(200);
    stage.until_stored(2);
    let api = Serving::start(&stage, &json!({}));
    let stream = api.listen(LIVE, &[]).unwrap();
    let first = stream.until("window", 0);
    assert_eq!((&first.data["events"], &first.data["new"]), (&json!(1), &Value::Null));
    assert_eq!(first.data["by_type"], json!({"call": 1}));

    // Late by hours is shown; of another tenant, of long ago and once more is not news.
    let bad = call("acme", 5).replace("Good, thank you", "bad");
    let hours_ago = tool(6, "acme", now_ms() - 10 * 3_600_000);
    let long_ago = tool(7, "acme", now_ms() - 30 * 3_600_000);
    let lines = [call("acme", 3), bad, hours_ago, long_ago, call("globex", 8), call("acme", 9)];
    input::append(&stage.file, &lines);
    stage.until_stored(8);
    let message = until_events(&stream, 5);
    assert_eq!(message.data["by_type"], json!({"call": 4, "tool_invocation": 1}));
    assert_eq!((&message.data["scored"], &message.data["negative_share"]), (&json!(4), &json!(0.25)));
    // "Good, thank you" has two positive words, "bad" a negative one.
    assert_eq!(message.data["sentiment"], 1.25);
    assert_eq!(new_events(&stream.messages()), 4);
    input::append(&stage.file, [&lines[0], &call("acme", 10)]);
    stage.until_stored(10);
    until_events(&stream, 6);
    let messages = stream.messages();
    assert_eq!(new_events(&messages), 5);
    // Each goes on where the one before ended, and has an id of its own.
    for pair in messages.windows(2) {
        assert_eq!((pair[1].event.as_str(), &pair[1].data["new"]["since"]), ("window", &pair[0].data["at"]));
        assert!(pair[1].id.parse::<u64>().unwrap() > pair[0].id.parse().unwrap());
    }
    connector.drain();
}

#[test]
fn all_listeners_of_a_view_share_one_question() {
    let stage = Stage::new("live_shared");
    input::write(&stage.file, [call("acme", 1)]);
    stage.run_once();
    let gate = Gate::before(&stage.database);
    let api = Serving::before(&stage, &json!({}), Some(gate.port()));
    let listen = |path: &str| api.listen(path, &[]).unwrap();
    let streams: Vec<Stream> = (0..20).map(|_| listen("/v1/tenants/acme/live?every=60")).collect();
    let ids: Vec<String> = streams.iter().map(|stream| stream.until("window", 0).id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(gate.questions(), 1);
    // Another tenant, another window or another pace is another view.
    for path in ["/v1/tenants/globex/live?every=60", "/v1/tenants/acme/live?every=60&window=6"] {
        listen(path).until("window", 0);
    }
    assert_eq!(gate.questions(), 3);
    // After the last has left nobody looks: the next one is a first look again.
    drop(streams);
    let first = eventually("a look that knows of none before", || {
        let message = listen("/v1/tenants/acme/live?every=60").until("window", 0);
        (message.id != ids[0]).then_some(message)
    });
    assert_eq!(first.data["new"], Value::Null);
}

#[test]
fn a_stream_goes_on_when_clickhouse_is_back() {
    let mut clickhouse = ClickHouse::start();
    let stage = Stage::on(&clickhouse, "live_outage");
    input::write(&stage.file, [call("acme", 1)]);
    stage.run_once();
    let api = Serving::start(&stage, &json!({}));
    let stream = api.listen(LIVE, &[]).unwrap();
    stream.until("window", 0);
    clickhouse.kill();
    let known = stream.messages().len();
    let error = stream.until("error", known.saturating_sub(1));
    assert_eq!((&error.data["code"], &error.data["status"]), (&json!("unavailable"), &json!(503)));
    // Who comes now is told the same, and is not sent away.
    let late = api.listen("/v1/tenants/acme/live?every=1", &[]).unwrap();
    assert_eq!(late.until("error", 0).data["code"], "unavailable");

    clickhouse.start_again();
    input::append(&stage.file, [call("acme", 2)]);
    stage.run_once();
    assert_eq!(until_events(&stream, 2).event, "window");
    assert_eq!(new_events(&stream.messages()), 1, "what came is new once");
    until_events(&late, 2);
}

#[test]
fn streams_end_when_the_server_stops_and_do_not_hold_it_up() {
    let stage = Stage::new("live_stop");
    input::write(&stage.file, [call("acme", 1)]);
    stage.run_once();
    let mut api = Serving::start(&stage, &json!({}));
    let streams: Vec<Stream> = (0..10).map(|_| api.listen(LIVE, &[]).unwrap()).collect();
    for stream in &streams {
        stream.until("window", 0);
    }
    let started = Instant::now();
    api.process.terminate();
    assert_eq!(api.process.wait().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    for stream in &streams {
        let last = stream.until_it_ends().pop().unwrap();
        assert_eq!((last.event.as_str(), &last.data["code"]), ("error", &json!("unavailable")));
        assert_eq!(last.data["detail"], "the API is stopping");
    }
    let log = api.process.log();
    assert!(log.contains("stopped") && !log.contains("in flight"), "{log}");
}

#[test]
fn streams_have_places_of_their_own_and_there_are_only_so_many() {
    let stage = Stage::new("live_places");
    input::write(&stage.file, [call("acme", 1)]);
    stage.run_once();
    let api = Serving::start(&stage, &json!({"limits": {"live_streams": 2, "concurrent": 1}}));
    let (one, _two) = (api.listen(LIVE, &[]).unwrap(), api.listen(LIVE, &[]).unwrap());
    one.until("window", 0);
    let refused = api.ask(LIVE, &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert_eq!(refused.body["detail"], "too many live streams");
    // The one place for requests is free.
    assert_eq!(api.ask("/v1/tenants/acme/summary", &[]).status, 200);
    drop(one);
    eventually("the place is free again", || api.listen(LIVE, &[]).ok());
}

#[test]
fn a_stream_is_of_its_tenant_and_ends_with_its_token() {
    let stage = Stage::new("live_token");
    input::write(&stage.file, [call("acme", 1)]);
    stage.run_once();
    let api = Serving::with_credentials(&stage, &json!({}));
    assert_eq!(api.listen(LIVE, &[]).err(), Some(401));
    assert_eq!(api.listen(LIVE, &[("authorization", &token("globex", 600))]).err(), Some(403));
    let (short, long) = (token("acme", 3), token("acme", 600));
    let stays = api.listen(LIVE, &[("authorization", &long)]).unwrap();
    let stream = api.listen(LIVE, &[("authorization", &short)]).unwrap();
    assert_eq!(stream.until("window", 0).data["events"], 1);
    let last = stream.until_it_ends().pop().unwrap();
    assert_eq!((last.event.as_str(), &last.data["code"]), ("error", &json!("unauthenticated")));
    // The other one, of the same view, goes on.
    let known = stays.messages().len();
    stays.until("window", known);
}
