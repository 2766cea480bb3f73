//! A keeper of a vault that is made for one test.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;

use coffre_policies::{Policies, RecordType};
use coffre_store::clock::{SystemClock, SystemEntropy};
use coffre_store::{Identity, InitPlan, Layout, OpenOptions, Store, init};

use super::Keeper;

/// How many views of it are open at a time.
pub(crate) const READERS: usize = 2;

/// Keeps a new vault in this folder.
pub(crate) fn keeper(folder: &Path) -> Arc<Keeper> {
    let vault = folder.join("vault");
    let recovery_identity_file = folder.join("recovery.identity");
    let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
    init(&vault, &plan, &SystemClock, &mut SystemEntropy).unwrap();
    let policies = Arc::new(Policies::embedded().unwrap());
    let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
    let indexes = policies.record_types().flat_map(RecordType::indexes).collect();
    let options = OpenOptions { indexes, clock: Arc::new(SystemClock), readers: READERS };
    Arc::new(Keeper::new(Store::open(&vault, &identity, &options).unwrap(), policies, READERS, Vec::new()))
}
