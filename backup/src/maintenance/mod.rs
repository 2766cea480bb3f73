//! What keeps a restic repository fit, apart from the run that fills it: retention (`forget`, `prune`), a second copy, and
//! reading it all again within a period. Each verb may run on another host, with another credential than the run's.
//!
//! Each is a function of one [`Upkeep`]; it takes a lock of its own, remembers how it went, and removes no lock of the
//! repository that may be in use.

mod error;
mod rotation;
mod standing;
mod state;
mod verbs;

use std::path::Path;

use crate::restic::{Repository, Selection};

pub use error::MaintenanceError;
pub use rotation::{Reading, Rotation};
pub use standing::{RepositoryStanding, standing};
pub use state::{Kept, MaintenanceState, Work};
pub use verbs::{Checked, check, copy, forget, prune, unlock};

/// A repository to look after.
pub struct Upkeep<'a> {
    /// The folder of the lock and of what is remembered.
    pub memory: &'a Path,
    /// The name of the repository in reports and in what is remembered.
    pub name: &'a str,
    /// The repository, with a credential that may do what is asked.
    pub repository: &'a Repository,
    /// The restic program; the one in PATH if none.
    pub restic: Option<&'a Path>,
    /// The snapshots that are ours. Others in the repository are left alone.
    pub selection: &'a Selection,
}
