//! 5: a consent is withdrawn. What it opened before must be refused by the very next read.

use anyhow::Context as _;
use coffre_core::audit::Decision;
use coffre_core::grant::Basis;
use coffre_core::role::Role;
use coffre_policies::Policies;

use std::time::Duration;

use super::as_told;
use super::refusal::{PURPOSE, label};
use super::search::Person;
use crate::demo::facts::Withdrawal;
use crate::demo::scene::Crew;
use crate::demo::staff::refused;

const FIELDS: [&str; 2] = ["contact.email", "contact.phone"];

pub(super) async fn withdrawal(policies: &Policies, crew: &Crew, person: &Person) -> anyhow::Result<Withdrawal> {
    let allowed = crew.sales.read(&person.id, &FIELDS, PURPOSE).await?;
    as_told(allowed.content.withheld.is_empty(), "the consent does not open what it names")?;
    as_told(allowed.content.fields.0.len() == FIELDS.len(), "the person has no e-mail address or phone")?;

    let grants = crew.legal.grants(&person.id).await?;
    let consent = grants.into_iter().find(|grant| {
        grant.terms.role == Role::Sales && grant.terms.purpose == PURPOSE && grant.terms.basis == Basis::Consent
    });
    let consent = consent.context("the story is not true: there is no consent to withdraw")?.id.to_string();
    let withdrawn = crew.legal.withdraw(&consent).await?;

    let answer = crew.sales.ask(&person.id, &FIELDS, PURPOSE).await?;
    as_told(!answer.status.is_success(), "a withdrawn consent still opens something")?;
    let refused = refused(&answer)?;
    as_told(refused.audit_entry == withdrawn.entry + 1, "something else happened between withdrawal and refusal")?;
    let (withdrawal, refusal) = (crew.dpo.entry(withdrawn.entry).await?, crew.dpo.entry(refused.audit_entry).await?);
    as_told(refusal.what.decision == Decision::Deny, "the log has no refusal")?;
    let delay = refusal.time.as_micros() - withdrawal.time.as_micros();
    Ok(Withdrawal {
        purpose: policies.purpose(PURPOSE).context("the purpose is not declared")?.labels.clone(),
        opened: FIELDS.iter().map(|field| label(policies, field)).collect::<anyhow::Result<_>>()?,
        allowed_entry: allowed.entry,
        withdrawn_entry: withdrawn.entry,
        refused_entry: refused.audit_entry,
        delay: Duration::from_micros(delay.unsigned_abs()),
        cause: refusal.what.cause.unwrap_or_default(),
    })
}
