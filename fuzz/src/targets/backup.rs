//! What the backup account reads: its own memory, and what servers list.

use std::fmt::Debug;

use coffre_backup::destination::s3_listing;
use coffre_backup::jobs::Jobs;
use coffre_backup::maintenance::MaintenanceState;
use coffre_backup::other_sources::SourcesState;
use coffre_backup::state::State;
use coffre_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a file remembers is written as what reads the same.
pub fn memory(data: &[u8]) {
    same::<State>(data);
    same::<SourcesState>(data);
    same::<MaintenanceState>(data);
    for memory in same::<Jobs>(data).iter().flat_map(|jobs| jobs.jobs.values()) {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let _ = (memory.is_open(), memory.last_failure(), memory.succeeded_in_future(now));
        let mut considered = memory.clone();
        considered.consider(now);
        assert!(considered.since() <= memory.since().or(Some(now)), "what is late stays late");
    }
}

fn same<T: DeserializeOwned + Serialize + PartialEq + Debug>(data: &[u8]) -> Option<T> {
    let read = serde_json::from_slice::<T>(data).ok()?;
    let written = serde_json::to_vec_pretty(&read).expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<T>(&written).expect("what was written can be read"), read);
    Some(read)
}

/// A page of a bucket's listing: names are what was answered, and no longer than that.
pub fn listing(data: &[u8]) {
    let Some((contents, next)) = s3_listing(data, "main/") else { return };
    let names = contents.objects.iter().map(|(name, _)| name).chain(&contents.folders);
    // A byte that is no text becomes a character of three.
    assert!(names.map(String::len).sum::<usize>() <= 3 * data.len(), "names are as long as the answer at most");
    assert!(contents.objects.iter().all(|(name, _)| !name.is_empty()));
    assert!(next.is_none_or(|next| !next.is_empty()), "the next page has a name");
}
