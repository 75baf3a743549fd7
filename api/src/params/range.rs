//! Which stretch of time is asked about, and in which time zone its days are counted.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use voc_smartmodule::timestamp::parse_rfc3339;

use super::{Params, bad};
use crate::error::Error;

/// Microseconds in a day of 24 hours, and in an hour.
const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 3_600_000_000;
/// 2000-01-01 and 2100-01-01, in microseconds since 1970.
const POSSIBLE: std::ops::RangeInclusive<i64> = 946_684_800_000_000..=4_102_444_800_000_000;
const DEFAULT_DAYS: i64 = 30;
const LONGEST_DAYS: i64 = 3_660;

/// From a time up to, and not with, another; both in microseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// The first moment of it.
    pub from: i64,
    /// The first moment after it.
    pub to: i64,
    /// Where days, weeks and months begin.
    pub zone: TimeZone,
}

impl Range {
    /// Names of the parameters.
    pub const NAMES: [&'static str; 3] = ["from", "to", "timezone"];

    /// Takes the parameters `from`, `to` and `timezone`; without them, the 30 days up to the end of this hour, in UTC:
    /// whole hours, which have rollups.
    ///
    /// # Errors
    /// A 400 if one is no time or no time zone, or the range is empty or too long.
    pub fn optional(params: &Params, now: i64) -> Result<Self, Error> {
        let zone = zone(params)?;
        let end_of_hour = now - now.rem_euclid(HOUR) + if now.rem_euclid(HOUR) == 0 { 0 } else { HOUR };
        let to = time(params, "to", &zone)?.unwrap_or(end_of_hour);
        let from = time(params, "from", &zone)?.unwrap_or(to - DEFAULT_DAYS * DAY);
        if from >= to {
            return Err(bad("from", "from must lie before to; without to, before now".to_owned()));
        }
        if to - from > LONGEST_DAYS * DAY {
            return Err(bad("from", format!("from must lie at most {LONGEST_DAYS} days before to")));
        }
        Ok(Self { from, to, zone })
    }

    /// The stretch of the same length that ends where this one begins.
    #[must_use]
    pub fn before(&self) -> Self {
        Self { from: self.from - (self.to - self.from), to: self.from, zone: self.zone.clone() }
    }

    /// A moment as RFC 3339 with the offset that the time zone has then.
    #[must_use]
    pub fn show(&self, micros: i64) -> String {
        show(micros, &self.zone)
    }
}

/// A moment, in microseconds since 1970, as RFC 3339 with the offset that the time zone has then.
#[must_use]
pub fn show(micros: i64, zone: &TimeZone) -> String {
    let Ok(time) = Timestamp::from_microsecond(micros) else { return String::new() };
    let format = if micros % 1_000_000 == 0 { "%Y-%m-%dT%H:%M:%S%:z" } else { "%Y-%m-%dT%H:%M:%S.%6f%:z" };
    time.to_zoned_datetime(zone.clone()).strftime(format).to_string()
}

/// By its name in the IANA database that is part of this program.
fn zone(params: &Params) -> Result<TimeZone, Error> {
    let Some(name) = params.get("timezone") else { return Ok(TimeZone::UTC) };
    TimeZone::get(name).map_err(|_| {
        bad("timezone", "timezone must be a name of the IANA database, such as America/Sao_Paulo".to_owned())
    })
}

/// RFC 3339 with an offset, or a date, which begins in the time zone.
fn time(params: &Params, name: &'static str, zone: &TimeZone) -> Result<Option<i64>, Error> {
    let Some(text) = params.get(name) else { return Ok(None) };
    let micros = parse_rfc3339(text).or_else(|| date(text, zone));
    match micros {
        Some(micros) if POSSIBLE.contains(&micros) => Ok(Some(micros)),
        _ => Err(bad(
            name,
            format!(
                "{name} must be a time as 2026-11-01T09:05:00-03:00 or a date as 2026-11-01, from 2000 to 2099"
            ),
        )),
    }
}

fn date(text: &str, zone: &TimeZone) -> Option<i64> {
    let is_date = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let date: Date = is_date.then(|| text.parse().ok())??;
    start_of_day(date, zone).map(Timestamp::as_microsecond)
}

/// Midnight, or where the clocks skip it, the first moment after it.
pub(super) fn start_of_day(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_timestamp(civil::DateTime::from_parts(date, civil::Time::midnight())).ok()
}

#[cfg(test)]
mod tests {
    use super::{DAY, HOUR, Range};
    use crate::error::Error;
    use crate::params::Params;

    const NOW: i64 = 1_793_491_200_000_000; // 2026-11-01T00:00:00Z

    fn read(query: &str) -> Result<Range, Error> {
        Range::optional(&Params::parse(Some(query), &Range::NAMES).unwrap(), NOW)
    }

    #[test]
    fn without_parameters_it_is_the_last_30_days() {
        let range = read("").unwrap();
        assert_eq!((range.from, range.to), (NOW - 30 * DAY, NOW));
        assert_eq!((range.before().from, range.before().to), (NOW - 60 * DAY, NOW - 30 * DAY));
        assert_eq!(range.show(NOW), "2026-11-01T00:00:00+00:00");
        assert_eq!(range.show(NOW + 5), "2026-11-01T00:00:00.000005+00:00");
    }

    #[test]
    fn it_ends_with_the_hour() {
        let params = Params::parse(None, &Range::NAMES).unwrap();
        for now in [NOW - HOUR + 1, NOW - 1, NOW] {
            assert_eq!(Range::optional(&params, now).unwrap().to, NOW);
        }
    }

    #[test]
    fn a_date_begins_in_its_time_zone() {
        let range = read("from=2026-10-01&to=2026-10-02T00:00:00-03:00&timezone=America/Sao_Paulo").unwrap();
        assert_eq!(range.to - range.from, DAY);
        assert_eq!(range.show(range.from), "2026-10-01T00:00:00-03:00");
        // In 2017 the clocks of São Paulo skipped the midnight of this day.
        let skipped = read("from=2017-10-15&to=2017-10-16&timezone=America/Sao_Paulo").unwrap();
        assert_eq!(skipped.show(skipped.from), "2017-10-15T01:00:00-02:00");
        assert_eq!(skipped.to - skipped.from, DAY / 24 * 23);
    }

    #[test]
    fn what_is_no_range_is_named() {
        for (query, at_fault) in [
            ("from=", "from"),
            ("from=yesterday", "from"),
            ("from=2026-13-01", "from"),
            ("from=2026-02-30", "from"),
            ("from=1999-12-31", "from"),
            ("from=%2B02026-1-1", "from"),
            ("from=2026-10-01T00:00:00", "from"),
            ("to=2101-01-01", "to"),
            ("to=9999999999", "to"),
            ("from=2026-11-02", "from"),
            ("from=2026-10-01&to=2026-10-01", "from"),
            ("from=2010-01-01&to=2026-10-01", "from"),
            ("timezone=", "timezone"),
            ("timezone=Mars/Olympus", "timezone"),
            ("timezone=../../etc/passwd", "timezone"),
            ("timezone=UTC'", "timezone"),
        ] {
            match read(query) {
                Err(Error::BadParameter { parameter, .. }) => {
                    assert_eq!(parameter.as_deref(), Some(at_fault));
                }
                other => panic!("{query} gave {other:?}"),
            }
        }
    }
}
