//! Puts segments onto a base: each page of each frame to its place, each segment proven before its
//! length counts. No key is needed: pages are ciphertext, and stay it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use coffre_core::spool::{Fault, Link, ObjectName, Pinned, WalPosition};

use super::moment::Replay;
use super::place::Placing;
use crate::content::Meter;
use crate::destination::Source;
use crate::segments::{self, Seen, SegmentFailure};

/// Puts the segments of a replay onto the base in a directory. Not durable yet, and not to be taken up
/// half way: the next run begins from the base again.
pub(super) fn replay(
    replay: &Replay,
    source: &dyn Source,
    pinned: &Pinned,
    directory: &Path,
    meter: &mut Meter<'_>,
) -> Result<(), Placing> {
    let file = OpenOptions::new().write(true).open(directory.join(replay.target)).map_err(Placing::Write)?;
    let mut last = replay.onto.last;
    let mut log = None;
    check(replay, &last, pinned)?;
    for name in replay.names() {
        let seen = put(&file, &name, source, pinned, meter, u64::from(replay.onto.base.page_size))?;
        follows(&seen, &last, log.as_ref(), &name, pinned)?;
        last = seen.link;
        log = Some(seen.header.frames.after());
        check(replay, &last, pinned)?;
    }
    Ok(())
}

fn put(
    file: &File,
    name: &ObjectName,
    source: &dyn Source,
    pinned: &Pinned,
    meter: &mut Meter<'_>,
    page_size: u64,
) -> Result<Seen, Placing> {
    let mut write = |frame: &coffre_core::spool::Frame, page: &[u8]| {
        if page.len() as u64 != page_size {
            return Err(io::Error::other("its pages have another size than the base's"));
        }
        file.write_all_at(page, (u64::from(frame.page) - 1) * page_size)
    };
    let seen = segments::read(source, name, pinned, meter, &mut write).map_err(|failure| match failure {
        SegmentFailure::Fault(fault) => Placing::Fault(fault),
        SegmentFailure::Source(error) => Placing::Source(error),
        SegmentFailure::Cancelled(cancelled) => Placing::Cancelled(cancelled),
        SegmentFailure::Each(error) => Placing::Write(error),
    })?;
    file.set_len(seen.header.frames.page_count * page_size).map_err(Placing::Write)?;
    Ok(seen)
}

fn follows(
    seen: &Seen,
    last: &Link,
    log: Option<&WalPosition>,
    name: &ObjectName,
    pinned: &Pinned,
) -> Result<(), Placing> {
    let what = if seen.header.previous != last.sha256 {
        "the object before it is another"
    } else if !seen.header.frames.continue_after(log) {
        "its frames do not follow those before it"
    } else {
        return Ok(());
    };
    Err(Placing::Fault(Fault::Fork { object: name.path(&pinned.scope), what }))
}

/// Whether the object that the others count on is the one that is there.
fn check(replay: &Replay, at: &Link, pinned: &Pinned) -> Result<(), Placing> {
    match replay.must_hold.filter(|link| link.position == at.position && link.sha256 != at.sha256) {
        None => Ok(()),
        Some(link) => {
            let Replay { generation, chain, .. } = *replay;
            let object = ObjectName::Segment { generation, chain, position: link.position }.path(&pinned.scope);
            let what = "the point names another object at its place";
            Err(Placing::Fault(Fault::Fork { object, what }))
        }
    }
}
