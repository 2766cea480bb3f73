//! `coffre key rotate`: another root key, for the same recovery recipient or another one. Whoever makes it another one's shows
//! the former identity, as a file or a quorum, or says that it is lost: the log tells which.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use coffre_core::day::Day;
use coffre_core::key_share::Parts;
use coffre_core::note::VerificationKey;
use coffre_store::clock::{Clock as _, SystemClock};
use coffre_store::{Identity, Layout, OpenError, RootError, what_it_opens};
use serde_json::json;

use super::rotate_data::{self, DataArguments};
use crate::arguments::Global;
use crate::client::ClientError;
use crate::complaint::Complaint;
use crate::control::Control;
use crate::output;
use crate::place::{Place, VaultArgument};
use crate::recovery::{Making, RecoveryArgument, SharingArguments, VaultFacts, Whereabouts, parts};

#[derive(Debug, Args)]
pub(super) struct RotateArguments {
    /// Make backups from now on those of another recovery identity, known by its recipient
    #[arg(long, value_name = "age1…", conflicts_with = "recovery_shares")]
    recovery_recipient: Option<String>,
    /// The same with a new recovery identity that is split among holders at once: any M of N open
    #[arg(long, id = "recovery_shares", value_name = "M/N", value_parser = parts)]
    recovery_shares: Option<Parts>,
    #[command(flatten)]
    sharing: SharingArguments,
    #[command(flatten)]
    former: RecoveryArgument,
    /// The former recovery identity is lost, and so are too many of its shares; the log says so
    #[arg(long, conflicts_with_all = ["identity", "shares"])]
    former_lost: bool,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    vault: VaultArgument,
}

pub(super) fn run(arguments: &RotateArguments, global: &Global) -> anyhow::Result<()> {
    let place = Place::find(&arguments.vault, global)?;
    if arguments.data.data {
        return rotate_data::run(&arguments.data, &place);
    }
    match (&arguments.recovery_recipient, arguments.recovery_shares) {
        (None, None) => root(arguments, &place),
        (Some(recipient), _) => {
            let former = former(arguments, &place)?;
            Control::of(&place)?.post("/v1/keys/rotate", Some(&asked(recipient, former)))?;
            told(recipient)
        }
        (None, Some(parts)) => shared(arguments, parts, &place),
    }
}

/// Another root for the same recipient.
fn root(arguments: &RotateArguments, place: &Place) -> anyhow::Result<()> {
    if arguments.former_lost || arguments.former.is_said() {
        let cause = "the recovery identity stays what it is";
        let remedy = "name another one with --recovery-recipient or --recovery-shares, or leave the former out";
        return Err(Complaint::usage(cause, remedy).into());
    }
    Control::of(place)?.post("/v1/keys/rotate", None)?;
    output::note(
        "older backups hold the former root, for the same recovery identity: a server that captures continuously takes a new one by itself; otherwise take a new one now, with `coffre backup run --base`",
    )?;
    Ok(output::line("rotated: the root key; the server identity and the recovery identity open the new one")?)
}

/// Has the former identity open this vault, unless it is lost; gives what the log says of it.
fn former(arguments: &RotateArguments, place: &Place) -> anyhow::Result<&'static str> {
    if arguments.former_lost {
        return Ok("lost");
    }
    let pinned = place.configuration.as_ref().map(|configuration| &configuration.verification_key);
    what_it_opens(&place.directory, &arguments.former.open(pinned)?.identity)?;
    Ok("opened")
}

fn asked(recipient: &str, former: &str) -> serde_json::Value {
    json!({ "recovery_recipient": recipient, "former": former })
}

/// A new identity, whose shares are in the holders' hands before anything is encrypted to it.
fn shared(arguments: &RotateArguments, parts: Parts, place: &Place) -> anyhow::Result<()> {
    let making = Making { parts, arguments: &arguments.sharing };
    making.check(&place.directory)?;
    let former = former(arguments, place)?;
    let control = Control::of(place)?;
    let status: serde_json::Value = control.get("/v1/status")?.json()?;
    let text = |name: &str| status.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let key: VerificationKey = text("verification_key").parse()?;
    let identity = Identity::generate();
    let vault = VaultFacts {
        environment: text("environment"),
        vault: text("vault"),
        verification_key: key.to_string(),
        recipient: Some(identity.recipient()),
        made: Day::of(SystemClock.now()),
    };
    let files = making.make(&identity, &key, &vault, &Whereabouts::of(place.configuration.as_ref()))?;
    if let Err(error) = control.post("/v1/keys/rotate", Some(&asked(&identity.recipient(), former))) {
        return Err(unless_made(error, place, &identity, &files)?);
    }
    what_it_opens(&place.directory, &identity)?;
    output::line(making.told(&files))?;
    told(&identity.recipient())
}

/// What was refused, and is not half done either, is not done: only then are the new shares worthless. An answer may be lost on its
/// way, and what is half done is finished at the next start.
fn unless_made(
    error: anyhow::Error,
    place: &Place,
    identity: &Identity,
    files: &[PathBuf],
) -> anyhow::Result<anyhow::Error> {
    let refused = matches!(error.downcast_ref(), Some(ClientError::Refused { .. }));
    let half_done = Layout::new(&place.directory).next_root_recovery().exists();
    let opens = what_it_opens(&place.directory, identity);
    if refused && !half_done && matches!(opens, Err(OpenError::Root(RootError::WrongIdentity { .. }))) {
        for file in files {
            fs::remove_file(file)?;
        }
        output::note("the new shares open nothing and are removed; destroy what was copied or printed of them")?;
    } else {
        output::note(
            "the new recovery identity may be in force all the same: keep its shares, start the vault again, and take a base backup",
        )?;
    }
    Ok(error)
}

fn told(recipient: &str) -> anyhow::Result<()> {
    output::note(
        "backups taken before are opened by the former recovery identity alone: take a new one now, with `coffre backup run --base`, \
         and keep the former until the last of those has expired",
    )?;
    output::note("where `recovery_recipient` stands in a configuration for other sources, change it there too")?;
    Ok(output::line(format!("rotated: the root key; the recovery recipient is now {recipient}"))?)
}
