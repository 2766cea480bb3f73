//! What goes to standard output: lines, tables and JSON. Errors do not; they are in `complaint`.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

/// Whether a result was written as JSON.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Whether a result was written as JSON, which then holds what failed too.
pub(crate) fn json_is_told() -> bool {
    TOLD.load(Ordering::SeqCst)
}

/// Writes text and a line end. A reader that has gone away (`coffre … | head`) ends the run as any closed pipe does.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")
}

/// Writes a remark beside the result, to standard error. That its reader has gone ends nothing, unlike the result's.
pub(crate) fn note(text: &str) -> io::Result<()> {
    unless_unread(writeln!(io::stderr().lock(), "note: {text}"))
}

/// Writes how it goes, to standard error, likewise.
pub(crate) fn remark(text: &str) -> io::Result<()> {
    unless_unread(writeln!(io::stderr().lock(), "{text}"))
}

fn unless_unread(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes one JSON object on one line, the last one: for scripts and schedulers.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    TOLD.store(true, Ordering::SeqCst);
    Ok(line(serde_json::to_string(value)?)?)
}

/// Columns as wide as their widest cell, two spaces apart; no borders, so that `awk` and people can both read them.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let mut widths = headings.map(width);
    for row in rows {
        for (known, cell) in widths.iter_mut().zip(row) {
            *known = (*known).max(width(cell));
        }
    }
    line(aligned(&headings, &widths))?;
    rows.iter().try_for_each(|row| line(aligned(row, &widths)))
}

fn aligned<T: AsRef<str>, const N: usize>(cells: &[T; N], widths: &[usize; N]) -> String {
    let mut text = String::new();
    for (cell, wanted) in cells.iter().zip(widths) {
        let cell = cell.as_ref();
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', wanted.saturating_sub(width(cell)) + 2));
    }
    text.trim_end().to_owned()
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_that_nobody_reads_any_more_ends_nothing() {
        let of = |kind: io::ErrorKind| unless_unread(Err(kind.into())).is_ok();
        assert_eq!([io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull].map(of), [true, false]);
    }

    #[test]
    fn cells_line_up_under_their_heading() {
        assert_eq!(aligned(&["é", "b"], &[3, 1]), "é    b");
        assert_eq!(aligned(&["long", ""], &[4, 8]), "long");
    }
}
