//! Decision folders: a question, the decision expected of it, and a run of them all that also finds
//! the policies which no case exercises. This is the one place, beside `sources`, that reads files.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::decide::Decision;
use crate::place::Place;
use crate::policies::Policies;
use crate::question::Question;

/// What a run of decision folders found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// Every case, in the order of the names.
    pub cases: Vec<CaseOutcome>,
    /// The policies that determined no case's decision.
    pub unexercised: Vec<String>,
}

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutcome {
    /// The folder's name.
    pub name: String,
    /// What is asked.
    pub question: Question,
    /// What was decided and not expected, or expected and not decided; nothing when the case passed.
    pub differences: Vec<Difference>,
}

/// One thing that a decision says and the other does not: written like a line of `expected.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "in", content = "line")]
pub enum Difference {
    /// Only the expected decision says it.
    Expected(String),
    /// Only the decision that was made says it.
    Decided(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected(line) => write!(f, "- {line}"),
            Self::Decided(line) => write!(f, "+ {line}"),
        }
    }
}

impl CheckReport {
    /// Whether every case passed and every policy was exercised.
    pub fn passed(&self) -> bool {
        self.unexercised.is_empty() && self.cases.iter().all(|case| case.differences.is_empty())
    }
}

/// Why decision folders could not be run.
#[derive(Debug, Error)]
pub enum CheckError {
    /// A file or folder could not be read.
    #[error("cannot read {}: each case is a folder with a question.toml and an expected.toml", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is malformed.
    #[error("{place}: {message}: see docs/formats/policies.md for what a case may hold")]
    Malformed {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// There is no case at all.
    #[error("{} holds no case: add a folder with a question.toml and an expected.toml", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// Asks the question of every case in a folder and compares the answers.
pub fn check(policies: &Policies, folder: &Path) -> Result<CheckReport, CheckError> {
    let mut exercised = BTreeSet::new();
    let mut cases = Vec::new();
    for (name, path) in case_folders(folder)? {
        let question: Question = read(&path.join("question.toml"), &name)?;
        let expected: Decision = read(&path.join("expected.toml"), &name)?;
        let decision = policies.decide(&question);
        exercised.extend(decision.policies.iter().cloned());
        let differences = differences(&expected, &decision);
        cases.push(CaseOutcome { name, question, differences });
    }
    if cases.is_empty() {
        return Err(CheckError::Empty { path: folder.to_owned() });
    }
    let unexercised = policies.policies().map(|note| note.id.clone()).filter(|id| !exercised.contains(id)).collect();
    Ok(CheckReport { cases, unexercised })
}

fn case_folders(folder: &Path) -> Result<Vec<(String, PathBuf)>, CheckError> {
    let failed = |source| CheckError::Read { path: folder.to_owned(), source };
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        cases.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    cases.sort_unstable();
    Ok(cases)
}

fn read<T: DeserializeOwned>(path: &Path, case: &str) -> Result<T, CheckError> {
    let text = fs::read_to_string(path).map_err(|source| CheckError::Read { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error| {
        let file = format!("{case}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let place = Place::of(&file, &text, error.span().map_or(0, |span| span.start));
        CheckError::Malformed { place, message: error.message().replace('\n', ", ") }
    })
}

/// What one of the two says alone, in the order of `expected.toml`: a `-` of what was expected, then the `+` of what
/// was decided.
fn differences(expected: &Decision, decision: &Decision) -> Vec<Difference> {
    let (expected, decided) = (lines(expected), lines(decision));
    let missing = expected.iter().filter(|line| !decided.contains(line)).cloned().map(|line| (line, true));
    let surplus = decided.iter().filter(|line| !expected.contains(line)).cloned().map(|line| (line, false));
    let mut all: Vec<((usize, String), bool)> = missing.chain(surplus).collect();
    all.sort_by_key(|((part, _), expected)| (*part, !expected));
    all.into_iter()
        .map(|((_, line), expected)| if expected { Difference::Expected(line) } else { Difference::Decided(line) })
        .collect()
}

/// What a decision says, one thing a line, each with the part it belongs to.
fn lines(decision: &Decision) -> Vec<(usize, String)> {
    let mut lines = vec![(0, format!("allowed = {}", decision.allowed))];
    lines.extend(decision.opened.iter().map(|field| (1, format!("opened {field}"))));
    lines.extend(decision.withheld.iter().map(|(field, reason)| (2, format!("withheld {field} = {reason}"))));
    lines.extend(decision.denied.map(|reason| (3, format!("denied = {reason}"))));
    lines.extend(decision.policies.iter().map(|id| (4, format!("policy {id}"))));
    lines
}
