//! Who may read what under the policies that ship.
#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_core::role::Role;
use coffre_policies::{Access, Cell, Policies, Sources};

fn cell(role: Role, category: &str) -> Cell {
    cell_of(&Policies::embedded().unwrap(), role, category)
}

fn cell_of(policies: &Policies, role: Role, category: &str) -> Cell {
    let matrix = policies.matrix(policies.record_type("policyholder").unwrap());
    let column = matrix.columns.iter().position(|column| column.name.as_str() == category).unwrap();
    let row = matrix.rows.into_iter().find(|row| row.role == role).unwrap();
    row.cells.into_iter().nth(column).unwrap()
}

fn english(cell: &Cell, access: Access) -> Vec<&str> {
    cell.with(access).map(|labels| labels.en.as_str()).collect()
}

#[test]
fn legal_reads_without_a_grant_and_the_others_with_one() {
    let health = cell(Role::Legal, "health");
    assert!(english(&health, Access::Free).contains(&"claims handling"));
    assert!(english(&health, Access::Never).contains(&"billing"));
    assert!(health.habilitation);
    assert!(!cell(Role::Legal, "contact").habilitation);
    let sales = cell(Role::Sales, "contact");
    assert_eq!(english(&sales, Access::Free), [""; 0]);
    assert_eq!(english(&sales, Access::Grant), ["direct marketing"]);
    let service = cell(Role::CustomerService, "health");
    assert!(english(&service, Access::Grant).contains(&"claims handling"), "with explicit consent");
    assert!(service.habilitation);
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
        assert!(cell.is_closed() && !cell.habilitation, "{role} {category}");
        assert_eq!(cell.forbidden_by, policies, "{role} {category}");
    }
}

/// The policies that ship, with one more.
fn with(rule: &str) -> Policies {
    let described = "@description_fr(\"fr\")\n@description_en(\"en\")\n";
    Policies::from_sources(&Sources::embedded().with("cedar/own.cedar", &format!("@id(\"own\")\n{described}{rule}")))
        .unwrap()
}

#[test]
fn single_fields_that_are_open_are_told() {
    let policies = with(
        "permit (principal in Role::\"sales\", action == Action::\"read\", resource == Field::\"policyholder/contact.phone\");",
    );
    let told = |category| {
        let cell = cell_of(&policies, Role::Sales, category);
        assert_eq!(english(&cell, Access::Grant), ["direct marketing"], "as a whole");
        cell.free_fields.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!((told("contact"), told("contract")), (vec!["contact.phone".to_owned()], vec![]));
    assert!(cell(Role::Sales, "contact").free_fields.is_empty());
}

#[test]
fn what_only_verified_operators_read_is_not_called_closed() {
    let policies = with(
        "@reason(\"no-habilitation\")\nforbid (principal in Role::\"sales\", action == Action::\"read\", resource)\n\
         unless { context.operator.verified };",
    );
    let contact = cell_of(&policies, Role::Sales, "contact");
    assert_eq!(english(&contact, Access::Grant), ["direct marketing"]);
    assert!(contact.verification && !contact.habilitation);
    assert!(!cell(Role::Sales, "contact").verification);
}

#[test]
fn a_grant_of_any_basis_counts() {
    let sources = Sources::embedded();
    let granted = sources.iter().find(|(file, _)| *file == "cedar/granted-reads.cedar").unwrap().1.to_owned();
    let (from, to) =
        ("context has grant &&", "context has grant &&\n    context.grant.basis == Basis::\"vital-interests\" &&");
    let policies =
        Policies::from_sources(&sources.with("cedar/granted-reads.cedar", &granted.replace(from, to))).unwrap();
    let contact = cell_of(&policies, Role::Sales, "contact");
    assert_eq!(english(&contact, Access::Grant), ["direct marketing"], "although its usual basis is consent");
}
