//! Times as microseconds since 1970 in UTC: read from RFC 3339, written as RFC 3339.

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

/// Microseconds since 1970-01-01T00:00:00Z.
pub type Micros = i64;

/// The times that a `DateTime64(6)` column holds: the years 1900 to 2299.
pub const STORABLE: std::ops::Range<Micros> = -2_208_988_800_000_000..10_413_792_000_000_000;

/// Reads an RFC 3339 date-time (section 5.6: `T` or `t`, offset required). Digits finer than a
/// microsecond are cut; a leap second is read where there can be one, as the second after it.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<Micros> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| {
        bytes.get(from..to)?.iter().try_fold(0_u32, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
        })
    };
    let punctuation = |at: usize, allowed: &[u8]| bytes.get(at).filter(|byte| allowed.contains(byte));
    for (at, allowed) in [(4, b"-".as_slice()), (7, b"-"), (10, b"Tt"), (13, b":"), (16, b":")] {
        punctuation(at, allowed)?;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(number(0, 4)?).ok()?, number(5, 7)?, number(8, 10)?)?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }

    let mut at = 19;
    let mut fraction = 0;
    if punctuation(at, b".").is_some() {
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        let kept = digits.min(6);
        fraction = number(at + 1, at + 1 + kept)? * 10_u32.pow(u32::try_from(6 - kept).ok()?);
        at += 1 + digits;
    }

    let offset = match *bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 => {
            punctuation(at + 3, b":")?;
            let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i64::from(hours * 3600 + minutes * 60);
            if sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };

    let midnight = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp();
    let seconds = midnight + i64::from(hour * 3600 + minute * 60 + second) - offset;
    // A leap second comes at the end of a day in UTC and nowhere else.
    if second == 60 && seconds.rem_euclid(86_400) != 0 {
        return None;
    }
    Some(seconds * 1_000_000 + i64::from(fraction))
}

/// Appends the time as `2026-11-01T09:05:00.000000Z`.
pub fn write_rfc3339(time: Micros, out: &mut Vec<u8>) {
    // Validation has kept the time within STORABLE, where years have four digits.
    let date_time = DateTime::from_timestamp_micros(time).unwrap_or_default().naive_utc();
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let mut put = |from: usize, to: usize, mut number: u32| {
        for place in text[from..to].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(0, 4, date_time.year().unsigned_abs());
    put(5, 7, date_time.month());
    put(8, 10, date_time.day());
    put(11, 13, date_time.hour());
    put(14, 16, date_time.minute());
    put(17, 19, date_time.second());
    put(20, 26, date_time.nanosecond() / 1000);
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_rfc_3339_allows() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-01T09:05:00.000+00:00", 1_793_523_900_000_000),
            ("2026-11-01t06:05:00.1234567-03:00", 1_793_523_900_123_456),
            ("2026-11-01T00:00:00.5z", 1_793_491_200_500_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
            ("2017-01-01T00:59:60+01:00", 1_483_228_800_000_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ] {
            assert_eq!(parse_rfc3339(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "2026-11-01",
            "2026-11-01T09:05:00",
            "2026-11-01 09:05:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-01T24:00:00Z",
            "2026-11-01T09:60:00Z",
            "2026-11-01T12:00:60Z",
            "2026-11-01T09:05:00.Z",
            "2026-11-01T09:05:00+0000",
            "2026-11-01T09:05:00+24:00",
            "2026-11-01T09:05:00Zx",
            "26-11-01T09:05:00Z",
            "2026-11-01T09:05:00\u{2212}03:00",
            "1793523900000",
            "2026-11-01T09:05Z",
            "+2026-11-01T09:05:00Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for time in [0, 1_793_523_900_123_456, STORABLE.start, STORABLE.end - 1] {
            let mut text = Vec::new();
            write_rfc3339(time, &mut text);
            assert_eq!(parse_rfc3339(std::str::from_utf8(&text).unwrap()), Some(time));
        }
    }
}
