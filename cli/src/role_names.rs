//! What insurance staff call the roles, in French and English.

use coffre_core::role::Role;

use crate::language::Language;

/// The service or person that a role stands for.
pub(crate) const fn role_name(language: Language, role: Role) -> &'static str {
    language.pick(role.french(), role.english())
}
