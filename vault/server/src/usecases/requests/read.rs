//! Looking at one request. Legal sees what it says, and of the proposed values those it may read for the purpose it
//! states; the filer what was said to it and by it; the data protection officer how it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coffre_core::audit;
use coffre_core::filing::{Filing, FilingAct};
use coffre_core::ids::FilingId;
use coffre_core::record::FieldPath;
use coffre_policies::{Action, Reason};
use coffre_store::{FilingStep, Receipt, Undisclosed};

use super::{Whose, on_request, with_values};
use crate::authorization::Decided;
use crate::usecases::call::Call;
use crate::usecases::failure::Failure;
use crate::usecases::keeper::Keeper;
use crate::usecases::look::{Look, Question};
use crate::usecases::plan::{Plan, Reading};

/// What is asked for.
pub(crate) struct ReadRequest {
    pub(crate) filing: FilingId,
    /// For which purpose the proposed values are read; without one they stay closed.
    pub(crate) purpose: Option<String>,
    pub(crate) reason: Option<String>,
}

/// What is answered.
pub(crate) struct RequestView {
    pub(crate) filing: Filing,
    pub(crate) steps: Vec<FilingStep>,
    /// Whether it is shown to the application that filed it, as one that sees no others.
    pub(crate) to_filer: bool,
    /// The proposed values that stay closed, if the caller was to see any.
    pub(crate) withheld: BTreeMap<FieldPath, Reason>,
}

struct Sealed {
    filing: Filing,
    steps: Undisclosed<Vec<FilingStep>>,
    shows: Shows,
    withheld: BTreeMap<FieldPath, Reason>,
}

/// What of a request a caller sees beside how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    All,
    /// The steps, without what they say.
    Acts,
    /// What the house says to the filer and the filer to the house.
    Talk,
}

impl Keeper {
    /// Looks at a request.
    pub(crate) async fn read_request(
        self: &Arc<Self>,
        call: &Call,
        asked: ReadRequest,
    ) -> Result<(RequestView, Receipt), Failure> {
        if let Some(purpose) = &asked.purpose {
            self.purpose(purpose)?;
        }
        let look = move |look: &Look<'_>| prepare(look, &asked);
        let (Sealed { filing, steps, shows, withheld }, receipt) = self.disclose(call, look).await?;
        let mut steps = steps.open(&receipt)?;
        let to_filer = shows == Shows::Talk;
        if to_filer {
            // Whether somebody has a record is told to nobody else.
            steps.retain(|step| step.act != FilingAct::Link);
        }
        for step in &mut steps {
            step.content = step.content.take().filter(|_| is_shown(shows, step.act));
        }
        Ok((RequestView { filing, steps, to_filer, withheld }, receipt))
    }
}

const fn is_shown(shows: Shows, act: FilingAct) -> bool {
    match shows {
        Shows::All => true,
        Shows::Acts => false,
        Shows::Talk => {
            use FilingAct::{Ask, Extend, Refuse, Reply, Unidentified};
            matches!(act, Ask | Reply | Refuse | Extend | Unidentified)
        }
    }
}

fn question(action: Action, reason: Option<String>) -> Question {
    Question {
        action,
        logged_as: audit::Action::ReadRequest,
        kind: None,
        fields: BTreeSet::new(),
        entire: true,
        purpose: None,
        reason,
    }
}

fn prepare(look: &Look<'_>, asked: &ReadRequest) -> Result<Plan<Reading<Sealed>>, Failure> {
    let sees = [(Action::DecideRequests, Whose::Any, Shows::All), (Action::ListRequests, Whose::Any, Shows::Acts)];
    for (action, whose, shows) in sees {
        let plan = view(look, asked, action, whose, shows)?;
        if plan.then.is_ok() {
            return Ok(plan);
        }
    }
    view(look, asked, Action::FollowRequests, Whose::Own, Shows::Talk)
}

fn view(
    look: &Look<'_>,
    asked: &ReadRequest,
    action: Action,
    whose: Whose,
    shows: Shows,
) -> Result<Plan<Reading<Sealed>>, Failure> {
    let mut values = None;
    let mut plan = on_request(look, &question(action, asked.reason.clone()), asked.filing, whose, |filing, _| {
        let open = if shows == Shows::All { values_open(look, filing, asked.purpose.as_deref())? } else { None };
        let opened: Vec<FieldPath> =
            open.as_ref().map(|decided| decided.opened.iter().cloned().collect()).unwrap_or_default();
        let steps = look.snapshot.filing_steps(filing, &opened)?;
        let withheld = match (&open, shows) {
            (Some(decided), _) => decided.withheld.clone(),
            (None, Shows::All) => filing.fields.iter().map(|field| (field.clone(), Reason::NoPurpose)).collect(),
            (None, _) => BTreeMap::new(),
        };
        let claims = vec![steps.claim().clone()];
        values = open;
        Ok(Reading { claims, content: Sealed { filing: filing.clone(), steps, shows, withheld } })
    })?;
    if let (Some(decided), true) = (values, plan.then.is_ok()) {
        with_values(look, &mut plan, &decided, asked.purpose.as_deref());
    }
    Ok(plan)
}

/// Which of the proposed values the caller may read for a purpose: as it may read what the record holds there.
fn values_open(look: &Look<'_>, filing: &Filing, purpose: Option<&str>) -> Result<Option<Decided>, Failure> {
    let Some(purpose) = purpose.filter(|_| !filing.fields.is_empty()) else { return Ok(None) };
    let question = Question {
        action: Action::Read,
        kind: Some(filing.record_type.clone()),
        fields: filing.fields.iter().cloned().collect(),
        entire: false,
        purpose: Some(purpose.to_owned()),
        ..question(Action::Read, None)
    };
    let (there, decided) = look.judge(&question, filing.subject)?;
    Ok(there.map(|_| decided))
}
