//! Restricting processing of a record (GDPR article 18) and ending that: it binds every decision
//! committed after it, reads in flight included.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::ids::{FilingId, SubjectId};
use coffre_policies::Action;
use coffre_store::Receipt;
use coffre_store::transactions::{Answering, SetRestriction};

use super::call::Call;
use super::failure::Failure;
use super::keeper::Keeper;
use super::look::{Look, Question};

/// Why processing is restricted: a letter of GDPR article 18(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// The data subject contests the accuracy.
    Accuracy,
    /// Processing is unlawful, and the data subject wants no erasure.
    Unlawful,
    /// The data subject needs the data for claims.
    Claims,
    /// The data subject objected, and it is being verified whose grounds override.
    Objection,
}

impl FromStr for Ground {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "a" => Ok(Self::Accuracy),
            "b" => Ok(Self::Unlawful),
            "c" => Ok(Self::Claims),
            "d" => Ok(Self::Objection),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self {
            Self::Accuracy => 'a',
            Self::Unlawful => 'b',
            Self::Claims => 'c',
            Self::Objection => 'd',
        };
        write!(f, "GDPR article 18(1)({letter})")
    }
}

/// What is asked for.
pub(crate) struct Restrict {
    pub(crate) kind: String,
    pub(crate) subject: SubjectId,
    /// Why it is restricted; none to end the restriction.
    pub(crate) ground: Option<Ground>,
    pub(crate) purpose: String,
    pub(crate) reason: String,
    /// The request that the restriction fulfils.
    pub(crate) request: Option<FilingId>,
}

impl Keeper {
    /// Restricts a record, or ends its restriction. Says whether it was otherwise before.
    pub(crate) async fn restrict(self: &Arc<Self>, call: &Call, asked: Restrict) -> Result<(bool, Receipt), Failure> {
        let (action, logged_as) = match asked.ground {
            Some(_) => (Action::Restrict, audit::Action::Restrict),
            None => (Action::Unrestrict, audit::Action::Unrestrict),
        };
        let question = Question {
            action,
            logged_as,
            kind: Some(self.record_type(&asked.kind)?.name().clone()),
            fields: BTreeSet::new(),
            entire: true,
            purpose: Some(self.purpose(&asked.purpose)?),
            reason: Some(asked.reason),
        };
        let (subject, ground) = (asked.subject, asked.ground);
        let look = move |look: &Look<'_>| {
            let mut plan = look.on_record(&question, subject, |found| {
                let record_type = found.kind.clone();
                let act = SetRestriction { record_type, subject: found.subject, restricted: ground.is_some() };
                Ok(Answering { act, subject: found.subject, filing: asked.request })
            })?;
            plan.draft.target = ground.map(|ground| ground.to_string());
            Ok(plan)
        };
        self.change(call, look).await
    }
}
