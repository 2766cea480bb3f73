//! Who may read what, and why: roles against the categories of a record type, asked of the policies themselves. Pure.
//!
//! Nothing here knows a rule: each cell is the answer to the questions that a call would put, for every purpose.

use std::collections::BTreeSet;

use coffre_core::grant::GrantState;
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
    /// Whether the operator must be habilitated, too.
    pub habilitation: bool,
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

    /// Whether the role can never read the category.
    pub fn is_closed(&self) -> bool {
        self.purposes.iter().all(|purpose| purpose.access == Access::Never)
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
        let row = |role| {
            let cell = |category| Asker { policies: self, record_type, role, category }.cell();
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
}

impl Asker<'_> {
    fn cell(&self) -> Cell {
        let mut cell = Cell::default();
        let mut opens_to_anybody = false;
        for purpose in self.policies.purposes() {
            let access = self.access(purpose, true);
            opens_to_anybody |= self.access(purpose, false) != Access::Never;
            let forbidden_by = if access == Access::Never { self.forbidding(purpose) } else { BTreeSet::new() };
            cell.purposes.push(PurposeAccess {
                purpose: purpose.name.clone(),
                labels: purpose.labels.clone(),
                access,
                forbidden_by: forbidden_by.into_iter().collect(),
            });
        }
        if cell.is_closed() {
            cell.forbidden_by = common(cell.purposes.iter().map(|purpose| &purpose.forbidden_by));
        }
        cell.habilitation = !cell.is_closed() && !opens_to_anybody;
        cell
    }

    fn access(&self, purpose: &Purpose, habilitated: bool) -> Access {
        if self.opens(purpose, None, habilitated) {
            Access::Free
        } else if self.grants(purpose).into_iter().any(|grant| self.opens(purpose, Some(grant), habilitated)) {
            Access::Grant
        } else {
            Access::Never
        }
    }

    /// Whether every field of the category is opened.
    fn opens(&self, purpose: &Purpose, grant: Option<GrantFacts>, habilitated: bool) -> bool {
        let decision = self.policies.decide(&self.question(purpose, grant, habilitated));
        decision.allowed && decision.withheld.is_empty()
    }

    /// Grants that the purpose admits: without a condition of article 9, and with each that it names.
    fn grants(&self, purpose: &Purpose) -> Vec<GrantFacts> {
        let conditions = std::iter::once(None).chain(purpose.article9.iter().copied().map(Some));
        let grant = |article9| GrantFacts {
            role: self.role,
            purpose: purpose.name.clone(),
            fields: self.fields().collect(),
            basis: purpose.article6,
            article9,
            state: GrantState::Valid,
        };
        conditions.map(grant).collect()
    }

    /// The policies that refuse the role for a purpose, with the best grant that there can be.
    fn forbidding(&self, purpose: &Purpose) -> BTreeSet<String> {
        self.policies.decide(&self.question(purpose, self.grants(purpose).pop(), true)).policies
    }

    fn question(&self, purpose: &Purpose, grant: Option<GrantFacts>, habilitated: bool) -> Question {
        Question {
            role: self.role,
            action: Action::Read,
            record_type: Some(self.record_type.name().clone()),
            fields: self.fields().collect(),
            purpose: Some(purpose.name.clone()),
            grant,
            restricted: false,
            archived: BTreeSet::new(),
            operator: OperatorFacts::habilitated(habilitated.then(|| self.category.clone())),
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
