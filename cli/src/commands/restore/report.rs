//! What a restore did and proved, in numbers and times.

use std::time::Duration;

use coffre_backup::restore::Restored as Fetched;
use coffre_core::ids::GenerationId;
use coffre_core::time::Timestamp;
use coffre_store::{RecordsSetBack, Restored};
use serde::Serialize;

use crate::figures;

/// A restore that reached its end.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The point's generation and number, and the moment of its records.
    from_generation: GenerationId,
    from_number: u64,
    captured: Timestamp,
    /// What was done to records to set them back, if they were.
    set_back: Option<SetBack>,
    /// What of the log was given up.
    lost_log: Option<String>,
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
    /// Who was made the recovery recipient after the base was taken.
    recovery_replaced_by: Option<String>,
    fetch_seconds: f64,
    restore_seconds: f64,
}

/// Records that were set back.
#[derive(Debug, Serialize)]
struct SetBack {
    changed: u64,
    left_out: u64,
    brought_back: u64,
    held: u64,
}

impl SetBack {
    fn of(done: RecordsSetBack) -> Self {
        let RecordsSetBack { changed, left_out, brought_back, held } = done;
        Self { changed, left_out, brought_back, held }
    }

    fn line(&self) -> String {
        let Self { changed, left_out, brought_back, held } = self;
        let back =
            if *brought_back == 0 { String::new() } else { format!(", {brought_back} that were left out are back") };
        let kept = match held {
            0 => String::new(),
            held => format!(", {held} under a legal hold or of people who exercised a right stay as they were"),
        };
        format!("set back     {changed} records changed since, {left_out} made since are left out{back}{kept}\n")
    }
}

impl Report {
    pub(super) fn of(fetched: &Fetched, restored: &Restored, fetch: Duration, whole: Duration) -> Self {
        let heading = &fetched.main.manifest.heading;
        let newest = (heading.generation, heading.number.get());
        let (from_generation, from_number) = fetched.rewound.as_ref().map_or(newest, |rewound| rewound.base);
        Self {
            from_generation,
            from_number,
            captured: fetched.captured,
            set_back: restored.set_back.map(SetBack::of),
            lost_log: fetched.lost.clone(),
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
            recovery_replaced_by: restored.replaced_by.clone(),
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
        let set_back = self.set_back.as_ref().map(SetBack::line).unwrap_or_default();
        let lost = match &self.lost_log {
            Some(why) => format!("lost         the newest part of the log, knowingly: {why}\n"),
            None => String::new(),
        };
        format!(
            "moment       {}, of {} to {}\n\
             base         {}/{}\n\
             fetched      {} files, {}{found}, in {:.1} s\n\
             records      {}, all of them decrypt\n\
             documents    {}, {}, all of them decrypt\n\
             {set_back}{erased}{lost}\
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
