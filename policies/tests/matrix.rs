//! Who may read what under the policies that ship.
#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_core::role::Role;
use coffre_policies::{Access, Cell, Policies};

fn cell(role: Role, category: &str) -> Cell {
    let policies = Policies::embedded().unwrap();
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
