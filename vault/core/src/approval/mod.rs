//! What takes effect only when two officers have signed it: a policy set, an application's role, another set of
//! officers. A statement says what is to take effect, in which vault; officers sign it as a note. Format:
//! `docs/formats/approvals.md`. Who the officers are, and what is in force, is kept by the store.

mod error;
mod officer;
mod signed;
mod statement;

pub use error::{ApprovalError, OfficerError, OfficersError, StatementError};
pub use officer::{Officer, OfficerRole, Officers};
pub use signed::{Approval, REQUIRED};
pub use statement::{ApplicationStatement, PolicyHashes, PolicyStatement, Statement, Subject};

#[cfg(test)]
mod tests;
