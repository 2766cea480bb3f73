//! Changes at a steady rate, each with the number of its entry and the moment at which it was answered: for what happens to
//! it afterwards.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{Job, Worker};
use crate::process;

/// A change that was answered.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Written {
    /// The number of its entry in the log.
    pub(crate) entry: u64,
    /// When it was answered, in microseconds since 1970.
    pub(crate) answered: u64,
}

/// Microseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[derive(Serialize, Deserialize)]
struct Paced {
    job: Job,
    per_second: f64,
}

/// Runs a job of changes at a rate, in a process of its own.
pub(crate) fn run_paced(job: &Job, per_second: f64) -> anyhow::Result<Vec<Written>> {
    process::ask_self("load-paced", &Paced { job: job.clone(), per_second })
}

/// This process is the one: the job is on standard input.
pub(crate) fn serve_one_paced_job() -> anyhow::Result<()> {
    let paced: Paced = serde_json::from_reader(io::stdin().lock())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let written = runtime.block_on(work(paced))?;
    serde_json::to_writer(io::stdout().lock(), &written)?;
    Ok(())
}

async fn work(paced: Paced) -> anyhow::Result<Vec<Written>> {
    let Paced { job, per_second } = paced;
    let job: &'static Job = Box::leak(Box::new(job));
    let mut workers = Vec::new();
    for number in 0..job.connections {
        workers.push(Worker::new(job, number).await?);
    }
    let begun = Instant::now();
    let mut working = JoinSet::new();
    let connections = u32::try_from(job.connections)?;
    for (number, worker) in workers.into_iter().enumerate() {
        let every = Duration::from_secs_f64(f64::from(connections) / per_second);
        let first = begun + every.mul_f64(f64::from(u32::try_from(number)?) / f64::from(connections));
        working.spawn(worker.paced(first, every, begun + Duration::from_secs_f64(job.seconds)));
    }
    let written = working.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(written.concat())
}

impl Worker {
    /// One change at each of its times; one that comes late does not wait for the next.
    async fn paced(mut self, first: Instant, every: Duration, until: Instant) -> anyhow::Result<Vec<Written>> {
        let (mut written, mut next) = (Vec::new(), first);
        while next < until {
            tokio::time::sleep_until(next.into()).await;
            let entry = self.amend().await?.context("an answer without the number of its entry")?;
            written.push(Written { entry, answered: now() });
            next += every;
        }
        Ok(written)
    }
}
