//! How much of everything the server takes: a slow, greedy or numerous client costs others nothing.

use std::time::Duration;

/// The limits of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a JSON body.
    pub json_bytes: usize,
    /// The most bytes of a document.
    pub document_bytes: u64,
    /// The most connections of each listener.
    pub connections: usize,
    /// How long the head of a request may take, and how long a connection may wait for the next one.
    pub head: Duration,
    /// How long a JSON body, or the next piece of a document, may take to arrive.
    pub body: Duration,
    /// How long all of a document may take to arrive.
    pub document: Duration,
    /// How long a client may leave what is sent to it unread.
    pub stall: Duration,
    /// How long requests that were accepted may take to finish when the server stops.
    pub stop: Duration,
    /// How long they may take when the vault is sealed: what has not been sent by then never is.
    pub seal: Duration,
    /// How often it is looked whether files that may change have changed: certificates, revocations, keys of operators.
    pub reread: Duration,
    /// How many views of the store are open at a time: as many as it has readers.
    pub readers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 1024 * 1024,
            document_bytes: 256 * 1024 * 1024,
            connections: 1024,
            head: Duration::from_secs(15),
            body: Duration::from_secs(30),
            document: Duration::from_hours(2),
            stall: Duration::from_mins(1),
            stop: Duration::from_secs(30),
            seal: Duration::from_millis(500),
            reread: Duration::from_secs(10),
            readers: 4,
        }
    }
}
