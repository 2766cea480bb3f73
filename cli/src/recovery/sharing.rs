//! Making shares: splitting, printing, and proving what was printed before anybody relies on it. Shares go to files, one for
//! each holder, or to a terminal (`shown`), one after the other; never all of them to a pipe or a log.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_core::key_share::{KeyShare, Parts, Quorum, SharePage, VaultMark, check_every_quorum, split};
use coffre_core::note::VerificationKey;
use coffre_store::Identity;
use coffre_store::clock::SystemEntropy;
use zeroize::Zeroizing;

use super::kit::{Kit, Whereabouts};
use super::share_page::{VaultFacts, page};
use super::shown::show;
use super::{page as page_of, together};
use crate::complaint::Complaint;
use crate::language::Language;
use crate::new_file;
use crate::paper::Paper;

/// How shares and the kit are printed. Each needs to be told how many shares there are.
#[derive(Debug, Args)]
pub(crate) struct SharingArguments {
    /// Who holds a share; once for each, in their order
    #[arg(long = "holder", value_name = "NAME", requires = "recovery_shares")]
    holders: Vec<String>,
    /// Who keeps the credentials of a destination, or the repository's password (restic=NAME), for the recovery kit
    #[arg(long = "keeper", value_name = "PLACE=NAME", value_parser = keeper, requires = "recovery_shares")]
    keepers: Vec<(String, String)>,
    /// A new or empty folder for the pages: text and HTML for each holder, and the recovery kit. Without it shares are shown
    /// at the terminal, one after the other
    #[arg(long = "shares-to", value_name = "DIR", requires = "recovery_shares")]
    to: Option<PathBuf>,
    /// The language of the pages; otherwise that of the locale
    #[arg(long, value_name = "fr|en", requires = "recovery_shares")]
    language: Option<Language>,
}

fn keeper(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(place, name)| !place.is_empty() && !name.is_empty());
    pair.map(|(place, name)| (place.to_owned(), name.to_owned())).ok_or_else(|| "expected PLACE=NAME".to_owned())
}

/// `2/3`: any two of three.
pub(crate) fn parts(text: &str) -> Result<Parts, String> {
    let numbers = text.split_once('/').and_then(|(m, n)| Some((m.trim().parse().ok()?, n.trim().parse().ok()?)));
    numbers.and_then(|(threshold, count)| Parts::new(threshold, count)).ok_or_else(|| {
        "expected M/N: M shares of N open, M at least 2 so that nobody opens alone, N at most 16; such as 2/3"
            .to_owned()
    })
}

/// A splitting that is to be made.
pub(crate) struct Making<'m> {
    pub(crate) parts: Parts,
    pub(crate) arguments: &'m SharingArguments,
}

impl SharingArguments {
    pub(crate) fn language(&self) -> Language {
        self.language.unwrap_or_else(Language::of_environment)
    }

    pub(crate) fn keepers(&self) -> BTreeMap<String, String> {
        self.keepers.iter().cloned().collect()
    }

    /// Every holder, named or not.
    pub(crate) fn holders(&self, parts: Parts) -> Vec<String> {
        (0..usize::from(parts.count())).map(|at| self.holders.get(at).cloned().unwrap_or_default()).collect()
    }

    /// The folder for pages, if one is named.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.to.as_deref()
    }
}

