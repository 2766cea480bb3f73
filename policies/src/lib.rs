//! What may be read, by whom, why and for how long: the policy folder, loaded, validated and asked.
//!
//! Architecture invariant: a decision is a total function of low-cardinality facts. Nothing here
//! reads a clock, a record or a grant store, and after the folder is read there is no I/O at all.
//! Which grant an application relies on is chosen by the caller; this crate only judges it.

mod action;
mod by_clock;
mod cedar;
mod check;
mod compare;
mod consent_receipt;
mod cutoff;
mod decide;
mod embedded;
mod environment;
mod error;
mod explain;
mod grant_check;
mod habilitation_check;
mod keeping;
mod labels;
mod matrix;
mod objection;
mod place;
mod policies;
mod purpose;
mod question;
mod reason;
pub mod record_type;
mod retention;
mod sources;
mod toml_file;
pub mod values;

pub use action::{Action, UnknownAction};
pub use cedar::{CedarFault, Effect, PolicyNote};
pub use check::{CaseOutcome, CheckError, CheckReport, Difference, check};
pub use compare::{AccessChange, Case, Circumstance, Comparison, Declared, DeclaredChange, GrantCase, Kind};
pub use consent_receipt::ReceiptOf;
pub use decide::Decision;
pub use environment::{Environment, EnvironmentFault, Host, ProtectedSource};
pub use error::LoadError;
pub use explain::{Explanation, Step};
pub use grant_check::GrantFault;
pub use habilitation_check::HabilitationFault;
pub use keeping::{Belongs, Keeping, Phase, RecordFacts};
pub use labels::Labels;
pub use matrix::{Access, Cell, Column, Matrix, PurposeAccess, Row};
pub use place::Place;
pub use policies::{Policies, PolicySetHash};
pub use purpose::{Condition, Purpose, PurposeFault};
pub use question::{GrantFacts, OperatorFacts, Question};
pub use reason::Reason;
pub use record_type::RecordType;
pub use retention::{
    Exemption, LogRule, LongerRule, Period, ProspectRule, RequestRule, RetentionFault, RetentionRule, StartingEvent,
};
pub use sources::Sources;
