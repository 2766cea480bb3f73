//! What the policies are told of the world (once) and of the circumstances of a question (each time).

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityUid, RestrictedExpression as Expression, Schema};
use coffre_core::grant::{Basis, GrantState};
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_core::role::Role;

use super::fault::{CedarFault, with_causes};
use super::words::Words;
use super::{Engine, World};
use crate::action::{Action, Scope};
use crate::purpose::Condition;
use crate::question::{GrantFacts, OperatorFacts};
use crate::record_type::RecordType;

/// What an action is asked of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resource<'a> {
    /// A field of a record type.
    Field(&'a RecordTypeName, &'a FieldPath),
    /// A record as a whole.
    Record(&'a RecordTypeName),
    /// The audit log.
    Log,
}

/// The circumstances of a question, in the policies' form.
#[derive(Debug, Clone)]
pub(crate) struct Circumstances(Context);

impl Circumstances {
    pub(super) fn context(&self) -> &Context {
        &self.0
    }
}

/// What the policies are told of a question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    /// None for the log.
    pub(crate) record_type: Option<&'a RecordTypeName>,
    /// A declared one.
    pub(crate) purpose: Option<&'a str>,
    pub(crate) grant: Option<&'a GrantFacts>,
    pub(crate) restricted: bool,
    pub(crate) archived: &'a BTreeSet<Category>,
    pub(crate) operator: &'a OperatorFacts,
}

impl Engine {
    /// The circumstances of a question.
    pub(crate) fn circumstances(&self, told: &Told<'_>) -> Result<Circumstances, String> {
        let mut pairs = vec![
            ("restricted".to_owned(), Expression::new_bool(told.restricted)),
            ("archived".to_owned(), archived(&self.words, told)),
            ("operator".to_owned(), acting(&self.words, told)?),
        ];
        if let Some(name) = told.purpose {
            pairs.push(("purpose".to_owned(), entity(self.words.purpose(name))));
        }
        if let (Some(record_type), Some(grant)) = (told.record_type, told.grant) {
            pairs.push(("grant".to_owned(), described(&self.words, record_type, grant)?));
        }
        Context::from_pairs(pairs).map(Circumstances).map_err(|error| with_causes(&error))
    }
}

fn archived(words: &Words, told: &Told<'_>) -> Expression {
    let categories = told
        .record_type
        .into_iter()
        .flat_map(|record_type| told.archived.iter().map(|category| entity(words.category(record_type, category))));
    Expression::new_set(categories)
}

fn acting(words: &Words, told: &Told<'_>) -> Result<Expression, String> {
    let categories = told.record_type.into_iter().flat_map(|record_type| {
        told.operator.habilitated.iter().map(|category| entity(words.category(record_type, category)))
    });
    let pairs = [
        ("habilitated".to_owned(), Expression::new_set(categories)),
        ("verified".to_owned(), Expression::new_bool(told.operator.verified)),
    ];
    Expression::new_record(pairs).map_err(|error| with_causes(&error))
}

fn described(words: &Words, record_type: &RecordTypeName, grant: &GrantFacts) -> Result<Expression, String> {
    let fields = grant.fields.iter().map(|field| entity(words.field(record_type, field)));
    let mut pairs = vec![
        ("role".to_owned(), entity(words.role(grant.role))),
        ("purpose".to_owned(), entity(words.purpose(&grant.purpose))),
        ("fields".to_owned(), Expression::new_set(fields)),
        ("basis".to_owned(), entity(words.basis(grant.basis))),
        ("state".to_owned(), entity(words.grant_state(grant.state))),
    ];
    if let Some(condition) = grant.article9 {
        pairs.push(("article9".to_owned(), entity(words.condition(condition))));
    }
    Expression::new_record(pairs).map_err(|error| with_causes(&error))
}

fn entity(uid: EntityUid) -> Expression {
    Expression::new_entity_uid(uid)
}

