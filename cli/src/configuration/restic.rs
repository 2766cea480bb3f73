//! The section `[backup.restic]`: a repository, who opens it, how long its snapshots are kept, and where copies go.

use std::ffi::OsString;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use coffre_backup::maintenance::Rotation;
use coffre_backup::restic::{Every, Repository, Retention, Span};
use coffre_backup::secret_file;
use serde::Deserialize;

use super::backup::is_local;
use super::credential;
use super::destination::Printed;
use super::joined;
use crate::complaint::Complaint;

/// What the variables of a repository's back end begin with; nothing else is passed on to restic.
const BACK_ENDS: [&str; 8] = ["AWS_", "RESTIC_REST_", "B2_", "AZURE_", "GOOGLE_", "OS_", "ST_", "RCLONE_"];

/// The section `[backup.restic]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restic {
    /// As restic's `--repo`: a path, or a back end with its address.
    pub(crate) repository: String,
    /// The file that holds the repository's password.
    pub(crate) password_file: Option<PathBuf>,
    /// The systemd credential that holds it: a file name in `$CREDENTIALS_DIRECTORY`.
    pub(crate) password_credential: Option<String>,
    /// The file with what the back end asks for: lines of `NAME=value`.
    credentials_file: Option<PathBuf>,
    /// The systemd credential that holds it.
    credentials_credential: Option<String>,
    /// What restic takes with `--option`.
    #[serde(default)]
    options: Vec<String>,
    /// The program; `restic` in PATH unless named.
    pub(crate) binary: Option<PathBuf>,
    /// Whether this credential may add and not remove.
    #[serde(default)]
    append_only: bool,
    /// How long snapshots are kept.
    #[serde(default)]
    keep: Keep,
    /// Within which period everything is read.
    #[serde(default)]
    check: Check,
    /// The same repository with the credential that may remove.
    maintenance: Option<Access>,
    /// Repositories that snapshots are copied to.
    #[serde(default, rename = "copy")]
    copies: Vec<Access>,
}

/// The section `[backup.restic.maintenance]`, whose absent fields are those of `[backup.restic]`, or one
/// `[[backup.restic.copy]]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Access {
    /// The name of a copy in reports.
    name: Option<String>,
    repository: Option<String>,
    password_file: Option<PathBuf>,
    password_credential: Option<String>,
    credentials_file: Option<PathBuf>,
    credentials_credential: Option<String>,
    options: Option<Vec<String>>,
}

/// The section `[backup.restic.keep]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keep {
    within: Option<Span>,
    within_hourly: Option<Span>,
    within_daily: Option<Span>,
    within_weekly: Option<Span>,
    within_monthly: Option<Span>,
    within_yearly: Option<Span>,
    last: Option<NonZeroU32>,
    hourly: Option<NonZeroU32>,
    daily: Option<NonZeroU32>,
    weekly: Option<NonZeroU32>,
    monthly: Option<NonZeroU32>,
    yearly: Option<NonZeroU32>,
}

impl Default for Keep {
    /// Everything of two days, then one a day, a week, a month.
    fn default() -> Self {
        let span = |text: &str| text.parse().ok();
        Self {
            within: span("2d"),
            within_hourly: None,
            within_daily: span("35d"),
            within_weekly: span("4m"),
            within_monthly: span("13m"),
            within_yearly: None,
            last: None,
            hourly: None,
            daily: None,
            weekly: None,
            monthly: None,
            yearly: None,
        }
    }
}

/// The section `[backup.restic.check]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Check {
    days: u32,
    parts: u8,
}

impl Default for Check {
    fn default() -> Self {
        Self { days: 28, parts: 28 }
    }
}

impl Keep {
    fn retention(&self) -> Retention {
        let within = [
            (Every::Snapshot, &self.within),
            (Every::Hour, &self.within_hourly),
            (Every::Day, &self.within_daily),
            (Every::Week, &self.within_weekly),
            (Every::Month, &self.within_monthly),
            (Every::Year, &self.within_yearly),
        ];
        let numbers = [
            (Every::Snapshot, self.last),
            (Every::Hour, self.hourly),
            (Every::Day, self.daily),
            (Every::Week, self.weekly),
            (Every::Month, self.monthly),
            (Every::Year, self.yearly),
        ];
        Retention {
            within: within.into_iter().filter_map(|(every, span)| Some((every, span.clone()?))).collect(),
            numbers: numbers.into_iter().filter_map(|(every, number)| Some((every, number?))).collect(),
        }
    }
}

