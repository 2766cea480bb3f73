//! The applications known by their tokens' hashes or their certificates' URIs, remembered between requests.
//!
//! What is remembered counts only for the access state at which it was looked up: any change of
//! access (an application revoked, its token rotated, a grant withdrawn) empties it. So a revoked token
//! is unknown to the very next look, and the writer checks once more at the commit. A token's end is
//! compared with the time at each look, and is one of the things that a decision rests on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use coffre_core::time::Timestamp;
use coffre_store::{Application, ReadError, Snapshot};

use super::Credential;

/// More than any vault has: certificates can name the same application beside any other URIs.
const REMEMBERED: usize = 4096;

/// An application, and until when the credential that it was known by is in force.
#[derive(Debug, Clone)]
pub(crate) struct Identified {
    pub(crate) application: Arc<Application>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Identified {
    fn at(self, now: Timestamp) -> Option<Self> {
        if self.expires_at.is_some_and(|end| now >= end) { None } else { Some(self) }
    }
}

#[derive(Default)]
struct Known {
    access_point: u64,
    by_credential: HashMap<Credential, Identified>,
}

/// Remembers applications.
#[derive(Default)]
pub(crate) struct Applications {
    known: Mutex<Known>,
}

impl Applications {
    /// Who has this credential, in the state that the view shows; `None` for nobody in force.
    pub(crate) fn identify(
        &self,
        snapshot: &Snapshot<'_>,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Option<Identified>, ReadError> {
        let point = snapshot.access_point();
        if let Some(known) = self.recall_at(point, credential) {
            return Ok(known.at(now));
        }
        let found = look_up(snapshot, credential)?;
        if let Some(identified) = &found {
            self.remember(point, credential, identified);
        }
        Ok(found.and_then(|identified| identified.at(now)))
    }

    /// Who had this credential when it was last looked up: enough to go on with a request whose decision
    /// identifies the application again.
    pub(crate) fn recall(&self, credential: &Credential, now: Timestamp) -> Option<Arc<Application>> {
        let known = self.lock().by_credential.get(credential).cloned();
        known?.at(now).map(|identified| identified.application)
    }

    fn recall_at(&self, point: u64, credential: &Credential) -> Option<Identified> {
        let known = self.lock();
        if known.access_point == point { known.by_credential.get(credential).cloned() } else { None }
    }

    fn remember(&self, point: u64, credential: &Credential, identified: &Identified) {
        let mut known = self.lock();
        if known.access_point < point {
            known.by_credential.clear();
            known.access_point = point;
        }
        // An older view must not bring back what a newer one has dropped.
        if known.access_point == point && known.by_credential.len() < REMEMBERED {
            known.by_credential.insert(credential.clone(), identified.clone());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look_up(snapshot: &Snapshot<'_>, credential: &Credential) -> Result<Option<Identified>, ReadError> {
    let found = match credential {
        Credential::Token(token) => snapshot.application_by_token(&token.0)?,
        Credential::Certificate(uris) => by_certificate(snapshot, uris)?.map(|application| (application, None)),
    };
    Ok(found.map(|(application, expires_at)| Identified { application: Arc::new(application), expires_at }))
}

/// A certificate that names two applications names none: nobody could say which of them called.
fn by_certificate(snapshot: &Snapshot<'_>, uris: &[String]) -> Result<Option<Application>, ReadError> {
    let mut found: Option<Application> = None;
    for uri in uris {
        match (snapshot.application_by_uri(uri)?, &found) {
            (Some(another), Some(one)) if another.id != one.id => return Ok(None),
            (Some(one), None) => found = Some(one),
            _ => {}
        }
    }
    Ok(found)
}
