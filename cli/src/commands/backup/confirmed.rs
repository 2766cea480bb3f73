//! Telling the vault's process up to which base backup every destination is, so that what one of them has not confirmed
//! stays in the spool.

use coffre_backup::state::{State, StateError};
use coffre_core::spool::Known;
use hyper::Method;
use serde_json::{Value, json};

use super::setting::Setting;
use crate::client::{self, ClientError};
use crate::{complaint, output};

/// The newest base backup that all destinations hold; none where one holds nothing, or they are of several generations.
fn newest(setting: &Setting) -> Result<Option<Known>, StateError> {
    let state = State::load(&setting.state)?;
    let known = |name: &str| state.targets.get(name).and_then(|target| target.known().main);
    let all: Option<Vec<Known>> = setting.destinations.iter().map(|(name, _)| known(name)).collect();
    let Some(oldest) = all.iter().flatten().min_by_key(|known| known.number).copied() else { return Ok(None) };
    let is_one = all.iter().flatten().all(|known| known.generation == oldest.generation);
    Ok(is_one.then_some(oldest))
}

/// Tells it. That the vault could not be told fails nothing: more stays in the spool meanwhile, and the next run tells it.
pub(super) fn tell(setting: &Setting) -> anyhow::Result<()> {
    let Some(socket) = &setting.backup_socket else { return Ok(()) };
    let newest = newest(setting)?;
    let newest = newest.map(|known| json!({ "generation": known.generation, "number": known.number }));
    let told = client::tell(socket, Method::POST, "/v1/confirmed", &json!({ "newest": newest }));
    match told.map(|_: Value| ()) {
        // Whoever runs it hears that no server answers.
        Ok(()) | Err(ClientError::Unreachable { .. }) => Ok(()),
        Err(error) => {
            let cause = complaint::chain(&error);
            Ok(output::note(&format!("the vault was not told what the destinations hold: {cause}"))?)
        }
    }
}
