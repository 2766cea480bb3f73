//! What goes wrong with restic, by exit code where the version has one and by its words where it
//! has not. An unknown code is a failure. Starts nothing.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::messages::{self, Message};
use super::run::Exit;
use super::unreachable;
use super::version::Version;
use crate::observer::Cancelled;

/// How restic failed, whatever it was to do.
#[derive(Debug, Error)]
pub enum Failure {
    /// There is no such program.
    #[error(
        "restic was not found ({program}): install it (`apt-get install restic`) or name it with `binary` in `[backup.restic]`"
    )]
    Missing {
        /// What was looked for.
        program: String,
    },
    /// The program does not run.
    #[error("{program} does not start: check that it is restic and may be executed")]
    DoesNotStart {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The program does not say a version.
    #[error("{program} does not answer as restic does: name the right program with `binary` in `[backup.restic]`")]
    NotRestic {
        /// The program.
        program: PathBuf,
    },
    /// A version that Coffre does not work with.
    #[error("restic {found} is too old, {needed} or newer is needed: update it (`apt-get install restic`)")]
    TooOld {
        /// The version found.
        found: Version,
        /// The oldest that will do.
        needed: Version,
    },
    /// The password file is not readable.
    #[error("the password file {path} cannot be read: create it, mode 0600, owned by the account that runs backups")]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The password does not open the repository.
    #[error(
        "the password does not open {repository}: check the password file, it must be the one the repository was made with"
    )]
    WrongPassword {
        /// The repository.
        repository: String,
    },
    /// There is no repository.
    #[error(
        "{repository} is no restic repository: check the path and its mount, or create it with `coffre backup run --init`"
    )]
    NoRepository {
        /// The repository.
        repository: String,
    },
    /// Its place was not reached, or lost on the way. Nothing is known of the repository then.
    #[error(
        "{repository} was not reached, or lost on the way ({message}): check the network, the host with its key, and the credentials, then run this again"
    )]
    Unreachable {
        /// The repository.
        repository: String,
        /// What was said of it first.
        message: String,
    },
    /// Somebody else works on the repository.
    #[error("{repository} is locked{}: wait until that has ended; if it died, see `coffre backup repositories`", of_holder(holder.as_ref()))]
    Locked {
        /// The repository.
        repository: String,
        /// Who holds the lock, as far as restic says.
        holder: Option<LockHolder>,
    },
    /// The same, by a process of this host that has ended, not long ago or beside others.
    #[error(
        "{repository} was left locked by {process}, which has ended: run this again ten minutes later, which removes the lock if no other is there; see `coffre backup repositories`, and `coffre backup unlock` for at once"
    )]
    LeftLocked {
        /// The repository.
        repository: String,
        /// Who left the lock.
        process: String,
    },
    /// The repository's place is full.
    #[error("{repository} has no space left: make room or prune it, then run this again")]
    Full {
        /// The repository.
        repository: String,
    },
    /// Ended by a signal.
    #[error(
        "restic was killed by signal {signal}: run this again; if it happens again, look for lack of memory in the system's log"
    )]
    Killed {
        /// The signal.
        signal: i32,
    },
    /// Stopped because the observer asked for it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Any other failure.
    #[error("restic failed with exit code {code} ({message}): mend that, then run this again")]
    Failed {
        /// Its exit code.
        code: i32,
        /// What it said first.
        message: String,
    },
    /// It succeeded and did not say what it should have.
    #[error("restic {verb} answered nothing that can be understood: check that this version of restic is supported")]
    Answer {
        /// The command.
        verb: &'static str,
    },
    /// It said more than can be worked with.
    #[error(
        "restic {verb} says more of {repository} than this machine has memory for: see who may write there, then run this again"
    )]
    TooMuch {
        /// The repository.
        repository: String,
        /// The command.
        verb: &'static str,
    },
    /// Reading its output failed.
    #[error("the output of restic cannot be read: run this again")]
    Output {
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Who holds the lock of a repository, in restic's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    /// The process and its host: `PID 14609 on backup1 by root (UID 0, GID 0)`.
    pub process: String,
    /// When it was made: `2026-11-22 15:51:07`.
    pub since: Option<String>,
}

impl LockHolder {
    /// Whether it is a process of this host, and not there any more. Of other hosts nothing is known.
    pub(super) fn has_ended(&self, this_host: &str, is_there: impl Fn(i32) -> bool) -> bool {
        let mut words = self.process.split(' ');
        let (Some("PID"), Some(number), Some("on"), Some(host)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return false;
        };
        host == this_host && number.parse().is_ok_and(|number| !is_there(number))
    }
}

