//! What an examination found: how it stands, and what to do about it.

use serde::Serialize;

/// How the thing examined stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// As it should be.
    Good,
    /// It works, but not as well as it should.
    Warning,
    /// Something will not work, or is not safe.
    Bad,
}

/// One thing that was examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was examined.
    pub(crate) subject: String,
    /// How it stands.
    pub(crate) state: State,
    /// What was seen.
    pub(crate) detail: String,
    /// What to do; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

impl Finding {
    pub(crate) fn good(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), state: State::Good, detail: detail.into(), remedy: None }
    }

    pub(crate) fn warning(subject: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Warning, remedy: Some(remedy.into()), ..Self::good(subject, detail) }
    }

    pub(crate) fn bad(subject: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Bad, remedy: Some(remedy.into()), ..Self::good(subject, detail) }
    }

    /// The lines for the terminal.
    pub(crate) fn lines(&self) -> String {
        let state = match self.state {
            State::Good => "ok  ",
            State::Warning => "warn",
            State::Bad => "BAD ",
        };
        let remedy = self.remedy.iter().map(|remedy| format!("\n      {remedy}"));
        format!("{state}  {}: {}", self.subject, self.detail) + &remedy.collect::<String>()
    }
}
