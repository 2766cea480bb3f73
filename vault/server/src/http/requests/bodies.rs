//! What is sent with a request and its steps.

use coffre_core::day::Day;
use coffre_core::filing::{Channel, FilingContent, FilingKind, IdentityCheck};
use coffre_core::ids::SubjectId;
use coffre_core::record::{Fields, RecordTypeName};
use coffre_core::time::Timestamp;
use serde::Deserialize;

use crate::http::parameters::sound_reason;
use crate::http::problem::Problem;
use crate::http::record_body::RecordBody;
use crate::usecases::{About, FileRequest};

/// The most characters of what is said about a request.
const LONGEST_TEXT: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileBody {
    #[serde(default, rename = "type")]
    record_type: Option<RecordTypeName>,
    #[serde(default)]
    id: Option<SubjectId>,
    /// Whoever asks and has no record, instead of `type` and `id`.
    #[serde(default)]
    requester: Option<RecordBody>,
    kind: FilingKind,
    channel: Channel,
    /// Not checked, unless it is said.
    #[serde(default)]
    identity: Option<IdentityCheck>,
    /// Today (UTC), unless it is said.
    #[serde(default)]
    received_on: Option<Day>,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default)]
    changes: RecordBody,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

impl FileBody {
    pub(super) fn asked(self, now: Timestamp) -> Result<FileRequest, Problem> {
        let Self { record_type, id, requester, kind, channel, identity, received_on, purpose, changes, text, reason } =
            self;
        let today = Day::of(now);
        let received_on = received_on.unwrap_or(today);
        // Where the request came in the next day may have begun already.
        if received_on > today.plus_days(1) {
            return Err(Problem::malformed("received_on is not over yet: state the day on which the request came in"));
        }
        if !changes.cleared.is_empty() {
            return Err(Problem::malformed("changes removes a whole category: name the fields one by one"));
        }
        let proposes = !changes.fields.is_empty();
        if proposes && !kind.may_propose() {
            let detail = "only a request of kind change or rectification proposes values: leave changes out";
            return Err(Problem::malformed(detail));
        }
        if !proposes && !kind.is_right() {
            return Err(Problem::malformed("a request of kind change proposes values: name them in changes"));
        }
        let about = match (record_type, id, requester) {
            (Some(record_type), Some(subject), None) => About::Record(record_type, subject),
            (None, None, Some(requester)) => of_a_stranger(requester, kind, proposes)?,
            _ => {
                let detail =
                    "state whom the request is about: type and id of a record, or requester where there is none";
                return Err(Problem::malformed(detail));
            }
        };
        let identity = identity.unwrap_or(IdentityCheck::NotChecked);
        let text = text.map(sound_text).transpose()?;
        let content = FilingContent { changes: changes.fields, text, ..FilingContent::default() };
        let reason = reason.map(sound_reason).transpose()?;
        Ok(FileRequest { about, kind, channel, identity, received_on, content, purpose, reason })
    }
}

fn of_a_stranger(requester: RecordBody, kind: FilingKind, proposes: bool) -> Result<About, Problem> {
    if !kind.is_right() || proposes {
        let detail = "somebody who has no record proposes no values: say in text what is wrong";
        return Err(Problem::malformed(detail));
    }
    if !requester.cleared.is_empty() || requester.fields.values().any(serde_json::Value::is_null) {
        return Err(Problem::malformed("requester has values only: leave out what is not known"));
    }
    Ok(About::Requester(Fields(requester.fields)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssignBody {
    /// Whoever calls, unless it is said.
    #[serde(default)]
    pub(super) assignee: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdentifyBody {
    pub(super) identity: IdentityCheck,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    /// The type of the person's record.
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: SubjectId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextBody {
    text: String,
}

impl TextBody {
    pub(super) fn sound(self) -> Result<String, Problem> {
        sound_text(self.text)
    }
}

/// A text that can be kept: not empty, not long, lines and letters only.
fn sound_text(text: String) -> Result<String, Problem> {
    let control = |c: char| c.is_control() && c != '\n';
    if text.trim().is_empty() || text.chars().count() > LONGEST_TEXT || text.contains(control) {
        let detail = format!("text has 1 to {LONGEST_TEXT} characters, and no control character but the line feed");
        return Err(Problem::malformed(detail));
    }
    Ok(text)
}