impl Restic {
    /// What the first repository is called.
    pub(crate) const NAME: &'static str = "restic";

    /// What makes no sense.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.password_file.is_some() == self.password_credential.is_some() {
            return Err("restic needs one source of its password; set either `password_file` or `password_credential`");
        }
        if self.append_only && !self.keep.retention().numbers.is_empty() {
            return Err(
                "an append-only repository is kept by number; whoever may add snapshots could push the good ones out: keep with `within…` only",
            );
        }
        if self.keep.retention().is_empty() {
            return Err("[backup.restic.keep] keeps nothing; set `within`, or leave the section out");
        }
        if self.check.days == 0 || self.check.parts == 0 {
            return Err("[backup.restic.check] has a 0; set `days` and `parts` to 1 or more");
        }
        if self.maintenance.as_ref().is_some_and(|access| access.name.is_some()) {
            return Err("[backup.restic.maintenance] is the same repository and has no name; remove `name`");
        }
        let names: Vec<_> = self.copies.iter().map(|copy| copy.name.as_deref().unwrap_or_default()).collect();
        if self.copies.iter().any(|copy| copy.repository.is_none()) {
            return Err("a [[backup.restic.copy]] has no `repository`; say where it is");
        }
        for (index, name) in names.iter().enumerate() {
            if matches!(*name, "" | Self::NAME) || names.iter().skip(index + 1).any(|other| other == name) {
                return Err("a [[backup.restic.copy]] has no name of its own; name each after its place");
            }
        }
        Ok(())
    }

    /// Whether systemd hands over what opens it.
    pub(crate) const fn is_opened_by_credential(&self) -> bool {
        self.password_credential.is_some() || self.credentials_credential.is_some()
    }

    /// The file with the repository's password, whichever way it is named.
    pub(crate) fn password(&self) -> Result<PathBuf, Complaint> {
        match (&self.password_file, &self.password_credential) {
            (Some(file), _) => Ok(file.clone()),
            (None, Some(name)) => credential(name, "password_file"),
            (None, None) => Err(Complaint::usage("restic has no password", "set `password_file`")),
        }
    }

    /// The repository as it stands in a recovery kit: without the password that an address may hold.
    pub(crate) fn printed(&self) -> String {
        let Some((scheme, rest)) = self.repository.split_once("://") else { return self.repository.clone() };
        let (authority, place) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // A password may hold an `@` of its own.
        match authority.rsplit_once('@').and_then(|(account, host)| Some((account.split_once(':')?.0, host))) {
            Some((user, host)) => format!("{scheme}://{user}@{host}{place}"),
            None => self.repository.clone(),
        }
    }

    /// The same with what opens it. It has a section of a configuration where its back end asks for more than an address:
    /// restic gets nothing of that from the environment.
    pub(crate) fn for_kit(&self) -> Printed {
        let asks = self.credentials_file.is_some() || self.credentials_credential.is_some();
        let credential = if asks { "restic.credentials" } else { "" };
        let line = |name: &str, value: toml::Value| format!("{name} = {value}\n");
        let mut section = String::new();
        if asks || !self.options.is_empty() {
            section.push_str("[backup.restic]\n");
            section.push_str(&line("repository", self.printed().into()));
            section.push_str(&line("password_file", "restic.password".into()));
        }
        if asks {
            section.push_str(&line("credentials_file", credential.into()));
        }
        if !self.options.is_empty() {
            section.push_str(&line("options", self.options.clone().into()));
        }
        Printed { name: Self::NAME.to_owned(), place: self.printed(), credential: credential.to_owned(), section }
    }

    /// The repository, with the credential that adds.
    pub(crate) fn open(&self) -> Result<Repository, Complaint> {
        let file = named(self.credentials_file.as_ref(), self.credentials_credential.as_deref(), "credentials_file")?;
        let mut repository = Repository::new(&self.repository, self.password()?);
        repository.credentials = file.map_or_else(|| Ok(Vec::new()), |file| credentials(&file))?;
        repository.options.clone_from(&self.options);
        Ok(repository)
    }

    /// The repository, with the credential that removes.
    pub(crate) fn open_for_maintenance(&self) -> Result<Repository, Complaint> {
        self.maintenance.as_ref().map_or_else(|| self.open(), |access| self.through(access))
    }

    /// The repository of this name, or at this place, with the credential that adds.
    pub(crate) fn find(&self, named: &str) -> Option<Result<Repository, Complaint>> {
        if [Self::NAME, &self.repository].contains(&named) {
            return Some(self.open());
        }
        let is_named = |(name, copy): &(&str, &Access)| *name == named || copy.repository.as_deref() == Some(named);
        self.copies().find(is_named).map(|(_, copy)| self.through(copy))
    }

    /// The copies by name.
    pub(crate) fn copies(&self) -> impl Iterator<Item = (&str, &Access)> {
        self.copies.iter().map(|copy| (copy.name.as_deref().unwrap_or_default(), copy))
    }

    /// A repository by other means than the first; what they do not say is as there.
    pub(crate) fn through(&self, access: &Access) -> Result<Repository, Complaint> {
        let mut other = self.clone();
        if let Some(repository) = &access.repository {
            other.repository.clone_from(repository);
        }
        if access.password_file.is_some() || access.password_credential.is_some() {
            other.password_file.clone_from(&access.password_file);
            other.password_credential.clone_from(&access.password_credential);
        }
        if access.credentials_file.is_some() || access.credentials_credential.is_some() {
            other.credentials_file.clone_from(&access.credentials_file);
            other.credentials_credential.clone_from(&access.credentials_credential);
        }
        if let Some(options) = &access.options {
            other.options.clone_from(options);
        }
        other.open()
    }

    /// How long snapshots are kept.
    pub(crate) fn retention(&self) -> Retention {
        self.keep.retention()
    }

    /// Within which period everything is read.
    pub(crate) const fn rotation(&self) -> Rotation {
        Rotation { days: self.check.days, parts: self.check.parts }
    }

    /// Every path in it, from a folder on.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        let mut repositories = vec![&mut self.repository];
        let mut files: Vec<&mut PathBuf> = self.password_file.iter_mut().chain(&mut self.credentials_file).collect();
        for access in self.maintenance.iter_mut().chain(&mut self.copies) {
            repositories.extend(&mut access.repository);
            files.extend(access.password_file.iter_mut().chain(&mut access.credentials_file));
        }
        for repository in repositories.into_iter().filter(|repository| is_local(repository)) {
            *repository = joined(folder, Path::new(repository)).to_string_lossy().into_owned();
        }
        for file in files {
            *file = joined(folder, file);
        }
        // A bare name is looked up in PATH.
        if let Some(binary) = self.binary.as_mut().filter(|binary| binary.components().count() > 1) {
            *binary = joined(folder, binary);
        }
    }
}

