//! The only module that knows Cedar: the schema and the policies, validated strictly, and one
//! question asked of them. What a record type or a purpose is, it is told.
//!
//! Invariant: a verdict allows only if Cedar says Allow and no policy failed to evaluate. Cedar
//! skips a policy that errors, so an erroring `forbid` would otherwise leave Allow standing.

mod fault;
mod policy_file;
mod request;
mod schema;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Authorizer, Entities, EntityUid, PolicyId, PolicySet, Request, Schema, ValidationMode, Validator};
use coffre_core::grant::Basis;
use coffre_core::record::RecordTypeName;
use coffre_core::role::Role;
use serde::Serialize;

pub use self::fault::CedarFault;
use self::fault::Where;
pub(crate) use self::request::{Circumstances, Resource, Told};
use self::words::Words;
use crate::action::Action;
use crate::error::LoadError;
use crate::labels::Labels;
use crate::place::Place;
use crate::purpose::Purpose;
use crate::reason::Reason;
use crate::record_type::RecordType;
use crate::sources::{SCHEMA, Sources};

/// What the declared things are, as far as policies speak of them.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) record_types: &'a BTreeMap<RecordTypeName, RecordType>,
    pub(crate) purposes: &'a BTreeMap<String, Purpose>,
}

/// What a policy is, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyNote {
    /// Its stable name.
    pub id: String,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// The reason code of what it forbids; none for a permit.
    pub reason: Option<Reason>,
    /// What it says.
    pub description: Labels,
    /// Where it is written.
    pub place: Place,
}

/// What a policy does when it holds. A `forbid` prevails over every `permit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It opens.
    Permit,
    /// It closes.
    Forbid,
}

/// The answer of the policies to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether it is allowed.
    pub(crate) allowed: bool,
    /// The policies that determined it.
    pub(crate) policies: BTreeSet<String>,
    /// What could not be evaluated; never anything when `allowed`.
    pub(crate) failures: Vec<String>,
}

impl Verdict {
    pub(crate) fn failed(failure: String) -> Self {
        Self { allowed: false, policies: BTreeSet::new(), failures: vec![failure] }
    }
}

/// The policies, ready to be asked.
#[derive(Debug)]
pub(crate) struct Engine {
    words: Words,
    schema: Schema,
    policies: PolicySet,
    notes: BTreeMap<String, PolicyNote>,
    entities: Entities,
    authorizer: Authorizer,
}

impl Engine {
    /// The policies of a folder, for these record types and purposes.
    pub(crate) fn load(sources: &Sources, world: World<'_>) -> Result<Self, LoadError> {
        let at_top = |fault| LoadError::Cedar { place: Place::top(SCHEMA), fault };
        let words = Words::new().map_err(at_top)?;
        let schema = schema::parse(sources.text(SCHEMA)?, &words)?;
        let (policies, notes) = policy_file::parse_all(sources)?;
        let known: BTreeSet<&EntityUid> = schema.actions().collect();
        declared(sources, &policies, &notes, |uid| !words.is_action(uid) || known.contains(uid))?;
        validate(sources, &schema, &policies, &notes)?;
        let entities = request::entities(&words, &schema, world).map_err(at_top)?;
        declared(sources, &policies, &notes, |uid| !words.must_be_declared(uid) || entities.get(uid).is_some())?;
        let engine = Self { words, schema, policies, notes, entities, authorizer: Authorizer::new() };
        request::probe(&engine, world).map_err(at_top)?;
        Ok(engine)
    }

    /// The policies, by name.
    pub(crate) fn notes(&self) -> &BTreeMap<String, PolicyNote> {
        &self.notes
    }

    /// What each policy says, by its name: one line, without remarks and annotations.
    pub(crate) fn rules(&self) -> BTreeMap<&str, String> {
        self.policies.policies().map(|policy| (policy_file::text_of(policy.id()), policy_file::rule(policy))).collect()
    }

