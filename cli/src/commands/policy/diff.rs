//! `coffre policy diff`: what changes from one policy folder to another, in words: for whoever approves policies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_policies::{
    AccessChange, Circumstance, Comparison, DeclaredChange, Kind, LoadError, Policies, Reason, Sources,
};

use super::words;
use crate::exit::Exit;
use crate::language::Language;
use crate::output;
use crate::role_names::role_name;

/// What stands for the policies that the binary was built with.
const EMBEDDED: &str = "embedded";

/// The arguments of `coffre policy diff`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy folder as it was; `embedded` for the policies that the binary was built with
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The policy folder as it is to be; `embedded` likewise
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Compares and reports. Ends with success only where nothing changes.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let (old, new) = (load(&arguments.old, Policies::former)?, load(&arguments.new, Policies::from_sources)?);
    let comparison = Comparison::between(&old, &new);
    if arguments.json {
        output::json(&comparison)?;
    } else {
        output::line(lines(&comparison, Language::of_environment()))?;
    }
    Ok(if comparison.is_same() { Exit::Success } else { Exit::Differs })
}

fn load(folder: &Path, loading: fn(&Sources) -> Result<Policies, LoadError>) -> anyhow::Result<Policies> {
    let named = (folder != Path::new(EMBEDDED)).then_some(folder);
    let loaded = super::sources(named).and_then(|sources| loading(&sources));
    loaded.with_context(|| format!("the policies of {} cannot be used", folder.display()))
}

pub(super) fn lines(comparison: &Comparison, language: Language) -> String {
    if comparison.is_same() {
        return language
            .pick("les deux décident et déclarent la même chose", "both decide and declare the same")
            .to_owned();
    }
    let mut lines = Vec::new();
    for change in &comparison.access {
        lines.push(access(change, language));
        lines.extend(when(change, language).into_iter().map(|case| format!("    {case}")));
    }
    lines.extend(comparison.declared.iter().flat_map(|change| declared(change, language)));
    lines.join("\n")
}

fn access(change: &AccessChange, language: Language) -> String {
    let reasons =
        |reasons: &BTreeSet<Reason>| reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join(", ");
    let (before, after) = (reasons(&change.before), reasons(&change.after));
    let (sign, verb, why) = match change.kind {
        Kind::Opened => ("+", language.pick("peut désormais", "may now"), String::new()),
        Kind::Closed => ("-", language.pick("ne peut plus", "may no longer"), format!(" ({after})")),
        Kind::OtherReason => {
            let verb = language.pick("ne peut toujours pas", "still may not");
            ("~", verb, format!(" ({before} → {after})"))
        }
    };
    let actions: Vec<&str> = change.actions.iter().map(|action| words::action(language, *action)).collect();
    let on = match &change.record_type {
        Some(whole) if change.targets.is_empty() => format!(" {} {whole}", language.pick("sur", "on")),
        Some(whole) => format!(" {} {} ({whole})", language.pick("sur", "on"), change.targets.join(", ")),
        None => String::new(),
    };
    let (role, colon) = (role_name(language, change.role), language.pick(" :", ":"));
    format!("{sign} {role} {verb}{on}{colon} {}{why}", actions.join(", "))
}

/// In which cases, those of the same circumstances together; what stays refused is told by its purposes only.
fn when(change: &AccessChange, language: Language) -> Vec<String> {
    let mut together: Vec<(&[Circumstance], Vec<&str>)> = Vec::new();
    for case in &change.cases {
        let under = if change.kind == Kind::OtherReason { &[] } else { case.circumstances.as_slice() };
        let purpose = case.purpose.as_deref().unwrap_or(language.pick("aucune finalité", "no purpose"));
        match together.iter_mut().find(|(known, _)| *known == under) {
            Some((_, purposes)) => purposes.push(purpose),
            None => together.push((under, vec![purpose])),
        }
    }
    let told = |(under, purposes): (&[Circumstance], Vec<&str>)| {
        let circumstances: Vec<String> = under.iter().map(|one| words::circumstance(language, *one)).collect();
        let purposes = format!("{} {}", language.pick("pour", "for"), purposes.join(", "));
        if circumstances.is_empty() {
            purposes
        } else {
            format!("{purposes}{} {}", language.pick(" :", ":"), circumstances.join("; "))
        }
    };
    together.into_iter().map(told).collect()
}

fn declared(change: &DeclaredChange, language: Language) -> Vec<String> {
    let colon = language.pick(" :", ":");
    let name = format!("{} {}", words::declared(language, change.what), output::on_one_line(&change.name));
    // What is approved by what is read here must not be able to look like another line of it.
    let [before, after] = [&change.before, &change.after].map(|text| text.as_deref().map(output::on_one_line));
    match (before, after) {
        (Some(before), Some(after)) => vec![format!("~ {name}"), format!("    - {before}"), format!("    + {after}")],
        (Some(before), None) => vec![format!("- {name}{colon} {before}")],
        (None, after) => vec![format!("+ {name}{colon} {}", after.as_deref().unwrap_or_default())],
    }
}

#[cfg(test)]
mod tests {
    use coffre_policies::Declared;

    use super::*;

    #[test]
    fn what_is_declared_reads_as_its_language_is_written() {
        let change = |before: Option<&str>, after: Option<&str>| DeclaredChange {
            what: Declared::Field,
            name: "contact.email".to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let (come, gone) = (change(None, Some("text")), change(Some("text"), None));
        assert_eq!(declared(&come, Language::French), ["+ champ contact.email : text"]);
        assert_eq!(declared(&gone, Language::French), ["- champ contact.email : text"]);
        assert_eq!(declared(&come, Language::English), ["+ field contact.email: text"]);
        assert_eq!(declared(&gone, Language::English), ["- field contact.email: text"]);
        // A label that would take a line back and put another in its place.
        let forged = change(Some("text\u{1b}[1A\n+ x"), None);
        assert_eq!(declared(&forged, Language::English), ["- field contact.email: text\\u001b[1A\\u000a+ x"]);
    }
}
