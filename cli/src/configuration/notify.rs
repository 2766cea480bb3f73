//! The section `[notify]`: who is told how backups stand, every morning and when something turns.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::joined;
use crate::language::Language;

/// The section `[notify]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Notify {
    /// In which language people are told.
    language: Tongue,
    /// Called while all is well: whoever watches it alerts when no call comes.
    pub(crate) heartbeat: Option<String>,
    /// By e-mail.
    pub(crate) mail: Option<Mail>,
    /// By a signed request.
    pub(crate) webhook: Option<Webhook>,
    /// A program and its arguments, which gets the text on its standard input.
    pub(crate) command: Vec<String>,
    /// The authorities that may vouch for servers, in PEM; the system's unless named.
    pub(crate) authorities: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Tongue {
    Fr,
    #[default]
    En,
}

/// The section `[notify.mail]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mail {
    /// The mail server.
    pub(crate) server: String,
    /// Its port; by the kind of protection unless named.
    pub(crate) port: Option<u16>,
    /// How the way to it is protected.
    #[serde(default)]
    pub(crate) tls: MailTls,
    /// Who we are to it, where it asks.
    pub(crate) user: Option<String>,
    /// The file with the password.
    pub(crate) password_file: Option<PathBuf>,
    /// The sender.
    pub(crate) from: String,
    /// The readers.
    pub(crate) to: Vec<String>,
}

/// How the way to a mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MailTls {
    /// Begun in clear and changed to TLS, or not used at all (port 587).
    #[default]
    Starttls,
    /// TLS from the first byte (port 465).
    Implicit,
    /// None: for a mail server on this machine (port 25).
    None,
}

/// The section `[notify.webhook]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// Where requests go: `https`, or this machine.
    pub(crate) url: String,
    /// The file with the secret that requests are signed with.
    pub(crate) secret_file: PathBuf,
}

impl Notify {
    /// The language.
    pub(crate) const fn language(&self) -> Language {
        match self.language {
            Tongue::Fr => Language::French,
            Tongue::En => Language::English,
        }
    }

    /// Whether there is anybody to tell.
    pub(crate) fn tells_somebody(&self) -> bool {
        self.mail.is_some() || self.webhook.is_some() || !self.command.is_empty()
    }

    /// What makes no sense together.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        match &self.mail {
            Some(mail) if mail.to.is_empty() => Err("mail goes to nobody; name the readers in `to`"),
            Some(mail) if mail.user.is_some() != mail.password_file.is_some() => {
                Err("mail has a user or a password alone; set both `user` and `password_file`, or neither")
            }
            Some(mail) if mail.tls == MailTls::None && mail.user.is_some() => {
                Err("the mail password would go in clear; set `tls` to \"starttls\" or \"implicit\"")
            }
            _ if self.command.first().is_some_and(String::is_empty) => {
                Err("the command in [notify] has no program; name it first")
            }
            _ => Ok(()),
        }
    }

    /// Every path in it, from a folder on.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        let mail = self.mail.iter_mut().filter_map(|mail| mail.password_file.as_mut());
        let webhook = self.webhook.iter_mut().map(|webhook| &mut webhook.secret_file);
        for path in mail.chain(webhook).chain(self.authorities.as_mut()) {
            *path = joined(folder, path);
        }
        // A bare name is looked up in PATH.
        if let Some(program) = self.command.first_mut().filter(|program| program.contains('/')) {
            *program = joined(folder, Path::new(program)).to_string_lossy().into_owned();
        }
    }
}
