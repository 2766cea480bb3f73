//! The proof of what was brought, on a thread of its own: waits until a batch is durable, reads back from the vault what it
//! should have of it, and counts both sides. Meanwhile the next batch is made ready, and others work with the vault: what
//! they have changed by then proves nothing about the import, and counts on neither side.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use thiserror::Error;

use super::batch::{NOT_TAKEN, Terms};
use crate::candidate::RecordCandidate;
use crate::fingerprint::Tally;
use crate::mapping::Mapping;
use crate::plan::{Comparable, as_candidate};
use crate::run::ImportError;
use crate::target::{Admitting, ImportTarget, Known, TargetError};

/// A batch that was handed over.
struct Brought {
    admitting: Option<Admitting>,
    expected: Vec<Expected>,
}

/// What the vault must give back.
pub(super) struct Expected {
    pub(super) candidate: RecordCandidate,
    /// The highest version that it has, unless somebody has changed it since.
    pub(super) version: u32,
}

/// Both sides of a run, counted.
#[derive(Default)]
pub(super) struct Proven {
    pub(super) source: Tally,
    pub(super) vault: Tally,
}

/// The other thread, as the one that brings batches sees it.
pub(super) struct Proof<'s> {
    handed: SyncSender<Brought>,
    /// Says of each batch in turn that it is durable.
    durable: Receiver<()>,
    /// The batches that may not be durable yet, oldest first.
    underway: VecDeque<Terms>,
    thread: ScopedJoinHandle<'s, Result<Proven, ImportError>>,
}

/// The proof has ended; it says itself why.
#[derive(Debug, Error)]
#[error("what was brought could not be proven")]
struct Ended;

fn ended() -> ImportError {
    failed(NOT_TAKEN)(TargetError::new(Ended))
}

impl<'s> Proof<'s> {
    pub(super) fn begin<'e>(scope: &'s Scope<'s, 'e>, target: &'e dyn ImportTarget, mapping: &'e Mapping) -> Self {
        // One waits while another is proven: no more are in memory.
        let (handed, inbox) = sync_channel(1);
        let (tell, durable) = channel();
        let thread = scope.spawn(move || prove(target, mapping, &inbox, &tell));
        Self { handed, durable, underway: VecDeque::new(), thread }
    }

    /// Waits for what is on its way, if the vault finds any of it by these terms too.
    pub(super) fn settle_before(&mut self, terms: &Terms) -> Result<(), ImportError> {
        while self.durable.try_recv().is_ok() {
            self.underway.pop_front();
        }
        while self.underway.iter().any(|underway| !underway.is_disjoint(terms)) {
            self.durable.recv().map_err(|_| ended())?;
            self.underway.pop_front();
        }
        Ok(())
    }

    /// Hands over a batch.
    pub(super) fn hand(
        &mut self,
        admitting: Option<Admitting>,
        expected: Vec<Expected>,
        terms: Terms,
    ) -> Result<(), ImportError> {
        self.underway.push_back(terms);
        self.handed.send(Brought { admitting, expected }).map_err(|_| ended())
    }

    /// Waits until everything is proven.
    pub(super) fn end(self) -> Result<Proven, ImportError> {
        drop(self.handed);
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

fn prove(
    target: &dyn ImportTarget,
    mapping: &Mapping,
    inbox: &Receiver<Brought>,
    durable: &Sender<()>,
) -> Result<Proven, ImportError> {
    let mut proven = Proven::default();
    for Brought { admitting, expected } in inbox {
        admitting.map_or(Ok(()), Admitting::durable).map_err(failed(NOT_TAKEN))?;
        let _nobody_waits = durable.send(());
        let keys: Vec<&str> = expected.iter().map(|expected| expected.candidate.key.as_str()).collect();
        let stored = target.read_back(&keys).map_err(failed("what the vault took cannot be read back"))?;
        for (Expected { candidate, version }, known) in expected.iter().zip(stored) {
            match known {
                Known::Erased | Known::Several => continue,
                Known::Present(stored) if stored.version > *version => continue,
                Known::Present(stored) => {
                    proven.vault.add(&candidate.key, &as_candidate(mapping, candidate, &stored))?;
                }
                Known::Absent => {}
            }
            proven.source.add(&candidate.key, &Comparable::from(candidate))?;
        }
    }
    Ok(proven)
}

pub(super) const fn failed(doing: &'static str) -> impl Fn(TargetError) -> ImportError {
    move |source| ImportError::Vault { doing, source }
}
