//! Every question, put to the old policies and the new ones.
//!
//! What policies cannot tell apart is asked once: the fields of a record type that are of one nature, and that no policy
//! names by themselves or by their category.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::record::{FieldPath, RecordTypeName};
use coffre_core::role::Role;

use super::circumstance::{self, Circumstance};
use super::{AccessChange, Case, Kind};
use crate::action::{Action, Scope};
use crate::policies::Policies;
use crate::purpose::Purpose;
use crate::question::{OperatorFacts, Question};
use crate::reason::Reason;

type Cases = BTreeMap<Option<String>, Vec<Circumstance>>;
/// How it changes, who, and with what.
type Key = (Kind, Role, Option<RecordTypeName>, Vec<String>);

/// What changes alike.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    cases: Cases,
    before: BTreeSet<Reason>,
    after: BTreeSet<Reason>,
}

/// What is asked about once.
struct Alike {
    record_type: RecordTypeName,
    field: FieldPath,
    targets: Vec<String>,
}

struct Pair<'a> {
    old: &'a Policies,
    new: &'a Policies,
    found: BTreeMap<(Key, Action), Change>,
}

pub(super) fn changes(old: &Policies, new: &Policies) -> Vec<AccessChange> {
    let mut pair = Pair { old, new, found: BTreeMap::new() };
    pair.purposes().into_iter().for_each(|purpose| pair.ask_all(purpose));
    // Actions that change alike are told together.
    let mut together: BTreeMap<(Key, Change), Vec<Action>> = BTreeMap::new();
    for ((key, action), change) in pair.found {
        together.entry((key, change)).or_default().push(action);
    }
    let told = |(((kind, role, record_type, targets), change), actions): ((Key, Change), Vec<Action>)| AccessChange {
        role,
        actions,
        record_type,
        targets,
        kind,
        before: change.before,
        after: change.after,
        cases: change.cases.into_iter().map(|(purpose, circumstances)| Case { purpose, circumstances }).collect(),
    };
    together.into_iter().map(told).collect()
}

impl<'a> Pair<'a> {
    fn both(&self) -> [&'a Policies; 2] {
        [self.old, self.new]
    }

