//! When events happen, and every way in which a producer may spell it.

use std::fmt::Write;

use chrono::{DateTime, Datelike, Timelike};

use super::Options;
use super::random::Random;

const DAY_US: i64 = 86_400_000_000;

/// The time of the event with this number, in microseconds since 1970: later events are later, give or
/// take three hours.
pub(super) fn of_event(options: &Options, index: u64, random: &mut Random) -> i64 {
    let until = options.until_ms * 1000;
    let span = i64::from(options.days) * DAY_US;
    let progress = i128::from(span) * i128::from(index) / i128::from(options.events.max(1));
    let jitter = signed(random.below(6 * 3_600_000_000)) - 3 * 3_600_000_000;
    let time = until - span + i64::try_from(progress).unwrap_or(span) + jitter;
    let time = time.clamp(until - span, until);
    // Few clocks are finer than a millisecond, and some are coarser.
    match random.below(10) {
        0 => time,
        1..=3 => time - time.rem_euclid(1_000_000),
        _ => time - time.rem_euclid(1000),
    }
}

/// Appends the time as a JSON value in a spelling that loses none of it.
pub(super) fn spell(time_us: i64, random: &mut Random, json: &mut String) {
    let whole_millis = time_us.rem_euclid(1000) == 0;
    let spelling = random.below(10);
    if spelling >= 8 && whole_millis {
        let _ = write!(json, "{}", time_us / 1000);
        return;
    }
    let (offset_minutes, offset) = match spelling {
        0..=4 => (0, "Z"),
        5 => (-180, "-03:00"),
        6 => *random.pick(&[(120, "+02:00"), (330, "+05:30"), (-480, "-08:00"), (0, "-00:00")]),
        _ => *random.pick(&[(0, "+00:00"), (0, "z")]),
    };
    let fraction = time_us.rem_euclid(1_000_000);
    json.push('"');
    seconds(time_us + offset_minutes * 60_000_000, if offset == "z" { 't' } else { 'T' }, json);
    let _ = match (fraction, random.below(8)) {
        (0, 0..=5) => Ok(()),
        // Finer than a microsecond: kept in the payload, cut in the column.
        (_, 7) => write!(json, ".{fraction:06}789"),
        _ if whole_millis => write!(json, ".{:03}", fraction / 1000),
        _ => write!(json, ".{fraction:06}"),
    };
    json.push_str(offset);
    json.push('"');
}

/// Appends `2026-11-01T09:05:00`.
pub(super) fn seconds(time_us: i64, separator: char, text: &mut String) {
    let time = DateTime::from_timestamp_micros(time_us).unwrap_or_default();
    let numbers = [time.month(), time.day(), time.hour(), time.minute(), time.second()];
    let _ = write!(text, "{:04}", time.year());
    for (before, number) in ['-', '-', separator, ':', ':'].into_iter().zip(numbers) {
        text.push(before);
        text.extend([number / 10, number % 10].map(|digit| char::from_digit(digit, 10).unwrap_or('0')));
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
