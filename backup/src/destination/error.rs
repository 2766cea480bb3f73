//! What goes wrong with a place that holds objects.

use std::io;

use thiserror::Error;

use crate::observer::Cancelled;

/// A place that cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The object is not there.
    #[error("{place} has no {path}: run `coffre backup verify` on it")]
    NotFound {
        /// The place.
        place: String,
        /// The object's path.
        path: String,
    },
    /// The place itself is not there.
    #[error("{place} is not there: check that the disk is mounted and the path is right")]
    Absent {
        /// The place.
        place: String,
    },
    /// Objects could not be fetched from where they are.
    #[error("objects could not be fetched from {place}: {source}")]
    Fetch {
        /// The place.
        place: String,
        /// Why, ending with the remedy.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The observer asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The place is elsewhere, and does not answer as it should.
    #[error("{place} cannot be reached ({source}): check the network and the server, then run this again")]
    Unreachable {
        /// The place.
        place: String,
        /// What happened.
        source: io::Error,
    },
    /// The place knows us, or we it, and does not let us.
    #[error("{place} does not let us in ({source}): check the credentials, and what they may do there")]
    Refused {
        /// The place.
        place: String,
        /// What it said.
        source: io::Error,
    },
    /// It lists more than can be worked with.
    #[error(
        "{place} lists more in {folder:?} than this machine has memory for: see what is there, and who put it there; where all of it is Coffre's, use a machine with more memory, or begin with an empty destination"
    )]
    TooMany {
        /// The place.
        place: String,
        /// What was listed there.
        folder: String,
    },
    /// The path leaves the place.
    #[error("{path:?} is no path of an object: report this as a fault of Coffre")]
    Path {
        /// The path.
        path: String,
    },
    /// The system refused.
    #[error("{path} in {place} cannot be read ({source}): check the disk, its mount and its permissions")]
    Io {
        /// The place.
        place: String,
        /// The object's path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

/// An object that was not written. There is nothing left of it.
#[derive(Debug, Error)]
pub enum PutError {
    /// There is an object of this name.
    #[error("{place} holds a {path} already, and objects are never replaced: run `coffre backup verify` on it")]
    Exists {
        /// The place.
        place: String,
        /// The object's path.
        path: String,
    },
    /// What was to be written could not be read.
    #[error("the content of {path} could not be read to its end")]
    Content {
        /// The object's path.
        path: String,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// No space.
    #[error("{place} is full: make room or use a bigger disk, then run this again")]
    Full {
        /// The place.
        place: String,
    },
    /// The place itself is not there.
    #[error("{place} is not there: check that the disk is mounted and the path is right")]
    Absent {
        /// The place.
        place: String,
    },
    /// The place is elsewhere, and does not answer as it should.
    #[error("{place} cannot be reached ({source}): check the network and the server, then run this again")]
    Unreachable {
        /// The place.
        place: String,
        /// What happened.
        source: io::Error,
    },
    /// The place knows us, or we it, and does not let us.
    #[error("{place} does not let us in ({source}): check the credentials, and what they may do there")]
    Refused {
        /// The place.
        place: String,
        /// What it said.
        source: io::Error,
    },
    /// More bytes than an object may have there.
    #[error("{path} is larger than {place} can hold in one object: use another kind of destination")]
    TooLarge {
        /// The place.
        place: String,
        /// The object's path.
        path: String,
    },
    /// The path leaves the place.
    #[error("{path:?} is no path of an object: report this as a fault of Coffre")]
    Path {
        /// The path.
        path: String,
    },
    /// The system refused.
    #[error(
        "{path} cannot be written to {place} ({source}): check the disk, its mount, its permissions, and that the unit lets this account write there (ReadWritePaths)"
    )]
    Io {
        /// The place.
        place: String,
        /// The object's path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}
