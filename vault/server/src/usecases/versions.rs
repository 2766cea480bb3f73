//! The versions of a record: listing them, and making a former one the current one again. Reading a
//! former version's values is in `read_record`.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::SubjectId;
use coffre_core::record::FieldPath;
use coffre_policies::Action;
use coffre_store::{Receipt, VersionInfo, transactions};

use super::call::Call;
use super::create_record::Written;
use super::declared;
use super::expected_version::ExpectedVersion;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Found, Look, Question};
use super::plan::Reading;

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
        let kind = self.record_type(&asked.kind)?.name().clone();
        let id = asked.subject;
        let question = Question {
            action: Action::RestoreVersion,
            logged_as: audit::Action::RestoreVersion,
            kind: Some(kind.clone()),
            fields: BTreeSet::new(),
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: asked.reason.clone(),
        };
        let look = move |look: &Look<'_>| {
            look.on_record(&question, asked.subject, |found| {
                Ok(transactions::RestoreVersion {
                    record_type: found.kind.clone(),
                    subject: found.subject,
                    expected_version: asked.expected.of(found.state)?,
                    version: asked.version,
                })
            })
        };
        let (version, receipt) = self.change(call, look).await?;
        Ok((Written { kind, id, version }, receipt))
    }
}

fn visible(mut versions: Vec<VersionInfo>, found: &Found<'_>) -> Vec<VersionInfo> {
    let open: BTreeSet<&str> = found.decided.opened.iter().map(FieldPath::category_str).collect();
    for version in &mut versions {
        version.categories.retain(|category| open.contains(category.as_str()));
    }
    versions
}
