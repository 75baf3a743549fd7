//! Records as Fluvio's engine hands them over and takes them back. Pure: bytes in, bytes out.
//!
//! Fluvio's own types (0.50) read and write such bytes one at a time, which costs more than the transform
//! itself where the engine counts instructions. Here what stays is copied as it is, and only a record's
//! length and value are written anew. A test of the connector holds both against each other.

use crate::append::append;

/// The form of a record: length, attributes (one byte), time and offset as distances, key, value, number of
/// headers. All numbers are zigzag varints; a key is a byte that says whether there is one, then its length
/// and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Attributes, distances and key, as they came.
    head: &'a [u8],
    /// The distance of its time from the first record's, in milliseconds.
    pub timestamp_delta: i64,
    /// Its value.
    pub value: &'a [u8],
    /// The number of headers, as it came.
    tail: &'a [u8],
}

/// Reads records one after the other.
#[derive(Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Records<'a> {
    /// The records of an input: their number, four bytes, then each. `None` where there is no number.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let left = u32::try_from(i32::from_be_bytes(*count)).unwrap_or(0);
        Some(Self { rest, left })
    }

    /// How many follow.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.left
    }

    /// The next; `None` behind the last, and where the bytes are none of a record.
    pub fn take(&mut self) -> Option<Record<'a>> {
        let left = self.left.checked_sub(1)?;
        let (length, rest) = varint(self.rest)?;
        let (record, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        let (timestamp_delta, after) = varint(record.get(1..)?)?;
        let (_, after) = varint(after)?;
        let (has_key, after) = after.split_first()?;
        let after = if *has_key == 0 { after } else { sized(after)?.1 };
        let head = &record[..record.len() - after.len()];
        let (value, tail) = sized(after)?;
        (self.rest, self.left) = (rest, left);
        Some(Record { head, timestamp_delta, value, tail })
    }
}

/// Writes an output: records with other values, and no error.
#[derive(Debug)]
pub struct Output<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Output<'a> {
    /// Begins an output of so many records.
    pub fn begin(bytes: &'a mut Vec<u8>, count: u32) -> Self {
        bytes.clear();
        bytes.extend_from_slice(&count.to_be_bytes());
        Self { bytes }
    }

    /// Adds a record as it came, with another value, which is appended by `write_value`.
    pub fn push(&mut self, record: &Record<'_>, write_value: impl FnOnce(&mut Vec<u8>)) {
        let bytes = &mut *self.bytes;
        let length_at = bytes.len();
        bytes.extend_from_slice(&[0; ROOM]);
        append(record.head, bytes);
        let value_length_at = bytes.len();
        bytes.extend_from_slice(&[0; ROOM]);
        write_value(bytes);
        put_length(bytes, value_length_at, bytes.len() - value_length_at - ROOM);
        append(record.tail, bytes);
        put_length(bytes, length_at, bytes.len() - length_at - ROOM);
    }

    /// Ends it.
    pub fn end(self) {
        // No error.
        self.bytes.push(0);
    }
}

/// Room that is left for a length until it is known: that of 64 to 8,191 bytes, as nearly all have.
const ROOM: usize = 2;

/// A length and so many bytes, and what follows.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = varint(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

fn varint(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut number = 0_u64;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(((number >> 1) as i64 ^ -((number & 1) as i64), &bytes[index + 1..]));
        }
    }
    None
}

/// Writes a length where room was left for it. Where it takes more or less, what follows is moved.
fn put_length(bytes: &mut Vec<u8>, at: usize, length: usize) {
    let mut number = length << 1;
    let mut varint = [0; usize::BITS.div_ceil(7) as usize];
    let mut size = 0;
    while number >= 0x80 {
        varint[size] = number.to_le_bytes()[0] | 0x80;
        number >>= 7;
        size += 1;
    }
    varint[size] = number.to_le_bytes()[0];
    match (size + 1, bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut)) {
        (ROOM, Some(room)) => *room = [varint[0], varint[1]],
        (size, _) => drop(bytes.splice(at..at + ROOM, varint[..size].iter().copied())),
    }
}
