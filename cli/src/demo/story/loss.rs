//! 8: the server is killed and its disk wiped. Restored from what lies elsewhere, the vault must give back every record
//! and every document as they were, to the same tokens, and its log must go on from where it was backed up.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use coffre_core::audit::Action;
use coffre_policies::Labels;
use serde::Deserialize;

use super::as_told;
use crate::demo::facts::{Loss, Phase};
use crate::demo::inventory::{self, Inventory};
use crate::demo::scene::{Crew, Scene};

/// What `coffre restore --json` prints, as far as it is told.
#[derive(Deserialize)]
struct Report {
    fetched_bytes: u64,
    fetch_seconds: f64,
    restore_seconds: f64,
}

/// What was on the disk.
#[derive(Default)]
struct Wiped {
    files: u64,
    bytes: u64,
}

pub(super) async fn loss(
    scene: &mut Scene,
    crew: Crew,
    before: &Inventory,
    numbers: &[String],
) -> anyhow::Result<(Loss, Crew)> {
    let server = scene.server.take().context("no server runs")?;
    let killed_pid = server.running.pid();
    server.running.kill().await?;
    let wiped = wipe(&scene.place.server())?;

    let begun = Instant::now();
    let report = restore(scene).await?;
    let restored = begun.elapsed();
    let address = scene.serve().await?;
    let crew = crew.at(address)?;
    // The first answer: a token from before the loss opens the vault.
    let log_continues_at = parent_size(&crew).await?;
    let took = begun.elapsed();

    let after = inventory::take(&Arc::clone(&crew.legal), numbers).await?;
    let (identical_records, identical_documents) = before.identical(&after);
    let side = before.side();
    let loss = Loss {
        killed_pid,
        wiped_files: wiped.files,
        wiped_bytes: wiped.bytes,
        took,
        phases: phases(&report, restored, took),
        records: side.records,
        documents: side.documents,
        identical_records,
        identical_documents,
        before: side,
        after: after.side(),
        log_continues_at,
        restored_bytes: report.fetched_bytes,
    };
    as_told(loss.identical(), "the restored vault is not the one that was lost")?;
    Ok((loss, crew))
}

/// Empties the machine's disk.
fn wipe(folder: &Path) -> anyhow::Result<Wiped> {
    let mut wiped = Wiped::default();
    wiped.count(folder)?;
    fs::remove_dir_all(folder)?;
    fs::create_dir(folder)?;
    Ok(wiped)
}

impl Wiped {
    fn count(&mut self, folder: &Path) -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                self.count(&entry.path())?;
            } else {
                self.files += 1;
                self.bytes += metadata.len();
            }
        }
        Ok(())
    }
}

/// From restic's repository, with the keyring of the other building and the identity from the safe.
async fn restore(scene: &Scene) -> anyhow::Result<Report> {
    let place = &scene.place;
    let files = [
        ("--from", place.repository()),
        ("--keyring", place.destination()),
        ("--to", place.vault()),
        ("--identity", place.recovery_identity()),
    ];
    let mut arguments: Vec<OsString> = vec!["restore".into(), "--json".into(), "--vault-key".into()];
    arguments.push(scene.vault.verification_key.clone().into());
    arguments.extend(files.into_iter().flat_map(|(flag, file)| [flag.into(), file.into_os_string()]));
    scene.coffre.run(arguments).await?.json()
}

/// The first entry of the new generation says with how many entries the old one was backed up.
async fn parent_size(crew: &Crew) -> anyhow::Result<u64> {
    let mut place = Some(String::new());
    let mut newest = None;
    while let Some(lines) = crew.dpo.entries(&mut place).await? {
        newest = lines.into_iter().rfind(|line| line.entry.what.action == Action::BeginGeneration).or(newest);
    }
    let begin = newest.context("the log has no generation")?;
    let parent = begin.entry.what.parent.context("the story is not true: the restored log has no parent")?;
    as_told(begin.index == parent.size, "the restored log does not go on where the old one was backed up")?;
    Ok(parent.size)
}

fn phases(report: &Report, restored: Duration, took: Duration) -> Vec<Phase> {
    let fetched = Duration::try_from_secs_f64(report.fetch_seconds).unwrap_or_default();
    let checked = Duration::try_from_secs_f64(report.restore_seconds).unwrap_or_default();
    let phase = |fr: &str, en: &str, took| Phase { name: Labels { fr: fr.to_owned(), en: en.to_owned() }, took };
    vec![
        phase("rapatrier, prouver sans clé", "fetch, prove without a key", fetched),
        phase("ouvrir et contrôler tout", "open and check everything", checked.saturating_sub(fetched)),
        phase("début et fin de la commande", "start and end of the command", restored.saturating_sub(checked)),
        phase("servir, première réponse", "serve, first answer", took.saturating_sub(restored)),
    ]
}
