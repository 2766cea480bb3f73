//! Who may read what, and why: roles against the categories of a record type, asked of the policies themselves. Pure.
//!
//! Nothing here knows a rule: each cell is the answer to the questions that a call would put, for every purpose.

use std::collections::BTreeSet;

use coffre_core::grant::{Basis, GrantState};
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_core::role::Role;
use serde::Serialize;

use crate::action::Action;
use crate::labels::Labels;
use crate::policies::Policies;
use crate::purpose::Purpose;
use crate::question::{GrantFacts, OperatorFacts, Question};
use crate::record_type::RecordType;

/// Roles against the categories of a record type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matrix {
    /// The record type.
    pub record_type: RecordTypeName,
    /// What people read.
    pub labels: Labels,
    /// Its categories.
    pub columns: Vec<Column>,
    /// Every role.
    pub rows: Vec<Row>,
}

/// A category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: Category,
    /// What people read.
    pub labels: Labels,
    /// Whether it is a special category of GDPR article 9.
    pub special: bool,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The role.
    pub role: Role,
    /// One for each column.
    pub cells: Vec<Cell>,
}

/// What a role may read of a category.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Cell {
    /// For each declared purpose.
    pub purposes: Vec<PurposeAccess>,
    /// Fields that are read without a grant, for a purpose for which the category as a whole is not.
    pub free_fields: BTreeSet<FieldPath>,
    /// Fields that are read with a grant, for a purpose for which the category as a whole never is.
    pub granted_fields: BTreeSet<FieldPath>,
    /// Whether the operator must be habilitated, too.
    pub habilitation: bool,
    /// Whether somebody else than the application must vouch for the operator.
    pub verification: bool,
    /// Where it is closed for every purpose: the policies that forbid it whatever the purpose.
    pub forbidden_by: Vec<String>,
}

/// What a role may read of a category for a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PurposeAccess {
    /// The purpose.
    pub purpose: String,
    /// What people read.
    pub labels: Labels,
    /// Whether it may.
    pub access: Access,
    /// The policies that forbid it; none where it is open, or where nothing permits it.
    pub forbidden_by: Vec<String>,
}

/// Whether a category is open: every field of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Without a grant.
    Free,
    /// With a grant that the purpose admits.
    Grant,
    /// Not at all.
    Never,
}

impl Cell {
    /// The purposes with this access.
    pub fn with(&self, access: Access) -> impl Iterator<Item = &Labels> {
        self.purposes.iter().filter(move |purpose| purpose.access == access).map(|purpose| &purpose.labels)
    }

    /// Whether the role can never read anything of the category.
    pub fn is_closed(&self) -> bool {
        let never = self.purposes.iter().all(|purpose| purpose.access == Access::Never);
        never && self.free_fields.is_empty() && self.granted_fields.is_empty()
    }
}

impl Policies {
    /// Who may read what of a record type.
    pub fn matrix(&self, record_type: &RecordType) -> Matrix {
        let categories = record_type.categories();
        let columns = categories.iter().map(|category| Column {
            name: category.name.clone(),
            labels: category.labels.clone(),
            special: category.special,
        });
        let is_named = |basis: &Basis| self.engine().names_basis(*basis);
        let (named, others): (Vec<Basis>, Vec<Basis>) = Basis::ALL.into_iter().partition(is_named);
        // What no policy names, none tells apart.
        let bases: Vec<Basis> = named.into_iter().chain(others.into_iter().next()).collect();
        let row = |role| {
            let cell = |category| Asker { policies: self, record_type, role, category, bases: &bases }.cell();
            Row { role, cells: categories.iter().map(|category| cell(&category.name)).collect() }
        };
        Matrix {
            record_type: record_type.name().clone(),
            labels: record_type.labels().clone(),
            columns: columns.collect(),
            rows: Role::ALL.map(row).into(),
        }
    }
}

struct Asker<'a> {
    policies: &'a Policies,
    record_type: &'a RecordType,
    role: Role,
    category: &'a Category,
    /// The bases of grants that policies can tell apart.
    bases: &'a [Basis],
}

/// What is known of an operator.
#[derive(Clone, Copy)]
struct Operator {
    habilitated: bool,
    verified: bool,
}

/// Of whom everything is known that a policy can ask for.
const BEST: Operator = Operator { habilitated: true, verified: true };

