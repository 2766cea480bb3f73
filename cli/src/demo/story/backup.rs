//! The backup that the rest of the story depends on: a real run, verified without a key, within its objective.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use coffre_backup::restic::{Repository, Restic};
use coffre_backup::snapshot::{TAG, host};
use coffre_core::crypto::Scope;
use serde::Deserialize;

use super::as_told;
use crate::demo::facts::Backup;
use crate::demo::scene::Scene;

/// What the verbs of `coffre backup` print with `--json`, as far as it is told.
#[derive(Deserialize)]
struct Run {
    base: Option<u64>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    done: bool,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Verify {
    places: Vec<Verified>,
}

#[derive(Deserialize)]
struct Verified {
    name: String,
    objects: u64,
    bytes: u64,
}

#[derive(Deserialize)]
struct Status {
    objective_seconds: u64,
    targets: Vec<TargetStatus>,
}

#[derive(Deserialize)]
struct TargetStatus {
    age_seconds: Option<u64>,
}

pub(super) async fn backup(scene: &Scene) -> anyhow::Result<Backup> {
    let begun = Instant::now();
    let run: Run = scene.coffre.run(["backup", "run", "--init", "--json"]).await?.json()?;
    let took = begun.elapsed();
    as_told(run.base.is_some(), "the vault took no base backup")?;
    for target in &run.targets {
        let why = target.error.as_deref().unwrap_or_default();
        as_told(target.done, format!("the target {} was not reached ({why})", target.name))?;
    }
    let verified = scene.coffre.run(["backup", "verify", "--json"]).await?;
    let verify: Verify = verified.json()?;
    let destination = verify.places.iter().find(|place| place.name == crate::demo::scene::DESTINATION);
    let destination = destination.context("the destination was not verified")?;
    let status_ended = scene.coffre.run(["backup", "status", "--json"]).await?;
    let status: Status = status_ended.json()?;
    let oldest = status.targets.iter().filter_map(|target| target.age_seconds).max();
    let (restic_version, snapshot, repository_bytes) = repository(scene)?;
    Ok(Backup {
        took,
        objects: destination.objects,
        bytes: destination.bytes,
        restic_version,
        snapshot,
        repository_bytes,
        verify_exit: verified.exit(),
        status_exit: status_ended.exit(),
        age: Duration::from_secs(oldest.context("no backup has an age")?),
        objective_hours: status.objective_seconds / 3_600,
    })
}

/// restic's version, its newest snapshot of the vault and what the repository takes on disk.
fn repository(scene: &Scene) -> anyhow::Result<(String, String, u64)> {
    let restic = Restic::find(None)?;
    let repository = self::of(scene);
    let snapshots = restic.snapshots(&repository, &host(&scope(scene)?), TAG, &mut ())?;
    let newest = snapshots.last().context("restic has no snapshot of the vault")?;
    let stats = restic.stats(&repository, &mut ())?;
    Ok((restic.version().to_string(), newest.id.clone(), stats.total_size))
}

/// The repository, as the backup account opens it.
pub(super) fn of(scene: &Scene) -> Repository {
    let place = &scene.place;
    let mut repository = Repository::new(place.repository().display().to_string(), place.restic_password());
    repository.cache = Some(place.restic_cache());
    repository
}

fn scope(scene: &Scene) -> anyhow::Result<Scope> {
    let vault = &scene.vault;
    Ok(Scope { environment: vault.environment.parse()?, vault: vault.id.parse()? })
}
