//! Which stretch of time is asked about, and in which time zone its days are counted.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde_json::{Value, json};
use voc_smartmodule::timestamp::parse_rfc3339;

use super::parameter::{Parameter, Schema};
use super::{Params, bad, bad_together};
use crate::error::Error;

/// Microseconds in a day of 24 hours, and in an hour.
const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 3_600_000_000;
/// How every time that can be asked about begins: the years 2000 to 2099.
const CENTURY: &str = "20";
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
    /// The parameters.
    pub const PARAMETERS: [Parameter; 3] = [
        Parameter {
            name: "from",
            meaning: "The first moment that counts: RFC 3339 with an offset, or a date, which begins in the time \
                zone. Before `to`, by at most 3,660 days (else 422); without it, 30 days before `to`.",
            is_required: false,
            schema: Schema::Own(time_schema),
            example: "2026-11-01",
        },
        Parameter {
            name: "to",
            meaning: "The first moment that does not count any more: RFC 3339 with an offset, or a date, which begins \
                in the time zone. Without it, the end of
                 this hour.",
            is_required: false,
            schema: Schema::Own(time_schema),
            example: "2026-11-08T00:00:00-03:00",
        },
        Parameter {
            name: "timezone",
            meaning: "Where days, weeks and months begin, and the offset of the times in the answer: a name of the \
                IANA database. Without it, UTC.",
            is_required: false,
            schema: Schema::Own(|| json!({"$ref": "#/components/schemas/TimeZone"})),
            example: "America/Sao_Paulo",
        },
    ];

    /// Takes the parameters `from`, `to` and `timezone`; without them, the 30 days up to the end of this hour, in UTC:
    /// whole hours, which have rollups.
    ///
    /// # Errors
    /// A 400 if one is no time or no time zone, a 422 if the range is empty or too long.
    pub fn optional(params: &Params, now: i64) -> Result<Self, Error> {
        let zone = zone(params)?;
        let end_of_hour = now - now.rem_euclid(HOUR) + if now.rem_euclid(HOUR) == 0 { 0 } else { HOUR };
        let to = time(params, "to", &zone)?.unwrap_or(end_of_hour);
        let from = time(params, "from", &zone)?.unwrap_or(to - DEFAULT_DAYS * DAY);
        if from >= to {
            return Err(bad_together("from", "from must lie before to; without to, before now".to_owned()));
        }
        if to - from > LONGEST_DAYS * DAY {
            return Err(bad_together("from", format!("from must lie at most {LONGEST_DAYS} days before to")));
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

/// What [`time`] reads, as far as a pattern can say it, which is all but leap seconds.
fn time_schema() -> Value {
    const DATE: &str = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|\
        02-(0[1-9]|1[0-9]|2[0-8]))";
    const LEAP_DAY: &str = "([02468][048]|[13579][26])-02-29";
    const TIME: &str =
        r"[Tt]([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
    let pattern = format!("^{CENTURY}([0-9]{{2}}-{DATE}|{LEAP_DAY})({TIME})?$");
    json!({"type": "string", "pattern": pattern})
}

/// The names of all time zones that this program knows, each of them once.
#[must_use]
pub fn time_zones() -> Vec<String> {
    let mut names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    names
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
    match micros.filter(|_| text.starts_with(CENTURY)) {
        Some(micros) => Ok(Some(micros)),
        None => Err(bad(
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
        Range::optional(&Params::parse(Some(query), &Range::PARAMETERS).unwrap(), NOW)
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
        let params = Params::parse(None, &Range::PARAMETERS).unwrap();
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
            ("to=2100-01-01", "to"),
            ("to=2101-01-01", "to"),
            ("to=9999999999", "to"),
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

    #[test]
    fn what_is_no_range_together_is_said_to_be_so() {
        for query in ["from=2026-11-02", "from=2026-10-01&to=2026-10-01", "from=2010-01-01&to=2026-10-01"] {
            assert!(matches!(read(query), Err(Error::BadCombination { parameter: "from", .. })), "{query}");
        }
    }

    #[test]
    fn the_pattern_of_a_time_is_what_is_read() {
        let validator = jsonschema::draft202012::new(&super::time_schema()).unwrap();
        for (text, is_one) in [
            ("2026-11-01", true),
            ("2024-02-29", true),
            ("2000-02-29T23:59:59.123456789-23:59", true),
            ("2099-12-31t00:00:00z", true),
            ("2000-01-01T00:00:00+14:00", true),
            ("2023-02-29", false),
            ("2026-04-31", false),
            ("2026-13-01", false),
            ("2026-00-01", false),
            ("2026-01-00", false),
            ("1999-12-31", false),
            ("2100-01-01", false),
            ("2026-11-01T24:00:00Z", false),
            ("2026-11-01T23:60:00Z", false),
            ("2026-11-01T00:00:00", false),
            ("2026-11-01 00:00:00Z", false),
            ("2026-11-01T00:00:00.Z", false),
            ("2026-11-01T00:00:00+24:00", false),
            ("2026-11-01\n", false),
        ] {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let params = Params::parse(Some(&format!("to={encoded}")), &Range::PARAMETERS).unwrap();
            let found = super::time(&params, "to", &jiff::tz::TimeZone::UTC);
            assert_eq!((found.is_ok(), validator.is_valid(&text.into())), (is_one, is_one), "{text}");
        }
    }
}
