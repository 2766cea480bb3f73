//! A share's page as text: what a holder keeps beside the printed one, or types anew into a file. Only the title, the
//! holder's line and the four numbered lines are read; everything else on it is for people.

use thiserror::Error;

use super::code::{CodeError, LINES, Line};
use super::{Header, KeyShare};

/// The first line of a page.
pub(super) const TITLE: &str = "coffre key share v1";
/// What the holder's line begins with, in the languages of the pages.
const HOLDER: [&str; 2] = ["holder:", "détenteur :"];
/// A page is not longer: what is, is another file.
const LONGEST: usize = 16 * 1024;

/// A file that is no page of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PageError {
    /// Something else.
    #[error("no page of a key share; it begins with the line `{TITLE}`, as `coffre key shares` wrote it")]
    Title,
    /// A line is not there.
    #[error("line {line} of the share is missing; copy it from the printed page, with its number in front")]
    Missing {
        /// Which.
        line: usize,
    },
    /// A line is there twice.
    #[error("line {line} of the share is there twice; leave the right one")]
    Twice {
        /// Which.
        line: usize,
    },
    /// A line is wrong.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// What a page holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharePage {
    /// The share.
    pub share: KeyShare,
    /// Who holds it, if the page says so.
    pub holder: Option<String>,
}

impl SharePage {
    /// Reads a page.
    pub fn read(text: &str) -> Result<Self, PageError> {
        let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty());
        if text.len() > LONGEST || lines.next() != Some(TITLE) {
            return Err(PageError::Title);
        }
        let (mut found, mut holder) = ([const { None }; LINES], None);
        for line in lines {
            if let Some((number, code)) = numbered(line) {
                let Some(place) = found.get_mut(number - 1) else { continue };
                if place.is_some() {
                    return Err(PageError::Twice { line: number });
                }
                *place = Some(Line::read(number, code)?);
            } else if let Some(name) = HOLDER.iter().find_map(|label| line.strip_prefix(label)) {
                // What is left to fill in by hand is nobody.
                holder = Some(name.trim().to_owned()).filter(|name| name.chars().any(|c| c != '_'));
            }
        }
        if let Some(missing) = found.iter().position(Option::is_none) {
            return Err(PageError::Missing { line: missing + 1 });
        }
        // All of them are there.
        let mut found = found.into_iter().flatten();
        let [Some(a), Some(b), Some(c), Some(d)] = std::array::from_fn(|_| found.next()) else {
            return Err(PageError::Title);
        };
        Ok(Self { share: KeyShare::from_lines(&[a, b, c, d])?, holder })
    }

    /// The lines that are read again: title, holder, share. A page puts more between and after them.
    pub fn title() -> &'static str {
        TITLE
    }

    /// What the share says of itself.
    pub const fn header(&self) -> &Header {
        &self.share.header
    }
}

/// `2  ABCD EFGH …`: the number and what stands behind it.
fn numbered(line: &str) -> Option<(usize, &str)> {
    let (number, code) = line.split_once(char::is_whitespace)?;
    let number = number
        .parse()
        .ok()
        .filter(|number| (1..=LINES).contains(number) && line.starts_with(|c: char| c.is_ascii_digit()))?;
    Some((number, code))
}
