//! The power goes while many documents are copied side by side: they come under their names in whatever order their copies
//! are done, and all of that is durable before a segment lists them.

use std::ops::Range;
use std::path::Path;

use super::recording::Op;
use super::{Recorded, kill};
use crate::campaign::{self, Campaign};
use crate::dice::Dice;
use crate::shim::Fault::Delay;
use crate::shim::Rule;

/// More than are copied at a time.
const MANY: usize = 24;

/// A vault in which many are stored while a segment waits for the disk: the next step of capture has them all.
fn recorded() -> Recorded {
    Recorded::of(|scene, journal| {
        let server = scene.serve_recorded();
        scene.run_recorded(&["backup", "run"]);
        scene.shim.plan(&[Rule::new(Delay(500), "fsync", "spool/temporary/object", 0)]);
        let mut desk = scene.work(&server, journal, "Viele");
        desk.create().expect("it serves");
        for _ in 0..MANY {
            desk.store(0, 9_000).expect("it serves");
        }
        scene.run_recorded(&["backup", "run"]);
        kill(server);
    })
}

/// Whether it is the copy of one of many, without a name.
fn is_copy(path: &Path) -> bool {
    path.starts_with("spool/temporary")
        && path.file_stem().is_some_and(|stem| stem == "object")
        && path.extension().is_some()
}

fn is_document(path: &Path) -> bool {
    path.starts_with("spool/main") && path.iter().any(|part| part == "documents")
}

/// Whether it is a segment that lists documents.
fn is_segment(path: &Path) -> bool {
    path.starts_with("spool/main")
        && path.parent().is_some_and(|folder| folder.ends_with("vault"))
        && path.extension().is_some_and(|kind| kind == "segment")
}

/// From the first of these copies until the segment is there that lists them.
fn amid(ops: &[Op]) -> Range<usize> {
    let begun = ops.iter().position(|op| matches!(op, Op::Create { path, .. } if is_copy(path))).expect("side by side");
    let listed = |op: &Op| matches!(op, Op::Rename { to, .. } if is_segment(to));
    let ended = ops.iter().skip(begun).position(listed).expect("they are listed");
    begun..begun + ended + 1
}

#[test]
fn no_segment_lists_a_document_that_is_not_durable_in_the_spool() {
    let recorded = recorded();
    let ops = &recorded.recording.ops;
    let (mut named, mut side_by_side, mut seen) = (Vec::new(), 0, 0);
    for (at, op) in ops.iter().enumerate() {
        let Op::Rename { from, to } = op else { continue };
        if is_document(to) {
            named.push(to);
            side_by_side += usize::from(is_copy(from));
        } else if is_segment(to) {
            let least = recorded.before.least(&ops[..at]);
            for document in &named {
                let whole = std::fs::read(recorded.scene.path().join(document)).expect("it is there");
                assert_eq!(least.content(document), Some(&whole[..]), "{} is listed", document.display());
            }
            seen += named.len();
        }
    }
    assert!(seen >= MANY && side_by_side >= 4, "{seen}, {side_by_side} of them side by side");
}

#[test]
fn after_a_power_loss_amid_many_documents_everything_that_was_answered_is_there() {
    let mut campaign = Campaign::begin("power losses amid documents", 4);
    let recorded = recorded();
    let within = amid(&recorded.recording.ops);
    while let Some((_, seed)) = campaign.next() {
        let (scene, known, at) = recorded.state(&within, &mut Dice::new(seed));
        let held = scene.recovers(&known).and_then(|()| scene.destination_alone_has(&known));
        campaign.note(held, || {
            let kept = campaign::keep(&scene, seed);
            format!("after {at} calls of {within:?}; the disk is kept in {}", kept.display())
        });
    }
    campaign.end();
}
