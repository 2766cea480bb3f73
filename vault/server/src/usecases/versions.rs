//! The versions of a record: listing them, and making a former one the current one again. Reading a
//! former version's values is in `read_record`.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::SubjectId;
use coffre_core::record::{Category, FieldPath};
use coffre_policies::Action;
use coffre_store::{Receipt, VersionInfo, transactions};

use super::call::Call;
use super::create_record::Written;
use super::declared;
use super::expected_version::ExpectedVersion;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Found, Look, Question};
use super::plan::{Plan, Reading};

/// A record, and why.
pub(crate) struct ListVersions {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

/// What is asked for.
pub(crate) struct RestoreVersion {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    /// The version to restore.
    pub(crate) version: u32,
    pub(crate) expected: ExpectedVersion,
    pub(crate) purpose: String,
    pub(crate) reason: Option<String>,
}

impl Keeper {
    /// Lists a record's versions, oldest first, with the categories that each changed as far as they
    /// are open to the caller.
    pub(crate) async fn list_versions(
        self: &Arc<Self>,
        call: &Call,
        asked: ListVersions,
    ) -> Result<(Vec<VersionInfo>, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?;
        let question = Question {
            action: Action::ReadVersions,
            logged_as: audit::Action::ReadVersions,
            kind: Some(kind.name().clone()),
            fields: declared::all_fields(kind),
            entire: false,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason,
        };
        let look = move |look: &Look<'_>| {
            look.on_record(&question, asked.subject, |found| {
                Ok(Reading { claims: Vec::new(), content: visible(look.snapshot.versions(found.subject)?, found) })
            })
        };
        self.disclose(call, look).await
    }

    /// Restores a former version as a new one.
    pub(crate) async fn restore_version(
        self: &Arc<Self>,
        call: &Call,
        asked: RestoreVersion,
    ) -> Result<(Written, Receipt), Failure> {
        let declared = self.record_type(&asked.kind)?;
        let (kind, id) = (declared.name().clone(), asked.subject);
        let question = Question {
            action: Action::RestoreVersion,
            logged_as: audit::Action::RestoreVersion,
            kind: Some(kind.clone()),
            fields: declared::all_fields(declared),
            entire: false,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason.clone(),
        };
        let look = move |look: &Look<'_>| asked.plan(look, &question);
        let (version, receipt) = self.change(call, look).await?;
        Ok((Written { kind, id, version }, receipt))
    }
}

impl RestoreVersion {
    /// Decides over what may differ, all of it or nothing. Before that a question about every field, which does not
    /// depend on the record, refuses whoever may restore none: no refusal tells them what has changed in it.
    fn plan(&self, look: &Look<'_>, widest: &Question) -> Result<Plan<transactions::RestoreVersion>, Failure> {
        let Plan { draft, reason, depends, then } =
            look.on_record(widest, self.subject, |found| self.may_differ(look, found))?;
        let fields = match then {
            Ok(fields) => fields,
            Err(refused) => return Ok(Plan { draft, reason, depends, then: Err(refused) }),
        };
        let question = Question { fields, entire: true, ..widest.clone() };
        look.on_record(&question, self.subject, |found| {
            Ok(transactions::RestoreVersion {
                record_type: found.kind.clone(),
                subject: found.subject,
                expected_version: self.expected.of(found.state)?,
                version: self.version,
                fields: question.fields.clone(),
            })
        })
    }

    /// Every field of the categories that were written again since the version; if none was, those that are open.
    fn may_differ(&self, look: &Look<'_>, found: &Found<'_>) -> Result<BTreeSet<FieldPath>, Failure> {
        let versions = look.snapshot.versions(found.subject)?;
        let later = versions.iter().filter(|written| written.version > self.version);
        let categories: BTreeSet<&str> = later.flat_map(|written| &written.categories).map(Category::as_str).collect();
        let mut fields = declared::all_fields(look.keeper.record_type(found.kind.as_str())?);
        fields.retain(|field| categories.contains(field.category_str()));
        Ok(if fields.is_empty() { found.decided.opened.clone() } else { fields })
    }
}

fn visible(mut versions: Vec<VersionInfo>, found: &Found<'_>) -> Vec<VersionInfo> {
    let open: BTreeSet<&str> = found.decided.opened.iter().map(FieldPath::category_str).collect();
    for version in &mut versions {
        version.categories.retain(|category| open.contains(category.as_str()));
    }
    versions
}
