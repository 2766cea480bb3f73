//! `coffre backup expire-keyring`: removes copies of the keyring that are old enough, so that no erased person's key lives
//! on in them. For the host of a destination, or whoever holds the credential that may remove there: it needs neither
//! spool nor vault, and no key.

use clap::Args;
use coffre_backup::expiry::{self, ExpiryError, KeyringCopy, Plan, Verdict};
use coffre_backup::{Ending, Ends as _};
use coffre_core::spool::Pinned;
use coffre_store::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::outcome::{Outcome, conclude};
use crate::arguments::Global;
use crate::complaint::{self, Complaint};
use crate::configuration::{self, Configuration, Destination};
use crate::exit::Exit;
use crate::progress::Watch;
use crate::{figures, output};

/// The arguments of `coffre backup expire-keyring`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The destinations, by their names in the configuration; otherwise all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object instead of lines with one at their end
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// The job that it is; none where somebody only looks, or goes to some destinations only.
    pub(super) fn job(&self) -> Option<&'static str> {
        (self.names.is_empty() && !self.dry_run).then_some("expire-keyring")
    }
}

/// Looks, removes and reports.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    conclude(expire(arguments, global), arguments.json)
}

/// What was done at one destination.
struct Done {
    plan: Option<Plan>,
    removed: Result<u64, ExpiryError>,
}

/// One destination after the other: one that fails keeps nobody from the next.
fn expire(arguments: &Arguments, global: &Global) -> anyhow::Result<Outcome> {
    let file = configuration::locate(global.config.as_deref(), None)?;
    let configuration = Configuration::load(&file)?;
    let pinned = configuration.pinned();
    let Some(backup) = &configuration.backup else {
        let cause = format!("{} has no section [backup]", file.display());
        return Err(Complaint::usage(cause, "add one, see docs/OPERATIONS.md").into());
    };
    let older_than = i64::from(backup.keyring_days.get()) * 86_400;
    let mut watch = Watch::new();
    let (mut values, mut worst) = (Vec::new(), Ending::Success);
    for destination in chosen(&backup.destinations, &arguments.names)? {
        let done = one(arguments, destination, &pinned, older_than, &mut watch)?;
        worst = worst.max(done.removed.as_ref().err().map_or(Ending::Success, coffre_backup::Ends::ending));
        values.push(as_json(&destination.name, arguments.dry_run, &done));
    }
    Ok(Outcome { lines: Vec::new(), value: json!({ "destinations": values }), exit: worst.into() })
}

fn chosen<'a>(destinations: &'a [Destination], names: &[String]) -> Result<Vec<&'a Destination>, Complaint> {
    let known = || destinations.iter().map(|destination| destination.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(unknown) = names.iter().find(|name| !destinations.iter().any(|known| known.name == **name)) {
        let cause = format!("there is no destination {unknown:?}");
        return Err(Complaint::usage(cause, format!("name one of {}", known())));
    }
    if destinations.is_empty() {
        return Err(Complaint::usage("there is no destination", "add a [[backup.destination]]"));
    }
    Ok(destinations.iter().filter(|known| names.is_empty() || names.contains(&known.name)).collect())
}

/// The plan is told before anything of it is done.
fn one(
    arguments: &Arguments,
    destination: &Destination,
    pinned: &Pinned,
    older_than: i64,
    watch: &mut Watch,
) -> anyhow::Result<Done> {
    let place = destination.open_to_remove()?;
    let tell = |line: String, watch: &Watch| {
        if arguments.json { Ok(()) } else { watch.bar().beside(|| output::line(line)) }
    };
    let plan = match expiry::plan(&*place, pinned, older_than, SystemClock.now(), watch) {
        Ok(plan) => plan,
        Err(error) => {
            tell(format!("FAILED  {}: {}", destination.name, complaint::chain(&error)), watch)?;
            return Ok(Done { plan: None, removed: Err(error) });
        }
    };
    tell(planned(&destination.name, plan.as_ref()).join("\n"), watch)?;
    let removed = match &plan {
        Some(plan) if !arguments.dry_run => expiry::remove(plan, &*place, pinned, watch),
        _ => Ok(0),
    };
    match &removed {
        Ok(_) if arguments.dry_run => {}
        Ok(objects) => tell(format!("ok      {}: {objects} objects removed", destination.name), watch)?,
        Err(error) => tell(format!("FAILED  {}: {}", destination.name, complaint::chain(error)), watch)?,
    }
    Ok(Done { plan, removed })
}

fn planned(name: &str, plan: Option<&Plan>) -> Vec<String> {
    let Some(plan) = plan else { return vec![format!("        {name}: no copy of this vault's keyring")] };
    let line = |copy: &KeyringCopy| {
        let begun = copy.begun.map_or_else(|| "an unknown time".to_owned(), figures::moment);
        let (bytes, verdict) = (figures::bytes(copy.bytes), copy.verdict.as_str());
        format!("        {name}: {}/{} of {begun}, {bytes}, {verdict}", copy.generation, copy.base)
    };
    let ages = format!("        {name}: ages are counted to {}", figures::moment(plan.measured_at));
    plan.copies.iter().map(line).chain([ages]).collect()
}

fn as_json(name: &str, dry_run: bool, done: &Done) -> Value {
    let copies = done.plan.iter().flat_map(|plan| &plan.copies);
    let copy = |copy: &KeyringCopy| {
        json!({
            "generation": copy.generation, "position": copy.base.get(), "begun": copy.begun,
            "objects": copy.objects.len(), "bytes": copy.bytes,
            "expires": copy.verdict == Verdict::Expires, "why": copy.verdict.as_str(),
        })
    };
    let mut value = json!({
        "name": name, "dry_run": dry_run, "copies": copies.map(copy).collect::<Vec<_>>(),
        "measured_at": done.plan.as_ref().map(|plan| plan.measured_at),
        "removed": done.removed.as_ref().ok(),
    });
    if let (Err(error), Some(object)) = (&done.removed, value.as_object_mut()) {
        object.insert("error".to_owned(), json!(complaint::chain(error)));
        object.insert("exit_code".to_owned(), json!(Exit::from(error.ending()).code()));
    }
    value
}
