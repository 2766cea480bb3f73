//! What runs by itself and whom it tells: the schedule, the scratch space of drills, the ways of `[notify]` and of the
//! day's signed head. Nothing is sent: programs and secrets are looked for, and the names of servers looked up.

use std::fs;
use std::net::ToSocketAddrs as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use coffre_backup::Disk;
use coffre_backup::jobs::Jobs;
use coffre_store::clock::{Clock as _, SystemClock};
use coffre_store::{Database, Layout};

use super::finding::{Finding, State};
use super::{permissions, tools};
use crate::configuration::{Backup, DailyHead, Notify, Schedule};
use crate::figures;

/// The jobs in the schedule: whether each has a time, and went well when it was last to.
pub(super) fn schedule(schedule: &Schedule, notify: &Notify, state: &Path) -> Vec<Finding> {
    let (subject, rows) = ("schedule", schedule.rows());
    if rows.is_empty() {
        let detail = "no job runs by itself: something outside drives them, or nothing does";
        return vec![Finding::good(subject, detail)];
    }
    let jobs = match Jobs::seen(state) {
        Ok(jobs) => jobs,
        Err(error) => return vec![Finding::of_error(subject, &error)],
    };
    let now = SystemClock.now();
    let mut findings = Vec::new();
    for row in &rows {
        let name = row.job.name;
        let memory = jobs.jobs.get(name).cloned().unwrap_or_default();
        if row.next_after(now).is_none() {
            let detail = format!("{name} has no time that ever comes");
            findings.push(Finding::bad(subject, detail, "correct its cron expression in [schedule.jobs]"));
        } else if row.is_late(&memory, now) {
            let why = if memory.succeeded_in_future(now) {
                "succeeded in the future: a clock was wrong"
            } else {
                "let two of its times pass without a success"
            };
            let detail = format!("{name} {why}");
            findings.push(Finding::bad(subject, detail, "look whether `coffre backup follow` runs, and at its log"));
        } else if memory.is_cut_off() {
            let detail = format!("{name} did not come to its end");
            let remedy = "look at the system's log for what ended it, such as a lack of memory";
            findings.push(Finding::bad(subject, detail, remedy));
        }
    }
    let names: Vec<&str> = rows.iter().map(|row| row.job.name).collect();
    findings.push(Finding::good(subject, format!("`coffre backup follow` runs {}", names.join(", "))));
    if names.contains(&"report") && !notify.tells_somebody() {
        let remedy = "add [notify.mail], [notify.webhook] or `command` to [notify]";
        findings.push(Finding::bad(subject, "the report goes to nobody", remedy));
    }
    findings
}

/// Whether a drill has room: for what the vault holds now.
pub(super) fn scratch(directory: &Path, backup: &Backup) -> Vec<Finding> {
    let own = rustix::process::geteuid();
    let ours = fs::metadata(directory).is_ok_and(|metadata| own.is_root() || metadata.uid() == own.as_raw());
    if backup.destinations.is_empty() || !ours {
        return Vec::new();
    }
    let subject = "scratch space of drills";
    let folder = backup.drill.scratch.as_deref().unwrap_or(directory);
    let usable = permissions::writable_directory(subject, folder);
    let Ok(Disk { free, .. }) = Disk::of(folder) else { return vec![usable] };
    let layout = Layout::new(directory);
    let databases = [Database::Vault, Database::Keyring, Database::Audit].map(|of| layout.database(of));
    let bytes = databases.iter().map(|path| bytes_of(path)).sum::<u64>() + bytes_of(&layout.documents());
    if free >= bytes {
        return vec![usable];
    }
    let (needed, free) = (figures::bytes(bytes), figures::bytes(free));
    let detail = format!("{} has {free} free, and a drill needs {needed}", folder.display());
    vec![Finding::bad(subject, detail, "make room, or set `scratch` in [backup.drill] to another disk")]
}

/// Bytes of a file, or of all files below a folder, as far as this account may see them.
fn bytes_of(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return fs::metadata(path).map_or(0, |metadata| metadata.len()) };
    entries.flatten().map(|entry| bytes_of(&entry.path())).sum()
}

/// The ways that people are told.
pub(super) fn notify(notify: &Notify) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(program) = notify.command.first() {
        findings.push(tools::program("command of notify", program, "install it, or correct `command` in [notify]"));
    }
    if let Some(mail) = &notify.mail {
        findings.extend(mail.password_file.as_deref().map(|file| permissions::secret_file("password of mail", file)));
        findings.push(known_host("mail server", &mail.server));
    }
    if let Some(webhook) = &notify.webhook {
        findings.push(webhook_secret(&webhook.secret_file));
        findings.push(known_host("webhook", &host_of(&webhook.url)));
    }
    findings.extend(notify.heartbeat.as_deref().map(|url| known_host("heartbeat", &host_of(url))));
    if !notify.tells_somebody() {
        let remedy = "add [notify.mail], [notify.webhook] or `command` to [notify], and a heartbeat that others watch";
        findings.push(Finding::warning("notify", "nobody is told how backups stand", remedy));
    }
    findings
}

