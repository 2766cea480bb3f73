//! An officer reads and signs.

use std::path::Path;

use super::paper::Paper;
use super::shown::{self, Folders};
use crate::commands::officer::Passphrase;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::language::Language;
use crate::new_file;
use crate::officer_key;
use crate::output;
use crate::terminal;

/// Who signs, and whether it is asked first.
pub(super) struct Signing<'s> {
    pub(super) key: &'s Path,
    pub(super) passphrase: &'s Passphrase,
    pub(super) yes: bool,
}

/// Shows a file, and adds a signature to it.
pub(super) fn existing(file: &Path, folders: &Folders<'_>, signing: &Signing<'_>) -> anyhow::Result<()> {
    let signed = show_and_sign(Paper::read(file)?, folders, signing)?;
    signed
        .replace(file)
        .map_err(|error| new_file::refused(file, "copy it into a folder that is yours, and sign it there", error))?;
    say(&signed, file)
}

/// Shows a new statement, signs it if that is wanted, and writes it.
pub(super) fn new(
    paper: Paper,
    out: &Path,
    folders: &Folders<'_>,
    signing: Option<&Signing<'_>>,
) -> anyhow::Result<()> {
    let paper = if let Some(signing) = signing {
        show_and_sign(paper, folders, signing)?
    } else {
        output::line(shown::words(&paper.statement, folders, Language::of_environment())?)?;
        paper
    };
    paper.write_new(out)?;
    say(&paper, out)
}

fn show_and_sign(paper: Paper, folders: &Folders<'_>, signing: &Signing<'_>) -> anyhow::Result<Paper> {
    let language = Language::of_environment();
    output::line(shown::words(&paper.statement, folders, language)?)?;
    let signers = paper.signers();
    if !signers.is_empty() {
        // Whose keys these are is known where the vault is.
        let (signed_by, so_far) = match language {
            Language::French => ("signé par", "d'après le fichier : le coffre le vérifie quand il le reçoit"),
            Language::English => ("signed by", "says the file: the vault verifies it when it is handed in"),
        };
        output::line(format!("{signed_by:<16}{} ({so_far})", signers.join(", ")))?;
    }
    if !signing.yes && !terminal::agrees(language.pick("Signer ?", "Sign this?"), language)? {
        return Err(Complaint::new(Exit::Failure, "nothing was signed", "run it again to sign").into());
    }
    let key = officer_key::read(signing.key, || signing.passphrase.ask())?;
    paper.signed(&key)
}

fn say(paper: &Paper, file: &Path) -> anyhow::Result<()> {
    let file = file.display();
    Ok(output::note(&match paper.signers().len() {
        0 => format!("{file} is to be signed by two officers: `coffre approve sign {file} --key …`"),
        1 => format!("{file} is to be signed by another officer: `coffre approve sign {file} --key …`"),
        _ => format!("{file} is signed: hand it in with `coffre approve submit {file}`"),
    })?)
}
