//! `coffre audit report`: what the log says of an operator, an application, a period or a person: whom it concerned, what
//! was seen, why and on which basis; refusals that come in bursts; rights that nobody used.

mod text;

use clap::Args;
use coffre_core::audit::report::Report;
use coffre_core::ids::SubjectId;
use coffre_core::time::Timestamp;

use crate::arguments::Global;
use crate::control::Control;
use crate::exit::Exit;
use crate::language::Language;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre audit report`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
    /// From this moment on: 2026-11-22, or 2026-11-22T15:32:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
    /// Before this moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,
    /// Of this operator
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Of this application
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// About this person, by pseudonymous identifier
    #[arg(long, value_name = "ID")]
    subject: Option<SubjectId>,
    /// How many identifiers, and unused grants, are listed; all are counted
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// A day begins at midnight UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == "2026-11-22".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| "expected a day such as 2026-11-22, or a time such as 2026-11-22T15:32:00Z".to_owned())
}

/// Asks and shows.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let control = Control::of(&Place::find(&arguments.vault, global)?)?;
    let report: Report = control.get(&path(arguments))?.json()?;
    if arguments.json {
        output::json(&report)?;
    } else {
        output::line(text::of(&report, Language::of_environment()))?;
    }
    Ok(Exit::Success)
}

fn path(arguments: &Arguments) -> String {
    let named = [
        ("from", arguments.from.map(|time| time.to_string())),
        ("to", arguments.to.map(|time| time.to_string())),
        ("operator", arguments.operator.clone()),
        ("application", arguments.application.clone()),
        ("subject", arguments.subject.map(|subject| subject.to_string())),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", encoded(&value?))));
    format!("/v1/audit/report?limit={}{}", arguments.limit, named.collect::<String>())
}

/// Percent-encoded (RFC 3986), whatever it is: the server says what a name may be.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_and_other_texts_are_refused() {
        assert_eq!(moment("2026-11-22").map(|time| time.to_string()), Ok("2026-11-22T00:00:00.000000Z".to_owned()));
        assert!(moment("2026-11-22T15:32:00Z").is_ok());
        for text in ["", "2026", "yesterday!", "22/11/2026", "2026-13-01"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_goes_into_a_path_whole() {
        assert_eq!(encoded("a.martin@x-1_~"), "a.martin%40x-1_~");
        assert_eq!(encoded("é &"), "%C3%A9%20%26");
    }
}