    /// The fields and categories that policies name: `policyholder/contact.phone`, `policyholder/health`.
    pub(crate) fn named_content(&self) -> BTreeSet<String> {
        let literals = self.policies.policies().flat_map(cedar_policy::Policy::entity_literals);
        literals.filter(|uid| self.words.is_content(uid)).map(|uid| uid.id().unescaped().to_owned()).collect()
    }

    /// Whether a policy tells this basis of a grant from others.
    pub(crate) fn names_basis(&self, basis: Basis) -> bool {
        let named = self.words.basis(basis);
        self.policies.policies().any(|policy| policy.entity_literals().contains(&named))
    }

    /// May an application of this role do this with this, under these circumstances?
    pub(crate) fn ask(&self, role: Role, action: Action, resource: Resource<'_>, under: &Circumstances) -> Verdict {
        let request = match self.request(role, action, resource, under) {
            Ok(request) => request,
            Err(failure) => return Verdict::failed(failure),
        };
        let response = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        let failures: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        let policies = response.diagnostics().reason().map(|id| policy_file::text_of(id).to_owned()).collect();
        let allowed = response.decision() == cedar_policy::Decision::Allow && failures.is_empty();
        Verdict { allowed, policies, failures }
    }

    fn request(
        &self,
        role: Role,
        action: Action,
        resource: Resource<'_>,
        under: &Circumstances,
    ) -> Result<Request, String> {
        let principal = self.words.application(role);
        let resource = self.words.resource(resource);
        let context = under.context().clone();
        Request::new(principal, self.words.action(action), resource, context, Some(&self.schema))
            .map_err(|error| fault::with_causes(&error))
    }
}

/// Whether everything that the policies name is there. Cedar itself looks at types, not at what is declared in
/// TOML, and guesses at the action that was meant differently from one run to the next.
fn declared(
    sources: &Sources,
    policies: &PolicySet,
    notes: &BTreeMap<String, PolicyNote>,
    is_declared: impl Fn(&EntityUid) -> bool,
) -> Result<(), LoadError> {
    let mut unknown = BTreeSet::new();
    for policy in policies.policies() {
        let Some(note) = notes.get(policy_file::text_of(policy.id())) else { continue };
        let literals = policy.entity_literals().into_iter().filter(|uid| !is_declared(uid));
        unknown.extend(literals.map(|uid| (&note.place, &note.id, uid.to_string())));
    }
    match unknown.into_iter().next() {
        None => Ok(()),
        Some((place, policy, entity)) => {
            let place = place.clone().down_to(sources, &entity);
            Err(LoadError::Cedar { place, fault: CedarFault::UnknownEntity { policy: policy.clone(), entity } })
        }
    }
}

/// Strict validation; a warning (a policy that can never hold, say) is refused like an error.
fn validate(
    sources: &Sources,
    schema: &Schema,
    policies: &PolicySet,
    notes: &BTreeMap<String, PolicyNote>,
) -> Result<(), LoadError> {
    let result = Validator::new(schema.clone()).validate(policies, ValidationMode::Strict);
    // Cedar gives them in no order; people shall see the same one each time, the topmost.
    let topmost = |faults: &mut dyn Iterator<Item = (&PolicyId, String, Where)>| {
        let placed = faults.map(|(policy, message, r#where)| {
            let note = notes.get(policy_file::text_of(policy));
            let place = note.map_or_else(|| Place::top(SCHEMA), |note| r#where.in_file(sources, &note.place));
            (place, message, r#where.help)
        });
        placed.min()
    };
    let error = topmost(&mut result.validation_errors().map(|e| (e.policy_id(), e.to_string(), Where::of(e))));
    let warning = || topmost(&mut result.validation_warnings().map(|w| (w.policy_id(), w.to_string(), Where::of(w))));
    match error.or_else(warning) {
        None => Ok(()),
        Some((place, message, help)) => Err(LoadError::Cedar { place, fault: CedarFault::Invalid { message, help } }),
    }
}