fn of_holder(holder: Option<&LockHolder>) -> String {
    match holder {
        None => String::new(),
        Some(LockHolder { process, since: None }) => format!(" by {process}"),
        Some(LockHolder { process, since: Some(since) }) => format!(" by {process} since {since}"),
    }
}

/// What an unsuccessful end means.
pub(super) fn classify(version: Version, exit: Exit, stderr: &str, repository: &str) -> Failure {
    let repository = repository.to_owned();
    let can = version.capabilities();
    let code = match exit {
        Exit::Signal(signal) => return Failure::Killed { signal },
        Exit::Code(code) => code,
    };
    let words = words_of(stderr);
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    match code {
        10 if can.codes_for_repository_and_lock => Failure::NoRepository { repository },
        11 if can.codes_for_repository_and_lock => Failure::Locked { repository, holder: lock_holder(&words) },
        12 if can.code_for_password => Failure::WrongPassword { repository },
        // SIGINT, which restic catches to remove its lock.
        130 => Failure::Killed { signal: 2 },
        _ if says(&["no space left on device", "disk quota exceeded"]) => Failure::Full { repository },
        1 if says(&["wrong password or no key found"]) => Failure::WrongPassword { repository },
        1 if says(&["repository is already locked"]) => Failure::Locked { repository, holder: lock_holder(&words) },
        1 => of_its_place(&words, repository),
        _ => Failure::Failed { code, message: first_line(&words) },
    }
}

/// What code 1 means if neither the password nor a lock explains it: something about the place, or anything else.
fn of_its_place(words: &str, repository: String) -> Failure {
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    // 0.14 asks whether there is a repository after any failure to open one.
    if let Some(line) = unreachable::line(words) {
        return Failure::Unreachable { repository, message: first_line(line) };
    }
    if says(&["Is there a repository at the following location?", "repository does not exist"]) {
        return Failure::NoRepository { repository };
    }
    if says(&["unable to open repository at", "unable to open config file"]) {
        return Failure::Unreachable { repository, message: first_line(words) };
    }
    Failure::Failed { code: 1, message: first_line(words) }
}

/// What restic said, with the messages of JSON lines in place of the lines.
fn words_of(stderr: &str) -> String {
    let plain = |line: &str| match messages::parse_line(line) {
        Some(Message::ExitError(error)) => error.message,
        _ => line.to_owned(),
    };
    stderr.lines().map(plain).collect::<Vec<_>>().join("\n")
}

fn lock_holder(words: &str) -> Option<LockHolder> {
    let line = words.lines().find(|line| line.contains("repository is already locked"))?;
    let (_, process) = line.split_once(" by ")?;
    let since = words.lines().find_map(|line| line.strip_prefix("lock was created at "));
    let since = since.map(|text| text.split(" (").next().unwrap_or(text).to_owned());
    Some(LockHolder { process: process.to_owned(), since })
}

