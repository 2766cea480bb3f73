//! `coffre key kit`: the recovery kit printed anew, without a key.

use clap::Args;
use coffre_core::day::Day;
use coffre_core::key_share::Parts;
use coffre_store::clock::{Clock as _, SystemClock};

use crate::arguments::Global;
use crate::configuration::{self, Configuration};
use crate::output;
use crate::recovery::{Kit, SharingArguments, VaultFacts, Whereabouts, parts, write_kit};

#[derive(Debug, Args)]
pub(super) struct KitArguments {
    /// How many shares open, of how many: 2/3
    #[arg(id = "recovery_shares", value_name = "M/N", value_parser = parts)]
    parts: Parts,
    /// Whom the backups are encrypted to; otherwise `recovery_recipient` in the configuration
    #[arg(long, value_name = "age1…")]
    recovery_recipient: Option<String>,
    #[command(flatten)]
    sharing: SharingArguments,
}

pub(super) fn run(arguments: &KitArguments, global: &Global) -> anyhow::Result<()> {
    let configuration = Configuration::load(&configuration::locate(global.config.as_deref(), None)?)?;
    let configured = configuration.backup.as_ref().and_then(|backup| backup.recovery_recipient.clone());
    let vault = VaultFacts {
        environment: configuration.environment.to_string(),
        vault: configuration.vault_id.to_string(),
        verification_key: configuration.verification_key.to_string(),
        recipient: arguments.recovery_recipient.clone().or(configured),
        made: Day::of(SystemClock.now()),
    };
    let kit = Kit {
        vault: &vault,
        parts: arguments.parts,
        holders: &arguments.sharing.holders(arguments.parts),
        whereabouts: &Whereabouts::of(Some(&configuration)),
        keepers: &arguments.sharing.keepers(),
    };
    let paper = kit.paper(arguments.sharing.language());
    match arguments.sharing.folder() {
        None => Ok(output::line(paper.to_text().trim_end())?),
        Some(folder) => {
            let files = write_kit(folder, &paper)?;
            let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
            Ok(output::line(format!("printed: {}", names.join(", ")))?)
        }
    }
}
