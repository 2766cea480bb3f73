//! A destination that stays small: of each database the newest two bases and what continues them. Half an hour of steady load is
//! more than many a disk holds.

use std::fs;
use std::path::{Path, PathBuf};

/// Removes what is older than the newest two bases in each chain of databases that is kept below a destination's `main` folder.
pub(crate) fn thin(main: &Path) -> anyhow::Result<()> {
    for vault in folders(main)? {
        for generation in folders(&vault)? {
            for database in ["vault", "audit"] {
                let chain = generation.join(database);
                if chain.is_dir() {
                    thin_chain(&chain)?;
                }
            }
        }
    }
    Ok(())
}

fn thin_chain(chain: &Path) -> anyhow::Result<()> {
    let objects = entries(chain)?;
    let mut bases: Vec<&PathBuf> =
        objects.iter().filter(|object| object.extension() == Some("base".as_ref())).collect();
    bases.sort();
    // Their names sort in the order in which they were made.
    let Some(oldest) = bases.iter().rev().nth(1).and_then(|base| base.file_stem()) else { return Ok(()) };
    for object in objects.iter().filter(|object| object.file_stem() < Some(oldest)) {
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
