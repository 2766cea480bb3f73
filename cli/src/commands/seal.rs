//! `coffre seal`: the keys of a running vault leave its memory at once. It is opened again by starting it again.

use std::os::unix::net::UnixStream;

use clap::Args;
use hyper::Method;

use crate::arguments::Global;
use crate::client;
use crate::exit::Exit;
use crate::output;
use crate::place::{Place, VaultArgument};

/// The arguments of `coffre seal`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    vault: VaultArgument,
}

/// Tells the server; without one there is nothing to seal.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let place = Place::find(&arguments.vault, global)?;
    let socket = place.control_socket();
    if UnixStream::connect(&socket).is_err() {
        output::line(format!("nothing to seal: no server has {} open", place.directory.display()))?;
        return Ok(Exit::Success);
    }
    let _sealing: serde_json::Value = client::ask(&socket, Method::POST, "/v1/seal")?;
    output::line(format!("sealed: {}; end `coffre serve` and start it again to open it", place.directory.display()))?;
    Ok(Exit::Success)
}
