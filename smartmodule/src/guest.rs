//! The SmartModule as Fluvio's engine calls it: `init` with the params, then `map` with records.
//!
//! These two are written out rather than left to Fluvio's macro (0.50), for two reasons. The macro's
//! `map` hands its output to the engine in memory that nobody frees, so that a long stream ends at the
//! engine's memory limit; here one buffer is reused. And it copies its whole input once more before it
//! decodes it. The wire format stays Fluvio's, but its types read and write records one byte at a time:
//! that is done by `wire`.

#![allow(unsafe_code, reason = "the engine calls with pointers into this module's memory")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Cursor;

use fluvio_smartmodule::dataplane::core::{Decoder, Encoder, Version};
use fluvio_smartmodule::dataplane::smartmodule::{
    SmartModuleInitErrorStatus, SmartModuleInitOutput, SmartModuleInitRuntimeError, SmartModuleInput,
    SmartModuleTransformErrorStatus,
};

use crate::params::Params;
use crate::transform::annotate;
use crate::wire::{Output, Records};

thread_local! {
    static PARAMS: RefCell<Params> = RefCell::default();
    /// What the engine reads after a call returns. It keeps its capacity for the next.
    static OUTPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "C" {
    /// The engine notes where the output lies, and reads it after the call returns.
    fn copy_records(pointer: i32, length: i32);
}

/// Takes the params. Wrong ones are refused by name, and the engine reports that to whoever started
/// the stream.
///
/// # Safety
/// `pointer` and `length` are of memory that the engine got from `alloc`, which this call takes over.
#[unsafe(no_mangle)]
unsafe extern "C" fn init(pointer: *mut u8, length: usize, version: i32) -> i32 {
    // SAFETY: the caller's promise; `alloc` made a Vec of just this capacity.
    let input = unsafe { Vec::from_raw_parts(pointer, length, length) };
    let version = version as Version;
    // The params by name lead the init input; Fluvio's own type for it cannot list them, and an unknown
    // one is to be refused.
    let mut pairs = BTreeMap::<String, String>::new();
    if pairs.decode(&mut Cursor::new(input), version).is_err() {
        return SmartModuleInitErrorStatus::DecodingInput as i32;
    }
    match Params::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))) {
        Ok(params) => {
            PARAMS.set(params);
            0
        }
        Err(error) => {
            let error = SmartModuleInitRuntimeError::new(error.into());
            if hand_over(&SmartModuleInitOutput { error }, version) {
                SmartModuleInitErrorStatus::InitError as i32
            } else {
                SmartModuleInitErrorStatus::EncodingOutput as i32
            }
        }
    }
}

/// Makes an envelope of every record. Keys and positions stay.
///
/// # Safety
/// As [`init`].
#[unsafe(no_mangle)]
unsafe extern "C" fn map(pointer: *mut u8, length: usize, version: i32) -> i32 {
    // SAFETY: as in `init`.
    let input_bytes = unsafe { Vec::from_raw_parts(pointer, length, length) };
    let version = version as Version;
    // The first record's offset, then the records with their length before them; what follows is left to
    // Fluvio's own type, which would copy the records byte by byte.
    let Some((records, rest)) = split(&input_bytes) else {
        return SmartModuleTransformErrorStatus::DecodingBaseInput as i32;
    };
    let mut input = SmartModuleInput::default();
    if input.decode(&mut Cursor::new(rest), version).is_err() {
        return SmartModuleTransformErrorStatus::DecodingBaseInput as i32;
    }
    let base_timestamp = input.base_timestamp();
    let Some(mut records) = Records::read(records) else {
        return SmartModuleTransformErrorStatus::DecodingRecords as i32;
    };
    let count = records.left();
    let is_read = OUTPUT.with_borrow_mut(|bytes| {
        let mut output = Output::begin(bytes, count);
        PARAMS.with_borrow(|params| {
            while let Some(record) = records.take() {
                let time = base_timestamp + record.timestamp_delta;
                output.push(&record, |envelope| annotate(record.value, time, params, envelope));
            }
        });
        output.end();
        records.left() == 0
    });
    if !is_read {
        return SmartModuleTransformErrorStatus::DecodingRecords as i32;
    }
    OUTPUT.with_borrow(|bytes| {
        // SAFETY: the engine reads `bytes` before it calls again, and only a call changes them.
        unsafe { copy_records(bytes.as_ptr() as i32, bytes.len() as i32) };
    });
    count as i32
}

/// The records of an input, and the input without them.
fn split(input: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let (base_offset, rest) = input.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (records, rest) = rest.split_at_checked(usize::try_from(i32::from_be_bytes(*length)).ok()?)?;
    Some((records, [&base_offset[..], &[0; 4], rest].concat()))
}

fn hand_over(output: &impl Encoder, version: Version) -> bool {
    OUTPUT.with_borrow_mut(|bytes| {
        bytes.clear();
        let encoded = output.encode(bytes, version).is_ok();
        if encoded {
            // SAFETY: the engine reads `bytes` before it calls again, and only a call changes them.
            unsafe { copy_records(bytes.as_ptr() as i32, bytes.len() as i32) };
        }
        encoded
    })
}
