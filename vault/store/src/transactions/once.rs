//! Something that is created once under a key of the caller's, however often it is asked for. The answer is kept in the
//! same commit as what it is about: after a crash both are there, or neither.

use coffre_core::audit::Draft;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::Transaction;
use crate::answered::{self, Known, NewAnswer, RepeatKey};
use crate::writer::{Work, WorkError};

/// Does something unless its key is known.
pub struct Once<T> {
    /// The caller's key.
    pub key: RepeatKey,
    /// What is to be done.
    pub transaction: T,
}

/// Something that was not done, or not again.
#[derive(Debug, Error)]
pub enum OnceError<E> {
    /// The key was used before.
    #[error("the key was used before")]
    Known(Known),
    /// It was refused; a repetition is tried anew.
    #[error(transparent)]
    Refused(E),
    /// The store failed.
    #[error(transparent)]
    Store(WorkError),
}

impl<T: Transaction<Output: Serialize + DeserializeOwned>> Transaction for Once<T> {
    type Output = T::Output;
    type Error = OnceError<T::Error>;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Self::Output, Self::Error> {
        let around = work.around;
        let known = answered::find(around.vault, around.scope, around.keys, &self.key, around.now);
        if let Some(known) = work.try_run(known).map_err(OnceError::Store)? {
            return Err(OnceError::Known(known));
        }
        let output = self.transaction.run(work, base).map_err(OnceError::Refused)?;
        let subject = work.effects.entries.first().and_then(|entry| entry.subjects.first().copied());
        let new = NewAnswer { entry: work.first_entry, at: around.now, subject, output: &output };
        let kept = answered::keep(around.vault, around.scope, around.keys, &self.key, &new);
        work.try_run(kept).map_err(OnceError::Store)?;
        Ok(output)
    }
}
