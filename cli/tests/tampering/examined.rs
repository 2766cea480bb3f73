//! A vault in a folder to which something was done: served, asked, backed up, drilled, verified, until somebody finds it.

use crate::campaign::Found;
use crate::house::Copy;
use crate::picture::Likeness;
use crate::server::Server;

/// Nothing that a vault is asked, backs up or proves rests on it.
pub(crate) const NOBODY: &str = "nobody, since nothing rests on it";
/// Whoever may find something here.
pub(crate) const ANYBODY: &[&str] = &["start", "reading", "backup", "drill", "audit verify", NOBODY];

/// By whom it is found; `derived` is what may be made anew without a word.
pub(crate) fn served_and_examined(copy: &Copy<'_>, derived: bool) -> Found {
    let server = match copy.serve() {
        Ok(server) => server,
        Err(log) if log.contains("help: ") => return Found::By("start"),
        Err(log) => return Found::Not(format!("it ended without a remedy: {log}")),
    };
    match copy.house.picture.likeness(&copy.picture(&server)) {
        Likeness::Other(what) => Found::Not(what),
        Likeness::Refused if derived => Found::Not("what is derived kept the vault from answering".to_owned()),
        Likeness::Refused => Found::By("reading"),
        Likeness::Same if derived => {
            server.stop();
            Found::MadeAnew
        }
        Likeness::Same => examined(copy, server),
    }
}

/// Nothing of what was asked rests on it. A base backup reads every page and document, a drill every value as well.
fn examined(copy: &Copy<'_>, server: Server) -> Found {
    let (ran, told) = copy.run(&["backup", "run", "--base"]);
    if ran != 0 {
        return Found::By("backup");
    }
    let (drilled, held) = copy.run(&["drill", "--json"]);
    if drilled != 0 {
        return Found::By("drill");
    }
    server.stop();
    match copy.run(&["audit", "verify", "--vault", "vault"]) {
        // Every page, value and document is as the log says, and everything that was asked as well: the bytes were past
        // their time, as those of a page whose successor waits in the write-ahead log.
        (0, _) => Found::By(NOBODY),
        (_, _) if told.is_empty() || held.is_empty() => Found::Not("a verb said nothing".to_owned()),
        _ => Found::By("audit verify"),
    }
}
