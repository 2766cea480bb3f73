//! What there is in a spool, by its names.

use std::fs;
use std::io;
use std::path::Path;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, ObjectName, Side};

use super::spool::Spool;

impl Spool {
    /// The objects of one chain of a generation.
    pub(super) fn objects(&self, generation: GenerationId, chain: Chain) -> io::Result<Vec<ObjectName>> {
        self.listed(&format!("{}/{generation}/{}", chain.side().vault_folder(&self.scope), chain.folder()))
    }

    /// The pieces of all bases.
    pub(super) fn pieces(&self) -> io::Result<Vec<ObjectName>> {
        self.listed(&format!("{}/pieces", Side::Main.vault_folder(&self.scope)))
    }

    /// The manifests of the main side, of every generation.
    pub(super) fn main_manifests(&self) -> io::Result<Vec<ObjectName>> {
        let vault = Side::Main.vault_folder(&self.scope);
        let mut manifests = Vec::new();
        for name in names(&self.root.join(&vault))?.iter().filter(|name| name.parse::<GenerationId>().is_ok()) {
            manifests.extend(self.listed(&format!("{vault}/{name}/manifests"))?);
        }
        Ok(manifests)
    }

    fn listed(&self, folder: &str) -> io::Result<Vec<ObjectName>> {
        let names = names(&self.root.join(folder))?;
        Ok(names.iter().filter_map(|name| ObjectName::parse(&format!("{folder}/{name}"), &self.scope).ok()).collect())
    }
}

/// The names in a folder; none where it is not there.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
    }
}
