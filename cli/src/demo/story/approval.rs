//! 2: the applications are there and have no effect. Sales must be refused whatever it asks for, until two officers have
//! signed its role.

use coffre_core::audit::Decision;

use super::as_told;
use super::refusal::PURPOSE;
use crate::demo::facts::Approval;
use crate::demo::inventory;
use crate::demo::scene::{Crew, Scene, desk};
use crate::demo::staff::refused;

/// Nobody's record: an application that is not approved is refused before anything is looked at.
const NOBODY: &str = "0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11";
const CAUSE: &str = "application-not-approved";

pub(super) async fn approval(scene: &Scene, crew: &Crew) -> anyhow::Result<Approval> {
    let answer = crew.sales.ask(NOBODY, &["contact.email"], PURPOSE).await?;
    as_told(!answer.status.is_success(), "an application takes effect that nobody has approved")?;
    let refused = refused(&answer)?;
    let mut officers = Vec::new();
    for role in [crew.legal.role, crew.sales.role, crew.dpo.role] {
        officers = scene.approve(&["application", &desk(role)]).await?;
    }
    as_told(officers.len() == 2, "fewer than two officers signed")?;
    let entry = crew.dpo.entry(refused.audit_entry).await?;
    let told = entry.what.decision == Decision::Deny && entry.what.cause.as_deref() == Some(CAUSE);
    as_told(told, "the log does not say that the application was not approved")?;
    // Not everybody of Legal sees illnesses: the DPO says who does.
    crew.dpo.habilitate(crew.legal.operator, "health", inventory::PURPOSE).await?;
    Ok(Approval {
        application: desk(crew.sales.role),
        status: refused.status,
        cause: CAUSE.to_owned(),
        entry: refused.audit_entry,
        officers,
    })
}
