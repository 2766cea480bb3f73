//! `coffre key shares`: the recovery identity, from its file or from a quorum, split among holders. It must open this very
//! vault, before and after.

use clap::Args;
use coffre_core::day::Day;
use coffre_core::key_share::Parts;
use coffre_store::clock::{Clock as _, SystemClock};
use coffre_store::what_it_opens;

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument};
use crate::recovery::{Making, RecoveryArgument, SharingArguments, VaultFacts, Whereabouts, parts};

#[derive(Debug, Args)]
pub(super) struct SharesArguments {
    /// How many shares open, of how many: 2/3
    #[arg(id = "recovery_shares", value_name = "M/N", value_parser = parts)]
    parts: Parts,
    #[command(flatten)]
    recovery: RecoveryArgument,
    #[command(flatten)]
    sharing: SharingArguments,
    #[command(flatten)]
    vault: VaultArgument,
}

pub(super) fn run(arguments: &SharesArguments, global: &Global) -> anyhow::Result<()> {
    let place = Place::find(&arguments.vault, global)?;
    let making = Making { parts: arguments.parts, arguments: &arguments.sharing };
    making.check(&place.directory)?;
    let pinned = place.configuration.as_ref().map(|configuration| &configuration.verification_key);
    let recovered = arguments.recovery.open(pinned)?;
    let opened = what_it_opens(&place.directory, &recovered.identity)?;
    let key = &opened.verification_key;
    if pinned.is_some_and(|pinned| pinned != key) {
        let cause = "the configuration pins another verification key than the vault has";
        return Err(Complaint::new(Exit::WrongKey, cause, "use the configuration that was made for this vault").into());
    }
    let vault = VaultFacts {
        environment: opened.scope.environment.to_string(),
        vault: opened.scope.vault.to_string(),
        verification_key: key.to_string(),
        recipient: Some(recovered.identity.recipient()),
        made: Day::of(SystemClock.now()),
    };
    let files = making.make(&recovered.identity, key, &vault, &Whereabouts::of(place.configuration.as_ref()))?;
    output::line(making.told(&files))?;
    output::note(
        "shares of an earlier splitting still open: this is the same recovery identity. To make them useless, replace it \
         with `coffre key rotate --recovery-shares M/N`",
    )?;
    if recovered.shares.is_empty() {
        output::note(
            "once every holder has read their page, destroy the file of the recovery identity, and every copy of it",
        )?;
    }
    Ok(())
}
