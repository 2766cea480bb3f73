//! Has the vault's own process drop nothing from the spool while a snapshot is made of it. It is asked again and again: what
//! ends without a word, as a killed run does, is waited for a few minutes and no longer.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use coffre_backup::run;
use hyper::Method;
use serde_json::{Value, json};

use crate::client::{self, ClientError};
use crate::{complaint, output};

/// How often it is asked again. The vault keeps everything for five times as long.
const AGAIN: Duration = Duration::from_mins(1);

/// Everything is kept until it is dropped.
pub(super) struct Kept {
    over: Option<Sender<()>>,
    asking: Option<JoinHandle<()>>,
}

impl Kept {
    /// Begins. When this returns the vault knows, if there is one.
    pub(super) fn begin(socket: PathBuf) -> Self {
        // Said once, if at all: the snapshot is made all the same, and what it lacks then is found by restic itself.
        if let Err(error) = ask(&socket, true)
            && !is_silent(&error)
        {
            let cause = complaint::chain(&error);
            let _gone = output::note(&format!("the vault was not told to keep what is in the spool: {cause}"));
        }
        let (over, is_over) = channel();
        let asking = thread::spawn(move || {
            while is_over.recv_timeout(AGAIN) == Err(RecvTimeoutError::Timeout) {
                drop(ask(&socket, true));
            }
            // It ends by itself if this does not get there.
            drop(ask(&socket, false));
        });
        Self { over: Some(over), asking: Some(asking) }
    }
}

impl run::Kept for Kept {}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.over.take());
        // A thread that panicked asks for nothing any more, which ends it, too.
        drop(self.asking.take().map(JoinHandle::join));
    }
}

fn ask(socket: &Path, everything: bool) -> Result<(), ClientError> {
    client::tell(socket, Method::POST, "/v1/keep", &json!({ "everything": everything })).map(|_: Value| ())
}

/// Whether nothing is dropped anyway: no server answers, or it is sealed.
fn is_silent(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Refused { problem, .. } => problem.ends_with("sealed"),
        _ => false,
    }
}
