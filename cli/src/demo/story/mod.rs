//! The nine steps of the story, in their order. Each does one thing on the scene, makes sure that it happened as it will
//! be told, and gives back what it found out. None of them prints.

mod accesses;
mod approval;
mod backup;
mod blindness;
mod environments;
mod import;
mod loss;
mod refusal;
mod search;
mod withdrawal;

use std::io;

use anyhow::Context as _;
use coffre_policies::Policies;
use coffre_store::clock::{Clock as _, SystemClock};

use super::facts::{Facts, Occasion};
use super::inventory;
use super::scene::{Crew, Scene};
use super::tell::{Line, Teller};

/// Something did not happen as it was to be told.
#[derive(Debug, thiserror::Error)]
#[error("the story is not true: {what}; this is a mistake in coffre, please report it")]
pub(super) struct NotAsTold {
    what: String,
}

/// Goes on only if something is as it will be told.
fn as_told(holds: bool, what: impl Into<String>) -> Result<(), NotAsTold> {
    if holds { Ok(()) } else { Err(NotAsTold { what: what.into() }) }
}

/// Lives through the whole story and says each line when it has come true. In the end a server answers on the restored
/// vault, and the crew works there.
pub(super) async fn live(
    scene: &mut Scene,
    teller: Teller,
    mut say: impl FnMut(&Line) -> io::Result<()>,
) -> anyhow::Result<(Facts, Crew)> {
    let policies = Policies::embedded()?;
    let policyholder = policies.record_type("policyholder").context("policyholder is not declared")?;
    let at = SystemClock.now();
    let import = import::import(scene).await?;
    say(&teller.import(&import))?;

    let address = scene.serve().await?;

    let crew = scene.hire(address).await?;
    let approval = approval::approval(scene, &crew).await?;
    say(&teller.approval(&approval))?;
    let (search, person) = search::search(scene, &crew.legal).await?;
    say(&teller.search(&search))?;
    let refusal = refusal::refusal(&policies, &crew, &person).await?;
    say(&teller.refusal(&refusal))?;
    let withdrawal = withdrawal::withdrawal(&policies, &crew, &person).await?;
    say(&teller.withdrawal(&withdrawal))?;
    let accesses = accesses::accesses(&policies, scene, &crew, &person, &refusal).await?;
    say(&teller.accesses(&accesses))?;

    let numbers = inventory::numbers(&scene.place.legacy())?;
    let mut before = inventory::take(&crew.legal, &numbers).await?;
    as_told(before.side() == import.vault, "the API gives back something else than was imported")?;
    let backup = backup::backup(scene).await?;
    let blindness = blindness::blindness(scene, std::mem::take(&mut before.values), &backup.snapshot).await?;
    say(&teller.blindness(&blindness))?;
    let (loss, crew) = loss::loss(scene, crew, &before, &numbers).await?;
    say(&teller.loss(&loss))?;
    let environments = environments::environments(scene).await?;
    say(&teller.environments(&environments))?;

    let occasion = Occasion {
        at,
        environment: scene.vault.environment.clone(),
        vault_id: scene.vault.id.clone(),
        verification_key: scene.vault.verification_key.clone(),
        policy_set: policies.hash().to_string(),
    };
    let matrix = policies.matrix(policyholder);
    let facts = Facts {
        occasion,
        import,
        approval,
        search,
        refusal,
        withdrawal,
        accesses,
        backup,
        blindness,
        loss,
        environments,
        matrix,
    };
    Ok((facts, crew))
}
