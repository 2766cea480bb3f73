//! The entities of the schema, by name: the one place where Cedar identifiers are made.

use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use coffre_core::grant::{Basis, GrantState};
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_core::role::Role;

use super::fault::CedarFault;
use super::request::Resource;
use crate::action::Action;
use crate::purpose::Condition;

/// The types of the schema's entities, parsed once.
#[derive(Debug)]
pub(super) struct Words {
    action: EntityTypeName,
    application: EntityTypeName,
    basis: EntityTypeName,
    category: EntityTypeName,
    condition: EntityTypeName,
    field: EntityTypeName,
    grant_state: EntityTypeName,
    log: EntityTypeName,
    purpose: EntityTypeName,
    record_type: EntityTypeName,
    role: EntityTypeName,
}

impl Words {
    pub(super) fn new() -> Result<Self, CedarFault> {
        let name = |text: &str| {
            text.parse::<EntityTypeName>().map_err(|error| CedarFault::Misfit { message: error.to_string() })
        };
        Ok(Self {
            action: name("Action")?,
            application: name("Application")?,
            basis: name("Basis")?,
            category: name("Category")?,
            condition: name("Condition")?,
            field: name("Field")?,
            grant_state: name("GrantState")?,
            log: name("Log")?,
            purpose: name("Purpose")?,
            record_type: name("RecordType")?,
            role: name("Role")?,
        })
    }

    pub(super) fn action(&self, action: Action) -> EntityUid {
        uid(&self.action, action.as_str())
    }

    /// An application is known by its role only, so there is one for each.
    pub(super) fn application(&self, role: Role) -> EntityUid {
        uid(&self.application, role.as_str())
    }

    pub(super) fn role(&self, role: Role) -> EntityUid {
        uid(&self.role, role.as_str())
    }

    pub(super) fn purpose(&self, name: &str) -> EntityUid {
        uid(&self.purpose, name)
    }

    pub(super) fn basis(&self, basis: Basis) -> EntityUid {
        uid(&self.basis, basis.as_str())
    }

    pub(super) fn condition(&self, condition: Condition) -> EntityUid {
        uid(&self.condition, condition.as_str())
    }

    pub(super) fn grant_state(&self, state: GrantState) -> EntityUid {
        let name = match state {
            GrantState::Valid => "valid",
            GrantState::NotYetValid => "not-yet-valid",
            GrantState::Expired => "expired",
            GrantState::Withdrawn => "withdrawn",
        };
        uid(&self.grant_state, name)
    }

    pub(super) fn category(&self, record_type: &RecordTypeName, category: &Category) -> EntityUid {
        uid(&self.category, &format!("{record_type}/{category}"))
    }

    pub(super) fn field(&self, record_type: &RecordTypeName, field: &FieldPath) -> EntityUid {
        uid(&self.field, &format!("{record_type}/{field}"))
    }

    pub(super) fn record_type(&self, record_type: &RecordTypeName) -> EntityUid {
        uid(&self.record_type, record_type.as_str())
    }

    pub(super) fn log(&self) -> EntityUid {
        uid(&self.log, "audit")
    }

    pub(super) fn resource(&self, resource: Resource<'_>) -> EntityUid {
        match resource {
            Resource::Field(record_type, field) => self.field(record_type, field),
            Resource::Record(record_type) => self.record_type(record_type),
            Resource::Log => self.log(),
        }
    }

    /// Whether a policy names an action or a group of actions.
    pub(super) fn is_action(&self, uid: &EntityUid) -> bool {
        *uid.type_name() == self.action
    }

    /// Whether a policy names a field or a category.
    pub(super) fn is_content(&self, uid: &EntityUid) -> bool {
        [&self.category, &self.field].contains(&uid.type_name())
    }

    /// Whether an entity that a policy names must be one that exists. Enumerated ones are checked
    /// by Cedar itself.
    pub(super) fn must_be_declared(&self, uid: &EntityUid) -> bool {
        let types = [&self.application, &self.category, &self.field, &self.log, &self.purpose, &self.record_type];
        types.contains(&uid.type_name())
    }
}

fn uid(type_name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id))
}
