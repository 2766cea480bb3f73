//! Reading segments and proving what they hold: signature, name, frames, the running checksum. Whether
//! one continues another is asked of their headers.

use std::io::{self, Read};

use coffre_core::spool::{
    ContentHasher, FRAME_HEADER, Fault, Frame, FrameCheck, Link, ObjectName, Pinned, SEGMENT_PREFIX, SegmentError,
    SegmentHeader,
};

use crate::content::Meter;
use crate::destination::{Source, SourceError};
use crate::observer::Cancelled;
use crate::sources::is_there;

/// A header is a few kilobytes, and some more for each new document.
const LONGEST_HEADER: usize = 64 << 20;

/// A segment that was read.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) header: SegmentHeader,
    pub(crate) link: Link,
    pub(crate) size: u64,
}

/// A segment that was not read to its end.
#[derive(Debug)]
pub(crate) enum SegmentFailure {
    /// It cannot be believed, or is not there.
    Fault(Fault),
    /// The place cannot be read.
    Source(SourceError),
    /// Whoever took the frames could not go on.
    Each(io::Error),
    /// The observer asked to stop.
    Cancelled(Cancelled),
}

/// Bytes that pass by, hashed.
struct Hashing<'a> {
    inner: Box<dyn Read + 'a>,
    hasher: ContentHasher,
}

impl Hashing<'_> {
    fn exactly(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }
}

/// Reads the header of a segment, and believes its signature only.
pub(crate) fn header(place: &dyn Source, name: &ObjectName, pinned: &Pinned) -> Result<SegmentHeader, SegmentFailure> {
    let read = || {
        let header = open(place, name, pinned).and_then(|mut reader| read_header(&mut reader, name, pinned));
        header.map_err(|failure| if_in_reach(failure, place, name, pinned))
    };
    match read() {
        // Perhaps it was the connection alone, and there is another one by now.
        Err(SegmentFailure::Fault(Fault::Unreadable { .. })) => read(),
        read => read,
    }
}

/// Reads a whole segment and proves its frames as they pass by.
pub(crate) fn read(
    place: &dyn Source,
    name: &ObjectName,
    pinned: &Pinned,
    meter: &mut Meter<'_>,
    each: &mut dyn FnMut(&Frame, &[u8]) -> io::Result<()>,
) -> Result<Seen, SegmentFailure> {
    read_frames(place, name, pinned, meter, each).map_err(|failure| if_in_reach(failure, place, name, pinned))
}

/// Where the place itself has got out of reach nothing is known of what could not be read.
fn if_in_reach(failure: SegmentFailure, place: &dyn Source, name: &ObjectName, pinned: &Pinned) -> SegmentFailure {
    match failure {
        SegmentFailure::Fault(Fault::Unreadable { .. }) => match is_there(place, &name.path(&pinned.scope)) {
            Err(error) => SegmentFailure::Source(error),
            Ok(_) => failure,
        },
        _ => failure,
    }
}

fn read_frames(
    place: &dyn Source,
    name: &ObjectName,
    pinned: &Pinned,
    meter: &mut Meter<'_>,
    each: &mut dyn FnMut(&Frame, &[u8]) -> io::Result<()>,
) -> Result<Seen, SegmentFailure> {
    let mut reader = open(place, name, pinned)?;
    let header = read_header(&mut reader, name, pinned)?;
    let unsound = |cause: String| SegmentFailure::Fault(Fault::Segment { object: name.path(&pinned.scope), cause });
    let mut check = FrameCheck::new(&header.frames);
    let length = FRAME_HEADER + usize::try_from(header.frames.page_size).unwrap_or_default();
    let mut bytes = vec![0; length];
    for _ in 0..header.frames.count {
        reader.exactly(&mut bytes).map_err(|error| fault(&error, name, pinned))?;
        meter.add(length as u64).map_err(SegmentFailure::Cancelled)?;
        let frame = check.frame(&bytes).map_err(|error| unsound(error.to_string()))?;
        each(&frame, bytes.get(FRAME_HEADER..).unwrap_or_default()).map_err(SegmentFailure::Each)?;
    }
    check.finish().map_err(|error| unsound(error.to_string()))?;
    match reader.inner.read(&mut [0]) {
        Ok(0) => {}
        Ok(_) => return Err(unsound("it goes on after its last frame".to_owned())),
        Err(error) => return Err(fault(&error, name, pinned)),
    }
    let size = reader.hasher.length();
    Ok(Seen { link: header.link(reader.hasher.finish()), header, size })
}

fn open<'a>(place: &'a dyn Source, name: &ObjectName, pinned: &Pinned) -> Result<Hashing<'a>, SegmentFailure> {
    let object = name.path(&pinned.scope);
    let inner = place.open(&object, None).map_err(|error| match error {
        SourceError::NotFound { .. } => {
            SegmentFailure::Fault(Fault::Missing { object, needed_by: "what follows it".to_owned() })
        }
        error => SegmentFailure::Source(error),
    })?;
    let inner = Box::new(io::BufReader::with_capacity(64 * 1024, inner));
    Ok(Hashing { inner, hasher: ContentHasher::default() })
}

fn read_header(reader: &mut Hashing<'_>, name: &ObjectName, pinned: &Pinned) -> Result<SegmentHeader, SegmentFailure> {
    let object = || name.path(&pinned.scope);
    let unsound = |error: SegmentError| {
        let source = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        SegmentFailure::Fault(Fault::Segment { object: object(), cause: format!("{error}{source}") })
    };
    let mut bytes = vec![0; SEGMENT_PREFIX];
    reader.exactly(&mut bytes).map_err(|error| fault(&error, name, pinned))?;
    let length = SegmentHeader::length(&bytes).map_err(unsound)?;
    if length > LONGEST_HEADER {
        return Err(unsound(SegmentError::Form));
    }
    bytes.resize(length.max(SEGMENT_PREFIX), 0);
    let rest = bytes.get_mut(SEGMENT_PREFIX..).unwrap_or_default();
    reader.exactly(rest).map_err(|error| fault(&error, name, pinned))?;
    let (header, _) = SegmentHeader::parse(&bytes, pinned).map_err(unsound)?;
    if header.name() == *name {
        return Ok(header);
    }
    Err(SegmentFailure::Fault(Fault::Misplaced { object: object(), belongs: header.name().path(&pinned.scope) }))
}

fn fault(error: &io::Error, name: &ObjectName, pinned: &Pinned) -> SegmentFailure {
    let object = name.path(&pinned.scope);
    SegmentFailure::Fault(match error.kind() {
        io::ErrorKind::UnexpectedEof => Fault::Segment { object, cause: "it is cut short".to_owned() },
        _ => Fault::Unreadable { object, cause: error.to_string() },
    })
}
