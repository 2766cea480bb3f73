//! Creations that a caller may send again: under a key of its own the second one is not done, it is answered like the
//! first, which the store kept with what it created.
//!
//! A repetition discloses nothing that this application did not get before for the same request, and changes nothing: it
//! leaves no entry of its own, and its answer names the entry of the first. A refusal is not kept; it is tried anew.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use coffre_core::ids::ApplicationId;
use coffre_core::time::Timestamp;
use coffre_store::transactions::{Once, OnceError};
use coffre_store::{Known, Receipt, RepeatKey, Transaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::Call;
use super::failure::{Failure, below};
use super::keeper::Keeper;
use super::look::Look;
use super::plan::Plan;

/// The entry of what was created, now or the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) entry: u64,
    pub(crate) at: Timestamp,
    /// Whether the answer was given before.
    pub(crate) repeated: bool,
}

impl From<&Receipt> for Recorded {
    fn from(receipt: &Receipt) -> Self {
        Self { entry: receipt.index(), at: receipt.time(), repeated: false }
    }
}

/// The keys whose first request is being answered.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashSet<(ApplicationId, String)>>);

/// A key whose request is being answered, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Begun {
    under_way: Arc<UnderWay>,
    of: (ApplicationId, String),
}

impl UnderWay {
    /// Begins to answer the request of a key; nothing while another one of it is under way.
    fn begin(self: &Arc<Self>, application: ApplicationId, key: String) -> Option<Begun> {
        let of = (application, key);
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(of.clone());
        first.then(|| Begun { under_way: Arc::clone(self), of })
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.under_way.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.of);
    }
}

impl Begun {
    /// The key, with the SHA-256 of all that makes the request what it is.
    pub(crate) fn with_request(&self, request: [u8; 32]) -> RepeatKey {
        let (application, key) = self.of.clone();
        RepeatKey { application, key, request }
    }
}

impl Keeper {
    /// Begins to answer a request under a key.
    pub(crate) fn begin(&self, application: ApplicationId, key: String) -> Result<Begun, Failure> {
        self.under_way.begin(application, key).ok_or(Failure::KeyInUse)
    }

    /// Executes a creation: once under the key of the call, if it has one.
    pub(super) async fn create<T, F>(self: &Arc<Self>, call: &Call, look: F) -> Result<(T::Output, Recorded), Failure>
    where
        T: Transaction<Output: Serialize + DeserializeOwned>,
        Failure: From<T::Error>,
        F: Fn(&Look<'_>) -> Result<Plan<T>, Failure> + Send + Sync + 'static,
    {
        let Some(key) = call.repeat_key.clone() else {
            let (output, receipt) = self.change(call, look).await?;
            return Ok((output, Recorded::from(&receipt)));
        };
        let once = move |view: &Look<'_>| {
            if let Some(known) = view.snapshot.known(&key, view.now)? {
                return Err(known.into());
            }
            let Plan { draft, reason, depends, then } = look(view)?;
            let then = then.map(|transaction| Once { key: key.clone(), transaction });
            Ok(Plan { draft, reason, depends, then })
        };
        match self.change::<Once<T>, _>(call, once).await {
            Ok((output, receipt)) => Ok((output, Recorded::from(&receipt))),
            Err(Failure::Answered(answered)) => {
                let recorded = Recorded { entry: answered.entry, at: answered.at, repeated: true };
                Ok((answered.output()?, recorded))
            }
            Err(failure) => Err(failure),
        }
    }
}

impl From<Known> for Failure {
    fn from(known: Known) -> Self {
        match known {
            Known::Same(answered) => Self::Answered(answered),
            Known::Other => Self::KeyReused,
            Known::Erased => Self::AnswerErased,
        }
    }
}

impl<E> From<OnceError<E>> for Failure
where
    Self: From<E>,
{
    fn from(error: OnceError<E>) -> Self {
        match error {
            OnceError::Known(known) => known.into(),
            OnceError::Refused(refusal) => refusal.into(),
            OnceError::Store(error) => below(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_begun_once_at_a_time_and_for_each_application() {
        let under_way = Arc::new(UnderWay::default());
        let [one, other] = [1, 2].map(|byte| ApplicationId::from_bytes([byte; 16]));
        let begun = under_way.begin(one, "k".to_owned());
        assert!(begun.is_some());
        assert!(under_way.begin(one, "k".to_owned()).is_none(), "while the first is under way");
        assert!(under_way.begin(one, "l".to_owned()).is_some());
        assert!(under_way.begin(other, "k".to_owned()).is_some());
        drop(begun);
        assert!(under_way.begin(one, "k".to_owned()).is_some(), "once it has ended");
    }
}
