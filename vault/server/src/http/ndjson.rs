//! Lines of JSON (`application/x-ndjson`): read one at a time within bounds, and written.

use axum::body::{Body, Bytes};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::body;
use super::problem::Problem;
use crate::limits::Limits;

pub(super) const MEDIA_TYPE: &str = "application/x-ndjson";

/// Values as lines.
pub(super) fn lines(values: &[impl Serialize]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for value in values {
        serde_json::to_writer(&mut text, value)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// A line of a body, and its number from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    /// Nothing where it is longer than a line may be.
    pub(super) text: Option<Vec<u8>>,
}

/// The lines of a body, of which no more than one is in memory. All of them arrive within the time that a document has.
pub(super) struct Lines {
    body: Body,
    limits: Limits,
    until: Instant,
    splitter: Splitter,
    ended: bool,
}

impl Lines {
    pub(super) fn of(body: Body, limits: Limits) -> Self {
        let until = Instant::now() + limits.document;
        Self { body, limits, until, splitter: Splitter::up_to(limits.json_bytes), ended: false }
    }

    /// The next line that is not empty.
    pub(super) async fn next(&mut self) -> Result<Option<Line>, Problem> {
        loop {
            if let Some(line) = self.splitter.next(self.ended) {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            let next = timeout_at(self.until, body::next(&mut self.body, &self.limits)).await;
            match next.map_err(|_| body::too_slow())?? {
                Some(bytes) => self.splitter.feed(&bytes),
                None => self.ended = true,
            }
        }
    }
}

/// Splits bytes into lines, wherever they are cut.
pub(super) struct Splitter {
    most: usize,
    arrived: Bytes,
    line: Vec<u8>,
    too_long: bool,
    number: u64,
}

impl Splitter {
    pub(super) const fn up_to(most: usize) -> Self {
        Self { most, arrived: Bytes::new(), line: Vec::new(), too_long: false, number: 1 }
    }

    /// Takes bytes, once `next` has given all lines of those before.
    pub(super) fn feed(&mut self, bytes: &Bytes) {
        self.arrived = bytes.clone();
    }

    pub(super) fn next(&mut self, ended: bool) -> Option<Line> {
        loop {
            let end = self.arrived.iter().position(|byte| *byte == b'\n');
            let piece = self.arrived.split_to(end.unwrap_or(self.arrived.len()));
            self.keep(&piece);
            if end.is_some() {
                drop(self.arrived.split_to(1));
            } else if !ended {
                return None;
            }
            if let Some(line) = self.take() {
                return Some(line);
            }
            end?;
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.line.len() + piece.len() > self.most {
            (self.line, self.too_long) = (Vec::new(), true);
        } else if !self.too_long {
            self.line.extend_from_slice(piece);
        }
    }

    /// The line that has ended, unless there is nothing on it.
    fn take(&mut self) -> Option<Line> {
        let (text, too_long) = (std::mem::take(&mut self.line), std::mem::take(&mut self.too_long));
        let number = self.number;
        self.number += 1;
        let empty = text.iter().all(u8::is_ascii_whitespace);
        (too_long || !empty).then(|| Line { number, text: Some(text).filter(|_| !too_long) })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use futures_util::stream::{self, StreamExt as _};

    use super::*;

    #[tokio::test]
    async fn lines_that_come_drop_by_drop_come_to_an_end() {
        let limits = Limits { document: Duration::from_millis(20), ..Limits::default() };
        let begun = stream::iter([Ok::<_, Infallible>("{}\n{")]);
        let mut lines = Lines::of(Body::from_stream(begun.chain(stream::pending())), limits);
        assert_eq!(lines.next().await.ok().flatten().map(|line| line.number), Some(1));
        assert_eq!(lines.next().await.err().map(|problem| problem.name()), Some("too-slow"));
    }

    fn split(pieces: &[&'static str], most: usize) -> Vec<(u64, Option<String>)> {
        let mut splitter = Splitter::up_to(most);
        let mut found = Vec::new();
        for piece in pieces {
            splitter.feed(&Bytes::from_static(piece.as_bytes()));
            found.extend(std::iter::from_fn(|| splitter.next(false)));
        }
        found.extend(std::iter::from_fn(|| splitter.next(true)));
        let text = |text: Vec<u8>| String::from_utf8_lossy(&text).into_owned();
        found.into_iter().map(|line| (line.number, line.text.map(text))).collect()
    }

    #[test]
    fn lines_are_the_same_wherever_they_are_cut() {
        let whole = "{\"a\":1}\n\n  \r\n{\"b\":2}\r\n{\"long\":true}\n{}";
        let expected = [
            (1, Some("{\"a\":1}".to_owned())),
            (4, Some("{\"b\":2}\r".to_owned())),
            (5, None),
            (6, Some("{}".to_owned())),
        ];
        assert_eq!(split(&[whole], 10), expected);
        for cut in 0..=whole.len() {
            let (before, after) = whole.split_at(cut);
            assert_eq!(split(&[before, after], 10), expected, "{cut}");
        }
        let each: Vec<&str> = (0..whole.len()).map(|at| &whole[at..=at]).collect();
        assert_eq!(split(&each, 10), expected);
    }

    #[test]
    fn an_end_of_line_at_the_end_is_no_line() {
        assert_eq!(split(&["{}\n"], 10), [(1, Some("{}".to_owned()))]);
        assert_eq!(split(&[""], 10), []);
        assert_eq!(split(&["\n\n"], 10), []);
    }
}
