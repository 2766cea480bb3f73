//! Before a vault is served its log must go on from the newest heads that are known outside of it: in `chain/`, in the
//! spool, on each destination. A log that was set back or rewritten is not served, nor one that a restored vault goes on
//! from: what it would answer, and sign, would be false. A place that cannot be read, or not in time, is told and keeps nobody
//! from working.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use coffre_backup::Observer;
use coffre_backup::destination::{FileSystem, Source, SourceError};
use coffre_backup::list::newest_head;
use coffre_core::ids::GenerationId;
use coffre_core::spool::{self, MainManifest, Pinned};
use coffre_core::tlog::{NotAnExtension, TreeHead};
use coffre_store::{Layout, LogTree, Store};

use crate::complaint::{self, Complaint};
use crate::configuration::Destination;
use crate::exit::Exit;
use crate::look::Look;
use crate::place::Place;

/// How long destinations may take to tell their heads, all of them.
const PATIENCE: Duration = Duration::from_mins(5);

/// A head and where it was found.
struct KnownHead {
    place: String,
    head: TreeHead,
    /// The generation that it is of, if a manifest says so, and those that it came from.
    lineage: Option<(GenerationId, Vec<GenerationId>)>,
}

/// Refuses a vault whose log does not go on from a head of its generation. Heads of the generations before it are
/// compared too; a restore to an earlier point leaves entries behind knowingly, which is told and not refused.
pub(super) fn check(place: &Place, store: &Store) -> anyhow::Result<()> {
    let pinned = Pinned { scope: store.scope().clone(), key: store.verification_key().clone() };
    let tree = LogTree::of(store);
    for known in known_heads(place, &pinned) {
        if let Some((generation, _)) = known.lineage.as_ref().filter(|(_, from)| from.contains(&store.generation())) {
            return Err(outgrown(&known, *generation).into());
        }
        let Err(fault) = tree.goes_on_from(&known.head)? else {
            tracing::info!(place = known.place, size = known.head.size, "the log goes on from the head known there");
            continue;
        };
        if known.head.origin == store.origin() {
            return Err(refusal(&known, &fault).into());
        }
        tracing::warn!(place = known.place, %fault, "a generation before this one had entries that this log lacks");
    }
    Ok(())
}

fn outgrown(known: &KnownHead, generation: GenerationId) -> Complaint {
    let cause = format!(
        "a vault that was restored from this one goes on, and {} holds its generation {generation}",
        known.place
    );
    let remedy = "serve that one, and keep this one as evidence; if it was an exercise that should never have been shipped, \
                  move its generation away from there";
    Complaint::new(Exit::Tampering, cause, remedy)
}

fn refusal(known: &KnownHead, fault: &NotAnExtension) -> Complaint {
    let what = match fault {
        NotAnExtension::Fork { known } => format!("its first {known} entries are not those that were signed"),
        NotAnExtension::Rollback { size, known } => format!("it has {size} entries and had {known}"),
        NotAnExtension::OtherLog { .. } => "it is another log".to_owned(),
    };
    let cause = format!("the audit log was set back or rewritten ({what} when the head in {} was signed)", known.place);
    let remedy = "keep the vault and every backup as evidence, then `coffre restore` the newest backup into a new directory; \
                  that begins a new generation, whose log names this one";
    Complaint::new(Exit::Tampering, cause, remedy)
}

fn known_heads(place: &Place, pinned: &Pinned) -> Vec<KnownHead> {
    let chain = Layout::new(&place.directory).chain().join("main.note");
    let mut found = Vec::new();
    found.extend(of_chain(&chain, pinned).and_then(|note| read("chain/", &chain.display().to_string(), &note, pinned)));
    let backup = place.configuration.as_ref().and_then(|configuration| configuration.backup.as_ref());
    let Some(backup) = backup else { return found };
    found.extend(backup.spool().ok().and_then(|spool| of_place("the spool", &FileSystem::new(spool), pinned, &mut ())));
    let until = Instant::now() + PATIENCE;
    let looks: Vec<_> = backup.destinations.iter().map(|place| (&place.name, begin(place, pinned))).collect();
    found.extend(looks.iter().filter_map(|(name, look)| ended(name, look, until)));
    found
}

fn begin(destination: &Destination, pinned: &Pinned) -> Look<Option<KnownHead>> {
    let (destination, pinned) = (destination.clone(), pinned.clone());
    Look::begin(move |observer| match destination.open() {
        Ok(place) => of_place(&destination.name, &*place, &pinned, observer),
        Err(error) => not_compared(&destination.name, "its configuration", error.as_ref()),
    })
}

fn ended(name: &str, look: &Look<Option<KnownHead>>, until: Instant) -> Option<KnownHead> {
    look.ended(until, &()).ok().flatten().unwrap_or_else(|| {
        let late = io::Error::new(io::ErrorKind::TimedOut, "it has not told its newest head in time");
        not_compared(name, "still being looked at", &late)
    })
}

/// The head in the last manifest that the vault made.
fn of_chain(file: &Path, pinned: &Pinned) -> Option<String> {
    let bytes = fs::read(file).ok()?;
    match spool::open::<MainManifest>(&bytes, pinned) {
        Ok(signed) => Some(signed.manifest.audit_head),
        Err(error) => not_compared("chain/", &file.display().to_string(), &error),
    }
}

fn of_place(name: &str, place: &dyn Source, pinned: &Pinned, observer: &mut dyn Observer) -> Option<KnownHead> {
    match newest_head(place, pinned, observer) {
        Ok(Some(newest)) => {
            let known = read(name, &place.label(), &newest.note, pinned);
            known.map(|known| KnownHead { lineage: Some((newest.generation, newest.ancestors)), ..known })
        }
        Ok(None) => {
            tracing::info!(place = name, "holds no backup yet, so no head to compare the log with");
            None
        }
        // Nobody waits any more, which was told.
        Err(SourceError::Cancelled(_)) => None,
        Err(error) => not_compared(name, &place.label(), &error),
    }
}

fn read(name: &str, label: &str, note: &str, pinned: &Pinned) -> Option<KnownHead> {
    match TreeHead::open(note.as_bytes(), &pinned.key, None) {
        Ok(head) => Some(KnownHead { place: format!("{name} ({label})"), head, lineage: None }),
        Err(error) => not_compared(name, label, &error),
    }
}

fn not_compared<T>(name: &str, label: &str, error: &(dyn std::error::Error + 'static)) -> Option<T> {
    let cause = complaint::chain(error);
    tracing::warn!(place = name, label, cause, "the log is not compared with the head there");
    None
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use coffre_core::merkle::Hash;

    use super::*;

    #[test]
    fn a_place_that_never_answers_keeps_nobody_from_working() {
        let (answer, asked) = mpsc::channel();
        let look = Look::begin(move |_| asked.recv().ok());
        assert!(ended("far", &look, Instant::now() + Duration::from_millis(5)).is_none());
        let head = TreeHead { origin: "a log".to_owned(), size: 0, root: Hash::empty_root(), extensions: Vec::new() };
        assert!(answer.send(KnownHead { place: "far".to_owned(), head, lineage: None }).is_ok());
        assert!(ended("far", &look, Instant::now() + PATIENCE).is_some());
        assert!(ended("far", &look, Instant::now() + PATIENCE).is_none(), "nobody sends any more");
    }
}
