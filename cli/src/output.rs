//! What goes to standard output: lines, tables and JSON. Errors do not; they are in `complaint`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

/// Whether a result was written as JSON.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Whether a result was written as JSON, which then holds what failed too.
pub(crate) fn json_is_told() -> bool {
    TOLD.load(Ordering::SeqCst)
}

/// Text as it is written: what a terminal obeys instead of showing it stands there in JSON's spelling. Names of objects, of
/// hosts and of files, and the words of a policy, are whoever's who gave them, and could hide what stands beside them.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    spelled(text, |c| is_obeyed(c) && !matches!(c, '\n' | '\t'))
}

/// The same of what must not pass for a line of ours: line ends are spelled, too.
pub(crate) fn on_one_line(text: &str) -> Cow<'_, str> {
    spelled(text, is_obeyed)
}

fn spelled(text: &str, is_spelled: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_spelled) {
        return text.into();
    }
    let mut written = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_spelled(c) {
            // Writing to a string cannot fail.
            let _infallible = write!(written, "\\u{:04x}", u32::from(c));
        } else {
            written.push(c);
        }
    }
    written.into()
}

/// A control character, or one that turns the direction in which what follows is shown.
fn is_obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes text and a line end. That its reader has gone away (`coffre … | head`) ends nothing: what the verb does is done
/// to its end, and the exit code is the one it earns.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    unless_unread(out.write_all(shown(text.as_ref()).as_bytes()).and_then(|()| out.write_all(b"\n")))
}

/// Writes a remark beside the result, to standard error.
pub(crate) fn note(text: &str) -> io::Result<()> {
    unless_unread(writeln!(io::stderr().lock(), "note: {}", shown(text)))
}

/// Writes how it goes, to standard error.
pub(crate) fn remark(text: &str) -> io::Result<()> {
    unless_unread(writeln!(io::stderr().lock(), "{}", shown(text)))
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
    let cells = |row: &[String; N]| row.each_ref().map(|cell| on_one_line(cell).into_owned());
    let rows: Vec<[String; N]> = rows.iter().map(cells).collect();
    let mut widths = headings.map(width);
    for row in &rows {
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
    fn what_nobody_reads_any_more_ends_nothing() {
        let of = |kind: io::ErrorKind| unless_unread(Err(kind.into())).is_ok();
        assert_eq!([io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull].map(of), [true, false]);
    }

    #[test]
    fn nothing_that_is_shown_hides_what_stands_beside_it() {
        let named = "objet é\n\tx\u{1b}[2A\r\u{7f}\u{9b}J\u{202e}";
        assert_eq!(shown(named), "objet é\n\tx\\u001b[2A\\u000d\\u007f\\u009bJ\\u202e");
        assert_eq!(on_one_line(named), "objet é\\u000a\\u0009x\\u001b[2A\\u000d\\u007f\\u009bJ\\u202e");
        let json = serde_json::to_string(named).unwrap_or_default();
        assert_eq!(serde_json::from_str::<String>(&shown(&json)).ok().as_deref(), Some(named), "it is the same JSON");
        assert!(matches!(shown("«\u{a0}déjà vu\u{a0}»"), Cow::Borrowed(_)));
    }

    #[test]
    fn cells_line_up_under_their_heading() {
        assert_eq!(aligned(&["é", "b"], &[3, 1]), "é    b");
        assert_eq!(aligned(&["long", ""], &[4, 8]), "long");
    }
}
