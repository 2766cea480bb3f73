//! Telling people: the morning report and what turned, by e-mail, by a signed request, by a command; and the heartbeat,
//! whose silence is the alarm. What is told holds names of jobs and places, times and numbers, nothing of a record.

mod authorities;
mod http;
mod mail;
mod webhook;

use std::io;
use std::path::PathBuf;

use coffre_store::clock::{Clock as _, SystemClock};
use serde::Serialize;
use serde_json::json;
use thiserror::Error;

use crate::configuration::{Notify, Protection};
use crate::daily_head::give;
use crate::figures;
use crate::language::Language;

pub(crate) use webhook::secret as webhook_secret;

/// Something that was not told.
#[derive(Debug, Error)]
pub(crate) enum NotifyError {
    /// Nobody is named.
    #[error("there is nobody to tell: add [notify.mail], [notify.webhook] or `command` to [notify] in coffre.toml")]
    Nobody,
    /// A secret cannot be read.
    #[error("{path} cannot be read: check [notify] and its permissions (0600, this account's)", path = path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A secret that anybody could guess.
    #[error(
        "{path} holds a secret of fewer than {shortest} characters: write a random one into it, such as `openssl rand -hex 32` makes, and give it to the receiver",
        path = path.display()
    )]
    ShortSecret {
        /// The file.
        path: PathBuf,
        /// How many it should have at least.
        shortest: usize,
    },
    /// Nobody who could vouch for a server.
    #[error("{path} holds no certificate of an authority: check `authorities` in [notify]", path = path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
    },
    /// An address that is none, or not protected.
    #[error("{what:?} in [notify] cannot be used ({why}): correct it")]
    Address {
        /// What stands there.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The server did not take it.
    #[error("{to} was not reached ({why}): check that it is up and takes messages from this machine")]
    Unreachable {
        /// Which one.
        to: String,
        /// What it said.
        why: String,
    },
    /// Some were told, and one was not.
    #[error(transparent)]
    Command(io::Error),
}

impl NotifyError {
    /// What a server or library said, as a part of a cause: a colon would begin the remedy.
    fn said(text: &str) -> String {
        text.replace(": ", ", ")
    }
}

/// A message, in the forms that its ways want.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Message {
    /// What it is: `report`, `job-failed`, `job-recovered`.
    pub(crate) kind: &'static str,
    pub(crate) subject: String,
    pub(crate) text: String,
    /// As a mail shows it, and as a page to keep.
    #[serde(skip)]
    pub(crate) html: Option<(String, String)>,
    /// For programs.
    pub(crate) facts: serde_json::Value,
}

/// A job that turned.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Turned {
    pub(crate) job: &'static str,
    pub(crate) exit: u8,
    pub(crate) recovered: bool,
    pub(crate) cause: Option<String>,
}

/// Tells everybody who is named. Each is tried; the first failure is told.
pub(crate) fn send(notify: &Notify, message: &Message) -> Result<(), NotifyError> {
    if notify.tells_somebody() { each(notify, message).into_iter().collect() } else { Err(NotifyError::Nobody) }
}

/// Tries each way that is named.
fn each(notify: &Notify, message: &Message) -> Vec<Result<(), NotifyError>> {
    let authorities = notify.authorities.as_deref();
    let mail = notify.mail.as_ref().map(|to| mail::send(to, authorities, message));
    let webhook = notify.webhook.as_ref().map(|to| webhook::send(to, authorities, message, SystemClock.now()));
    let run = notify.command.split_first().map(|(program, arguments)| command(program, arguments, message));
    [mail, webhook, run].into_iter().flatten().collect()
}

fn command(program: &str, arguments: &[String], message: &Message) -> Result<(), NotifyError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(NotifyError::Command)?;
    let text = format!("{}\n\n{}", message.subject, message.text);
    runtime.block_on(give(program, arguments, text)).map_err(NotifyError::Command)
}

/// Tells that a job turned, where anybody is named: whether somebody was reached, and the first failure.
pub(crate) fn turned(protection: &Protection, turned: &Turned) -> (bool, Result<(), NotifyError>) {
    let told = each(&protection.notify, &turn_message(protection, turned));
    (told.iter().any(Result::is_ok), told.into_iter().collect())
}

fn turn_message(protection: &Protection, turned: &Turned) -> Message {
    let language = protection.notify.language();
    let (environment, job, exit) = (&protection.environment, turned.job, turned.exit);
    let now = figures::moment(SystemClock.now());
    let (subject, told) = match (language, turned.recovered) {
        (Language::French, false) => (
            format!("[Coffre {environment}] ÉCHEC : {job} (code {exit})"),
            format!("La tâche « {job} » a échoué le {now} avec le code {exit}."),
        ),
        (Language::French, true) => (
            format!("[Coffre {environment}] rétabli : {job}"),
            format!("La tâche « {job} » réussit de nouveau, le {now}."),
        ),
        (Language::English, false) => (
            format!("[Coffre {environment}] FAILED: {job} (code {exit})"),
            format!("The job \"{job}\" failed at {now} with code {exit}."),
        ),
        (Language::English, true) => (
            format!("[Coffre {environment}] recovered: {job}"),
            format!("The job \"{job}\" goes well again, at {now}."),
        ),
    };
    let see = language.pick("Voir docs/OPERATIONS.md, « Exit codes ».", "See docs/OPERATIONS.md, \"Exit codes\".");
    let cause = turned.cause.as_deref().map(|cause| format!("\n\n{cause}")).unwrap_or_default();
    let kind = if turned.recovered { "job-recovered" } else { "job-failed" };
    let vault = protection.vault.as_ref().map(|scope| scope.vault);
    let facts = json!({ "environment": environment, "vault": vault, "turned": turned });
    Message { kind, subject, text: format!("{told}{cause}\n\n{see}\n"), html: None, facts }
}

/// Calls the heartbeat.
pub(crate) fn heartbeat(notify: &Notify, url: &str) -> Result<(), NotifyError> {
    http::call(&http::Request { url, headers: &[], body: None }, notify.authorities.as_deref())
}
