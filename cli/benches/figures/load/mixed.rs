//! Everything at once at a steady rate: reads, changes, grants given and withdrawn, documents in and out. An act that
//! comes late does not put the next one off, and is as slow as it was late: a server that stalls does not look better.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::connection::Connection;
use super::dice::Dice;
use super::{Job, Kind, Measured, Worker};
use crate::process;

/// What is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mixed {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    /// All acts together; as many as come where there is none.
    pub(crate) per_second: Option<f64>,
    /// Headers of who reads, and of who does everything else.
    pub(crate) reader: String,
    pub(crate) clerk: String,
    /// Paths of records, without queries.
    pub(crate) records: Vec<String>,
    /// The queries of a read, and of a change.
    pub(crate) read: String,
    pub(crate) amend: String,
    /// A grant as it is given.
    pub(crate) grant: String,
    /// The latencies are told for each of so many parts of the run.
    pub(crate) parts: usize,
}

/// How many of a thousand acts are changes; steps with a grant; steps with a document. All others are reads.
const CHANGES: usize = 80;
const GRANTS: usize = 20;
const DOCUMENTS: usize = 2;
/// The length of a document: a contract of a page or two, scanned.
const DOCUMENT: usize = 64 * 1024;

#[derive(Deserialize)]
struct Made {
    id: String,
}

/// Runs it in a process of its own; what each part of the run amounted to.
pub(crate) fn run_mixed(mixed: &Mixed) -> anyhow::Result<Vec<Measured>> {
    process::ask_self("load-mixed", mixed)
}

/// This process is the one: what is asked for is on standard input.
pub(crate) fn serve_one_mixed_job() -> anyhow::Result<()> {
    let mixed: Mixed = serde_json::from_reader(io::stdin().lock())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(work(mixed))?;
    serde_json::to_writer(io::stdout().lock(), &measured)?;
    Ok(())
}

/// An act that was answered: in which part of the run, and after how many microseconds.
type Took = (usize, u32);

async fn work(mixed: Mixed) -> anyhow::Result<Vec<Measured>> {
    let mixed: &'static Mixed = Box::leak(Box::new(mixed));
    let of_role = |headers: &str, query: &str, kind| Job {
        address: mixed.address,
        connections: mixed.connections,
        seconds: mixed.seconds,
        headers: headers.to_owned(),
        targets: mixed.records.iter().map(|record| format!("{record}{query}")).collect(),
        kind,
    };
    let reading: &'static Job = Box::leak(Box::new(of_role(&mixed.reader, &mixed.read, Kind::Read)));
    let changing: &'static Job = Box::leak(Box::new(of_role(&mixed.clerk, &mixed.amend, Kind::Amend)));
    let mut desks = Vec::new();
    for number in 0..mixed.connections {
        desks.push(Desk {
            mixed,
            reader: Worker::new(reading, number).await?,
            clerk: Worker::new(changing, number).await?,
            others: Connection::open(mixed.address, &mixed.clerk).await?,
            dice: Dice::new(1_000 + number as u64),
            grant: None,
            document: None,
            content: (0..=u8::MAX).cycle().take(DOCUMENT).collect(),
        });
    }
    let begun = Instant::now();
    let mut working = JoinSet::new();
    let connections = f64::from(u32::try_from(mixed.connections)?);
    for (number, desk) in desks.into_iter().enumerate() {
        let every = mixed.per_second.map(|rate| Duration::from_secs_f64(connections / rate));
        let late = every.unwrap_or_default().mul_f64(f64::from(u32::try_from(number)?) / connections);
        working.spawn(desk.work(begun, late, every));
    }
    let took = working.join_all().await.into_iter().collect::<anyhow::Result<Vec<Vec<Took>>>>()?;
    let mut parts = vec![Vec::new(); mixed.parts];
    for (part, micros) in took.concat() {
        if let Some(part) = parts.get_mut(part) {
            part.push(micros);
        }
    }
    let seconds = mixed.seconds / f64::from(u32::try_from(mixed.parts)?);
    Ok(parts.into_iter().map(|part| Measured::of(part, seconds)).collect())
}

/// Somebody's desk: a connection for each of what they do, one act at a time.
struct Desk {
    mixed: &'static Mixed,
    reader: Worker,
    clerk: Worker,
    others: Connection,
    dice: Dice,
    /// A grant that was given, and is withdrawn next.
    grant: Option<String>,
    /// A document that was stored, with its record, and is read next.
    document: Option<(String, String)>,
    content: Vec<u8>,
}

impl Desk {
    async fn work(mut self, begun: Instant, late: Duration, every: Option<Duration>) -> anyhow::Result<Vec<Took>> {
        let mut took = Vec::new();
        let mut next = begun + late;
        loop {
            if every.is_some() {
                tokio::time::sleep_until(next.into()).await;
            } else {
                next = Instant::now();
            }
            let at = next.duration_since(begun).as_secs_f64() / self.mixed.seconds;
            if at >= 1.0 {
                return Ok(took);
            }
            self.act().await?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the number of parts")]
            let part = (at * f64::from(u32::try_from(self.mixed.parts)?)) as usize;
            took.push((part, u32::try_from(next.elapsed().as_micros()).unwrap_or(u32::MAX)));
            next += every.unwrap_or_default();
        }
    }

    async fn act(&mut self) -> anyhow::Result<()> {
        match self.dice.below(1_000) {
            act if act < DOCUMENTS => self.document().await,
            act if act < DOCUMENTS + GRANTS => self.grant().await,
            act if act < DOCUMENTS + GRANTS + CHANGES => self.clerk.amend().await.map(drop),
            _ => self.reader.read().await,
        }
    }

    fn record(&mut self) -> String {
        let at = self.dice.below(self.mixed.records.len());
        self.mixed.records.get(at).cloned().unwrap_or_default()
    }

    async fn grant(&mut self) -> anyhow::Result<()> {
        if let Some(grant) = self.grant.take() {
            self.others.send("POST", &format!("/v1/grants/{grant}/withdraw"), "Content-Length: 0\r\n", &[]).await?;
            return self.others.answer().await.map(drop).context("withdrawing a grant");
        }
        let target = format!("{}/grants", self.record());
        let body = self.mixed.grant.as_bytes();
        self.others.send("POST", &target, "Content-Type: application/json\r\n", body).await?;
        let made: Made = serde_json::from_slice(self.others.answer().await.context("giving a grant")?.body)?;
        self.grant = Some(made.id);
        Ok(())
    }

    async fn document(&mut self) -> anyhow::Result<()> {
        if let Some((record, id)) = self.document.take() {
            self.others.send("GET", &format!("{record}/documents/{id}{}", self.mixed.amend), "", &[]).await?;
            let back = self.others.answer().await.context("reading a document")?.body == self.content;
            anyhow::ensure!(back, "a document came back changed");
            return Ok(());
        }
        let record = self.record();
        let target = format!("{record}/documents{}", self.mixed.amend);
        self.others.send("POST", &target, "Content-Type: application/pdf\r\n", &self.content).await?;
        let made: Made = serde_json::from_slice(self.others.answer().await.context("storing a document")?.body)?;
        self.document = Some((record, made.id));
        Ok(())
    }
}