/// What is opened for a purpose.
struct Opened {
    /// Whether all of it is.
    access: Access,
    /// The fields that are without a grant.
    free: BTreeSet<FieldPath>,
    /// Those that are with one, or without.
    granted: BTreeSet<FieldPath>,
}

impl Asker<'_> {
    fn cell(&self) -> Cell {
        let mut cell = Cell::default();
        for purpose in self.policies.purposes() {
            let Opened { access, free, granted } = self.opened(purpose, BEST);
            let forbidden_by = if access == Access::Never { self.forbidding(purpose) } else { BTreeSet::new() };
            if access == Access::Never {
                cell.granted_fields.extend(granted.difference(&free).cloned());
            }
            if access != Access::Free {
                cell.free_fields.extend(free);
            }
            cell.purposes.push(PurposeAccess {
                purpose: purpose.name.clone(),
                labels: purpose.labels.clone(),
                access,
                forbidden_by: forbidden_by.into_iter().collect(),
            });
        }
        if cell.is_closed() {
            cell.forbidden_by = common(cell.purposes.iter().map(|purpose| &purpose.forbidden_by));
        } else {
            cell.habilitation = !self.opens_to(Operator { habilitated: false, ..BEST });
            cell.verification = !self.opens_to(Operator { verified: false, ..BEST });
        }
        cell
    }

    /// Whether anything is opened to an operator, for whatever purpose.
    fn opens_to(&self, operator: Operator) -> bool {
        self.policies.purposes().any(|purpose| !self.opened(purpose, operator).granted.is_empty())
    }

    fn opened(&self, purpose: &Purpose, operator: Operator) -> Opened {
        let all = self.fields().count();
        let asked = |grant| self.policies.decide(&self.question(purpose, grant, operator)).opened;
        let free = asked(None);
        let mut opened = Opened { access: Access::Never, granted: free.clone(), free };
        if opened.free.len() == all {
            return Opened { access: Access::Free, ..opened };
        }
        for grant in self.grants(purpose) {
            let with_it = asked(Some(grant));
            if with_it.len() == all {
                return Opened { access: Access::Grant, granted: with_it, ..opened };
            }
            opened.granted.extend(with_it);
        }
        opened
    }

    /// Grants of every basis that policies can tell apart: without a condition of article 9, and with each that the
    /// purpose admits.
    fn grants(&self, purpose: &Purpose) -> Vec<GrantFacts> {
        let conditions = || std::iter::once(None).chain(purpose.article9.iter().copied().map(Some));
        let grant = |(basis, article9)| GrantFacts {
            role: self.role,
            purpose: purpose.name.clone(),
            fields: self.fields().collect(),
            basis,
            article9,
            state: GrantState::Valid,
        };
        // The purpose's usual basis comes last.
        let bases = self.bases.iter().copied().filter(|basis| *basis != purpose.article6).chain([purpose.article6]);
        bases.flat_map(|basis| conditions().map(move |article9| (basis, article9))).map(grant).collect()
    }

    /// The policies that refuse the role for a purpose, with the best grant that there can be.
    fn forbidding(&self, purpose: &Purpose) -> BTreeSet<String> {
        self.policies.decide(&self.question(purpose, self.grants(purpose).pop(), BEST)).policies
    }

    fn question(&self, purpose: &Purpose, grant: Option<GrantFacts>, operator: Operator) -> Question {
        Question {
            role: self.role,
            action: Action::Read,
            record_type: Some(self.record_type.name().clone()),
            fields: self.fields().collect(),
            purpose: Some(purpose.name.clone()),
            grant,
            restricted: false,
            archived: BTreeSet::new(),
            operator: OperatorFacts {
                habilitated: operator.habilitated.then(|| self.category.clone()).into_iter().collect(),
                verified: operator.verified,
            },
        }
    }

    fn fields(&self) -> impl Iterator<Item = FieldPath> {
        let own = |path: &&FieldPath| path.category_str() == self.category.as_str();
        self.record_type.fields().iter().map(|field| &field.path).filter(own).cloned()
    }
}

/// What all of them have.
fn common<'a>(mut lists: impl Iterator<Item = &'a Vec<String>>) -> Vec<String> {
    let first = lists.next().cloned().unwrap_or_default();
    lists.fold(first, |common, list| common.into_iter().filter(|name| list.contains(name)).collect())
}
