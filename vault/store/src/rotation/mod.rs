//! Rotating the data: everything that stands encrypted under a former epoch is encrypted anew under the one in use, while the
//! vault is read and written. What is left to do is told by the rows themselves, each of which says its epoch; how a
//! rotation stands is one fact in `meta`. A stop at any point loses nothing: whoever begins a [`Pass`] goes on.
//!
//! | step | durable after it |
//! |---|---|
//! | 1. `keys.json` with the secret of the next epoch | the secret; nothing uses it |
//! | 2. a base backup, where commits are captured | the secret, in a backup, ahead of everything that needs it |
//! | 3. the transaction `BeginRotation` | new values are of the new epoch |
//! | 4. `ReencryptRecord`, `ReencryptDocument`, `ReencryptReasons` | what they name is of the new epoch |
//! | 5. former files of documents are removed | |
//! | 6. the transaction `FinishRotation` | nothing is of a former epoch |

mod counts;
mod document;
mod error;
mod old;
mod pass;

use std::num::NonZeroU32;

use coffre_core::ids::RequestId;
use coffre_core::keyset::Epochs;
use coffre_core::time::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Type;
use serde::{Deserialize, Serialize};

use crate::error::ReadError;
use crate::meta;
use crate::snapshot::Snapshot;

pub use counts::AtEpoch;
pub use error::PassError;
pub use pass::{Done, Pass, Step, Waits};

/// The newest rotation of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The epoch that it is to; new values are written under it.
    pub epoch: u32,
    /// The call that began it.
    pub request: RequestId,
    /// When it began.
    pub began: Timestamp,
    /// When it came to its end; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// At most so many records and documents a second; as many as the vault has time for if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<NonZeroU32>,
}

const KEY: &str = "data_rotation";
/// The epoch that the newest restore began.
const RESTORED: &str = "restored_epoch";

/// The newest rotation, if there ever was one.
pub(crate) fn newest(vault: &Connection) -> rusqlite::Result<Option<Rotation>> {
    let read = |text: String| {
        serde_json::from_str(&text)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
    };
    meta::get(vault, KEY)?.map(read).transpose()
}

/// Writes down how the newest rotation stands.
pub(crate) fn remember(vault: &Connection, rotation: &Rotation) -> rusqlite::Result<()> {
    let text = serde_json::to_string(rotation);
    meta::set(vault, KEY, &text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?)
}

/// The epoch that new values are written under: that of the newest rotation, or of a restore since.
pub(crate) fn epoch(vault: &Connection) -> rusqlite::Result<u32> {
    let rotated = newest(vault)?.map_or(Epochs::FIRST, |rotation| rotation.epoch);
    let read = |text: String| {
        text.parse::<u32>().map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
    };
    let restored = meta::get(vault, RESTORED)?.map(read).transpose()?;
    Ok(restored.map_or(rotated, |restored| restored.max(rotated)))
}

/// A restored vault writes under an epoch of its own, whose secret stands in `keys.json`.
pub(crate) fn begin_restored(vault: &Connection, epoch: u32) -> rusqlite::Result<()> {
    meta::set(vault, RESTORED, &epoch.to_string())
}

/// The newest rotation has something to do again.
pub(crate) fn go_on(vault: &Connection) -> rusqlite::Result<()> {
    newest(vault)?.map_or(Ok(()), |rotation| remember(vault, &Rotation { finished: None, ..rotation }))
}

impl Snapshot<'_> {
    /// The newest rotation of the data, if there ever was one.
    pub fn rotation(&self) -> Result<Option<Rotation>, ReadError> {
        self.ask(|reader| Ok(newest(&reader.vault)?))
    }
}

#[cfg(test)]
mod tests;
