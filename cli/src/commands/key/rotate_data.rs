//! `coffre key rotate --data`: everything that is stored is encrypted anew under another epoch, while the vault is used.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use clap::Args;
use coffre_store::{AtEpoch, Rotation};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::complaint::Complaint;
use crate::control::Control;
use crate::exit::Exit;
use crate::output;
use crate::place::Place;
use crate::progress::{Bar, Unit};

#[derive(Debug, Args)]
pub(super) struct DataArguments {
    /// Encrypt records and documents anew, under another epoch, instead of replacing the root key
    #[arg(long, conflicts_with_all = ["recovery_recipient", "recovery_shares", "identity", "shares", "former_lost"])]
    pub(super) data: bool,
    /// Encrypt at most so many records and documents a second anew; without it, as many as leave half of the time to others
    #[arg(long, value_name = "PER_SECOND", requires = "data")]
    rate: Option<NonZeroU32>,
    /// Only say how far it is, and how much is of which epoch
    #[arg(long, requires = "data", conflicts_with = "rate")]
    status: bool,
    /// Print that as JSON
    #[arg(long, requires = "status")]
    json: bool,
}

/// How a rotation goes, as the server tells it.
#[derive(Debug, Deserialize)]
struct Standing {
    state: State,
    percent: u32,
    records: u64,
    documents: u64,
    reasons: u64,
    waits: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Idle,
    UnderWay,
    Stopped,
    Finished,
}

#[derive(Debug, Deserialize)]
struct DataKeys {
    epoch: u32,
    rotation: Option<Rotation>,
    standing: Standing,
    by_epoch: BTreeMap<u32, AtEpoch>,
}

pub(super) fn run(arguments: &DataArguments, place: &Place) -> anyhow::Result<()> {
    let control = Control::of(place)?;
    if arguments.status { status(arguments, &control) } else { rotate(arguments, &control) }
}

fn rotate(arguments: &DataArguments, control: &Control) -> anyhow::Result<()> {
    let bar = Bar::new();
    let mut last = None;
    control.follow("/v1/keys/data", &json!({ "rate": arguments.rate }), |line| {
        if let Ok(standing) = Standing::deserialize(&line) {
            let doing = standing
                .waits
                .as_ref()
                .map_or_else(|| "encrypting anew".to_owned(), |waits| format!("encrypting anew (waits: {waits})"));
            bar.show(doing, Unit::Things, standing.percent.into(), 100);
            last = Some(standing);
        }
    })?;
    drop(bar);
    match last {
        Some(standing) if standing.state == State::Finished => Ok(output::line(told(&standing))?),
        _ => Err(Complaint::new(
            Exit::Temporary,
            "the rotation has not come to its end yet",
            "the next start of the server goes on with it; `coffre key rotate --data --status` says how far it is",
        )
        .into()),
    }
}

fn told(standing: &Standing) -> String {
    let Standing { records, documents, reasons, .. } = standing;
    format!(
        "rotated: the data; {records} records, {documents} versions of documents and {reasons} reasons encrypted anew"
    )
}

fn status(arguments: &DataArguments, control: &Control) -> anyhow::Result<()> {
    let answer: Value = control.get("/v1/keys/data")?.json()?;
    if arguments.json {
        return output::json(&answer);
    }
    let DataKeys { epoch, rotation, standing, by_epoch } = DataKeys::deserialize(&answer)?;
    output::line(format!("epoch {epoch}: {}", how(rotation.as_ref(), &standing)))?;
    let rows: Vec<[String; 4]> = by_epoch
        .iter()
        .map(|(epoch, at)| [epoch.to_string(), at.values.to_string(), at.documents.to_string(), at.notes.to_string()])
        .collect();
    Ok(output::table(["epoch", "values", "documents", "notes"], &rows)?)
}

/// How the newest rotation stands, in words.
fn how(rotation: Option<&Rotation>, standing: &Standing) -> String {
    let Some(rotation) = rotation else { return "the data were never rotated".to_owned() };
    match (rotation.finished, &standing.waits, standing.state) {
        (Some(finished), ..) => format!("rotated from {} to {finished}", rotation.began),
        (None, Some(waits), State::UnderWay) => format!("{} % looked at, waits for {waits}", standing.percent),
        (None, None, State::UnderWay) => format!("{} % looked at", standing.percent),
        (None, ..) => "the rotation is not finished, and goes on when the server starts".to_owned(),
    }
}
