//! A range cut into hours, days, weeks or months of its time zone.
//!
//! The cuts are made here and go to ClickHouse as numbers, so that the answer does not depend on the time zone
//! database of a server, and a bucket without events is known, too.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::parameter::{Parameter, Schema, names};
use super::range::{Range, start_of_day};
use super::{Params, bad_together};
use crate::error::Error;

const MOST: usize = 1_000;
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600;

/// How long a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// 3,600 seconds, beginning with a whole hour of the clock.
    Hour,
    /// From midnight to midnight: 23 to 25 hours.
    Day,
    /// From Monday to Sunday.
    Week,
    /// From the first to the last.
    Month,
}

impl Granularity {
    /// Name of the parameter.
    pub const NAME: &'static str = "granularity";

    const ALL: [(&'static str, Self); 4] =
        [("hour", Self::Hour), ("day", Self::Day), ("week", Self::Week), ("month", Self::Month)];

    /// Their names.
    pub const NAMES: [&'static str; Self::ALL.len()] = names(&Self::ALL);

    /// The parameter.
    pub const PARAMETER: Parameter = Parameter {
        name: Self::NAME,
        meaning: "How long a bucket is, by the clock and the calendar of the time zone; weeks begin on Monday. There \
            are at most 1,000 buckets (else 422).",
        is_required: false,
        schema: Schema::OneOf(&Self::NAMES, Some("day")),
        example: "",
    };

    /// Takes the parameter `granularity`, days where it is not given.
    ///
    /// # Errors
    /// A 400 if there is no such one.
    pub fn optional(params: &Params) -> Result<Self, Error> {
        let given = params.one_of(Self::NAME, &Self::NAMES)?;
        Ok(Self::ALL.into_iter().find(|(name, _)| Some(*name) == given).map_or(Self::Day, |(_, one)| one))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }

    /// Where the bucket begins that lies `steps` after the one of this moment; in seconds since 1970. None beyond what
    /// a calendar can say.
    fn start(self, moment: Timestamp, range: &Range, steps: i64) -> Option<i64> {
        let local = moment.to_zoned_datetime(range.zone.clone()).datetime();
        let date: Date = match self {
            Self::Hour => {
                let since = i64::from(local.minute()) * 60 + i64::from(local.second());
                return Some(moment.as_microsecond().div_euclid(SECOND) - since + steps * HOUR);
            }
            Self::Day => local.date().checked_add(steps.days()).ok()?,
            Self::Week => {
                let since_monday = i64::from(local.weekday().to_monday_zero_offset());
                local.date().checked_add((steps * 7 - since_monday).days()).ok()?
            }
            Self::Month => local.date().first_of_month().checked_add(steps.months()).ok()?,
        };
        start_of_day(date, &range.zone).map(Timestamp::as_second)
    }
}

/// Where the buckets of a range begin, and with a comparison those of the period before it.
#[derive(Debug, PartialEq)]
pub struct Buckets {
    /// In seconds since 1970, ascending: first as many of the period before, if it is asked for.
    pub starts: Vec<u32>,
    /// How many buckets the range has.
    pub count: usize,
    /// As many buckets earlier, cut at the same places within the first and last one.
    pub before: Option<Range>,
}

impl Buckets {
    /// Cuts a range.
    ///
    /// # Errors
    /// A 422 if there are too many buckets.
    pub fn cut(range: &Range, granularity: Granularity, with_before: bool) -> Result<Self, Error> {
        let too_many = || {
            bad_together(
                Granularity::NAME,
                format!(
                    "granularity must cut the range into at most {MOST} buckets; a shorter range has fewer"
                ),
            )
        };
        let first = Timestamp::from_microsecond(range.from).map_err(|_| too_many())?;
        let start = |step: usize, earlier: usize| {
            let steps = i64::try_from(step).ok()? - i64::try_from(earlier).ok()?;
            granularity.start(first, range, steps)
        };
        // One more than there are: where the range ends.
        let mut ends = Vec::new();
        loop {
            let next = start(ends.len(), 0).ok_or_else(too_many)?;
            ends.push(next);
            if next * SECOND >= range.to {
                break;
            }
            if ends.len() > MOST {
                return Err(too_many());
            }
        }
        let count = ends.len() - 1;
        let mut starts = Vec::new();
        let mut before = None;
        if with_before {
            let earlier: Option<Vec<i64>> = (0..=count).map(|step| start(step, count)).collect();
            let earlier = earlier.ok_or_else(too_many)?;
            before = Some(Range {
                from: (earlier[0] * SECOND + range.from - ends[0] * SECOND).min(earlier[1] * SECOND),
                to: match range.to == ends[count] * SECOND {
                    true => earlier[count] * SECOND,
                    false => (earlier[count - 1] * SECOND + range.to - ends[count - 1] * SECOND)
                        .min(earlier[count] * SECOND),
                },
                zone: range.zone.clone(),
            });
            starts.extend_from_slice(&earlier[..count]);
        }
        starts.extend_from_slice(&ends[..count]);
        let starts =
            starts.into_iter().map(u32::try_from).collect::<Result<_, _>>().map_err(|_| too_many())?;
        Ok(Self { starts, count, before })
    }

    /// Where the buckets of the range itself begin.
    #[must_use]
    pub fn current(&self) -> &[u32] {
        &self.starts[self.starts.len() - self.count..]
    }

    /// Where those of the period before begin; none without a comparison.
    #[must_use]
    pub fn earlier(&self) -> &[u32] {
        &self.starts[..self.starts.len() - self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::{Buckets, Granularity};
    use crate::error::Error;
    use crate::params::Params;
    use crate::params::range::Range;

    fn range(query: &str) -> Range {
        Range::optional(&Params::parse(Some(query), &Range::PARAMETERS).unwrap(), 0).unwrap()
    }

    #[track_caller]
    fn check(query: &str, granularity: Granularity, current: &[&str], earlier: &[&str]) -> Buckets {
        let range = range(query);
        let buckets = Buckets::cut(&range, granularity, !earlier.is_empty()).unwrap();
        let show = |starts: &[u32]| -> Vec<String> {
            starts.iter().map(|start| range.show(i64::from(*start) * 1_000_000)).collect()
        };
        assert_eq!(show(buckets.current()), current);
        assert_eq!(show(buckets.earlier()), earlier);
        buckets
    }

    #[test]
    fn days_follow_the_clock_of_their_zone() {
        // Berlin's 25th of October 2026 has 25 hours.
        let buckets = check(
            "from=2026-10-24&to=2026-10-27&timezone=Europe/Berlin",
            Granularity::Day,
            &["2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"],
            &[],
        );
        let lengths = [buckets.starts[1] - buckets.starts[0], buckets.starts[2] - buckets.starts[1]];
        assert_eq!(lengths, [24 * 3_600, 25 * 3_600]);
    }

    #[test]
    fn hours_begin_with_the_clock_of_their_zone() {
        check(
            "from=2026-10-24T00:10:00Z&to=2026-10-24T01:30:00Z&timezone=Asia/Kolkata",
            Granularity::Hour,
            &["2026-10-24T05:00:00+05:30", "2026-10-24T06:00:00+05:30"],
            &["2026-10-24T03:00:00+05:30", "2026-10-24T04:00:00+05:30"],
        );
    }

    #[test]
    fn weeks_begin_on_monday() {
        check(
            "from=2026-11-01&to=2026-11-03",
            Granularity::Week,
            &["2026-10-26T00:00:00+00:00", "2026-11-02T00:00:00+00:00"],
            &["2026-10-12T00:00:00+00:00", "2026-10-19T00:00:00+00:00"],
        );
    }

    #[test]
    fn a_whole_month_is_compared_with_a_whole_month_and_a_part_with_the_same_part() {
        let whole = check(
            "from=2026-11-01&to=2026-12-01",
            Granularity::Month,
            &["2026-11-01T00:00:00+00:00"],
            &["2026-10-01T00:00:00+00:00"],
        );
        assert_eq!(whole.before, Some(range("from=2026-10-01&to=2026-11-01")));
        let part = check(
            "from=2026-11-03&to=2026-11-26T12:00:00Z",
            Granularity::Month,
            &["2026-11-01T00:00:00+00:00"],
            &["2026-10-01T00:00:00+00:00"],
        );
        assert_eq!(part.before, Some(range("from=2026-10-03&to=2026-10-26T12:00:00Z")));
        let longer = check(
            "from=2026-03-01&to=2026-03-31",
            Granularity::Month,
            &["2026-03-01T00:00:00+00:00"],
            &["2026-02-01T00:00:00+00:00"],
        );
        assert_eq!(longer.before, Some(range("from=2026-02-01&to=2026-03-01")));
    }

    #[test]
    fn too_many_buckets_are_refused() {
        let hours = |days: u32| {
            let range = range(&format!("from=2026-01-01&to=2026-02-{days:02}T16:00:00Z"));
            Buckets::cut(&range, Granularity::Hour, true)
        };
        assert_eq!(hours(11).unwrap().starts.len(), 2_000);
        assert!(
            matches!(hours(12), Err(Error::BadCombination { parameter, .. }) if parameter == "granularity")
        );
    }
}
