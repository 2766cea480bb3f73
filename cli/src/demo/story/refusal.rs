//! 4: Sales asks for health data. It must be refused openly, by a policy, and the log must hold the refusal.

use anyhow::Context as _;
use coffre_core::audit::Decision;
use coffre_core::record::FieldPath;
use coffre_policies::{Labels, Policies};

use super::as_told;
use super::search::Person;
use crate::demo::facts::{PolicyText, Refusal};
use crate::demo::scene::Crew;
use crate::demo::staff::refused;

const FIELD: &str = "health.illnesses";
/// What Sales does all day.
pub(super) const PURPOSE: &str = "direct-marketing";

pub(super) async fn refusal(policies: &Policies, crew: &Crew, person: &Person) -> anyhow::Result<Refusal> {
    let answer = crew.sales.ask(&person.id, &[FIELD], PURPOSE).await?;
    as_told(!answer.status.is_success(), "Sales is given health data")?;
    let refused = refused(&answer)?;
    let entry = crew.dpo.entry(refused.audit_entry).await?.what;
    let is_this = entry.subjects.iter().any(|subject| subject.to_string() == person.id)
        && entry.withheld.iter().any(|field| field.as_str() == FIELD)
        && entry.operator.as_deref() == Some(crew.sales.operator);
    as_told(is_this && entry.decision == Decision::Deny, "the log has something else than the refusal")?;
    let named = |id: &String| policies.policies().find(|policy| policy.id == *id);
    let policies_named: Vec<PolicyText> = refused
        .denied_by
        .iter()
        .filter_map(named)
        .map(|policy| PolicyText { id: policy.id.clone(), description: policy.description.clone() })
        .collect();
    as_told(!policies_named.is_empty(), "no policy is named for the refusal")?;
    Ok(Refusal {
        operator: crew.sales.operator.to_owned(),
        status: refused.status,
        cause: refused.cause.unwrap_or_default(),
        field: label(policies, FIELD)?,
        policies: policies_named,
        entry: refused.audit_entry,
    })
}

/// What people call a field.
pub(super) fn label(policies: &Policies, path: &str) -> anyhow::Result<Labels> {
    let record_type = policies.record_type("policyholder").context("policyholder is not declared")?;
    let field = record_type.field(&path.parse::<FieldPath>()?);
    Ok(field.with_context(|| format!("{path} is not declared"))?.labels.clone())
}
