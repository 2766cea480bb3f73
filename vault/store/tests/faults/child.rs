//! This test program run again as a child: for tests that need a second process, one that is killed, or
//! one with other rights.

use std::io::Write;
use std::process::Command;

/// Tells a child what it is; never set by people.
const ROLE: &str = "COFFRE_TEST_CHILD";

pub(crate) fn is_child() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// What the parent gave the child to work on.
pub(crate) fn argument(name: &str) -> Option<String> {
    std::env::var(format!("{ROLE}_{name}")).ok()
}

/// One line to whoever runs the test: past the capture of `println`, whole even when killed.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// This program, to run one of its tests as a child.
pub(crate) fn again(test: &str) -> Command {
    again_under(&[], test)
}

pub(crate) fn again_under(wrapper: &[&str], test: &str) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ROLE, "yes");
    command
}

pub(crate) fn give(command: &mut Command, name: &str, value: &str) {
    command.env(format!("{ROLE}_{name}"), value);
}