fn named(file: Option<&PathBuf>, name: Option<&str>, instead: &str) -> Result<Option<PathBuf>, Complaint> {
    match (file, name) {
        (Some(file), _) => Ok(Some(file.clone())),
        (None, Some(name)) => credential(name, instead).map(Some),
        (None, None) => Ok(None),
    }
}

/// The variables in a file of secrets, which nobody else may read.
fn credentials(file: &Path) -> Result<Vec<(String, OsString)>, Complaint> {
    let shown = file.display();
    let unreadable = |error| Complaint::usage(format!("{shown} cannot be read ({error})"), "check `credentials_file`");
    if secret_file::is_open(&fs::metadata(file).map_err(unreadable)?) {
        return Err(Complaint::usage(format!("{shown} is open to other accounts"), format!("run `chmod 600 {shown}`")));
    }
    let text = fs::read_to_string(file).map_err(unreadable)?;
    let mut variables = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let variable = line.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
        let known = |name: &str| BACK_ENDS.iter().any(|prefix| name.starts_with(prefix));
        let Some((name, value)) = variable.filter(|(name, _)| known(name)) else {
            // Not the line itself: it may hold the secret.
            let cause = format!("{shown}:{}: no variable of a back end of restic", number + 1);
            return Err(Complaint::usage(cause, "write NAME=value, such as AWS_ACCESS_KEY_ID=…"));
        };
        variables.push((name.to_owned(), value.into()));
    }
    Ok(variables)
}
