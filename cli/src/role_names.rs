//! What insurance staff call the roles, in French and English.

use coffre_core::role::Role;

use crate::language::Language;

/// The service or person that a role stands for.
pub(crate) const fn role_name(language: Language, role: Role) -> &'static str {
    match role {
        Role::Legal => language.pick("service légal", "Legal"),
        Role::CustomerService => language.pick("service client", "customer service"),
        Role::Sales => language.pick("vente", "Sales"),
        Role::Billing => language.pick("facturation", "Billing"),
        Role::Dpo => language.pick("DPO", "DPO"),
        Role::Backup => language.pick("compte de sauvegarde", "backup account"),
    }
}
