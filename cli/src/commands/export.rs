//! `coffre export --pseudonymised`: test data about nobody, from the records of a running vault. Two operators have agreed
//! to it over the API; this fetches what the vault makes, and writes it to a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_core::ids::ExportId;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre export`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
    /// Same shape, same links, no real person; what is real leaves a vault over the API only, to two operators
    #[arg(long, required = true)]
    pseudonymised: bool,
    /// What two operators agreed to, where several sets wait: the identifier that they were told
    #[arg(long, value_name = "ID")]
    agreed: Option<ExportId>,
    /// A new file
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// The last line of a set.
#[derive(Debug, Deserialize, Serialize)]
struct End {
    #[serde(skip_serializing)]
    complete: bool,
    records: u64,
    left_out: u64,
    phones_shared: u64,
}

/// Fetches the set.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let control = Control::of(&Place::find(&arguments.vault, global)?)?;
    let to = &arguments.to;
    let mut new = NewFile::at(to)?;
    let mut last = Vec::new();
    let mut written = Ok(());
    control.lines("/v1/exports/pseudonymised/fetch", &json!({ "id": arguments.agreed }), |line| {
        if written.is_ok() {
            written = new.line(line);
        }
        last = line.to_vec();
    })?;
    let end = serde_json::from_slice::<End>(&last).ok().filter(|end| end.complete).ok_or_else(cut_off)?;
    written.and_then(|()| new.finish()).map_err(|error| not_written(to, error))?;
    if arguments.json {
        output::json(&end)?;
        return Ok(Exit::Success);
    }
    let End { records, left_out, phones_shared, .. } = end;
    let mut told = vec![format!("made     {records} records about nobody: {}", to.display())];
    if left_out > 0 {
        told.push(format!(
            "left out {left_out} records, which may not be processed or lack a field that they must have"
        ));
    }
    if phones_shared > 0 {
        told.push(format!("phones   {phones_shared} are shared that were not: there are no more numbers for fiction"));
    }
    let next =
        format!("\nLoad it into a new vault that is not of production: coffre import --pseudonymised {}", to.display());
    told.push(next);
    output::line(told.join("\n"))?;
    Ok(Exit::Success)
}

fn cut_off() -> Complaint {
    Complaint::new(
        Exit::Failure,
        "the test data broke off",
        "look at the server's log, then have two operators agree to them again",
    )
}

fn not_written(to: &Path, error: io::Error) -> anyhow::Error {
    let again = "two operators have to agree to the test data again";
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!("make room on its disk; {again}"),
        io::ErrorKind::AlreadyExists => format!("name a file that nobody else makes; {again}"),
        _ => format!("look at its disk and the system log; {again}"),
    };
    let complaint = Complaint::new(Exit::Failure, format!("cannot write {}", to.display()), remedy);
    anyhow::Error::from(error).context(complaint)
}

/// A file that gets its name when it is whole.
struct NewFile<'p> {
    path: &'p Path,
    partial: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl<'p> NewFile<'p> {
    fn at(path: &'p Path) -> anyhow::Result<Self> {
        let taken =
            || Complaint::usage(format!("cannot make {}", path.display()), "name a new file in a folder that is yours");
        if path.symlink_metadata().is_ok() {
            return Err(taken().into());
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
        if file.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            let cause = format!("{} is there, of an export that broke off or is under way", partial.display());
            return Err(Complaint::usage(cause, "remove it if no other export writes it, or name another file").into());
        }
        Ok(Self { path, partial, writer: Some(BufWriter::new(file.with_context(taken)?)) })
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.write_all(line)?;
        writer.write_all(b"\n")
    }

    fn finish(mut self) -> io::Result<()> {
        if let Some(writer) = self.writer.take() {
            writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        }
        // Durable: the content, under the temporary name.
        give_name(&self.partial, self.path, |from, to| renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        // Durable: the name.
    }
}

/// Renames, and never replaces a file that came meanwhile. Some file systems know no such renaming, NFS among them;
/// others know no hard links, such as exFAT.
fn give_name(from: &Path, to: &Path, rename_new: impl FnOnce(&Path, &Path) -> Result<(), Errno>) -> io::Result<()> {
    match rename_new(from, to) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::hard_link(from, to),
        renamed => Ok(renamed?),
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        // Nothing else can be done about a file that cannot be removed.
        let _ = fs::remove_file(&self.partial);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_set_gets_its_name_when_it_is_whole_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (to, partial) = (folder.path().join("set"), folder.path().join("set.partial"));
        let mut new = NewFile::at(&to).unwrap();
        new.line(b"{}").unwrap();
        assert!(partial.exists() && !to.exists());
        new.finish().unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"{}\n");
        assert!(!partial.exists());
        assert!(NewFile::at(&to).is_err(), "it is taken");

        let other = folder.path().join("other");
        let new = NewFile::at(&other).unwrap();
        fs::write(&other, "came meanwhile").unwrap();
        let error = new.finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(!not_written(&other, error).to_string().contains("room"), "the disk has room");
        assert_eq!(fs::read_to_string(&other).unwrap(), "came meanwhile");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing partial stays");
    }

    #[test]
    fn a_file_system_without_hard_links_will_do_and_one_without_that_renaming_too() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "whole").unwrap();
        // What is renamed needs no link.
        give_name(&from, &to, |_, _| Ok(())).unwrap();
        assert!(!to.exists());
        let taken = give_name(&from, &to, |_, _| Err(Errno::EXIST)).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        give_name(&from, &to, |_, _| Err(Errno::INVAL)).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "whole");
        let taken = give_name(&from, &to, |_, _| Err(Errno::NOSYS)).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn what_a_broken_export_left_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (to, partial) = (folder.path().join("set"), folder.path().join("set.partial"));
        fs::write(&partial, "half").unwrap();
        let told = NewFile::at(&to).err().unwrap().to_string();
        assert!(told.starts_with(&format!("{} is there", partial.display())), "{told}");
        assert_eq!(fs::read_to_string(&partial).unwrap(), "half", "it may be another export's");
    }
}
