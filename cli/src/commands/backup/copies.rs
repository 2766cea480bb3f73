//! `coffre backup copies`: which copies of the keyring stand where, told to the vault, so that the certificate of
//! an erasure can become final. Also done at the beginning of every run.

use clap::Args;
use coffre_backup::destination::{FileSystem, Source};
use coffre_backup::{Ending, Ends as _, Observer, keyring_copies};
use coffre_core::erasure::{Copies, PlaceName};
use coffre_store::clock::{Clock as _, SystemClock};
use hyper::Method;
use serde_json::{Value, json};

use super::setting::{ResticArgument, SPOOL, Setting};
use crate::arguments::Global;
use crate::client::{self, ClientError};
use crate::complaint::{self, Complaint};
use crate::exit::Exit;
use crate::progress::Watch;
use crate::{figures, output};

/// The arguments of `coffre backup copies`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    restic: ResticArgument,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// What was found, and what was not looked at.
pub(super) struct Found {
    places: Vec<Copies>,
    missed: Vec<(String, String)>,
    /// How it ends: by the most urgent of what kept it from looking.
    ending: Ending,
}

/// Looks, tells the vault, and reports. A place out of reach leaves the vault with what it knew of it.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let setting = Setting::read(global, &arguments.restic)?;
    let mut watch = Watch::new();
    let found = look(&setting, &mut watch);
    drop(watch);
    if !found.has_spool() {
        let (_, cause) = found.missed.first().cloned().unwrap_or_default();
        return Err(Complaint::usage(
            format!("the spool could not be looked at: {cause}"),
            "see [backup] in coffre.toml",
        )
        .into());
    }
    if setting.backup_socket.is_none() {
        let remedy = "set `vault`, or `backup_socket` in [server]";
        return Err(Complaint::usage("the configuration names no vault that could be told", remedy).into());
    }
    tell(&setting, &found)?;
    if arguments.json {
        output::json(&found.as_json())?;
    } else {
        output::line(found.lines().join("\n"))?;
    }
    Ok(found.ending.into())
}

/// Looks at the spool first of all: whatever leaves it later is younger than what it holds now.
pub(super) fn look(setting: &Setting, observer: &mut dyn Observer) -> Found {
    let spool = FileSystem::new(&setting.spool);
    let destinations = setting.destinations.iter().map(|(name, place)| (name.as_str(), &**place as &dyn Source));
    let mut found = Found { places: Vec::new(), missed: Vec::new(), ending: Ending::Success };
    for (name, place) in std::iter::once((SPOOL, &spool as &dyn Source)).chain(destinations) {
        let place_name = name.parse::<PlaceName>().map_err(|error| (error.to_string(), Ending::Usage));
        let looked = place_name.and_then(|place_name| {
            let looked = keyring_copies(place_name, place, &setting.pinned, SystemClock.now(), observer);
            looked.map_err(|error| (complaint::chain(&error), error.ending()))
        });
        match looked {
            Ok(copies) => found.places.push(copies),
            Err((cause, ending)) => {
                found.missed.push((name.to_owned(), cause));
                found.ending = found.ending.max(ending);
            }
        }
    }
    found
}

/// Tells the vault's process.
pub(super) fn tell(setting: &Setting, found: &Found) -> Result<(), ClientError> {
    let Some(socket) = &setting.backup_socket else { return Ok(()) };
    client::tell(socket, Method::POST, "/v1/copies", &json!({ "places": found.places })).map(|_: Value| ())
}

impl Found {
    pub(super) fn has_spool(&self) -> bool {
        self.places.iter().any(|copies| copies.place.as_str() == SPOOL)
    }

    fn lines(&self) -> Vec<String> {
        let line = |copies: &Copies| {
            let oldest =
                copies.oldest.map_or("no copy".to_owned(), |time| format!("oldest of {}", figures::moment(time)));
            let strange = if copies.unaccounted == 0 {
                String::new()
            } else {
                format!(", {} of unknown age", copies.unaccounted)
            };
            format!("{}: {oldest}{strange}", copies.place)
        };
        let missed = self.missed.iter().map(|(name, cause)| format!("NOT LOOKED AT  {name}: {cause}"));
        self.places.iter().map(line).chain(missed).collect()
    }

    fn as_json(&self) -> Value {
        let missed = self.missed.iter().map(|(name, cause)| json!({ "name": name, "error": cause }));
        json!({ "places": self.places, "missed": missed.collect::<Vec<_>>() })
    }
}
