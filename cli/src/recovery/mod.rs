//! What opens backups: the recovery identity in a file, or a quorum of its shares, from files or typed at a terminal. Every
//! verb that needs it asks here. How shares are made and printed is in `sharing`, how they are shown at a terminal in
//! `shown`; the kit that says what to do is in `kit`.

mod encoding;
mod kit;
mod share_page;
mod sharing;
mod shown;
mod typed;
mod words;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_core::key_share::{Quorum, SharePage, VaultMark};
use coffre_core::note::VerificationKey;
use coffre_store::Identity;
use zeroize::Zeroizing;

use self::typed::{Asks, Given};
use self::words::Words;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::language::Language;
use crate::output;
use crate::terminal::{self, Silent};

pub(crate) use self::kit::{Kit, Whereabouts};
pub(crate) use self::share_page::VaultFacts;
pub(crate) use self::sharing::{Making, SharingArguments, parts, write_kit};

#[cfg(test)]
mod tests;

/// More than any page of a share.
const LONGEST: u64 = 64 * 1024;

/// How a verb is told what opens the backups.
#[derive(Debug, Args)]
pub(crate) struct RecoveryArgument {
    /// The recovery identity. Without it, a quorum of its shares: in files, or typed at the terminal, where nothing is shown
    #[arg(long, value_name = "FILE", conflicts_with = "shares")]
    identity: Option<PathBuf>,
    /// A page of a share as a text file; once for each share
    #[arg(long = "share", value_name = "FILE")]
    shares: Vec<PathBuf>,
}

/// The recovery identity, and whose shares it was put together from.
pub(crate) struct Recovered {
    pub(crate) identity: Identity,
    /// The numbers of the shares, if there were any.
    pub(crate) shares: Vec<u8>,
}

impl RecoveryArgument {
    /// Whether it is on the command line.
    pub(crate) const fn is_said(&self) -> bool {
        self.identity.is_some() || !self.shares.is_empty()
    }

    /// The same where it may not be needed: none if nothing was said.
    pub(crate) fn given(&self, vault: Option<&VerificationKey>) -> anyhow::Result<Option<Recovered>> {
        if self.is_said() { self.open(vault).map(Some) } else { Ok(None) }
    }

    /// Gives the identity. Shares must be of the vault with this key; of any one vault where none is pinned.
    pub(crate) fn open(&self, vault: Option<&VerificationKey>) -> anyhow::Result<Recovered> {
        if let Some(file) = &self.identity {
            return Ok(Recovered { identity: Identity::read(file)?, shares: Vec::new() });
        }
        let words = Words(Language::of_environment());
        let mut quorum = Quorum::of(vault.map(VaultMark::of));
        if self.shares.is_empty() {
            typed(&mut quorum, words)?;
        } else {
            self.read_files(&mut quorum, words)?;
        }
        together(&quorum)
    }

    fn read_files(&self, quorum: &mut Quorum, words: Words) -> anyhow::Result<()> {
        let mut need = 0;
        for file in &self.shares {
            let page = page(file)?;
            let accepted = quorum.add(page.share).with_context(|| format!("{} is not accepted", file.display()))?;
            output::remark(&words.accepted(accepted, page.holder.as_deref()))?;
            need = accepted.need;
            if accepted.is_enough() {
                return Ok(());
            }
        }
        let cause = format!("{} of {need} shares were given", self.shares.len());
        Err(Complaint::usage(cause, "give one more --share FILE for each that is missing").into())
    }
}

fn typed(quorum: &mut Quorum, words: Words) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        return Err(Complaint::usage(
            "there is no terminal to type shares at",
            "give the recovery identity with --identity FILE, or each share with --share FILE",
        )
        .into());
    }
    let mut terminal = terminal::silent()?;
    match typed::quorum(&mut terminal, quorum, words)? {
        Given::Enough => Ok(()),
        Given::Ended => {
            let cause = "the typing of shares was ended";
            Err(Complaint::new(Exit::Failure, cause, "nothing was opened; run the same command again").into())
        }
    }
}

impl Asks for Silent {
    fn hidden(&mut self, question: &str) -> io::Result<Zeroizing<String>> {
        Self::hidden(self, question)
    }

    fn shown(&mut self, question: &str) -> io::Result<String> {
        Self::shown(self, question)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(io::stderr().lock(), "{text}")
    }
}

/// The identity that a quorum gives.
fn together(quorum: &Quorum) -> anyhow::Result<Recovered> {
    let secret = quorum
        .secret()?
        .ok_or_else(|| Complaint::usage("there are too few shares", "give as many as the pages say that are needed"))?;
    Ok(Recovered { identity: Identity::from_secret(&secret)?, shares: quorum.numbers().collect() })
}

/// A share in a file that nobody else can read.
fn page(file: &Path) -> anyhow::Result<SharePage> {
    let unreadable = || format!("the share {} cannot be read; check that it is there and yours", file.display());
    let mut opened = File::open(file).with_context(unreadable)?;
    if opened.metadata().with_context(unreadable)?.permissions().mode() & 0o077 != 0 {
        let cause = format!("the share {} can be read by others", file.display());
        return Err(Complaint::usage(cause, format!("run `chmod 600 {}`", file.display())).into());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
    (&mut opened).take(LONGEST).read_to_end(&mut bytes).with_context(unreadable)?;
    let unusable = || format!("{} holds no share that can be used", file.display());
    SharePage::read(&encoding::text_of(&bytes)).with_context(unusable)
}
