//! The control verbs, with or without a server: where one runs it is asked over its socket; where none does, the vault
//! is opened here and the same verbs are served within this process. Either way it is one request and one answer.

use std::os::unix::net::UnixStream;

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::client::{Answer, Client, ClientError, Endpoint};
use crate::place::Place;

/// Whoever carries out control verbs.
pub(crate) struct Control {
    runtime: Runtime,
    client: Client,
}

impl Control {
    /// Finds the server, or opens the vault.
    pub(crate) fn of(place: &Place) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let socket = place.control_socket();
        let endpoint = if UnixStream::connect(&socket).is_ok() {
            Endpoint::Socket(socket)
        } else {
            let policies = place.policies()?;
            let store = place.open(&policies)?;
            store.wait_for_index();
            Endpoint::Within { store, policies }
        };
        Ok(Self { runtime, client: Client::new(endpoint) })
    }

    /// Asks for something.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Answer> {
        Ok(self.runtime.block_on(self.client.get(path))?.accepted()?)
    }

    /// Asks for something to be done.
    pub(crate) fn post(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        Ok(self.runtime.block_on(self.client.post(path, body))?.accepted()?)
    }

    /// Asks for something that takes long, and is told how it goes: one JSON value a line.
    pub(crate) fn follow(&self, path: &str, body: &Value, mut told: impl FnMut(Value)) -> anyhow::Result<()> {
        let mut garbled = Ok(());
        let line = |line: &[u8]| match serde_json::from_slice(line) {
            Ok(value) => told(value),
            Err(error) => garbled = Err(ClientError::Garbled(error)),
        };
        self.runtime.block_on(self.client.post_for_lines(path, body, line))?;
        Ok(garbled?)
    }

    /// Asks for lines, which are handed on as they are.
    pub(crate) fn lines(&self, path: &str, body: &Value, line: impl FnMut(&[u8])) -> anyhow::Result<()> {
        Ok(self.runtime.block_on(self.client.post_for_lines(path, body, line))?)
    }
}