/// The first line that says something, cut to a line's length.
fn first_line(words: &str) -> String {
    const LONGEST: usize = 200;
    // Without a home it goes on without a cache, and says so first.
    let says = |line: &&str| !line.is_empty() && !line.starts_with("unable to open cache");
    let line = words.lines().map(str::trim).find(says).unwrap_or("it said nothing");
    line.trim_start_matches("Fatal: ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKED: &str = "unable to create lock in backend: repository is already locked exclusively by PID 14609 on vm by root (UID 0, GID 0)
lock was created at 2026-11-22 15:51:07 (494.92353ms ago)
storage ID bb0728d9
the `unlock` command can be used to remove stale locks";
    const NO_REPOSITORY: &str = "Fatal: unable to open config file: stat /r/config: no such file or directory
Is there a repository at the following location?
/r";
    const WRONG_PASSWORD: &str = "Fatal: wrong password or no key found";
    const OLD: Version = Version::new(0, 14, 0);
    const NEW: Version = Version::new(0, 18, 1);

    fn text(version: Version, exit: Exit, stderr: &str) -> String {
        classify(version, exit, stderr, "/r").to_string()
    }

    #[test]
    fn version_0_14_is_told_by_its_words() {
        insta::assert_snapshot!(text(OLD, Exit::Code(1), LOCKED), @"/r is locked by PID 14609 on vm by root (UID 0, GID 0) since 2026-11-22 15:51:07: wait until that has ended; if it died, see `coffre backup repositories`");
        insta::assert_snapshot!(text(OLD, Exit::Code(1), NO_REPOSITORY), @"/r is no restic repository: check the path and its mount, or create it with `coffre backup run --init`");
        insta::assert_snapshot!(text(OLD, Exit::Code(1), WRONG_PASSWORD), @"the password does not open /r: check the password file, it must be the one the repository was made with");
        insta::assert_snapshot!(text(OLD, Exit::Code(1), "Fatal: write /r/data/x: no space left on device"), @"/r has no space left: make room or prune it, then run this again");
    }

    #[test]
    fn a_place_that_is_not_reached_is_told_from_one_without_a_repository() {
        let refused = "Fatal: unable to open config file: Head \"http://backup1/config\": dial tcp 10.0.0.9:80: connect: connection refused
Is there a repository at the following location?
rest:http://backup1/";
        insta::assert_snapshot!(text(OLD, Exit::Code(1), refused), @r#"/r was not reached, or lost on the way (unable to open config file: Head "http://backup1/config": dial tcp 10.0.0.9:80: connect: connection refused): check the network, the host with its key, and the credentials, then run this again"#);
        assert!(matches!(classify(NEW, Exit::Code(1), refused, "/r"), Failure::Unreachable { .. }));
        let unknown = "subprocess ssh: Host key verification failed.
Fatal: unable to open repository at sftp:backup1:/r: something new";
        let told = text(OLD, Exit::Code(1), unknown);
        assert!(told.contains("(subprocess ssh: Host key verification failed.)"), "{told}");
        let newer = "Fatal: unable to open config file: something new\n/r";
        assert!(matches!(classify(NEW, Exit::Code(1), newer, "/r"), Failure::Unreachable { .. }));
        assert!(matches!(classify(NEW, Exit::Code(1), NO_REPOSITORY, "/r"), Failure::NoRepository { .. }));
    }

    #[test]
    fn only_a_process_of_this_host_is_known_to_have_ended() {
        let holder = |process: &str| LockHolder { process: process.to_owned(), since: None };
        let ours = holder("PID 14609 on vm by root (UID 0, GID 0)");
        assert!(ours.has_ended("vm", |_| false));
        assert!(!ours.has_ended("vm", |number| number == 14609));
        assert!(!ours.has_ended("vm2", |_| false));
        assert!(!holder("somebody").has_ended("vm", |_| false));
    }

    #[test]
    fn later_versions_are_told_by_their_codes() {
        let json = |code: i32, message: &str| {
            format!("{}\n", serde_json::json!({"message_type": "exit_error", "code": code, "message": message}))
        };
        assert!(matches!(classify(NEW, Exit::Code(10), "", "/r"), Failure::NoRepository { .. }));
        assert!(matches!(classify(NEW, Exit::Code(12), "", "/r"), Failure::WrongPassword { .. }));
        let Failure::Locked { holder: Some(holder), .. } = classify(NEW, Exit::Code(11), &json(11, LOCKED), "/r")
        else {
            unreachable!("not locked")
        };
        assert_eq!(holder.since.as_deref(), Some("2026-11-22 15:51:07"));
        assert!(matches!(classify(NEW, Exit::Code(11), "", "/r"), Failure::Locked { holder: None, .. }));
        // 0.17.0 has the codes 10 and 11, and not yet 12.
        let between = Version::new(0, 17, 0);
        assert!(matches!(classify(between, Exit::Code(1), WRONG_PASSWORD, "/r"), Failure::WrongPassword { .. }));
    }

    #[test]
    fn an_unknown_code_is_a_failure_with_restics_first_words() {
        insta::assert_snapshot!(text(NEW, Exit::Code(77), "\n  Fatal: something new\nmore"), @"restic failed with exit code 77 (something new): mend that, then run this again");
        insta::assert_snapshot!(text(OLD, Exit::Code(12), ""), @"restic failed with exit code 12 (it said nothing): mend that, then run this again");
        insta::assert_snapshot!(text(OLD, Exit::Code(2), "panic: runtime error"), @"restic failed with exit code 2 (panic: runtime error): mend that, then run this again");
        let long = "x".repeat(1000);
        assert!(text(NEW, Exit::Code(1), &long).len() < 300);
    }

    #[test]
    fn signals_are_named() {
        insta::assert_snapshot!(text(OLD, Exit::Signal(9), ""), @"restic was killed by signal 9: run this again; if it happens again, look for lack of memory in the system's log");
        assert!(matches!(classify(NEW, Exit::Code(130), "", "/r"), Failure::Killed { signal: 2 }));
    }
}
