//! How a one-shot verb reports: lines for people and one line of JSON, the last, for whoever started it. With `--json`
//! that line is alone, as from the other verbs.

use serde_json::{Value, json};

use crate::exit::Exit;
use crate::{complaint, output};

/// What a verb has to say.
pub(super) struct Outcome {
    pub(super) lines: Vec<String>,
    /// An object; the exit code is added to it.
    pub(super) value: Value,
    pub(super) exit: Exit,
}

/// As any verb tells its failure in JSON: the cause and, where there is one, its remedy.
fn failed(error: &anyhow::Error) -> Outcome {
    let (cause, remedy) = complaint::parts(error.chain());
    Outcome { lines: Vec::new(), value: json!({ "error": cause, "help": remedy }), exit: Exit::of(error) }
}

/// Reports, and gives the exit code. A failure is told as a line of JSON too, before it goes its way.
pub(super) fn conclude(outcome: anyhow::Result<Outcome>, only_json: bool) -> anyhow::Result<Exit> {
    let (outcome, error) = match outcome {
        Ok(outcome) => (outcome, None),
        Err(error) => (failed(&error), Some(error)),
    };
    let Outcome { lines, mut value, exit } = outcome;
    if let Some(object) = value.as_object_mut() {
        object.insert("exit_code".to_owned(), json!(exit.code()));
    }
    if only_json {
        output::json(&value)?;
    } else {
        lines.iter().try_for_each(output::line)?;
        output::line(value.to_string())?;
    }
    error.map_or(Ok(exit), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::complaint::Complaint;

    #[test]
    fn a_failure_is_told_with_its_remedy() {
        let complaint = Complaint::usage("there is no repository \"third\"", "name one of restic, second");
        let Outcome { value, exit, .. } = failed(&complaint.into());
        assert_eq!(value, json!({ "error": "there is no repository \"third\"", "help": "name one of restic, second" }));
        assert_eq!(exit, Exit::Usage);
    }
}
