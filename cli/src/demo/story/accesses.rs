//! 6: who has seen this person? And a copy of the log in which one byte is altered: the verifier must name the entry.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use coffre_core::audit::{Action, Decision};
use coffre_core::tlog::{TILE_WIDTH, TileKind, TilePath};
use coffre_policies::Policies;
use serde::Deserialize;

use super::as_told;
use super::search::Person;
use crate::demo::child::Ended;
use crate::demo::facts::{Access, Accesses, Alteration, Log, Refusal};
use crate::demo::scene::{Crew, Scene};
use crate::demo::staff::{AccessLine, Staff};
use crate::exit::Exit;

/// What discloses content when it is allowed.
const READS: [Action; 5] =
    [Action::Read, Action::Search, Action::ReadVersions, Action::ReadDocument, Action::ListDocuments];

/// What `coffre audit export --json` and `coffre audit verify --json` print, as far as it is told.
#[derive(Deserialize)]
struct Copied {
    size: u64,
}

#[derive(Deserialize)]
struct Verified {
    entries: u64,
}

pub(super) async fn accesses(
    policies: &Policies,
    scene: &Scene,
    crew: &Crew,
    person: &Person,
    refusal: &Refusal,
) -> anyhow::Result<Accesses> {
    let lines = crew.dpo.accesses(&person.id).await?;
    let mut entries: Vec<Access> = lines.into_iter().map(|line| access(policies, line)).collect();
    entries.reverse();
    let operators: BTreeSet<&str> = entries.iter().filter_map(|access| access.operator.as_deref()).collect();
    let operators = operators.len() as u64;
    let known = |entry: u64, allowed| entries.iter().any(|access| (access.entry, access.allowed) == (entry, allowed));
    as_told(known(refusal.entry, false), "the refusal is not among the accesses")?;
    let tree_head = crew.dpo.tree_head().await?;
    let (reads_allowed, reads_denied) = count_reads(&crew.dpo).await?;
    let exported = export(scene, &tree_head).await?;
    let log = Log { reads_allowed, reads_denied, ..exported };
    let alteration = alter(scene, refusal, log.entries).await?;
    Ok(Accesses { subject: person.id.clone(), entries, operators, tree_head, log, alteration })
}

fn access(policies: &Policies, line: AccessLine) -> Access {
    Access {
        entry: line.index,
        time: line.time,
        operator: line.operator,
        role: line.role,
        action: line.action,
        fields: line.fields,
        withheld: line.withheld,
        document: line.document.is_some(),
        purpose: line.purpose.and_then(|name| Some(policies.purpose(&name)?.labels.clone())),
        reason: line.reason,
        allowed: line.decision == Decision::Allow,
        cause: line.cause,
    }
}

/// Reads of content in the whole log, allowed and denied.
async fn count_reads(dpo: &Staff) -> anyhow::Result<(u64, u64)> {
    let (mut allowed, mut denied) = (0, 0);
    let mut place = Some(String::new());
    while let Some(lines) = dpo.entries(&mut place).await? {
        for entry in lines.iter().map(|line| &line.entry.what).filter(|entry| READS.contains(&entry.action)) {
            let times = entry.count.unwrap_or(1);
            match entry.decision {
                Decision::Allow => allowed += times,
                Decision::Deny => denied += times,
            }
        }
    }
    Ok((allowed, denied))
}

/// A copy of the log, verified against the head that the DPO kept.
async fn export(scene: &Scene, tree_head: &str) -> anyhow::Result<Log> {
    let (copy, head) = (scene.out.log(), scene.out.tree_head());
    fs::write(&head, tree_head)?;
    let arguments = ["audit".into(), "export".into(), "--to".into(), copy.clone().into_os_string(), "--json".into()];
    let copied: Copied = scene.coffre.run::<OsString>(arguments).await?.json()?;
    let ended = verify(scene, &copy, &["--known-head".into(), head.clone().into()]).await?;
    let verified: Verified = ended.json()?;
    as_told(verified.entries == copied.size, "the copy of the log has another length")?;
    let command = format!(
        "{} audit verify --copy {} --known-head {} --vault-key {}",
        scene.coffre.program().display(),
        copy.display(),
        head.display(),
        scene.vault.verification_key,
    );
    let verify_exit = ended.exit();
    let entries = copied.size;
    Ok(Log { entries, verify_command: command, verify_exit, reads_allowed: 0, reads_denied: 0 })
}

async fn verify(scene: &Scene, copy: &Path, more: &[OsString]) -> anyhow::Result<Ended> {
    let key = scene.vault.verification_key.clone();
    let mut arguments: Vec<OsString> = vec!["audit".into(), "verify".into(), "--copy".into(), copy.into()];
    arguments.extend(["--vault-key".into(), key.into(), "--json".into()]);
    arguments.extend_from_slice(more);
    Ok(scene.coffre.run(arguments).await?)
}

/// Alters one letter of the operator's name in the entry of the refusal, verifies, and puts it back.
async fn alter(scene: &Scene, refusal: &Refusal, size: u64) -> anyhow::Result<Alteration> {
    let copy = scene.out.log();
    let index = refusal.entry;
    let path = TilePath::at(TileKind::Entries, index / TILE_WIDTH, size).context("the copy has no such entry")?;
    let file = copy.join(path.to_string());
    let mut bundle = fs::read(&file)?;
    let offset = letter(&bundle, index % TILE_WIDTH, &refusal.operator).context("the entry names another operator")?;
    let byte = bundle.get_mut(offset).context("the entry is not there")?;
    let before = *byte;
    let after = before ^ 1;
    *byte = after;
    fs::write(&file, &bundle)?;
    let ended = verify(scene, &copy, &[]).await;
    if let Some(byte) = bundle.get_mut(offset) {
        *byte = before;
    }
    fs::write(&file, &bundle)?;
    let ended = ended?;
    let finding = ended.stderr.trim_end().to_owned();
    as_told(ended.exit() == Exit::Tampering.code(), "an altered byte goes unnoticed")?;
    as_told(finding.contains(&format!("entry {index} was changed")), "the verifier names another entry")?;
    let offset = offset as u64;
    Ok(Alteration { entry: index, file: path.to_string(), offset, before, after, finding, exit: ended.exit() })
}

/// Where the last letter of an operator's name stands in a bundle (tlog-tiles: entries behind their length in two bytes).
fn letter(bundle: &[u8], entry: u64, operator: &str) -> Option<usize> {
    let mut start = 0;
    for _ in 0..entry {
        start += 2 + length_at(bundle, start)?;
    }
    let end = start + 2 + length_at(bundle, start)?;
    let name = format!("\"operator\":\"{operator}");
    let found = bundle.get(start..end)?.windows(name.len()).position(|window| window == name.as_bytes())?;
    Some(start + found + name.len() - 1)
}

fn length_at(bundle: &[u8], at: usize) -> Option<usize> {
    let bytes = bundle.get(at..at + 2)?;
    Some(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::letter;

    #[test]
    fn the_letter_is_found_in_its_own_entry() {
        let entry = br#"{"operator":"s.petit"}"#;
        let mut bundle = Vec::new();
        for _ in 0..2 {
            bundle.extend([0, 22]);
            bundle.extend(entry);
        }
        assert_eq!(letter(&bundle, 0, "s.petit"), Some(21));
        assert_eq!(letter(&bundle, 1, "s.petit"), Some(45));
        assert_eq!(letter(&bundle, 2, "s.petit"), None);
        assert_eq!(letter(&bundle, 1, "d.moreau"), None);
    }
}
