//! How an error reads on the terminal: one line of cause, one of remedy. Which exit code it ends with is in `exit`.

use std::error::Error;
use std::fmt;

use crate::exit::Exit;

/// An error that the command line finds by itself, with the exit code it ends with.
///
/// Errors of the libraries travel as they are; their codes are looked up where they end.
#[derive(Debug)]
pub(crate) struct Complaint {
    exit: Exit,
    message: String,
    cause: Option<Cause>,
}

/// What somebody else gave as the cause, in words only.
#[derive(Debug)]
struct Cause {
    message: String,
    cause: Option<Box<Self>>,
}

impl Complaint {
    pub(crate) fn new(exit: Exit, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit, message: format!("{}; {}", cause.into(), remedy.into()), cause: None }
    }

    /// What somebody else found, whose message holds cause and remedy already, with what lies behind it, outermost first.
    pub(crate) fn told(exit: Exit, message: String, causes: Vec<String>) -> Self {
        let chained = |inner: Option<Cause>, message| Some(Cause { message, cause: inner.map(Box::new) });
        Self { exit, message, cause: causes.into_iter().rev().fold(None, chained) }
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Wrong arguments or configuration.
    pub(crate) fn usage(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::Usage, cause, remedy)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Complaint {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// The two lines for the terminal.
///
/// By the convention of this project a message is `cause; remedy` (or `cause: remedy`), and its sources say more
/// about the cause. The remedy shown is the outermost one: it knows most about what the user wanted.
pub(crate) fn two_lines(error: &anyhow::Error) -> String {
    match parts(error.chain()) {
        (cause, Some(remedy)) => format!("error: {cause}\nhelp: {remedy}\n"),
        (cause, None) => format!("error: {cause}\n"),
    }
}

/// Cause and remedy of an error and its sources.
pub(crate) fn parts<'e>(links: impl Iterator<Item = &'e (dyn Error + 'static)>) -> (String, Option<String>) {
    let mut causes: Vec<String> = Vec::new();
    let mut remedy = None;
    for link in links {
        let message = link.to_string().replace('\n', " ");
        let (cause, advice) = if remedy.is_none() { split(&message) } else { (message.as_str(), None) };
        if !causes.iter().any(|known| known.contains(cause)) {
            causes.push(cause.to_owned());
        }
        remedy = remedy.or_else(|| advice.map(str::to_owned));
    }
    (causes.join(": "), remedy)
}

/// An error and its sources on one line, each said once, for a report or a log.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(link) = source {
        let message = link.to_string();
        if !text.contains(&message) {
            text = format!("{text} ({message})");
        }
        source = link.source();
    }
    text.replace('\n', " ")
}

/// Cause and remedy of a message, apart at its first `: ` or `; ` after the place it may begin with.
pub(crate) fn split(message: &str) -> (&str, Option<&str>) {
    let start = place(message).len();
    let rest = message.get(start..).unwrap_or_default();
    let separator = ["; ", ": "].into_iter().filter_map(|separator| rest.find(separator)).min();
    match separator.and_then(|at| message.split_at_checked(start + at)) {
        Some((cause, remedy)) => (cause, remedy.get(2..)),
        None => (message, None),
    }
}

/// What `file.toml:3:1: …` begins with: the place and its separator; otherwise nothing.
fn place(message: &str) -> &str {
    let first = message.split_inclusive(": ").next().unwrap_or_default();
    let place = first.trim_end_matches(": ");
    let is_place = place.contains(':') && place.ends_with(|c: char| c.is_ascii_digit()) && !place.contains(' ');
    if is_place { first } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_two_lines_and_keeps_its_code_under_context() {
        let error = anyhow::Error::from(Complaint::usage("no vault is named", "say which with --vault DIR"))
            .context("not served");
        assert_eq!(two_lines(&error), "error: not served: no vault is named\nhelp: say which with --vault DIR\n");
        assert_eq!(Exit::of(&error), Exit::Usage);
    }

    #[test]
    fn what_was_told_from_afar_keeps_its_causes() {
        let causes = vec!["no page could be written".to_owned(), "the disk is full".to_owned()];
        let error = Complaint::told(Exit::Temporary, "the import stopped: run it again".to_owned(), causes).into();
        assert_eq!(
            two_lines(&error),
            "error: the import stopped: no page could be written: the disk is full\nhelp: run it again\n"
        );
    }

    #[test]
    fn the_first_separator_divides_but_not_the_one_after_a_place() {
        for (message, cause, remedy) in [
            ("it is damaged: restore it; then go on", "it is damaged", Some("restore it; then go on")),
            ("a.toml:3:1: no such field; see there", "a.toml:3:1: no such field", Some("see there")),
            ("rows: 3", "rows", Some("3")),
            ("nothing to say", "nothing to say", None),
        ] {
            assert_eq!(split(message), (cause, remedy), "{message}");
        }
    }

    #[test]
    fn a_source_that_repeats_its_message_is_shown_once() {
        let error = anyhow::anyhow!("the disk is full").context("segment 7 was not written (the disk is full)");
        assert_eq!(two_lines(&error), "error: segment 7 was not written (the disk is full)\n");
    }
}
