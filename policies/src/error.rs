//! What can be wrong with a policy folder. Every message says where, what, and what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::cedar::CedarFault;
use crate::environment::EnvironmentFault;
use crate::place::Place;
use crate::purpose::PurposeFault;
use crate::record_type::RecordTypeFault;
use crate::retention::RetentionFault;

/// Why a policy folder was not loaded.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A file or folder could not be read.
    #[error("cannot read {}: check that the policy folder is whole and readable", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file or its name is not UTF-8.
    #[error("{} is not UTF-8 text: save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Something among the policy files that is none.
    #[error("{file} is not a policy file and would not be in force: rename it, or move it out of the folder")]
    UnexpectedFile {
        /// The file, relative to the policy folder.
        file: String,
    },
    /// A file that must be there is not.
    #[error("{file} is missing: a policy folder cannot do without it")]
    Missing {
        /// The file, relative to the policy folder.
        file: &'static str,
    },
    /// A TOML file is malformed, or has a key or value that its shape does not allow.
    #[error("{place}: {message}: see docs/formats for what this file may hold")]
    Toml {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A record type contradicts itself.
    #[error("{place}: {fault}")]
    RecordType {
        /// Where.
        place: Place,
        /// What.
        fault: RecordTypeFault,
    },
    /// A purpose is wrong.
    #[error("{place}: {fault}")]
    Purpose {
        /// Where.
        place: Place,
        /// What.
        fault: PurposeFault,
    },
    /// A retention rule is wrong.
    #[error("{place}: {fault}")]
    Retention {
        /// Where.
        place: Place,
        /// What.
        fault: RetentionFault,
    },
    /// An environment is wrong.
    #[error("{place}: {fault}")]
    Environment {
        /// Where.
        place: Place,
        /// What.
        fault: EnvironmentFault,
    },
    /// The Cedar schema or a policy is wrong.
    #[error("{place}: {fault}")]
    Cedar {
        /// Where.
        place: Place,
        /// What.
        fault: CedarFault,
    },
}
