//! A share as it is printed and typed: four lines of six groups of four characters. Each line carries its own check, so that
//! a mistyped one is found when it is typed and named; the last one carries a check over all four.
//!
//! Crockford's base 32: without I, L, O and U, and read with 1 for I and L, 0 for O, in either case.

use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Header, KeyShare, Parts, VaultMark, first};
use crate::crypto::SecretKey;

/// How many lines a share has.
pub const LINES: usize = 4;
/// How many groups a line has.
pub const GROUPS: usize = 6;
/// How many characters a group has.
pub const GROUP: usize = 4;

/// Bytes of a line, and of the check behind them.
const DATA: usize = 12;
const CHECK: usize = 3;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The version of this format.
const VERSION: u8 = 1;

/// A share that is not one as it stands. What was typed is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodeError {
    /// Too few or too many characters.
    #[error("line {line} has {found} characters; it has {GROUPS} groups of {GROUP}, so type the whole line again")]
    Length {
        /// Which line, from 1.
        line: usize,
        /// How many there are, without spaces.
        found: usize,
    },
    /// A character that no share has.
    #[error(
        "group {group} of line {line} has a character that no share has; compare that group and type the line again"
    )]
    Character {
        /// Which line, from 1.
        line: usize,
        /// Which group, from 1.
        group: usize,
    },
    /// The check does not fit.
    #[error("line {line} is mistyped, its check does not fit; compare it group by group and type it again")]
    Mistyped {
        /// Which line, from 1.
        line: usize,
    },
    /// Another line of the share.
    #[error("this is line {found} of a share; type line {line}")]
    OtherLine {
        /// Which was asked for.
        line: usize,
        /// Which it is.
        found: usize,
    },
    /// A later format.
    #[error(
        "the share is of format {found}, this program knows format {VERSION}; use the version of coffre that made it"
    )]
    Version {
        /// Which.
        found: u8,
    },
    /// Numbers that no splitting has.
    #[error(
        "the share says what no splitting does; it was not made by coffre, so print it again or ask another holder"
    )]
    Numbers,
    /// Lines of different shares.
    #[error("the four lines are not of one share; type all four from the same page")]
    Mixed,
}

/// One line of a share, read and checked.
#[derive(Clone)]
pub struct Line(Zeroizing<[u8; DATA]>);

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line(not shown)")
    }
}

fn check(line: usize, data: &[u8; DATA]) -> [u8; CHECK] {
    let number = u8::try_from(line).unwrap_or_default();
    first(
        &Sha256::new().chain_update(b"coffre/v1/key-share-line\n").chain_update([number]).chain_update(data).finalize(),
    )
}

impl Line {
    /// Reads the line with this number, from 1. Spaces and hyphens are for the eye.
    pub fn read(number: usize, text: &str) -> Result<Self, CodeError> {
        let bytes = decode(number, text)?;
        let mut data = Zeroizing::new([0; DATA]);
        data.iter_mut().zip(bytes.iter()).for_each(|(byte, read)| *byte = *read);
        let fits = |line: usize| bytes.iter().skip(DATA).eq(check(line, &data).iter());
        if fits(number) {
            return Ok(Self(data));
        }
        match (1..=LINES).find(|line| fits(*line)) {
            Some(found) => Err(CodeError::OtherLine { line: number, found }),
            None => Err(CodeError::Mistyped { line: number }),
        }
    }

    fn to_text(&self, number: usize) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(GROUPS * (GROUP + 1)));
        let (mut bits, mut held) = (0_u32, 0);
        for byte in self.0.iter().chain(&check(number, &self.0)) {
            bits = (bits << 8) | u32::from(*byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                if text.len() % (GROUP + 1) == GROUP {
                    text.push(' ');
                }
                let digit = ALPHABET.get(usize::from(low_byte(bits >> held) & 31)).copied().unwrap_or_default();
                text.push(char::from(digit));
            }
        }
        text
    }

    /// What a first line says of its share.
    pub fn header(&self) -> Result<Header, CodeError> {
        let [version, threshold, count, number, rest @ ..] = *self.0;
        if version != VERSION {
            return Err(CodeError::Version { found: version });
        }
        let parts = Parts::new(threshold, count).ok_or(CodeError::Numbers)?;
        if number == 0 || number > count {
            return Err(CodeError::Numbers);
        }
        let (vault, splitting) = rest.split_at(4);
        Ok(Header { parts, number, vault: VaultMark(first(vault)), splitting: first(splitting) })
    }
}

const fn low_byte(bits: u32) -> u8 {
    let [low, ..] = bits.to_le_bytes();
    low
}

/// The bytes of a line, with its check.
fn decode(line: usize, text: &str) -> Result<Zeroizing<[u8; DATA + CHECK]>, CodeError> {
    let digits = || text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let found = digits().count();
    if found != GROUPS * GROUP {
        return Err(CodeError::Length { line, found });
    }
    let mut bytes = Zeroizing::new([0; DATA + CHECK]);
    let (mut bits, mut held, mut places) = (0_u32, 0, bytes.iter_mut());
    for (at, digit) in digits().enumerate() {
        let value = value(digit).ok_or(CodeError::Character { line, group: at / GROUP + 1 })?;
        bits = (bits << 5) | value;
        held += 5;
        if held >= 8 {
            held -= 8;
            if let Some(place) = places.next() {
                *place = low_byte(bits >> held);
            }
        }
    }
    Ok(bytes)
}

fn value(digit: char) -> Option<u32> {
    let digit = match digit.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    let position = ALPHABET.iter().position(|known| char::from(*known) == digit)?;
    u32::try_from(position).ok()
}

impl KeyShare {
    /// The lines to print.
    pub fn to_lines(&self) -> [Zeroizing<String>; LINES] {
        let Header { parts, number, vault: VaultMark(vault), splitting } = self.header;
        let head = [[VERSION, parts.threshold, parts.count, number], vault, splitting].concat();
        let mut all = Zeroizing::new([0; DATA * LINES]);
        let bytes = head.iter().chain(self.point.expose()).copied().chain(self.check_of_all());
        all.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        let mut lines = all.chunks_exact(DATA).zip(1..).map(|(data, number)| {
            let mut line = Line(Zeroizing::new([0; DATA]));
            line.0.iter_mut().zip(data).for_each(|(place, byte)| *place = *byte);
            line.to_text(number)
        });
        std::array::from_fn(|_| lines.next().unwrap_or_default())
    }

    /// The share that four lines are.
    pub fn from_lines(lines: &[Line; LINES]) -> Result<Self, CodeError> {
        let [head, ..] = lines;
        let header = head.header()?;
        let mut bytes = lines.iter().skip(1).flat_map(|line| line.0.iter().copied());
        let mut point = Zeroizing::new([0; 32]);
        point.iter_mut().zip(&mut bytes).for_each(|(place, byte)| *place = byte);
        let share = Self { header, point: SecretKey::from_bytes(&point) };
        if bytes.eq(share.check_of_all()) { Ok(share) } else { Err(CodeError::Mixed) }
    }

    /// Over header and point.
    fn check_of_all(&self) -> [u8; 4] {
        let Header { parts, number, vault, splitting } = &self.header;
        let digest = Sha256::new()
            .chain_update(b"coffre/v1/key-share\n")
            .chain_update([VERSION, parts.threshold, parts.count, *number])
            .chain_update(vault.0)
            .chain_update(splitting)
            .chain_update(self.point.expose())
            .finalize();
        first(&digest)
    }
}
