//! `coffre doctor`: what is wrong, each with its remedy. It only looks; it mends nothing and opens no vault.

mod by_itself;
mod destinations;
mod finding;
mod permissions;
mod sources;
mod tls;
mod tools;
mod vault;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use coffre_store::clock::{Clock as _, SystemClock};

use self::finding::{Finding, State};
use crate::arguments::Global;
use crate::configuration::{self, Backup, Configuration, Protection};
use crate::exit::Exit;
use crate::output;
use crate::place::Place;

/// The arguments of `coffre doctor`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The vault's directory; otherwise the one in the configuration
    #[arg(long, value_name = "DIR")]
    vault: Option<PathBuf>,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Examines and reports. Anything bad is `Exit::Unhealthy`.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let findings = examine(arguments.vault.as_deref(), global.config.as_deref());
    let healthy = findings.iter().all(|finding| finding.state != State::Bad);
    if arguments.json {
        output::json(&serde_json::json!({ "healthy": healthy, "findings": findings }))?;
    } else {
        findings.iter().try_for_each(|finding| output::line(finding.lines()))?;
    }
    Ok(if healthy { Exit::Success } else { Exit::Unhealthy })
}

fn examine(vault: Option<&Path>, config: Option<&Path>) -> Vec<Finding> {
    if let Some((host, file)) = host_without_vault(vault, config) {
        return examine_host(&host, &file);
    }
    let (configuration, mut findings) = examine_configuration(vault, config);
    let vault = vault.map(Path::to_owned).or_else(|| configuration.as_ref()?.vault.clone());
    let backup = configuration.as_ref().and_then(|configuration| configuration.backup.as_ref());
    let (policies, of_policies) = tools::policies(configuration.as_ref());
    let opens = vault.as_deref().is_some_and(|directory| !vault::is_closed(directory));
    if let Some(directory) = vault {
        findings.extend(backup.into_iter().flat_map(|backup| by_itself::scratch(&directory, backup)));
        let place = Place { directory, configuration: configuration.clone() };
        findings.extend(vault::examine(&place));
        findings.extend(vault::server(&place, policies.as_ref()));
    }
    findings.push(of_policies);
    let head = configuration.as_ref().and_then(|configuration| configuration.audit.daily_head.as_ref());
    findings.extend(head.filter(|_| opens).into_iter().flat_map(by_itself::daily_head));
    let tls = configuration.as_ref().and_then(|configuration| configuration.server.tls.as_ref());
    findings.extend(tls.filter(|_| opens).into_iter().flat_map(|tls| tls::examine(tls, SystemClock.now())));
    match backup {
        Some(backup) if is_anothers(backup) => {
            findings.extend(backup.spool().ok().map(|spool| permissions::readable_directory("spool", spool)));
            // The vault's process restores from there for drills, and compares its log with the heads there.
            if opens {
                findings.extend(destinations::to_read(backup));
            }
            let detail = format!("{} is another account's, as what it backs up to is", backup.state().display());
            findings.push(Finding::good("state of backups", detail + ": run `coffre doctor` as that account, too"));
        }
        Some(backup) => {
            findings.extend(examine_backup(backup));
            // Whoever backs up runs what runs by itself, and tells people.
            let by_itself = |known: &Configuration| by_itself::schedule(&known.schedule, &known.notify, backup.state());
            findings.extend(configuration.iter().flat_map(by_itself));
            findings.extend(configuration.iter().flat_map(|known| by_itself::notify(&known.notify)));
            findings.extend(tools::restic(backup.restic.as_ref()));
        }
        None => findings.extend(tools::restic(None)),
    }
    findings
}

/// What the configuration says of a host that backs up other systems only.
fn host_without_vault(vault: Option<&Path>, config: Option<&Path>) -> Option<(Protection, PathBuf)> {
    let file = configuration::locate(config, vault).ok().filter(|_| vault.is_none())?;
    let host = Protection::load(&file).ok()?.filter(|host| host.vault.is_none())?;
    Some((host, file))
}

fn examine_host(host: &Protection, file: &Path) -> Vec<Finding> {
    let detail = format!("{} (environment {}, other systems only)", file.display(), host.environment);
    let mut findings =
        vec![Finding::good("configuration", detail), permissions::writable_directory("state of backups", &host.state)];
    let password = host.restic.as_ref().and_then(|restic| restic.password_file.as_deref());
    findings.extend(password.map(|file| permissions::secret_file("restic password", file)));
    findings.extend(sources::examine(&host.sources, host.recipient.as_deref()));
    findings.extend(by_itself::schedule(&host.schedule, &host.notify, &host.state));
    findings.extend(by_itself::notify(&host.notify));
    findings.extend(tools::restic(host.restic.as_ref()));
    findings
}

fn examine_configuration(vault: Option<&Path>, config: Option<&Path>) -> (Option<Configuration>, Vec<Finding>) {
    let loaded = configuration::locate(config, vault).and_then(|file| Ok((Configuration::load(&file)?, file)));
    match loaded {
        Ok((configuration, file)) => {
            let detail = format!(
                "{} (environment {}, vault {})",
                file.display(),
                configuration.environment,
                configuration.vault_id
            );
            (Some(configuration), vec![Finding::good("configuration", detail)])
        }
        Err(error) => (None, vec![Finding::of_error("configuration", &error)]),
    }
}

/// Whether another account than this one backs up: what is closed to us is as it should be.
fn is_anothers(backup: &Backup) -> bool {
    let own = rustix::process::geteuid();
    let owner = fs::metadata(backup.state()).map(|metadata| metadata.uid());
    !own.is_root() && backup.spool().ok() != Some(backup.state()) && owner.is_ok_and(|owner| owner != own.as_raw())
}

fn examine_backup(backup: &Backup) -> Vec<Finding> {
    let spool = backup.spool().ok().map(|spool| permissions::readable_directory("spool", spool));
    let mut findings: Vec<Finding> = spool.into_iter().collect();
    findings.push(permissions::writable_directory("state of backups", backup.state()));
    findings.extend(destinations::to_write(backup));
    if backup.destinations.is_empty() && backup.restic.is_none() {
        findings.push(Finding::bad(
            "destinations",
            "backups go nowhere",
            "add a [[backup.destination]] on another machine or disk, or [backup.restic]",
        ));
    }
    let password = backup.restic.as_ref().and_then(|restic| restic.password_file.as_deref());
    findings.extend(password.map(|file| permissions::secret_file("restic password", file)));
    findings.extend(sources::examine(&backup.sources(), backup.recovery_recipient.as_deref()));
    findings
}
