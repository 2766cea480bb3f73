//! A destination that stays small: what leads up to the newest two bases goes, but for pieces of the log, which they have
//! in common. Half an hour of steady load is more than many a disk holds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

/// Removes what is older than the newest two bases in each chain of databases that is kept below a destination's `main` folder.
pub(crate) fn thin(main: &Path) -> anyhow::Result<()> {
    for vault in folders(main)? {
        for generation in folders(&vault)? {
            let manifests = generation.join("manifests");
            if !manifests.is_dir() {
                continue;
            }
            let mut manifests = entries(&manifests)?;
            manifests.sort();
            // Their names sort in the order in which they were made.
            let Some(oldest) = manifests.iter().rev().nth(1) else { continue };
            let text = fs::read_to_string(oldest)?;
            let manifest: Value = serde_json::from_str(text.lines().next().context("a manifest is empty")?)?;
            for database in ["vault", "audit"].into_iter().filter(|database| generation.join(database).is_dir()) {
                let base = manifest.pointer(&format!("/chains/{database}/base/position")).and_then(Value::as_u64);
                thin_chain(&generation.join(database), base.context("a manifest has no base")?)?;
            }
        }
    }
    Ok(())
}

fn thin_chain(chain: &Path, base: u64) -> anyhow::Result<()> {
    let oldest = format!("{base:016}");
    for object in entries(chain)?.iter().filter(|object| object.file_stem() < Some(oldest.as_ref())) {
        fs::remove_file(object)?;
    }
    Ok(())
}

fn folders(of: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(entries(of)?.into_iter().filter(|entry| entry.is_dir()).collect())
}

fn entries(of: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(fs::read_dir(of)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?)
}
