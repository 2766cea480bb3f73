//! Who may read what, and why: roles against categories, asked of the policies themselves. Pure.
//!
//! Nothing here knows a rule: each cell is the answer to the questions that a call would put.

use coffre_core::grant::GrantState;
use coffre_core::record::FieldPath;
use coffre_core::role::Role;
use coffre_policies::{Action, GrantFacts, Labels, Policies, Purpose, Question, RecordType};

/// Roles against the categories of a record type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub(crate) record_type: Labels,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// A category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) label: Labels,
    pub(crate) special: bool,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) role: Role,
    pub(crate) cells: Vec<Cell>,
}

/// What a role may read of a category.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Cell {
    /// Purposes for which it needs no grant.
    pub(crate) free: Vec<Labels>,
    /// Purposes for which a grant can open it.
    pub(crate) granted: Vec<Labels>,
    /// Where there are none of either: the policies that forbid it; none where nothing permits it.
    pub(crate) forbidden_by: Vec<String>,
}

impl Cell {
    /// Whether the role can never read the category.
    pub(crate) fn is_closed(&self) -> bool {
        self.free.is_empty() && self.granted.is_empty()
    }
}

/// The matrix of a record type under these policies.
pub(crate) fn matrix(policies: &Policies, record_type: &RecordType) -> Matrix {
    let columns = record_type
        .categories()
        .iter()
        .map(|category| Column {
            name: category.name.to_string(),
            label: category.labels.clone(),
            special: category.special,
        })
        .collect();
    let row = |role| {
        let cell = |category: &str| Asker { policies, record_type, role, category }.cell();
        Row { role, cells: record_type.categories().iter().map(|category| cell(category.name.as_str())).collect() }
    };
    Matrix { record_type: record_type.labels().clone(), columns, rows: Role::ALL.map(row).into() }
}

struct Asker<'a> {
    policies: &'a Policies,
    record_type: &'a RecordType,
    role: Role,
    category: &'a str,
}

impl Asker<'_> {
    fn cell(&self) -> Cell {
        let mut cell = Cell::default();
        for purpose in self.policies.purposes().filter(|purpose| purpose.roles.contains(&self.role)) {
            if self.opens(purpose, None) {
                cell.free.push(purpose.labels.clone());
            } else if self.grants(purpose).into_iter().any(|grant| self.opens(purpose, Some(grant))) {
                cell.granted.push(purpose.labels.clone());
            }
        }
        if cell.is_closed() {
            cell.forbidden_by = self.forbidden_by();
        }
        cell
    }

    /// Whether every field of the category is opened.
    fn opens(&self, purpose: &Purpose, grant: Option<GrantFacts>) -> bool {
        let decision = self.policies.decide(&self.question(Some(purpose.name.clone()), grant));
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

    /// The policies that refuse the role whatever its purpose and grant: those named for every purpose that there is.
    fn forbidden_by(&self) -> Vec<String> {
        let mut named = self.policies.purposes().map(|purpose| {
            let grant = self.grants(purpose).pop();
            self.policies.decide(&self.question(Some(purpose.name.clone()), grant)).policies
        });
        let first = named.next().unwrap_or_default();
        let common = named.fold(first, |common, names| common.intersection(&names).cloned().collect());
        common.into_iter().collect()
    }

    fn question(&self, purpose: Option<String>, grant: Option<GrantFacts>) -> Question {
        Question {
            role: self.role,
            action: Action::Read,
            record_type: Some(self.record_type.name().clone()),
            fields: self.fields().collect(),
            purpose,
            grant,
            restricted: false,
        }
    }

    fn fields(&self) -> impl Iterator<Item = FieldPath> {
        let own = |path: &&FieldPath| path.category_str() == self.category;
        self.record_type.fields().iter().map(|field| &field.path).filter(own).cloned()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn cell(role: Role, category: &str) -> Cell {
        let policies = Policies::embedded().unwrap();
        let matrix = matrix(&policies, policies.record_type("policyholder").unwrap());
        let column = matrix.columns.iter().position(|column| column.name == category).unwrap();
        let row = matrix.rows.into_iter().find(|row| row.role == role).unwrap();
        row.cells.into_iter().nth(column).unwrap()
    }

    #[test]
    fn legal_reads_without_a_grant_and_the_others_with_one() {
        assert!(!cell(Role::Legal, "health").free.is_empty());
        let sales = cell(Role::Sales, "contact");
        assert!(sales.free.is_empty());
        assert_eq!(sales.granted.iter().map(|purpose| purpose.en.as_str()).collect::<Vec<_>>(), ["direct marketing"]);
        assert!(!cell(Role::CustomerService, "health").granted.is_empty(), "with explicit consent");
    }

    #[test]
    fn what_is_closed_names_the_policy_that_closes_it() {
        for (role, category, policies) in [
            (Role::Sales, "health", ["sales-never-health"].as_slice()),
            (Role::Billing, "health", &["billing-never-health"]),
            (Role::Dpo, "contact", &["dpo-never-content"]),
            (Role::Backup, "contact", &["backup-never-records", "purpose-must-suit-the-role"]),
        ] {
            let cell = cell(role, category);
            assert!(cell.is_closed(), "{role} {category}");
            assert_eq!(cell.forbidden_by, policies, "{role} {category}");
        }
    }
}
