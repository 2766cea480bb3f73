//! 1: the legacy database is imported. Both sides must have the same records, documents and fingerprint, and the rejects
//! must be exactly the rows that the generator planted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::time::Instant;

use anyhow::Context as _;
use coffre_import::{RejectLine, read_rejects};
use coffre_policies::Labels;
use serde::Deserialize;

use super::as_told;
use crate::demo::facts::{Import, Reject, Side};
use crate::demo::legacy::GeneratorReport;
use crate::demo::scene::Scene;

/// What `coffre import --json` prints, as far as it is told.
#[derive(Deserialize)]
struct Report {
    read: Read,
    imported: u64,
    rejected: u64,
    rejects: u64,
    rejects_by_reason: BTreeMap<String, u64>,
    grants_given: u64,
    source: Tally,
    vault: Tally,
}

#[derive(Deserialize)]
struct Read {
    rows: BTreeMap<String, u64>,
    subjects: u64,
}

#[derive(Deserialize)]
struct Tally {
    records: u64,
    documents: u64,
    fingerprint: String,
}

impl From<Tally> for Side {
    fn from(tally: Tally) -> Self {
        Self { records: tally.records, documents: tally.documents, fingerprint: tally.fingerprint }
    }
}

pub(super) async fn import(scene: &Scene) -> anyhow::Result<Import> {
    let begun = Instant::now();
    let (place, office) = (&scene.place, scene.place.office());
    let rejects = office.join("rejects.age");
    let files = [
        ("--vault", place.vault()),
        ("--from", place.legacy()),
        ("--mapping", office.join("mapping.toml")),
        ("--grants", office.join("grants.toml")),
        ("--rejects", rejects.clone()),
    ];
    let mut arguments = vec!["import".into(), "--json".into(), "--allow-rejects".into()];
    arguments.extend(files.into_iter().flat_map(|(flag, file)| [flag.into(), file.into_os_string()]));
    let report: Report = scene.coffre.run(arguments).await?.json()?;
    let took = begun.elapsed();

    let identity = fs::read_to_string(place.recovery_identity())?;
    let import = Import {
        clients: report.read.subjects,
        tables: report.read.rows.into_iter().collect(),
        imported: report.imported,
        rejected: report.rejected,
        faults: report.rejects,
        faults_by_reason: report.rejects_by_reason.into_iter().collect(),
        grants: report.grants_given,
        source: report.source.into(),
        vault: report.vault.into(),
        rejects: opened(&rejects, &identity)?,
        took,
    };
    check(&import, &scene.legacy)?;
    Ok(import)
}

/// What the officers read in the reject file with the recovery identity. Without rejects there is no file.
fn opened(file: &std::path::Path, identity: &str) -> anyhow::Result<Vec<Reject>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let key = identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).context("no identity was made")?;
    let identity = key.parse().map_err(|error: &str| anyhow::anyhow!("the recovery identity is none: {error}"))?;
    let reject = |line: RejectLine| Reject {
        table: line.table,
        row: line.row,
        key: line.key,
        column: line.column,
        code: line.reason,
        reason: Labels { fr: line.fr, en: line.en },
    };
    Ok(read_rejects(File::open(file)?, &identity)?.into_iter().map(reject).collect())
}

fn check(import: &Import, legacy: &GeneratorReport) -> anyhow::Result<()> {
    as_told(import.reconciled(), "the two sides of the import differ")?;
    as_told(import.imported + import.rejected == import.clients, "a row is neither imported nor rejected")?;
    as_told(
        (import.imported, import.vault.documents) == (legacy.importable, legacy.importable_documents),
        "the import brought something else than was to be brought",
    )?;
    let planted: BTreeSet<_> =
        legacy.planted.iter().map(|planted| (planted.table, planted.row, planted.reason)).collect();
    let found: BTreeSet<_> =
        import.rejects.iter().map(|reject| (reject.table.as_str(), reject.row, reject.code.as_str())).collect();
    as_told(planted == found, "the rejects are not the rows that are at fault")?;
    Ok(())
}
