//! Jobs that the API requests, carried out by a running connector beside its pipeline. Whatever becomes of
//! a job, the pipeline goes on.

use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use super::Error;
use super::job::{Job, State};
use super::run::Runner;
use crate::config::Config;
use crate::config::sections;
use crate::metrics::Metrics;
use crate::sink::Sink;

/// How often a job is looked for.
const LOOK: Duration = Duration::from_secs(2);

/// Who requested a job that only the process which made it can carry out: it alone knows the configuration
/// that it was given.
pub const COMMAND_LINE: &str = "command line";

/// What carries out the jobs that come.
pub struct Server {
    sink: Sink,
    metrics: Metrics,
    smartmodule: PathBuf,
    transform: sections::Transform,
    /// By which our reports are known.
    name: String,
}

impl Server {
    /// A server with the connector's own configuration.
    #[must_use]
    pub fn new(config: &Config, sink: Sink, metrics: Metrics) -> Self {
        let (smartmodule, transform) = (config.smartmodule.wasm.clone(), config.transform.clone());
        Self { sink, metrics, smartmodule, transform, name: Uuid::new_v4().to_string() }
    }

    /// Looks for jobs and carries them out, one at a time. Never ends.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            match self.sink.next_job().await {
                Ok(None) => {}
                Ok(Some(job)) => self.take(job).await,
                // The pipeline notices too, and says so.
                Err(error) => tracing::debug!(%error, "no look at the jobs of dead letters"),
            }
        }
    }

    async fn take(&self, mut job: Job) {
        let id = job.id;
        match self.carry_out(&mut job).await {
            Ok(()) => {
                tracing::info!(job = %id, state = ?job.state, progress = %job, "job of dead letters ended");
            }
            Err(error) => {
                tracing::warn!(job = %id, %error, progress = %job, "job of dead letters ended early");
            }
        }
    }

    async fn carry_out(&self, job: &mut Job) -> Result<(), Error> {
        if job.requested_by == COMMAND_LINE {
            job.runner.clone_from(&self.name);
            job.state = State::Failed;
            job.message =
                "the command that carried it out ended early; what it did stays, run it again for the rest"
                    .to_owned();
            return Ok(self.sink.report(job).await?);
        }
        tracing::info!(job = %job.id, kind = ?job.kind, "job of dead letters taken up");
        job.runner.clone_from(&self.name);
        job.state = State::Running;
        self.sink.report(job).await?;
        if self.sink.runner_of(job.id).await? != self.name {
            return Err(Error::TakenOver(job.id));
        }
        let Self { sink, metrics, smartmodule, transform, .. } = self;
        Runner { sink, metrics, smartmodule, transform }.run(job, |_| {}).await
    }
}
