//! Asks the vault's own process that everything be captured, or for a base backup, over the backup socket; and to keep
//! what is in the spool.

use std::io;
use std::path::{Path, PathBuf};

use coffre_backup::run::{self, Answer, Capture, NotCaptured};
use coffre_backup::{Ending, Observer};
use hyper::StatusCode;
use serde::Deserialize;

use super::kept::Kept;
use crate::client::{ClientError, ask_for_long};

/// The server at the backup socket, if there is one.
pub(super) struct BySocket {
    pub(super) socket: Option<PathBuf>,
    /// Whether a base backup is asked for, also where commits are captured continuously.
    pub(super) base: bool,
    /// Whether it goes on after a spool that was lost.
    pub(super) spool_lost: bool,
}

#[derive(Deserialize)]
struct Base {
    number: u64,
}

#[derive(Deserialize)]
struct CaughtUp {
    base: u64,
    taken: bool,
}

impl BySocket {
    fn ask(&self, socket: &Path, stop: &dyn Fn() -> bool) -> Result<Answer, ClientError> {
        if self.base {
            let path = if self.spool_lost { "/v1/base?spool_lost=true" } else { "/v1/base" };
            let Base { number } = ask_for_long(socket, path, None, stop)?;
            return Ok(Answer::Captured { number });
        }
        let CaughtUp { base: number, taken } = ask_for_long(socket, "/v1/capture", None, stop)?;
        Ok(if taken { Answer::Captured { number } } else { Answer::Current { number } })
    }
}

impl Capture for BySocket {
    fn capture(&mut self, observer: &mut dyn Observer) -> Result<Answer, NotCaptured> {
        let Some(socket) = &self.socket else { return Ok(Answer::NotServed) };
        match self.ask(socket, &|| observer.cancelled()) {
            Ok(answer) => Ok(answer),
            // A socket that is there and cannot be used is not the absence of a server.
            Err(ClientError::Unreachable { source, .. }) if is_absent(&source) => Ok(Answer::NotServed),
            Err(error @ ClientError::Unreachable { .. }) => {
                let told = format!("{error}: or let this account use the backup socket, see [server] in coffre.toml");
                Err(NotCaptured { told, ending: Ending::Failure })
            }
            Err(error) => Err(NotCaptured { told: error.to_string(), ending: ending(&error) }),
        }
    }

    fn keep(&mut self) -> Box<dyn run::Kept> {
        match self.socket.clone() {
            Some(socket) => Box::new(Kept::begin(socket)),
            None => Box::new(()),
        }
    }
}

/// By the problem that the server names (`docs/formats/control.md`).
fn ending(error: &ClientError) -> Ending {
    let (status, problem) = match error {
        ClientError::Refused { status, problem, .. } => (status, problem),
        ClientError::Stopped => return Ending::Temporary,
        _ => return Ending::Failure,
    };
    match problem.rsplit(':').next().unwrap_or_default() {
        "capture-running" => Ending::Busy,
        "document-damaged" => Ending::Tampering,
        "no-spool" => Ending::Usage,
        // It does not open by itself.
        "sealed" => Ending::Failure,
        _ if *status == StatusCode::SERVICE_UNAVAILABLE => Ending::Temporary,
        _ => Ending::Failure,
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
