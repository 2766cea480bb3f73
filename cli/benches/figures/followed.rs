//! `coffre backup follow`, and what it says: when which destination held how much.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::load::now;

/// A shipment, as it was told.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shipped {
    pub(crate) destination: String,
    /// How many entries the log has there.
    #[serde(default)]
    pub(crate) entries: Option<u64>,
    #[serde(default)]
    pub(crate) bytes: u64,
    #[serde(default)]
    failed: Option<String>,
    /// When it was told, in microseconds since 1970.
    #[serde(skip)]
    pub(crate) told: u64,
}

/// The process, while it runs.
pub(crate) struct Followed {
    child: Child,
    told: Receiver<Shipped>,
    /// Everything that was told so far.
    pub(crate) shipped: Vec<Shipped>,
}

impl Followed {
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let log = File::create(log)?;
        let mut child =
            command.args(["follow", "--json"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let (sender, told) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let shipped = serde_json::from_str(&line).map(|shipped| Shipped { told: now(), ..shipped });
                // A job's line is none.
                let Ok(shipped) = shipped else { continue };
                if sender.send(shipped).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, told, shipped: Vec::new() })
    }

    /// Waits until each of the destinations holds so many entries.
    pub(crate) fn until(&mut self, destinations: &[&str], entries: u64) -> anyhow::Result<()> {
        let end = Instant::now() + Duration::from_mins(5);
        let holds = |shipped: &[Shipped], name: &&str| {
            shipped.iter().any(|one| one.destination == **name && one.entries.is_some_and(|held| held >= entries))
        };
        while !destinations.iter().all(|name| holds(&self.shipped, name)) {
            let left = end.saturating_duration_since(Instant::now());
            let shipped = self.told.recv_timeout(left).context("a destination was not reached in time")?;
            if let Some(failed) = shipped.failed {
                bail!("{}: {failed}", shipped.destination);
            }
            self.shipped.push(shipped);
        }
        Ok(())
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        // What has ended already needs no end.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}
