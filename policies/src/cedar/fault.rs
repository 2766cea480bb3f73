//! What can be wrong with the schema or a policy, and where Cedar says that it is.

use miette::Diagnostic;
use thiserror::Error;

use crate::place::Place;
use crate::sources::Sources;

/// Why the policies were refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CedarFault {
    /// The schema is malformed, or Cedar warns of it.
    #[error("the schema cannot be used: {message}{help}: correct it, or take the one that came with this version")]
    Schema {
        /// What Cedar says.
        message: String,
        /// What Cedar advises.
        help: String,
    },
    /// An action that the code asks for and the schema does not know.
    #[error("the schema has no action {action:?}, which this version asks for: declare it")]
    ActionMissing {
        /// The action.
        action: String,
    },
    /// An action of the schema that the code never asks for.
    #[error("the schema declares action {action:?}, which this version never asks for: remove it, or correct its name")]
    ActionUnknown {
        /// The action.
        action: String,
    },
    /// The schema does not fit the record types, purposes or grants that the code describes to it.
    #[error("the schema does not fit what this version asks: {message}: take the schema that came with it")]
    Misfit {
        /// What Cedar says.
        message: String,
    },
    /// A policy cannot be parsed.
    #[error("not a Cedar policy: {message}{help}: correct it")]
    Syntax {
        /// What Cedar says.
        message: String,
        /// What Cedar advises.
        help: String,
    },
    /// A policy fails strict validation against the schema.
    #[error("{message}{help}: correct the policy, or declare in the schema what it speaks of")]
    Invalid {
        /// What Cedar says.
        message: String,
        /// What Cedar advises.
        help: String,
    },
    /// A template.
    #[error("a policy template, which nothing would link: write the principal and the resource out")]
    Template,
    /// A policy without a name of its own.
    #[error("the policy has no @id: give it one, it is written in every log entry that the policy decides")]
    NoId,
    /// A name that breaks the rule of names.
    #[error("{id:?} is not a policy name: use 1 to 64 of a-z, 0-9 and '-', starting with a letter")]
    Id {
        /// The text.
        id: String,
    },
    /// Two policies of one name.
    #[error("policy {id:?} is there twice, first at {first}: rename one of the two")]
    Twice {
        /// The name.
        id: String,
        /// Where it was first.
        first: Place,
    },
    /// A policy that does not say what it is for.
    #[error("policy {id:?} has no @{annotation}: say in a sentence what it does")]
    NoDescription {
        /// The policy.
        id: String,
        /// The annotation.
        annotation: &'static str,
    },
    /// A forbid that does not say which reason it gives.
    #[error("policy {id:?} forbids without a @reason: give one of {known}")]
    NoReason {
        /// The policy.
        id: String,
        /// The reasons it may give.
        known: String,
    },
    /// A reason that is none, or not a policy's to give.
    #[error("policy {id:?} gives the @reason {reason:?}, which is none that a policy can give: use one of {known}")]
    UnknownReason {
        /// The policy.
        id: String,
        /// The text.
        reason: String,
        /// The reasons it may give.
        known: String,
    },
    /// A reason on a permit.
    #[error("policy {id:?} permits and has a @reason, which only a forbid gives: remove it")]
    ReasonOfPermit {
        /// The policy.
        id: String,
    },
    /// An annotation that nothing reads.
    #[error(
        "policy {id:?} has an annotation @{annotation}, which nothing reads: use @id, @reason, @description_en and @description_fr"
    )]
    UnknownAnnotation {
        /// The policy.
        id: String,
        /// The annotation.
        annotation: String,
    },
    /// A policy that names something which is not declared.
    #[error("policy {policy:?} names {entity}, which is declared nowhere: correct the name, or declare it")]
    UnknownEntity {
        /// The policy.
        policy: String,
        /// What it names.
        entity: String,
    },
}

/// What an error says, with its causes: Cedar keeps the telling part there.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Where Cedar says that something is, and what it advises.
pub(super) struct Where {
    offset: Option<usize>,
    /// The advice, in parentheses; empty when there is none.
    pub(super) help: String,
}

impl Where {
    pub(super) fn of(diagnostic: &dyn Diagnostic) -> Self {
        let label = diagnostic.labels().and_then(|mut labels| labels.next());
        let help = diagnostic.help().map(|help| format!(" ({help})")).unwrap_or_default();
        Self { offset: label.map(|label| label.offset()), help }
    }

    /// The place in this text, which is the content of `file`.
    pub(super) fn in_text(&self, file: &str, text: &str) -> Place {
        Place::of(file, text, self.offset.unwrap_or(0))
    }

    /// The place in a file of the folder; the policy's own place where Cedar names none.
    pub(super) fn in_file(&self, sources: &Sources, policy: &Place) -> Place {
        let text = sources.iter().find(|(file, _)| *file == policy.file).map(|(_, text)| text);
        match (self.offset, text) {
            (Some(offset), Some(text)) => Place::of(&policy.file, text, offset),
            _ => policy.clone(),
        }
    }
}
