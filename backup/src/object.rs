//! Whether an object is what was signed, to its last byte. Segments prove themselves instead (`segments`).

use coffre_core::spool::Fault;

use crate::content::{self, ContentError, Expected, Meter};
use crate::destination::{Source, SourceError};
use crate::inventory::fault_of;
use crate::sources::is_there;

/// Reads an object to its end; gives what is at fault with it, if anything is. An error where its place is out of reach:
/// each object after this one would be waited for as long, and be told of as if it were at fault.
pub(crate) fn fault(
    place: &dyn Source,
    path: &str,
    expected: Expected,
    meter: &mut Meter<'_>,
) -> Result<Option<Fault>, SourceError> {
    let before = meter.done();
    match read(place, path, expected, meter)? {
        Some(fault @ Fault::Unreadable { .. }) => {
            if !is_there(place, path)? {
                return Ok(Some(fault));
            }
            // Perhaps it was the connection alone, and there is another one by now.
            meter.set_done(before);
            let again = read(place, path, expected, meter)?;
            if matches!(again, Some(Fault::Unreadable { .. })) {
                is_there(place, path)?;
            }
            Ok(again)
        }
        found => Ok(found),
    }
}

fn read(
    place: &dyn Source,
    path: &str,
    expected: Expected,
    meter: &mut Meter<'_>,
) -> Result<Option<Fault>, SourceError> {
    let content = match place.open(path, None) {
        Ok(content) => content,
        Err(error @ SourceError::Cancelled(_)) => return Err(error),
        Err(error) => return Ok(Some(Fault::Unreadable { object: path.to_owned(), cause: error.to_string() })),
    };
    let Err(error) = content::check(content, expected, meter) else { return Ok(None) };
    match ContentError::within(&error) {
        Some(ContentError::Cancelled(cancelled)) => Err(cancelled.into()),
        _ => Ok(Some(fault_of(&error, path))),
    }
}