/// Where the day's signed head goes, as the vault's own account reaches it.
pub(super) fn daily_head(to: &DailyHead) -> Vec<Finding> {
    let folder = to.file.as_deref().and_then(Path::parent);
    let folder = folder.map(|folder| permissions::writable_directory("folder of the daily head", folder));
    let remedy = "install it, or correct `command` in [audit.daily_head]";
    let program = to.command.first().map(|program| tools::program("command of the daily head", program, remedy));
    folder.into_iter().chain(program).collect()
}

/// The secret that requests are signed with: closed to others, and long enough.
fn webhook_secret(file: &Path) -> Finding {
    let subject = "secret of the webhook";
    match permissions::secret_file(subject, file) {
        good if good.state == State::Good => match crate::notify::webhook_secret(file) {
            Ok(_) => good,
            Err(error) => Finding::of_error(subject, &error),
        },
        other => other,
    }
}

/// The host alone: an address may hold a secret in its path.
fn host_of(url: &str) -> String {
    url.parse::<ureq::http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
}

fn known_host(subject: &str, host: &str) -> Finding {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    // The port is only to have an address to ask for.
    match (bare, 443).to_socket_addrs().map(|mut found| found.next()) {
        Ok(Some(_)) => Finding::good(subject, format!("{host} is known")),
        Ok(None) | Err(_) => Finding::bad(
            subject,
            format!("no address is known of {host:?}"),
            "correct it in [notify], or look at this machine's name service",
        ),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn states(text: &str) -> Vec<(String, State)> {
        let settings: Notify = toml::from_str(text).unwrap();
        notify(&settings).into_iter().map(|finding| (finding.subject, finding.state)).collect()
    }

    #[test]
    fn who_is_told_is_looked_for_and_nothing_is_sent() {
        assert_eq!(states(""), [("notify".to_owned(), State::Warning)]);
        assert_eq!(states("command = [\"true\"]"), [("command of notify".to_owned(), State::Good)]);
        let no_program = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for program in ["/nowhere/tell", "no-such-program-here", no_program] {
            let found = states(&format!("command = [\"{program}\"]"));
            assert_eq!(found, [("command of notify".to_owned(), State::Bad)], "{program}");
        }
        let mail = "[mail]\nserver = \"127.0.0.1\"\nfrom = \"a@b.fr\"\nto = [\"c@d.fr\"]\ntls = \"none\"";
        assert_eq!(states(mail), [("mail server".to_owned(), State::Good)]);
        let lost = mail.replace("127.0.0.1", "mail.invalid");
        assert_eq!(states(&lost), [("mail server".to_owned(), State::Bad)]);
        let hook = "heartbeat = \"https://[::1]/secret\"\n[webhook]\nurl = \"https://hooks.invalid/secret\"\nsecret_file = \"/nowhere\"";
        let found = states(hook);
        assert_eq!(found.iter().filter(|(_, state)| *state == State::Bad).count(), 2, "{found:?}");
        let told = toml::from_str::<Notify>(hook).map(|settings| notify(&settings)).unwrap();
        assert!(told.iter().all(|finding| !finding.detail.contains("secret ") && !finding.detail.contains("/secret")));
    }

    #[test]
    fn where_the_daily_head_goes_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str, program: &str| {
            let to = DailyHead { file: Some(folder.path().join(name)), command: vec![program.to_owned()] };
            daily_head(&to).into_iter().map(|finding| finding.state).collect::<Vec<_>>()
        };
        assert_eq!(of("head", "true"), [State::Good, State::Good]);
        assert_eq!(of("gone/head", "no-such-program-here"), [State::Bad, State::Bad]);
        assert!(daily_head(&DailyHead::default()).is_empty());
    }

    #[test]
    fn a_webhook_secret_that_is_short_is_bad_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        for (secret, state) in
            [("", State::Bad), ("tooshort\n", State::Bad), ("as long as it should be\n", State::Good)]
        {
            fs::write(&file, secret).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let found = webhook_secret(&file);
            assert_eq!(found.state, state, "{found:?}");
            assert!(found.detail.contains("secret") && !found.detail.contains("tooshort"), "{found:?}");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(webhook_secret(&file).state, State::Bad, "others can read it");
    }
}
