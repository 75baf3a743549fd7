//! Jobs in `voc_replay_jobs`: requested by one process, reported on by another.

use clickhouse::error::Error as ClickHouseError;
use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Error, Sink};
use crate::dead_letters::job::{Job, Kind, State};
use crate::dead_letters::{Place, Selection};

/// What the API writes, too; the table's defaults do the rest.
#[derive(Row, Serialize)]
struct RequestRow<'a> {
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    kind: i8,
    tenant_id: Option<&'a str>,
    code: Option<&'a str>,
    origin_stream: Option<&'a str>,
    origin_partition: Option<u32>,
    origin_offset: Option<u64>,
    requested_by: &'a str,
    state: i8,
    runner: &'a str,
}

#[derive(Debug, Row, Serialize, Deserialize)]
struct JobRow {
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    kind: i8,
    tenant_id: Option<String>,
    code: Option<String>,
    origin_stream: Option<String>,
    origin_partition: Option<u32>,
    origin_offset: Option<u64>,
    requested_at: i64,
    requested_by: String,
    state: i8,
    runner: String,
    total: u64,
    done: u64,
    passed: u64,
    failed_again: u64,
    last_stream: String,
    last_partition: u32,
    last_offset: u64,
    message: String,
    version: u64,
}

/// Every column but `updated_at`, which the server sets.
const JOB: &str = "SELECT id, kind, tenant_id, code, origin_stream, origin_partition, origin_offset, requested_at,
        requested_by, state, runner, total, done, passed, failed_again, last_stream, last_partition, last_offset,
        message, version
    FROM voc_replay_jobs FINAL";

/// The oldest job that nobody works on.
const NEXT: &str =
    "WHERE state = 'requested' OR (state = 'running' AND updated_at < now64(3) - toIntervalSecond(60))
    ORDER BY requested_at LIMIT 1";

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        let origin = row.origin_stream.zip(row.origin_partition).zip(row.origin_offset);
        let origin = origin.map(|((stream, partition), offset)| Place { stream, partition, offset });
        let is_begun = !row.last_stream.is_empty();
        let (stream, partition, offset) = (row.last_stream, row.last_partition, row.last_offset);
        Self {
            id: row.id,
            kind: Kind::from_number(row.kind),
            selection: Selection { tenant_id: row.tenant_id, code: row.code, origin },
            requested_at: row.requested_at,
            requested_by: row.requested_by,
            state: State::from_number(row.state),
            total: row.total,
            done: row.done,
            passed: row.passed,
            failed_again: row.failed_again,
            message: row.message,
            last: is_begun.then_some(Place { stream, partition, offset }),
            runner: row.runner,
            version: row.version,
        }
    }
}

impl From<&Job> for JobRow {
    fn from(job: &Job) -> Self {
        let origin = job.selection.origin.clone();
        let last = job.last.clone();
        Self {
            id: job.id,
            kind: job.kind as i8,
            tenant_id: job.selection.tenant_id.clone(),
            code: job.selection.code.clone(),
            origin_partition: origin.as_ref().map(|origin| origin.partition),
            origin_offset: origin.as_ref().map(|origin| origin.offset),
            origin_stream: origin.map(|origin| origin.stream),
            requested_at: job.requested_at,
            requested_by: job.requested_by.clone(),
            state: job.state as i8,
            runner: job.runner.clone(),
            total: job.total,
            done: job.done,
            passed: job.passed,
            failed_again: job.failed_again,
            last_partition: last.as_ref().map_or(0, |last| last.partition),
            last_offset: last.as_ref().map_or(0, |last| last.offset),
            last_stream: last.map(|last| last.stream).unwrap_or_default(),
            message: job.message.clone(),
            version: job.version,
        }
    }
}

impl Sink {
    /// Makes a job that `runner` works on from the start.
    pub(crate) async fn begin_job(
        &self,
        kind: Kind,
        selection: &Selection,
        requested_by: &str,
        runner: &str,
    ) -> Result<Job, Error> {
        let client = self.client();
        let origin = selection.origin.as_ref();
        let id = Uuid::new_v4();
        let row = RequestRow {
            id,
            kind: kind as i8,
            tenant_id: selection.tenant_id.as_deref(),
            code: selection.code.as_deref(),
            origin_stream: origin.map(|origin| &*origin.stream),
            origin_partition: origin.map(|origin| origin.partition),
            origin_offset: origin.map(|origin| origin.offset),
            requested_by,
            state: State::Running as i8,
            runner,
        };
        self.persist("request a job", || async {
            let insert = client.insert::<RequestRow<'_>>("voc_replay_jobs").await?;
            let mut insert = insert.with_setting("async_insert", "0");
            insert.write(&row).await?;
            insert.end().await
        })
        .await?;
        let row = self.persist("read a job", || {
            let query = client.query(&format!("{JOB} WHERE id = {{id:UUID}}"));
            query.param("id", id.to_string()).fetch_one::<JobRow>()
        });
        Ok(row.await?.into())
    }

    /// The oldest job that nobody works on. Asks once.
    pub(crate) async fn next_job(&self) -> Result<Option<Job>, ClickHouseError> {
        let job = self.client().query(&format!("{JOB} {NEXT}")).fetch_optional::<JobRow>().await?;
        Ok(job.map(Job::from))
    }

    /// How many attempts of a job passed, and how many failed.
    pub(crate) async fn outcomes_of(&self, id: Uuid) -> Result<(u64, u64), Error> {
        const OUTCOMES: &str = "SELECT countIf(outcome = 'passed'), countIf(outcome = 'failed_again')
            FROM voc_replays FINAL WHERE job = {id:UUID}";
        let client = self.client();
        self.persist("count what came of a job", || {
            client.query(OUTCOMES).param("id", id.to_string()).fetch_one::<(u64, u64)>()
        })
        .await
    }

    /// Who works on a job, by its last report.
    pub(crate) async fn runner_of(&self, id: Uuid) -> Result<String, Error> {
        let client = self.client();
        self.persist("look up who works on a job", || {
            let query = client.query("SELECT runner FROM voc_replay_jobs FINAL WHERE id = {id:UUID}");
            query.param("id", id.to_string()).fetch_one()
        })
        .await
    }

    /// Reports on a job: its row in the next version.
    pub(crate) async fn report(&self, job: &mut Job) -> Result<(), Error> {
        job.version += 1;
        let (client, row) = (self.client(), JobRow::from(&*job));
        self.persist("report on a job", || try_report(&client, &row)).await
    }
}

async fn try_report(client: &Client, row: &JobRow) -> Result<(), ClickHouseError> {
    let insert = client.insert::<JobRow>("voc_replay_jobs").await?;
    let mut insert = insert.with_setting("async_insert", "0");
    insert.write(row).await?;
    insert.end().await
}
