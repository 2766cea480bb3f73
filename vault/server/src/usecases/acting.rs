//! The operator whom the application acts for, as far as a decision needs to know them: for which
//! special categories they are habilitated now, and whether anybody vouches for who they are.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use coffre_core::audit::OperatorKnown;
use coffre_core::grant::GrantState;
use coffre_core::habilitation::Habilitation;
use coffre_core::ids::HabilitationId;
use coffre_core::record::{Category, FieldPath};
use coffre_core::time::Timestamp;
use coffre_policies::OperatorFacts;

use super::failure::Failure;
use super::look::{Look, Question};
use crate::authorization::Decided;

/// What one look has found out about its operator. Nothing is looked up before a special category is asked for.
#[derive(Default)]
pub(super) struct Acting {
    habilitations: RefCell<Option<Rc<[Habilitation]>>>,
}

/// An operator, for one question.
#[derive(Default)]
pub(super) struct Operator {
    pub(super) facts: OperatorFacts,
    /// By special category that is asked for: the habilitation that lasts longest.
    by_category: BTreeMap<Category, (HabilitationId, Option<Timestamp>)>,
}

impl Acting {
    /// The operator of a question.
    pub(super) fn operator(&self, look: &Look<'_>, question: &Question) -> Result<Operator, Failure> {
        let mut operator = Operator::default();
        operator.facts.verified = look.call.operator_known() == Some(OperatorKnown::Verified);
        let (Some(kind), Some(purpose)) = (&question.kind, &question.purpose) else { return Ok(operator) };
        let declared = look.keeper.policies.record_type(kind.as_str());
        let special = |field: &&FieldPath| {
            declared.and_then(|kind| kind.category(field.category_str())).is_some_and(|category| category.special)
        };
        for category in question.fields.iter().filter(special).map(FieldPath::category) {
            let of_category = |given: &&Habilitation| {
                let terms = &given.terms;
                given.state(look.now) == GrantState::Valid
                    && terms.record_type == *kind
                    && terms.purposes.contains(purpose)
                    && terms.categories.contains(&category)
            };
            let last =
                |given: &&Habilitation| given.terms.valid_until.map_or((true, None), |until| (false, Some(until)));
            let all = self.habilitations(look)?;
            if let Some(given) = all.iter().filter(of_category).max_by_key(last) {
                operator.by_category.insert(category, (given.id, given.terms.valid_until));
            }
        }
        operator.facts.habilitated = operator.by_category.keys().cloned().collect();
        Ok(operator)
    }

    fn habilitations(&self, look: &Look<'_>) -> Result<Rc<[Habilitation]>, Failure> {
        if let Some(known) = self.habilitations.borrow().as_ref() {
            return Ok(Rc::clone(known));
        }
        let found: Rc<[Habilitation]> = match &look.call.operator {
            Some(operator) => look.snapshot.habilitations_of(operator.as_str())?.into(),
            None => Rc::new([]),
        };
        *self.habilitations.borrow_mut() = Some(Rc::clone(&found));
        Ok(found)
    }
}

impl Operator {
    /// The decision, with the habilitations that what it opens rests on, and their end.
    pub(super) fn relied_on(&self, mut decided: Decided) -> Decided {
        if self.by_category.is_empty() {
            return decided;
        }
        for field in &decided.opened {
            if let Some((id, until)) = self.by_category.get(&field.category()) {
                if !decided.habilitations.contains(id) {
                    decided.habilitations.push(*id);
                }
                decided.valid_until = [decided.valid_until, *until].into_iter().flatten().min();
            }
        }
        decided
    }
}
