//! «May I contact these people?». Who is asked about is in the body, not in the URL: URLs end up in logs.

use axum::extract::{Request, State};
use axum::response::Response;
use coffre_core::ids::SubjectId;
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::parameters::{Parameters, sound_reason};
use super::problem::Problem;
use super::routes::Routes;
use super::{Api, body};
use crate::usecases::{Channel, CheckContactable, Person};

/// The most people in one call.
const MOST_PEOPLE: usize = 1_000;
/// The most characters of a value.
const LONGEST_VALUE: usize = 200;

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/contactable", check)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactableBody {
    #[serde(rename = "type")]
    kind: String,
    purpose: String,
    channel: Channel,
    people: Vec<PersonBody>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonBody {
    #[serde(default)]
    id: Option<SubjectId>,
    #[serde(default)]
    index: Option<String>,
    #[serde(default)]
    value: Option<String>,
}

impl PersonBody {
    fn person(self, at: usize) -> Result<Person, Problem> {
        match (self.id, self.index, self.value) {
            (Some(id), None, None) => Ok(Person::Id(id)),
            (None, Some(index), Some(value)) if value.chars().count() <= LONGEST_VALUE => {
                Ok(Person::Value { index, value })
            }
            (None, Some(_), Some(_)) => {
                Err(Problem::malformed(format!("people[{at}]: value has more than {LONGEST_VALUE} characters")))
            }
            _ => Err(Problem::malformed(format!("people[{at}]: name either id, or index and value"))),
        }
    }
}

async fn check(State(api): State<Api>, Caller(call): Caller, request: Request) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    Parameters::none(&parts.uri)?;
    let asked: ContactableBody = body::json(&parts.headers, sent, &api.limits, &["application/json"]).await?;
    let ContactableBody { kind, purpose, channel, people, reason } = asked;
    if !(1..=MOST_PEOPLE).contains(&people.len()) {
        return Err(Problem::malformed(format!(
            "people holds {}: ask about 1 to {MOST_PEOPLE} at a time",
            people.len()
        )));
    }
    let people = people.into_iter().enumerate().map(|(at, person)| person.person(at)).collect::<Result<_, _>>()?;
    let reason = reason.map(sound_reason).transpose()?;
    let asked = CheckContactable { kind, channel, people, purpose, reason };
    let (contactable, receipt) = api.keeper.check_contactable(&call, asked).await?;
    Answer::recorded(&receipt).json(&json!({ "contactable": contactable }))
}
