//! `coffre export --pseudonymised`: test data about nobody, from the records of a running vault. Two operators have agreed
//! to it over the API; this fetches what the vault makes, and writes it to a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use coffre_core::ids::ExportId;
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
    let failed = || {
        Complaint::new(
            Exit::Failure,
            format!("cannot write {}", to.display()),
            "see whether its disk is full; two operators have to agree to the test data again",
        )
    };
    written.and_then(|()| new.finish()).with_context(failed)?;
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
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).with_context(taken)?;
        Ok(Self { path, partial, writer: Some(BufWriter::new(file)) })
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
        // Unlike `rename`, a hard link never replaces a file that came meanwhile.
        fs::hard_link(&self.partial, self.path)
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        // Nothing else can be done about a file that cannot be removed.
        let _ = fs::remove_file(&self.partial);
    }
}
