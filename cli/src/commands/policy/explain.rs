//! `coffre policy explain`: what the policies decide in one case, and which of them decided. The case is made up on the
//! command line or read from a decision folder; no vault and no record is involved.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use coffre_core::grant::{Basis, GrantState};
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_core::role::Role;
use coffre_policies::{
    Action, Condition, Effect, Explanation, GrantFacts, Labels, OperatorFacts, PolicyNote, Question, Step,
};
use serde_json::json;

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::language::Language;
use crate::output;

/// The arguments of `coffre policy explain`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy folder; otherwise the configuration's, then the policies that the binary was built with
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Read the whole case from the question.toml of a decision folder
    #[arg(long, value_name = "FILE", conflicts_with_all = ["role", "action", "record_type", "fields", "purpose", "grant", "restricted", "archived", "habilitated", "verified"])]
    question: Option<PathBuf>,
    /// The role of the application that asks
    #[arg(long, required_unless_present = "question")]
    role: Option<Role>,
    /// What it wants to do, such as read, search or give-grant
    #[arg(long, required_unless_present = "question")]
    action: Option<Action>,
    /// The type of record; none for actions on the audit log
    #[arg(long = "type", value_name = "TYPE")]
    record_type: Option<RecordTypeName>,
    /// The fields asked for, such as contact.email,contact.phone
    #[arg(long, value_delimiter = ',', value_name = "FIELD,…")]
    fields: Vec<FieldPath>,
    /// The purpose stated
    #[arg(long)]
    purpose: Option<String>,
    /// Whether processing of the record is restricted (GDPR article 18)
    #[arg(long)]
    restricted: bool,
    /// A category that is set apart in the intermediate archive; may be repeated
    #[arg(long, value_name = "CATEGORY")]
    archived: Vec<Category>,
    /// The special categories for which the operator is habilitated, for the purpose stated
    #[arg(long, value_delimiter = ',', value_name = "CATEGORY,…")]
    habilitated: Vec<Category>,
    /// Whether somebody else than the application vouches for the operator
    #[arg(long)]
    verified: bool,
    #[command(flatten)]
    grant: GrantArguments,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// The grant relied on, if any.
#[derive(Debug, Args)]
struct GrantArguments {
    /// Rely on a grant that opens these fields
    #[arg(long, value_delimiter = ',', value_name = "FIELD,…")]
    grant: Vec<FieldPath>,
    /// The role it opens them to; otherwise the one that asks
    #[arg(long, value_name = "ROLE", requires = "grant")]
    grant_role: Option<Role>,
    /// The purpose it opens them for; otherwise the one stated
    #[arg(long, value_name = "PURPOSE", requires = "grant")]
    grant_purpose: Option<String>,
    /// Its legal basis
    #[arg(long, value_name = "BASIS", requires = "grant", default_value = "consent")]
    grant_basis: Basis,
    /// Its condition of GDPR article 9(2), a letter
    #[arg(long, value_name = "LETTER", requires = "grant")]
    grant_article_9: Option<Condition>,
    /// Whether it is in force
    #[arg(long, value_name = "STATE", requires = "grant", default_value = "valid")]
    grant_state: StateArgument,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArgument {
    Valid,
    NotYetValid,
    Expired,
    Withdrawn,
}

/// Asks, and shows the decision. A refusal is an answer, so it ends with success.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let folder = super::folder(arguments.policies.as_deref(), global)?;
    let policies = super::load(folder.as_deref())?;
    let explanation = policies.explain(&question(arguments)?);
    let set = policies.hash().to_string();
    if arguments.json {
        output::json(&as_json(&explanation, &set))?;
    } else {
        output::line(lines(&explanation, &set, Language::of_environment()))?;
    }
    Ok(Exit::Success)
}

fn question(arguments: &Arguments) -> anyhow::Result<Question> {
    if let Some(file) = &arguments.question {
        let unreadable = || {
            Complaint::usage(format!("cannot read {}", file.display()), "name the question.toml of a decision folder")
        };
        let text = fs::read_to_string(file).with_context(unreadable)?;
        return toml::from_str(&text).map_err(|error| {
            let reason = error.message().replace('\n', ", ");
            Complaint::usage(format!("{} is no question, {reason}", file.display()), "see docs/formats/policies.md")
                .into()
        });
    }
    let (Some(role), Some(action)) = (arguments.role, arguments.action) else {
        return Err(Complaint::usage("the case names no role or no action", "give --role and --action").into());
    };
    Ok(Question {
        role,
        action,
        record_type: arguments.record_type.clone(),
        fields: arguments.fields.iter().cloned().collect(),
        purpose: arguments.purpose.clone(),
        grant: arguments.grant.facts(role, arguments.purpose.as_deref()),
        restricted: arguments.restricted,
        archived: arguments.archived.iter().cloned().collect(),
        operator: OperatorFacts {
            habilitated: arguments.habilitated.iter().cloned().collect(),
            verified: arguments.verified,
        },
    })
}

impl GrantArguments {
    fn facts(&self, role: Role, purpose: Option<&str>) -> Option<GrantFacts> {
        let fields: BTreeSet<_> = self.grant.iter().cloned().collect();
        (!fields.is_empty()).then(|| GrantFacts {
            role: self.grant_role.unwrap_or(role),
            purpose: self.grant_purpose.as_deref().or(purpose).unwrap_or_default().to_owned(),
            fields,
            basis: self.grant_basis,
            article9: self.grant_article_9,
            state: match self.grant_state {
                StateArgument::Valid => GrantState::Valid,
                StateArgument::NotYetValid => GrantState::NotYetValid,
                StateArgument::Expired => GrantState::Expired,
                StateArgument::Withdrawn => GrantState::Withdrawn,
            },
        })
    }
}

fn as_json(explanation: &Explanation, set: &str) -> serde_json::Value {
    let step = |step: &Step| {
        json!({
            "resource": step.resource,
            "refused": step.refused,
            "policies": step.policies.iter().map(policy_json).collect::<Vec<_>>(),
            "failures": step.failures,
        })
    };
    json!({
        "policy_set": set,
        "decision": explanation.decision,
        "steps": explanation.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn policy_json(note: &PolicyNote) -> serde_json::Value {
    json!({ "id": note.id, "effect": note.effect, "description": note.description, "place": note.place.to_string() })
}

fn lines(explanation: &Explanation, set: &str, language: Language) -> String {
    let decision = match explanation.decision.denied {
        None => language.pick("accordé", "allowed").to_owned(),
        Some(reason) => format!("{} ({reason})", language.pick("refusé", "denied")),
    };
    let mut lines = vec![decision];
    for step in &explanation.steps {
        let state = match step.refused {
            None => language.pick("ouvert", "open").to_owned(),
            Some(reason) => format!("{} {reason}", language.pick("fermé :", "closed:")),
        };
        lines.push(format!("  {}  {state}", step.resource));
        lines.extend(step.policies.iter().map(|note| format!("    {}", policy_line(note, language))));
        lines.extend(step.failures.iter().map(|failure| format!("    {failure}")));
    }
    lines.push(format!("{} {set}", language.pick("jeu de politiques", "policy set")));
    lines.join("\n")
}

fn policy_line(note: &PolicyNote, language: Language) -> String {
    let effect = match note.effect {
        Effect::Permit => language.pick("permet :", "permits:"),
        Effect::Forbid => language.pick("interdit :", "forbids:"),
    };
    let Labels { fr, en } = &note.description;
    format!("{} ({}) {effect} {}", note.id, note.place, language.pick(fr, en))
}
