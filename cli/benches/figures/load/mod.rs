//! The load generator: some connections, each with one request under way, on one thread of a process of its own.
//!
//! It speaks as much HTTP/1.1 as its servers answer (heads and `Content-Length`) and no more, so that it costs little of
//! the machine that it shares with them.

mod connection;
mod dice;
mod latency;
mod mixed;
mod paced;
mod wrk;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

pub(crate) use self::connection::Connection;
use self::dice::Dice;
pub(crate) use self::latency::Measured;
pub(crate) use self::mixed::{Mixed, run_mixed, serve_one_mixed_job};
pub(crate) use self::paced::{Written, now, run_paced, serve_one_paced_job};
use crate::process;

/// What is asked for how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    /// Headers of every request, each with its line end.
    pub(crate) headers: String,
    /// Paths with their queries; each request takes one of them at random.
    pub(crate) targets: Vec<String>,
    pub(crate) kind: Kind,
}

/// What is done to a target.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// GET.
    Read,
    /// PATCH of an e-mail address, on the version that the last answer told. Each connection has targets of its own.
    Amend,
}

/// So much of a run goes by before it counts.
const WARM_UP: f64 = 0.5;
/// A connection that writes knows the versions of so many records.
const OWN: usize = 100;

/// Who sends requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
pub(crate) enum Generator {
    /// The one of these benchmarks.
    Own,
    /// wrk, for reads.
    Wrk,
}

impl Generator {
    /// Seconds of a run that go by before it counts.
    pub(crate) const fn warm_up(self) -> f64 {
        match self {
            Self::Own => WARM_UP,
            Self::Wrk => 0.0,
        }
    }
}

/// Runs a job in a process of its own; what that needs is written to a folder.
pub(crate) fn run(job: &Job, generator: Generator, folder: &Path) -> anyhow::Result<Measured> {
    match (generator, job.kind) {
        (Generator::Wrk, Kind::Read) => wrk::run(job, folder),
        _ => process::ask_self("load", job),
    }
}

/// This process is the one: the job is on standard input.
pub(crate) fn serve_one_job() -> anyhow::Result<()> {
    let job: Job = serde_json::from_reader(io::stdin().lock())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(work(job))?;
    serde_json::to_writer(io::stdout().lock(), &measured)?;
    Ok(())
}

async fn work(job: Job) -> anyhow::Result<Measured> {
    ensure!(job.targets.len() >= job.connections, "fewer targets than connections");
    let job: &'static Job = Box::leak(Box::new(job));
    let mut ready = JoinSet::new();
    for number in 0..job.connections {
        ready.spawn(Worker::new(job, number));
    }
    let workers = ready.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let mut working = JoinSet::new();
    let from = Instant::now() + Duration::from_secs_f64(WARM_UP);
    let until = from + Duration::from_secs_f64(job.seconds);
    for worker in workers {
        working.spawn(worker.work(from, until));
    }
    let took = working.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Measured::of(took.concat(), job.seconds))
}

/// One connection and what it asks for.
struct Worker {
    job: &'static Job,
    connection: Connection,
    dice: Dice,
    /// Where its own targets begin, with the versions they are at.
    first: usize,
    versions: Vec<u64>,
    sent: u64,
}

impl Worker {
    async fn new(job: &'static Job, number: usize) -> anyhow::Result<Self> {
        let connection = Connection::open(job.address, &job.headers).await?;
        let own = OWN.min(job.targets.len() / job.connections);
        let mut worker = Self {
            job,
            connection,
            dice: Dice::new(number as u64),
            first: number * own,
            versions: Vec::new(),
            sent: 0,
        };
        if let Kind::Amend = job.kind {
            for target in job.targets.iter().skip(worker.first).take(own) {
                let fields = target.replace("?purpose=", "?fields=contact.email&purpose=");
                worker.connection.send("GET", &fields, "", &[]).await?;
                let version = worker.connection.answer().await?.version.unwrap_or(1);
                worker.versions.push(version);
            }
        }
        Ok(worker)
    }

    async fn work(mut self, from: Instant, until: Instant) -> anyhow::Result<Vec<u32>> {
        let mut took = Vec::with_capacity(100_000);
        loop {
            let begun = Instant::now();
            if begun >= until {
                return Ok(took);
            }
            match self.job.kind {
                Kind::Read => self.read().await?,
                Kind::Amend => self.amend().await.map(drop)?,
            }
            let ended = Instant::now();
            if begun >= from && ended <= until {
                took.push(u32::try_from((ended - begun).as_micros()).unwrap_or(u32::MAX));
            }
        }
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        let target = self.job.targets.get(self.dice.below(self.job.targets.len())).map_or("/", String::as_str);
        self.connection.send("GET", target, "", &[]).await?;
        self.connection.answer().await.map(drop)
    }

    /// Changes a record; gives the number of the entry.
    async fn amend(&mut self) -> anyhow::Result<Option<u64>> {
        let own = self.dice.below(self.versions.len());
        let (Some(version), Some(target)) = (self.versions.get_mut(own), self.job.targets.get(self.first + own)) else {
            return Ok(None);
        };
        self.sent += 1;
        let body = format!(r#"{{"contact.email":"n{}.{}@example.org"}}"#, self.first, self.sent);
        let more = format!("If-Match: \"{version}\"\r\nContent-Type: application/merge-patch+json\r\n");
        self.connection.send("PATCH", target, &more, body.as_bytes()).await?;
        let answer = self.connection.answer().await?;
        *version = answer.version.unwrap_or(*version + 1);
        Ok(answer.entry)
    }
}
