//! The schema: parsed without warnings, and holding exactly the actions that the code asks for.

use cedar_policy::Schema;

use super::fault::{CedarFault, Where};
use super::words::Words;
use crate::action::Action;
use crate::error::LoadError;
use crate::place::Place;
use crate::sources::SCHEMA;

/// The schema that a text declares.
pub(super) fn parse(text: &str, words: &Words) -> Result<Schema, LoadError> {
    let refuse = |place, fault| LoadError::Cedar { place, fault };
    let (schema, mut warnings) = Schema::from_cedarschema_str(text).map_err(|error| {
        let r#where = Where::of(&error);
        let place = r#where.in_text(SCHEMA, text);
        refuse(place, CedarFault::Schema { message: error.to_string(), help: r#where.help })
    })?;
    if let Some(warning) = warnings.next() {
        let r#where = Where::of(&warning);
        let place = r#where.in_text(SCHEMA, text);
        return Err(refuse(place, CedarFault::Schema { message: warning.to_string(), help: r#where.help }));
    }
    drop(warnings);
    match actions(&schema, words) {
        Ok(()) => Ok(schema),
        Err(fault) => Err(refuse(action_place(text, &fault), fault)),
    }
}

fn actions(schema: &Schema, words: &Words) -> Result<(), CedarFault> {
    for action in Action::ALL {
        if !schema.actions().any(|known| *known == words.action(action)) {
            return Err(CedarFault::ActionMissing { action: action.to_string() });
        }
    }
    let asked = |name: &str| name.parse::<Action>().is_ok();
    let group = |name: &str| schema.action_groups().any(|group| group.id().unescaped() == name);
    let unknown = schema.actions().map(|uid| uid.id().unescaped()).find(|name| !asked(name) && !group(name));
    unknown.map_or(Ok(()), |action| Err(CedarFault::ActionUnknown { action: action.to_owned() }))
}

/// Where an action is declared, if it is.
fn action_place(text: &str, fault: &CedarFault) -> Place {
    let declared = match fault {
        CedarFault::ActionUnknown { action } => text.find(&format!("\"{action}\"")),
        _ => None,
    };
    Place::of(SCHEMA, text, declared.unwrap_or(0))
}
