//! Step 2 of a group: disclosures are checked against what the writes before them changed, and become
//! entries; equal denials come together under one.

use coffre_core::audit::{Decision, Draft};
use coffre_core::time::Timestamp;

use super::Writer;
use super::entries::Prepared;
use super::files::Files;
use super::job::{ReadJob, Waiting};

/// An entry and the disclosures that wait for it: a single one, or equal denials.
pub(super) struct Accepted {
    pub(super) prepared: Prepared,
    pub(super) waiting: Vec<Waiting>,
    /// Whether it stands for itself alone. A denial about somebody, with a reason, does: whether somebody is there, under
    /// whose key the reason is kept, must not show in which entry another one got.
    alone: bool,
}

impl Writer {
    /// What moved or cannot be said is answered at once.
    pub(super) fn check_reads(&self, files: &Files, reads: Vec<ReadJob>, now: Timestamp) -> Vec<Accepted> {
        let mut accepted: Vec<Accepted> = Vec::with_capacity(reads.len());
        for job in reads {
            let covered = job.disclosure.is_covered();
            let holds = self.shared.access.holds(&job.disclosure.depends, now);
            let (mut draft, reason, waiting) = job.split();
            if !covered {
                waiting.not_covered();
                continue;
            }
            if !holds {
                waiting.moved();
                continue;
            }
            let alone = reason.is_some() && !draft.subjects.is_empty();
            let annotated = reason.map(|reason| self.annotate(files, &mut draft, &reason)).transpose();
            let annotation = match annotated {
                Ok(annotation) => annotation.flatten(),
                Err(cause) => {
                    waiting.fail(&cause);
                    continue;
                }
            };
            if !alone
                && let Some(known) = twin(&mut accepted, &mut draft)
                && known.prepared.count_one_more()
            {
                known.waiting.push(waiting);
                continue;
            }
            match Prepared::new(draft, annotation, now) {
                Some(prepared) => accepted.push(Accepted { prepared, waiting: vec![waiting], alone }),
                None => waiting.not_covered(),
            }
        }
        accepted
    }
}

/// The denial that says the same, apart from the call it answers.
fn twin<'a>(accepted: &'a mut [Accepted], draft: &mut Draft) -> Option<&'a mut Accepted> {
    if draft.decision == Decision::Allow {
        return None;
    }
    let own = (draft.request, draft.count);
    let found = accepted.iter_mut().filter(|known| !known.alone).find(|known| {
        let known = known.prepared.says();
        if known.subjects != draft.subjects {
            return false; // most are about somebody else
        }
        (draft.request, draft.count) = (known.request, known.count);
        draft == known
    });
    (draft.request, draft.count) = own;
    found
}
