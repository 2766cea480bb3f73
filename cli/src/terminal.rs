//! Asking the person at the terminal: a passphrase without echo, or whether to go on. Where there is no terminal nothing
//! is assumed.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use console::Term;
use zeroize::Zeroizing;

use crate::complaint::Complaint;
use crate::language::Language;

/// What is typed, without showing it.
pub(crate) fn secret(prompt: &str, without: &str) -> anyhow::Result<Zeroizing<String>> {
    let terminal = Term::stderr();
    if !terminal.is_term() || !io::stdin().is_terminal() {
        return Err(Complaint::usage("there is no terminal to type a passphrase at", without).into());
    }
    terminal.write_str(prompt)?;
    Ok(Zeroizing::new(terminal.read_secure_line()?))
}

/// Whether the person says yes; anything else is no.
pub(crate) fn agrees(question: &str, language: Language) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        let remedy = "run it at a terminal, or add --yes once somebody has read what it shows";
        return Err(Complaint::usage("there is no terminal to confirm at", remedy).into());
    }
    let mut out = io::stderr().lock();
    write!(out, "{question} [{}/N] ", language.pick("o", "y"))?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes", "o", "oui"].contains(&answer.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, yes) in
            [("y\n", true), ("Oui\n", true), ("yes", true), ("\n", false), ("", false), ("yep\n", false)]
        {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }
}
