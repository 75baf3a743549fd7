//! What keys look like, and that everything in them comes back.

use proptest::prelude::*;

use super::*;

fn key(topic: &str) -> Key {
    Key {
        generation: 1,
        topic: topic.to_owned(),
        partition: 0,
        offset: 123,
        timestamp_ms: 1_700_000_000_000,
        key: None,
        headers: Vec::new(),
        is_null: false,
    }
}

fn header(name: &str, value: Option<&[u8]>) -> Header {
    (name.to_owned(), value.map(<[u8]>::to_vec))
}

/// Keys are in topics that later versions read: do not change.
#[test]
fn keys_are_stable() {
    let plain = key("voc.events");
    let text = Key { key: Some(b"call \"7\" \xc3\xbc".to_vec()), ..plain.clone() };
    let binary = Key { key: Some(vec![0xff]), is_null: true, ..plain.clone() };
    let headers = vec![
        header("name", Some(b"text")),
        header("name", Some(&[0xff])),
        header("name", None),
        header("\u{1}\n\\", Some(b"")),
    ];
    let full = Key {
        generation: u32::MAX,
        partition: u32::MAX,
        offset: u64::MAX,
        timestamp_ms: -1,
        key: Some(Vec::new()),
        headers,
        ..plain.clone()
    };
    let start = concat!(
        r#"{"mirror":1,"generation":1,"topic":"voc.events","partition":0,"offset":123,"#,
        r#""timestamp":1700000000000"#
    );
    let largest = concat!(
        r#"{"mirror":1,"generation":4294967295,"topic":"voc.events","partition":4294967295,"#,
        r#""offset":18446744073709551615,"timestamp":-1,"key":"","#,
        r#""headers":[["name","text"],["name",{"base64":"/w=="}],["name",null],["\u0001\u000a\\",""]]}"#
    );
    for (key, expected) in [
        (plain, format!("{start}}}")),
        (text, format!(r#"{start},"key":"call \"7\" ü"}}"#)),
        (binary, format!(r#"{start},"key_base64":"/w==","null":true}}"#)),
        (full, largest.to_owned()),
    ] {
        assert_eq!(String::from_utf8(key.encode()).unwrap(), expected);
        assert_eq!(Key::read(expected.as_bytes()), Some(key));
    }
}

#[test]
fn what_is_no_key_of_ours_is_left_alone() {
    let written = key("a").encode();
    assert!(Place::read(&written).is_some());
    let text = String::from_utf8(written.clone()).unwrap();
    let others = [
        String::new(),
        "call-7".to_owned(),
        text[..text.len() - 1].to_owned(),
        format!(" {text}"),
        text.replace(r#""mirror":1"#, r#""mirror":2"#),
        text.replace(r#""mirror":1"#, r#""mirror":11"#),
        text.replace(r#""generation":1"#, r#""generation":4294967296"#),
        text.replace(r#""generation":1"#, r#""generation":01"#),
        text.replace(r#""generation":1"#, r#""generation":"#),
        text.replace(r#""topic":"a""#, r#""topic":"\u0061""#),
        text.replace(r#""partition":0"#, r#""partition":-1"#),
        text.replace("123", "18446744073709551616"),
    ];
    for other in others {
        assert_eq!(Place::read(other.as_bytes()), None, "{other}");
        assert_eq!(Key::read(other.as_bytes()), None, "{other}");
    }
    let damaged = [
        text.replace('}', r#","key_base64":"?"}"#),
        text.replace('}', r#","key":"a","key_base64":"YQ=="}"#),
        text.replace('}', r#","headers":[["a",{"base64":"?"}]]}"#),
        text.replace('}', r#","headers":[["a",7]]}"#),
        text.replace('}', r#","more":1}"#),
    ];
    for damaged in damaged {
        assert_eq!(Key::read(damaged.as_bytes()), None, "{damaged}");
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![any::<String>().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..40)]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\\x00-\\x22\\x7f\\\\]{0,5}", Just("same".to_owned())]
}

prop_compose! {
    fn keys()(
        (generation, partition, offset, timestamp_ms) in any::<(u32, u32, u64, i64)>(),
        topic in "[a-zA-Z0-9._-]{1,249}",
        key in prop::option::of(bytes()),
        headers in prop::collection::vec((name(), prop::option::of(bytes())), 0..6),
        is_null in any::<bool>(),
    ) -> Key {
        Key { generation, topic, partition, offset, timestamp_ms, key, headers, is_null }
    }
}

proptest! {
    #[test]
    fn everything_comes_back(key in keys()) {
        let written = key.encode();
        prop_assert_eq!(Key::read(&written), Some(key.clone()));
        let Key { generation, topic, partition, offset, .. } = &key;
        let place = Place { generation: *generation, topic, partition: *partition, offset: *offset };
        prop_assert_eq!(Place::read(&written), Some(place));
        // Others can read it too, and it is one line.
        let value: serde_json::Value = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(&value["topic"], topic);
        prop_assert!(!written.contains(&b'\n'));
    }

    #[test]
    fn no_bytes_are_too_strange_to_read(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        key in keys(),
        cut in any::<prop::sample::Index>(),
    ) {
        let written = key.encode();
        let _ = Key::read(&bytes);
        let _ = Key::read(&[&written[..cut.index(written.len())], &bytes[..]].concat());
    }
}