/// Everything that is declared, as entities. They never change while the policies are in force.
pub(super) fn entities(words: &Words, schema: &Schema, world: World<'_>) -> Result<Entities, CedarFault> {
    let misfit = |message| CedarFault::Misfit { message };
    let mut entities = vec![Entity::new_no_attrs(words.log(), HashSet::new())];
    for role in Role::ALL {
        entities.push(Entity::new_no_attrs(words.application(role), HashSet::from([words.role(role)])));
    }
    for purpose in world.purposes.values() {
        let roles = Expression::new_set(purpose.roles.iter().map(|role| entity(words.role(*role))));
        let article9 = Expression::new_set(purpose.article9.iter().map(|c| entity(words.condition(*c))));
        let attributes = HashMap::from([("roles".to_owned(), roles), ("article9".to_owned(), article9)]);
        let uid = words.purpose(&purpose.name);
        entities.push(Entity::new(uid, attributes, HashSet::new()).map_err(|error| misfit(with_causes(&error)))?);
    }
    for record_type in world.record_types.values() {
        entities.extend(parts(words, record_type).map_err(misfit)?);
    }
    Entities::from_entities(entities, Some(schema)).map_err(|error| misfit(with_causes(&error)))
}

/// A record type, its categories and its fields.
fn parts(words: &Words, record_type: &RecordType) -> Result<Vec<Entity>, String> {
    let whole = words.record_type(record_type.name());
    let special = |special| HashMap::from([("special".to_owned(), Expression::new_bool(special))]);
    let mut parts = vec![Entity::new_no_attrs(whole.clone(), HashSet::new())];
    for category in record_type.categories() {
        let uid = words.category(record_type.name(), &category.name);
        parts.push(
            Entity::new(uid, special(category.special), HashSet::from([whole.clone()]))
                .map_err(|error| with_causes(&error))?,
        );
    }
    for field in record_type.fields() {
        let category = words.category(record_type.name(), &field.path.category());
        let uid = words.field(record_type.name(), &field.path);
        let attributes = special(record_type.is_special(&field.path));
        parts.push(Entity::new(uid, attributes, HashSet::from([category])).map_err(|error| with_causes(&error))?);
    }
    Ok(parts)
}

/// Asks every shape of question once, so that a schema which lacks a role, a grant state or a basis
/// is refused when it is loaded and not when it is first needed.
pub(super) fn probe(engine: &Engine, world: World<'_>) -> Result<(), CedarFault> {
    for record_type in world.record_types.values() {
        let Some(field) = record_type.fields().first() else { continue };
        for (action, grant) in probes(&field.path) {
            let resource = match action.scope() {
                Scope::Fields | Scope::DocumentFields => Resource::Field(record_type.name(), &field.path),
                Scope::Record => Resource::Record(record_type.name()),
                Scope::Log => Resource::Log,
            };
            let told = Told {
                record_type: Some(record_type.name()),
                purpose: Some(grant.purpose.as_str()),
                grant: Some(&grant),
                restricted: false,
                archived: &BTreeSet::new(),
                operator: &OperatorFacts::habilitated([field.path.category()]),
            };
            engine
                .circumstances(&told)
                .and_then(|circumstances| engine.request(grant.role, action, resource, &circumstances))
                .map_err(|message| CedarFault::Misfit { message })?;
        }
    }
    Ok(())
}

/// Every action, role, basis, condition and state, each at least once.
fn probes(field: &FieldPath) -> impl Iterator<Item = (Action, GrantFacts)> {
    const STATES: [GrantState; 4] =
        [GrantState::Valid, GrantState::NotYetValid, GrantState::Expired, GrantState::Withdrawn];
    let roles = Role::ALL.into_iter().cycle();
    let bases = Basis::ALL.into_iter().cycle();
    let conditions = Condition::ALL.into_iter().map(Some).chain([None]).cycle();
    let grants = roles.zip(bases).zip(conditions).zip(STATES.into_iter().cycle());
    let fields = std::iter::once(field.clone()).collect::<std::collections::BTreeSet<_>>();
    Action::ALL.into_iter().zip(grants).map(move |(action, (((role, basis), article9), state))| {
        let purpose = "any".to_owned();
        (action, GrantFacts { role, purpose, fields: fields.clone(), basis, article9, state })
    })
}
