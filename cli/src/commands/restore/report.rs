//! What a restore did and proved, in numbers and times.

use std::time::Duration;

use coffre_backup::restore::Restored as Fetched;
use coffre_core::ids::GenerationId;
use coffre_core::time::Timestamp;
use coffre_store::Restored;
use serde::Serialize;

use crate::figures;

/// A restore that reached its end.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The point's generation and number, and when it was captured.
    from_generation: GenerationId,
    from_number: u64,
    captured: Timestamp,
    /// The moments that could have been chosen.
    oldest: Timestamp,
    newest: Timestamp,
    /// The generation that begins.
    generation: GenerationId,
    fetched_files: u64,
    fetched_bytes: u64,
    found_files: u64,
    records: u64,
    documents: u64,
    document_bytes: u64,
    erased: u64,
    entries: u64,
    fetch_seconds: f64,
    restore_seconds: f64,
}

impl Report {
    pub(super) fn of(fetched: &Fetched, restored: &Restored, fetch: Duration, whole: Duration) -> Self {
        let heading = &fetched.main.manifest.heading;
        Self {
            from_generation: heading.generation,
            from_number: heading.number.get(),
            captured: fetched.captured,
            oldest: fetched.window.0,
            newest: fetched.window.1,
            generation: restored.generation,
            fetched_files: fetched.fetched,
            fetched_bytes: fetched.fetched_bytes,
            found_files: fetched.found,
            records: restored.records,
            documents: restored.documents,
            document_bytes: restored.document_bytes,
            erased: restored.erased,
            entries: restored.entries,
            fetch_seconds: fetch.as_secs_f64(),
            restore_seconds: whole.as_secs_f64(),
        }
    }

    pub(super) fn lines(&self) -> String {
        let found = if self.found_files == 0 { String::new() } else { format!(", {} were in place", self.found_files) };
        let erased = match self.erased {
            0 => String::new(),
            erased => format!("erased       {erased} since this point, and they stay erased\n"),
        };
        format!(
            "moment       {}, of {} to {}\n\
             base         {}/{}\n\
             fetched      {} files, {}{found}, in {:.1} s\n\
             records      {}, all of them decrypt\n\
             documents    {}, {}, all of them decrypt\n\
             {erased}\
             log          {} entries, in agreement with their signed head\n\
             generation   {}\n\
             The vault is restored in {:.1} s. Serve it with `coffre serve --vault DIR`; take a new backup soon.",
            self.captured,
            figures::moment(self.oldest),
            figures::moment(self.newest),
            self.from_generation,
            self.from_number,
            self.fetched_files,
            figures::bytes(self.fetched_bytes),
            self.fetch_seconds,
            self.records,
            self.documents,
            figures::bytes(self.document_bytes),
            self.entries,
            self.generation,
            self.restore_seconds,
        )
    }
}
