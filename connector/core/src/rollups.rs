//! Rollups as a running connector keeps them: hours that have changed are computed again once they have settled, and every
//! night all of them are compared with their events, what is too old goes, and what the day has scattered is merged.
//!
//! Of several connectors on one ClickHouse one does this, so no tenant's hours are computed twice at a time.

use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, NaiveTime, Utc};
use uuid::Uuid;

use crate::config::Config;
use crate::config::rollups::Retention;
use crate::metrics::Metrics;
use crate::sink::retention::Expired;
use crate::sink::rollups::{Changed, LEASE};
use crate::sink::{Error, Sink};

/// Computes what has changed at every interval of the configuration. Never ends; a failure is logged, and stops nothing.
pub async fn watch(config: Config, sink: Sink, metrics: Metrics) -> Infallible {
    if config.rollups.interval.is_zero() {
        return std::future::pending().await;
    }
    let (owner, since) = (Uuid::new_v4(), Utc::now().timestamp_micros());
    let mut night = next(config.rollups.nightly_at, Utc::now());
    loop {
        tokio::time::sleep(config.rollups.interval).await;
        match sink.leads_rollups(owner, since).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(%error, "it is not known who computes rollups");
                continue;
            }
        }
        let work = async {
            match compute(&sink, config.rollups.settle).await {
                Ok(hours) => metrics.rollups_computed(hours),
                Err(error) => {
                    tracing::warn!(%error, "rollups were not computed; those hours are read from their events");
                }
            }
            if Utc::now() >= night {
                night = next(config.rollups.nightly_at, Utc::now());
                if let Err(error) = nightly(&config, &sink, &metrics).await {
                    tracing::warn!(%error, "the nightly work on rollups failed");
                }
            }
        };
        reporting(LEASE / 3, || sink.leads_rollups(owner, since), work).await;
    }
}

/// Works, and goes on reporting meanwhile: work that takes longer than the lease must not look like the end of its
/// connector to the next one.
async fn reporting<T, R>(every: Duration, report: impl Fn() -> R, work: impl Future<Output = T>) -> T
where
    R: Future<Output = Result<bool, Error>>,
{
    tokio::select! {
        done = work => done,
        never = report_forever(every, report) => match never {},
    }
}

async fn report_forever<R>(every: Duration, report: impl Fn() -> R) -> Infallible
where
    R: Future<Output = Result<bool, Error>>,
{
    loop {
        tokio::time::sleep(every).await;
        if let Err(error) = report().await {
            tracing::warn!(%error, "it is not known who computes rollups");
        }
    }
}

/// Computes the rollups of every hour that has changed and was not touched for this long; gives how many.
///
/// # Errors
/// ClickHouse refuses.
pub async fn compute(sink: &Sink, settle: Duration) -> Result<u64, Error> {
    let as_of = sink.settled(settle).await?;
    let all = sink.changed_hours(as_of).await?;
    for changed in &all {
        sink.compute_rollups(changed, as_of).await?;
    }
    let hours = Changed::count(&all);
    if hours > 0 {
        tracing::info!(hours, "rollups computed");
    }
    Ok(hours)
}

/// Compares how many events every hour has with what its rollups say; gives how many differ. They are computed again.
///
/// # Errors
/// ClickHouse refuses.
pub async fn verify(sink: &Sink) -> Result<u64, Error> {
    let hours = Changed::count(&sink.verify_rollups().await?);
    if hours > 0 {
        tracing::warn!(hours, "rollups differed from their events, and are computed again");
    }
    Ok(hours)
}

/// Removes what is older than it may be; gives how much.
///
/// # Errors
/// ClickHouse refuses.
pub async fn expire(config: &Config, sink: &Sink) -> Result<Expired, Error> {
    let mut all = Expired::default();
    for tenant in sink.tenants().await? {
        let Retention { events, rollups } = config.retention.of(&tenant);
        let expired = sink.expire(&tenant, before(events), before(rollups)).await?;
        if expired != Expired::default() {
            tracing::info!(tenant, rows = expired.rows, rollup_hours = expired.hours, "removed by age");
        }
        all.rows += expired.rows;
        all.hours += expired.hours;
    }
    Ok(all)
}

async fn nightly(config: &Config, sink: &Sink, metrics: &Metrics) -> Result<(), Error> {
    metrics.rollups_differed(verify(sink).await?);
    metrics.expired(expire(config, sink).await?.rows);
    let months = sink.merge_rollups().await?;
    tracing::info!(months, "rollups merged");
    Ok(())
}

/// The beginning of the hour so long ago, in microseconds since 1970; none where nothing goes by age.
fn before(age: Duration) -> Option<i64> {
    const HOUR: i64 = 3_600;
    let age = i64::try_from(age.as_secs()).ok().filter(|age| *age > 0)?;
    Some((Utc::now().timestamp() - age).div_euclid(HOUR) * HOUR * 1_000_000)
}

/// The next time that the clock shows this, in UTC.
fn next(time: NaiveTime, now: DateTime<Utc>) -> DateTime<Utc> {
    let today = now.date_naive().and_time(time).and_utc();
    if today > now { today } else { today + chrono::TimeDelta::days(1) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::NaiveTime;
    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::{next, reporting};

    #[tokio::test]
    async fn work_that_takes_longer_than_the_lease_goes_on_reporting() {
        let reports = Semaphore::new(0);
        let report = || async {
            reports.add_permits(1);
            Ok(true)
        };
        let work = async { reports.acquire_many(3).await.is_ok() };
        let done = reporting(Duration::from_millis(1), report, work);
        assert!(timeout(Duration::from_secs(30), done).await.unwrap());
    }

    #[test]
    fn the_night_is_the_next_time_that_the_clock_shows_it() {
        let three = NaiveTime::from_hms_opt(3, 0, 0).unwrap();
        for (now, expected) in [
            ("2026-11-26T02:59:59Z", "2026-11-26T03:00:00Z"),
            ("2026-11-26T03:00:00Z", "2026-11-27T03:00:00Z"),
            ("2026-12-31T12:00:00Z", "2027-01-01T03:00:00Z"),
        ] {
            assert_eq!(
                next(three, now.parse().unwrap()),
                expected.parse::<chrono::DateTime<chrono::Utc>>().unwrap()
            );
        }
    }
}
