//! The applications known by their tokens' hashes, remembered between requests.
//!
//! What is remembered counts only for the access state at which it was looked up: any change of
//! access (an application revoked, a grant withdrawn) empties it. So a revoked token is unknown to
//! the very next look, and the writer checks once more at the commit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use coffre_store::{Application, ReadError, Snapshot};

use super::TokenHash;

#[derive(Default)]
struct Known {
    access_point: u64,
    by_token: HashMap<TokenHash, Arc<Application>>,
}

/// Remembers applications. Holds no more of them than there are.
#[derive(Default)]
pub(crate) struct Applications {
    known: Mutex<Known>,
}

impl Applications {
    /// Who has this token, in the state that the view shows; `None` for nobody in force.
    pub(crate) fn identify(
        &self,
        snapshot: &Snapshot<'_>,
        token: &TokenHash,
    ) -> Result<Option<Arc<Application>>, ReadError> {
        let point = snapshot.access_point();
        if let Some(known) = self.recall_at(point, token) {
            return Ok(Some(known));
        }
        let found = snapshot.application_by_token(&token.0)?.map(Arc::new);
        if let Some(application) = &found {
            self.remember(point, *token, application);
        }
        Ok(found)
    }

    /// Who had this token when it was last looked up: enough to go on with a request whose decision
    /// identifies the application again.
    pub(crate) fn recall(&self, token: &TokenHash) -> Option<Arc<Application>> {
        self.lock().by_token.get(token).cloned()
    }

    fn recall_at(&self, point: u64, token: &TokenHash) -> Option<Arc<Application>> {
        let known = self.lock();
        if known.access_point == point { known.by_token.get(token).cloned() } else { None }
    }

    fn remember(&self, point: u64, token: TokenHash, application: &Arc<Application>) {
        let mut known = self.lock();
        if known.access_point < point {
            known.by_token.clear();
            known.access_point = point;
        }
        // An older view must not bring back what a newer one has dropped.
        if known.access_point == point {
            known.by_token.insert(token, Arc::clone(application));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
