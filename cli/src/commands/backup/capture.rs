//! Asks the vault's own process for a base backup, over the backup socket.

use std::io;
use std::path::PathBuf;

use coffre_backup::Observer;
use coffre_backup::run::{Answer, Capture};
use hyper::Method;
use serde::Deserialize;

use crate::client::{ClientError, ask};

/// The server at the backup socket, if there is one.
pub(super) struct BySocket(pub(super) Option<PathBuf>);

#[derive(Deserialize)]
struct Base {
    number: u64,
}

impl Capture for BySocket {
    fn capture(&mut self, _observer: &mut dyn Observer) -> Result<Answer, String> {
        let Some(socket) = self.0.take() else { return Ok(Answer::NotServed) };
        match ask(&socket, Method::POST, "/v1/base") {
            Ok(Base { number }) => Ok(Answer::Captured { number }),
            // A socket that is there and cannot be used is not the absence of a server.
            Err(ClientError::Unreachable { source, .. }) if is_absent(&source) => Ok(Answer::NotServed),
            Err(error @ ClientError::Unreachable { .. }) => {
                Err(format!("{error}: or let this account use the backup socket, see [server] in coffre.toml"))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
