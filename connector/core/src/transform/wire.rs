//! The SmartModule's own reading and writing of records, held against Fluvio's types.

use std::io::Cursor;

use fluvio_smartmodule::dataplane::core::{Decoder, Encoder};
use fluvio_smartmodule::dataplane::record::{Record, RecordData};
use fluvio_smartmodule::dataplane::smartmodule::SmartModuleOutput;
use proptest::prelude::*;
use voc_smartmodule::wire::{Output, Records};

use super::WIRE_VERSION;

fn data() -> impl Strategy<Value = Vec<u8>> {
    // Around the lengths at which a length takes one byte more.
    prop_oneof![Just(0), 60_usize..70, 8_185_usize..8_200].prop_map(|length| vec![b'x'; length])
}

fn record() -> impl Strategy<Value = Record> {
    let fields = (proptest::option::of(data()), data(), -(1_i64 << 31)..1_i64 << 31, 0_i64..1 << 20);
    fields.prop_map(|(key, value, timestamp_delta, offset_delta)| {
        let mut record = Record::new(RecordData::from(value));
        record.key = key.map(RecordData::from);
        record.preamble.set_timestamp_delta(timestamp_delta);
        record.preamble.set_offset_delta(offset_delta);
        record
    })
}

fn parts(record: &Record) -> (Option<&[u8]>, &[u8], i64, i64) {
    let key = record.key.as_ref().map(AsRef::as_ref);
    (key, record.value.as_ref(), record.timestamp_delta(), record.offset_delta())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_are_read_and_written_as_fluvio_does(records in prop::collection::vec(record(), 0..5), value in data()) {
        let mut input = Vec::new();
        records.encode(&mut input, WIRE_VERSION).unwrap();
        let mut read = Records::read(&input).unwrap();
        let mut bytes = Vec::new();
        let mut output = Output::begin(&mut bytes, read.left());
        for record in &records {
            let taken = read.take().unwrap();
            prop_assert_eq!(taken.value, record.value.as_ref());
            prop_assert_eq!(taken.timestamp_delta, record.timestamp_delta());
            output.push(&taken, |bytes| bytes.extend_from_slice(&value));
        }
        prop_assert!(read.left() == 0 && read.take().is_none());
        output.end();

        let mut decoded = SmartModuleOutput::default();
        decoded.decode(&mut Cursor::new(&bytes), WIRE_VERSION).unwrap();
        prop_assert!(decoded.error.is_none());
        prop_assert_eq!(decoded.successes.len(), records.len());
        for (record, decoded) in records.iter().zip(&decoded.successes) {
            let (key, _, timestamp_delta, offset_delta) = parts(record);
            prop_assert_eq!(parts(decoded), (key, &value[..], timestamp_delta, offset_delta));
        }
        let mut expected = Vec::new();
        decoded.encode(&mut expected, WIRE_VERSION).unwrap();
        prop_assert_eq!(bytes, expected);
    }

    #[test]
    fn records_that_are_cut_are_not_taken(records in prop::collection::vec(record(), 1..3), share in 0.0_f64..1.0) {
        let mut input = Vec::new();
        records.encode(&mut input, WIRE_VERSION).unwrap();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let cut = (input.len() as f64 * share) as usize;
        if let Some(mut read) = Records::read(&input[..cut]) {
            while read.take().is_some() {}
            prop_assert!(read.left() > 0);
        }
    }
}
