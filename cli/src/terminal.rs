//! Asking the person at the terminal: a passphrase without echo, or whether to go on. Where there is no terminal nothing
//! is assumed.

mod silent;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::Context as _;
use zeroize::Zeroizing;

pub(crate) use self::silent::Silent;
use crate::complaint::Complaint;
use crate::language::Language;

/// The terminal, which shows nothing from now on.
pub(crate) fn silent() -> anyhow::Result<Silent> {
    Silent::new().context("the terminal cannot be kept from showing what is typed")
}

/// What is typed, without showing it.
pub(crate) fn secret(prompt: &str, without: &str) -> anyhow::Result<Zeroizing<String>> {
    if !io::stderr().is_terminal() || !io::stdin().is_terminal() {
        return Err(Complaint::usage("there is no terminal to type a passphrase at", without).into());
    }
    let typed = silent()?.hidden(prompt);
    writeln!(io::stderr().lock())?;
    match typed {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            Err(Complaint::usage("no passphrase was typed", "run it again when you have it").into())
        }
        typed => Ok(typed?),
    }
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