impl Making<'_> {
    /// Whether it can be done at all, before a key is made or opened.
    pub(crate) fn check(&self, vault: &Path) -> anyhow::Result<()> {
        let (named, count) = (self.arguments.holders.len(), usize::from(self.parts.count()));
        if named != 0 && named != count {
            let cause = format!("{named} of {count} holders are named");
            return Err(Complaint::usage(cause, "name each with --holder, or nobody").into());
        }
        let Some(folder) = self.arguments.folder() else {
            if io::stdout().is_terminal() && io::stdin().is_terminal() {
                return Ok(());
            }
            let cause = "all shares would be written to one place, which is no terminal";
            return Err(Complaint::usage(cause, "name a folder for one file a holder with --shares-to DIR").into());
        };
        if std::path::absolute(folder)?.starts_with(vault) {
            let cause = "shares must not be kept in the vault";
            return Err(Complaint::usage(cause, format!("choose a folder outside of {}", vault.display())).into());
        }
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            let cause = format!("{} is not empty", folder.display());
            return Err(
                Complaint::usage(cause, "choose a new or empty folder; shares are never written over others").into()
            );
        }
        Ok(())
    }

    /// Splits, prints, and proves by what was printed that every quorum gives the identity. On an error nothing is left.
    pub(crate) fn make(
        &self,
        identity: &Identity,
        key: &VerificationKey,
        vault: &VaultFacts,
        whereabouts: &Whereabouts,
    ) -> anyhow::Result<Vec<PathBuf>> {
        let secret = identity.secret()?;
        let shares = split(&secret, self.parts, VaultMark::of(key), &mut SystemEntropy)?;
        let (holders, language) = (self.arguments.holders(self.parts), self.arguments.language());
        let pages: Vec<Paper> =
            shares.iter().zip(&holders).map(|(share, holder)| page(share, holder, vault, language)).collect();
        let Some(folder) = self.arguments.folder() else {
            let read = pages.iter().map(|page| Ok(SharePage::read(&page.to_text())?)).collect::<anyhow::Result<_>>()?;
            prove(read, &secret, identity, key)?;
            show(&pages, language)?;
            return Ok(Vec::new());
        };
        let kit = Kit { vault, parts: self.parts, holders: &holders, whereabouts, keepers: &self.arguments.keepers() };
        let mut files = Files::begin(folder)?;
        let written = write(&mut files, &pages, &kit.paper(language)).and_then(|texts| {
            // As they stand on the disk.
            let read = texts.iter().map(|file| page_of(file)).collect::<anyhow::Result<_>>()?;
            prove(read, &secret, identity, key)
        });
        if written.is_err() {
            files.remove();
        }
        written.map(|()| files.written)
    }

    /// What was made, for whoever made it.
    pub(crate) fn told(&self, files: &[PathBuf]) -> String {
        let (need, count) = (self.parts.threshold(), self.parts.count());
        let proven =
            format!("any {need} of {count} shares open the backups of this vault, which was proven for every such set");
        let Some(folder) = self.arguments.folder().filter(|_| !files.is_empty()) else { return proven };
        format!(
            "{proven}\nshares and recovery kit: {}\nPrint each share for its holder, without leaving it on a print server, then \
             remove the folder; the recovery kit is no secret.",
            folder.display()
        )
    }
}

/// Writes a kit alone; gives the files.
pub(crate) fn write_kit(folder: &Path, kit: &Paper) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Files::begin(folder)?;
    files.add("recovery-kit.txt", &kit.to_text())?;
    files.add("recovery-kit.html", &kit.to_html())?;
    Ok(files.written)
}

/// Proves shares as they were printed.
fn prove(
    pages: Vec<SharePage>,
    secret: &coffre_core::crypto::SecretKey,
    identity: &Identity,
    key: &VerificationKey,
) -> anyhow::Result<()> {
    let shares: Vec<KeyShare> = pages.into_iter().map(|page| page.share).collect();
    check_every_quorum(&shares, secret)?;
    let mut quorum = Quorum::of(Some(VaultMark::of(key)));
    for share in shares {
        if quorum.add(share)?.is_enough() {
            break;
        }
    }
    if together(&quorum)?.identity.recipient() != identity.recipient() {
        return Err(coffre_core::key_share::SplitError::Unproven.into());
    }
    Ok(())
}

/// Text and page of every share, and the kit; gives the texts.
fn write(files: &mut Files, pages: &[Paper], kit: &Paper) -> anyhow::Result<Vec<PathBuf>> {
    let mut texts = Vec::new();
    for (page, number) in pages.iter().zip(1..) {
        let stem = format!("share-{number}-of-{}", pages.len());
        texts.push(files.add(&format!("{stem}.txt"), &page.to_text())?);
        files.add(&format!("{stem}.html"), &page.to_html())?;
    }
    files.add("recovery-kit.txt", &kit.to_text())?;
    files.add("recovery-kit.html", &kit.to_html())?;
    Ok(texts)
}

/// Files that were written into a folder of ours.
struct Files<'f> {
    folder: &'f Path,
    made: bool,
    written: Vec<PathBuf>,
}

impl<'f> Files<'f> {
    fn begin(folder: &'f Path) -> anyhow::Result<Self> {
        let made = !folder.exists();
        if made {
            let failed = || format!("{} cannot be made; check its place and permissions", folder.display());
            DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(failed)?;
        }
        Ok(Self { folder, made, written: Vec::new() })
    }

    fn add(&mut self, name: &str, text: &Zeroizing<String>) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        new_file::write(&path, 0o600, text.as_bytes())
            .map_err(|error| new_file::refused(&path, "name a new or empty folder of yours", error))?;
        self.written.push(path.clone());
        Ok(path)
    }

    fn remove(&self) {
        for file in &self.written {
            let _left_over = fs::remove_file(file);
        }
        if self.made {
            let _left_over = fs::remove_dir(self.folder);
        }
    }
}
