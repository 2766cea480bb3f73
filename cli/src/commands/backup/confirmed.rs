//! Telling the vault's process up to which base backup every destination is, so that what one of them has not confirmed
//! stays in the spool; and how far each is, for its metrics.

use coffre_backup::spool_size::bytes_since;
use coffre_backup::state::State;
use coffre_core::spool::Known;
use hyper::Method;
use serde_json::{Value, json};

use super::setting::Setting;
use crate::client::{self, ClientError};
use crate::{complaint, output};

/// Whether the bytes that a destination lacks are counted, which looks at every object of the spool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Bytes,
    Nothing,
}

/// The newest base backup that all destinations hold; none where one holds nothing, or they are of several generations.
fn newest(setting: &Setting, state: &State) -> Option<Known> {
    let known = |name: &str| state.targets.get(name).and_then(|target| target.known().main);
    let all: Option<Vec<Known>> = setting.destinations.iter().map(|(name, _)| known(name)).collect();
    let oldest = all.iter().flatten().min_by_key(|known| known.number).copied()?;
    all.iter().flatten().all(|known| known.generation == oldest.generation).then_some(oldest)
}

/// How far each destination is.
fn destinations(setting: &Setting, state: &State, count: Count) -> Vec<Value> {
    let one = |name: &String| {
        let captured = state.targets.get(name).and_then(|target| Some(target.last_success.as_ref()?.captured));
        // What cannot be counted now was not counted.
        let behind =
            captured.filter(|_| count == Count::Bytes).and_then(|moment| bytes_since(&setting.spool, moment).ok());
        json!({ "name": name, "captured": captured, "behind_bytes": behind })
    };
    setting.destinations.iter().map(|(name, _)| one(name)).collect()
}

/// Tells it. That the vault could not be told fails nothing: more stays in the spool meanwhile, and the next run tells it.
pub(super) fn tell(setting: &Setting, count: Count) -> anyhow::Result<()> {
    let Some(socket) = &setting.backup_socket else { return Ok(()) };
    let state = State::load(&setting.state)?;
    let newest = newest(setting, &state).map(|known| json!({ "generation": known.generation, "number": known.number }));
    let told = client::tell(
        socket,
        Method::POST,
        "/v1/confirmed",
        &json!({
            "newest": newest, "destinations": destinations(setting, &state, count),
        }),
    );
    match told.map(|_: Value| ()) {
        // Whoever runs it hears that no server answers.
        Ok(()) | Err(ClientError::Unreachable { .. }) => Ok(()),
        Err(error) => {
            let cause = complaint::chain(&error);
            Ok(output::note(&format!("the vault was not told what the destinations hold: {cause}"))?)
        }
    }
}
