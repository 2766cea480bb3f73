//! What the vault and its backups lean on: policies that load, programs that are there, a restic that is new enough, a
//! repository that opens.

use std::path::Path;

use coffre_backup::restic::Restic;
use coffre_policies::Policies;

use super::finding::Finding;
use crate::complaint;
use crate::configuration::{self, Configuration};

/// The policies that a server would be started with.
pub(super) fn policies(configuration: Option<&Configuration>) -> (Option<Policies>, Finding) {
    let subject = "policies";
    let folder = configuration.and_then(|configuration| configuration.policies.as_deref());
    let whose = folder.map_or_else(|| "compiled in".to_owned(), |folder| folder.display().to_string());
    match folder.map_or_else(Policies::embedded, Policies::load) {
        Ok(policies) => {
            let finding = Finding::good(subject, format!("{whose}, policy set {}", policies.hash()));
            (Some(policies), finding)
        }
        Err(error) => (None, Finding::of_error(subject, &error)),
    }
}

/// A program by its path, or by its name in PATH.
pub(super) fn program(subject: &str, program: &str, remedy: &str) -> Finding {
    let is_there = |path: &Path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = if program.contains('/') {
        Some(Path::new(program).to_owned()).filter(|path| is_there(path))
    } else {
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| is_there(path))
    };
    match found {
        Some(path) => Finding::good(subject, path.display().to_string()),
        None => Finding::bad(subject, format!("{program} is no program that this account can run"), remedy),
    }
}

/// restic, and the repository as far as it can be told without waiting for anybody.
pub(super) fn restic(configured: Option<&configuration::Restic>) -> Vec<Finding> {
    let binary = configured.and_then(|restic| restic.binary.as_deref());
    let restic = match Restic::find(binary) {
        Ok(restic) => restic,
        Err(error) if configured.is_some() => return vec![Finding::of_error("restic", &error)],
        Err(error) => {
            let remedy =
                "no repository is configured, so it is not needed; install it (`apt-get install restic`) to have one";
            return vec![Finding::warning("restic", complaint::chain(&error), remedy)];
        }
    };
    let detail = format!("{} {}", restic.program().display(), restic.version());
    let mut findings = vec![Finding::good("restic", detail)];
    findings.extend(configured.map(|configured| repository(&restic, configured)));
    findings
}

fn repository(restic: &Restic, configured: &configuration::Restic) -> Finding {
    let subject = "repository";
    if configured.is_opened_by_credential() && configuration::has_no_credentials() {
        return Finding::of_the_service(subject);
    }
    let repository = match configured.open() {
        Ok(repository) => repository,
        Err(error) => return Finding::of_error(subject, &error),
    };
    match restic.is_there(&repository, &mut ()) {
        Ok(true) => Finding::good(subject, repository.label()),
        Ok(false) => Finding::warning(
            subject,
            format!("{} is not there yet", repository.label()),
            "make it with `coffre backup run --init`, once; if it was there before, look for its disk",
        ),
        Err(error) => Finding::of_error(subject, &error),
    }
}

impl Finding {
    /// A thing that is opened with what systemd hands to the service alone, so that nobody looked at it.
    pub(super) fn of_the_service(subject: &str) -> Self {
        let detail = "not looked at: systemd hands what opens it to the service alone";
        Self::warning(subject, detail, "run it as the service is run: see docs/OPERATIONS.md, \"Driven from outside\"")
    }

    /// A finding that an error is.
    pub(super) fn of_error(subject: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let links = std::iter::successors(Some(error), |link: &&(dyn std::error::Error + 'static)| (*link).source());
        let (cause, remedy) = complaint::parts(links);
        Self::bad(subject, cause, remedy.unwrap_or_else(|| "see docs/OPERATIONS.md".to_owned()))
    }
}