    /// Each purpose of either, and none.
    fn purposes(&self) -> Vec<Option<&'a Purpose>> {
        let named =
            self.both().into_iter().flat_map(Policies::purposes).map(|purpose| (purpose.name.as_str(), purpose));
        let all: BTreeMap<&str, &Purpose> = named.collect();
        std::iter::once(None).chain(all.into_values().map(Some)).collect()
    }

    fn ask_all(&mut self, purpose: Option<&Purpose>) {
        let (alike, circumstances) = (self.alike(), circumstance::all(purpose.is_some()));
        for role in Role::ALL {
            for action in Action::ALL {
                match action.scope() {
                    Scope::Fields | Scope::DocumentFields => {
                        for (one, under) in alike.iter().flat_map(|one| circumstances.iter().map(move |c| (one, *c))) {
                            self.ask_field(role, action, purpose, one, under);
                        }
                    }
                    Scope::Record => {
                        for record_type in self.record_types() {
                            self.ask_whole(role, action, purpose, Some(record_type));
                        }
                    }
                    Scope::Log => self.ask_whole(role, action, purpose, None),
                }
            }
        }
    }

    fn record_types(&self) -> BTreeSet<RecordTypeName> {
        self.both().into_iter().flat_map(Policies::record_types).map(|kind| kind.name().clone()).collect()
    }

    /// Everything that can be asked about, what is decided alike together.
    fn alike(&self) -> Vec<Alike> {
        let named: BTreeSet<String> =
            self.both().into_iter().flat_map(|policies| policies.engine().named_content()).collect();
        let mut groups: BTreeMap<(RecordTypeName, String), Vec<FieldPath>> = BTreeMap::new();
        for record_type in self.both().into_iter().flat_map(Policies::record_types) {
            for field in record_type.fields() {
                let kind = record_type.name().clone();
                let nature = self.nature(&kind, &field.path, &named);
                let group = groups.entry((kind, nature)).or_default();
                if !group.contains(&field.path) {
                    group.push(field.path.clone());
                }
            }
        }
        let alike = groups.into_iter().filter_map(|((record_type, _), fields)| {
            let targets = self.targets(&record_type, &fields);
            Some(Alike { record_type, field: fields.into_iter().next()?, targets })
        });
        alike.collect()
    }

    /// What policies can tell fields apart by: what they are in both, and the names that policies name.
    fn nature(&self, kind: &RecordTypeName, path: &FieldPath, named: &BTreeSet<String>) -> String {
        let of = |policies: &Policies| {
            let record_type = policies.record_type(kind.as_str())?;
            let field = record_type.field(path)?;
            Some((field.kind.holds_documents(), record_type.is_special(path)))
        };
        let own = [format!("{kind}/{}", path.category_str()), format!("{kind}/{path}")];
        let told_apart: Vec<&String> = own.iter().filter(|name| named.contains(*name)).collect();
        format!("{:?} {told_apart:?}", self.both().map(of))
    }

    /// Whole categories by their names; of the others the fields.
    fn targets(&self, kind: &RecordTypeName, fields: &[FieldPath]) -> Vec<String> {
        let declared = self.both().into_iter().filter_map(|policies| policies.record_type(kind.as_str()));
        let all: BTreeSet<&FieldPath> =
            declared.flat_map(|record_type| record_type.fields().iter().map(|field| &field.path)).collect();
        let whole = |category: &str| all.iter().all(|path| path.category_str() != category || fields.contains(path));
        let mut targets: Vec<String> = Vec::new();
        for field in fields {
            let category = field.category_str();
            let target = if whole(category) { category } else { field.as_str() };
            if !targets.iter().any(|known| known == target) {
                targets.push(target.to_owned());
            }
        }
        targets
    }

    fn ask_field(&mut self, role: Role, action: Action, purpose: Option<&Purpose>, one: &Alike, under: Circumstance) {
        let grant = purpose.and_then(|purpose| under.grant.facts(role, purpose, &one.field));
        let habilitated = under.habilitated.then(|| one.field.category());
        let question = Question {
            role,
            action,
            record_type: Some(one.record_type.clone()),
            fields: BTreeSet::from([one.field.clone()]),
            purpose: purpose.map(|purpose| purpose.name.clone()),
            grant,
            restricted: under.restricted,
            archived: under.archived.then(|| one.field.category()).into_iter().collect(),
            operator: OperatorFacts { habilitated: habilitated.into_iter().collect(), verified: under.verified },
        };
        self.compare(&question, &one.targets, Some(under));
    }

    fn ask_whole(
        &mut self,
        role: Role,
        action: Action,
        purpose: Option<&Purpose>,
        record_type: Option<RecordTypeName>,
    ) {
        let question = Question {
            role,
            action,
            record_type,
            fields: BTreeSet::new(),
            purpose: purpose.map(|purpose| purpose.name.clone()),
            grant: None,
            restricted: false,
            archived: BTreeSet::new(),
            operator: OperatorFacts::default(),
        };
        self.compare(&question, &[], None);
    }

    fn compare(&mut self, question: &Question, targets: &[String], under: Option<Circumstance>) {
        let [before, after] = self.both().map(|policies| policies.decide(question).denied);
        let kind = match (before, after) {
            (before, after) if before == after => return,
            (_, None) => Kind::Opened,
            (None, _) => Kind::Closed,
            // What one of the two does not declare is closed there; that it is closed in the other too is no change.
            (Some(before), Some(after)) if is_absence(before) || is_absence(after) => return,
            (Some(_), Some(_)) => Kind::OtherReason,
        };
        let key = (kind, question.role, question.record_type.clone(), targets.to_vec());
        let change = self.found.entry((key, question.action)).or_default();
        change.cases.entry(question.purpose.clone()).or_default().extend(under);
        change.before.extend(before);
        change.after.extend(after);
    }
}

fn is_absence(reason: Reason) -> bool {
    matches!(reason, Reason::UnknownRecordType | Reason::UnknownPurpose | Reason::UnknownField)
}
