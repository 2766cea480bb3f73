//! From a name or number to pseudonymous identifiers, for whoever oversees and opens no record: «Mme Lefèvre asks who has
//! seen her file». The answer holds no field; the value searched for is in no log.

use std::collections::BTreeSet;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::SubjectId;
use coffre_policies::Action;
use coffre_store::{HitKind, Receipt};
use serde::Serialize;

use super::call::Call;
use super::declared;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};
use super::plan::Reading;

/// So many are answered; the entry names them all and has to stay within a log entry's length.
const ANSWERED: usize = 100;

/// What is asked for.
pub(crate) struct LookupSubject {
    pub(crate) kind: String,
    pub(crate) index: String,
    pub(crate) value: String,
    pub(crate) purpose: Option<String>,
    pub(crate) reason: Option<String>,
}

/// What is answered.
#[derive(Serialize)]
pub(crate) struct FoundSubjects {
    pub(crate) subjects: Vec<FoundSubject>,
    /// How many are listed.
    pub(crate) count: usize,
    /// Whether there are more: the value should be narrowed.
    pub(crate) more: bool,
}

/// A person, by pseudonymous identifier.
#[derive(Serialize)]
pub(crate) struct FoundSubject {
    pub(crate) id: SubjectId,
    /// How the value matched: homonyms are told apart by what else the person says of themselves.
    pub(crate) matched: HitKind,
}

impl Keeper {
    /// Finds out whose a value is.
    pub(crate) async fn lookup_subject(
        self: &Arc<Self>,
        call: &Call,
        asked: LookupSubject,
    ) -> Result<(FoundSubjects, Receipt), Failure> {
        let kind = self.record_type(&asked.kind)?;
        let index = declared::index(kind, &asked.index)?;
        if index.terms(&asked.value).is_empty() {
            return Err(Failure::EmptyTerm);
        }
        let question = Question {
            action: Action::LookupSubject,
            logged_as: audit::Action::LookupSubject,
            kind: Some(kind.name().clone()),
            fields: BTreeSet::new(),
            entire: true,
            purpose: asked.purpose.as_deref().map(|purpose| self.purpose(purpose)).transpose()?,
            reason: asked.reason,
        };
        let look = move |look: &Look<'_>| {
            let mut named = Vec::new();
            let mut plan = look.at_large(&question, || {
                let mut hits = look.snapshot.find(&index, &asked.value, ANSWERED + 1)?;
                let more = hits.len() > ANSWERED;
                hits.truncate(ANSWERED);
                named = hits.iter().map(|hit| hit.subject).collect();
                let subjects = hits.iter().map(|hit| FoundSubject { id: hit.subject, matched: hit.kind }).collect();
                let content = FoundSubjects { subjects, count: hits.len(), more };
                Ok(Reading { claims: Vec::new(), content })
            })?;
            plan.draft.subjects = named;
            plan.draft.index = Some(index.field.to_string());
            Ok(plan)
        };
        self.disclose(call, look).await
    }
}
