//! `coffre seal`: the keys of a running vault leave its memory at once. It is opened again by starting it again.

use std::io;
use std::os::unix::net::UnixStream;

use anyhow::Context as _;
use clap::Args;
use coffre_store::OpenError;
use hyper::Method;
use serde_json::Value;

use crate::arguments::Global;
use crate::client;
use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre seal`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
}

/// What a server that cannot be reached, or a vault that cannot be looked at, is to whoever wants it sealed.
const AS_ITS_ACCOUNT: &str = "run it as the vault's account; it may be open, and is not sealed";

/// Tells the server; without one there is nothing to seal, unless another process has the vault open.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let place = Place::find(&arguments.vault, global)?;
    let socket = place.control_socket();
    match UnixStream::connect(&socket) {
        Ok(_answers) => {}
        Err(error) if is_nobody(&error) => return without_server(&place),
        Err(error) => {
            let cause = format!("{} cannot be reached", socket.display());
            return Err(anyhow::Error::new(error).context(Complaint::new(Exit::Failure, cause, AS_ITS_ACCOUNT)));
        }
    }
    let sealing: Value = client::ask(&socket, Method::POST, "/v1/seal")?;
    output::line(format!("sealed: {}; end `coffre serve` and start it again to open it", place.directory.display()))?;
    if sealing.get("logged").and_then(Value::as_bool) == Some(false) {
        output::note("its entry could not be written to the audit log: the server's log says why, and has the time")?;
    }
    Ok(Exit::Success)
}

/// Whether a socket that was not reached has nobody behind it. Anything else, such as a lack of permission, says nothing
/// about that.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// Nobody answers: whether nobody has the vault open either.
fn without_server(place: &Place) -> anyhow::Result<Exit> {
    let directory = place.directory.display();
    let unknown = || {
        let cause = format!("whether a process has {directory} open cannot be seen");
        Complaint::new(Exit::Failure, cause, AS_ITS_ACCOUNT)
    };
    if coffre_store::is_open(&place.directory).with_context(unknown)? {
        return Err(OpenError::Locked.into());
    }
    output::line(format!("nothing to seal: no server has {directory} open"))?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_may_not_be_reached_is_not_one_without_a_server() {
        let of = |kind: io::ErrorKind| is_nobody(&kind.into());
        assert!(of(io::ErrorKind::NotFound) && of(io::ErrorKind::ConnectionRefused));
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::NotADirectory, io::ErrorKind::WouldBlock] {
            assert!(!of(kind), "{kind}");
        }
    }
}
