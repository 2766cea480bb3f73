//! A terminal that shows nothing of what is typed at it. Standard input is read byte by byte into memory that is wiped: no
//! buffer of ours keeps what was typed, and what is pasted waits in the terminal for the next question.

use std::io::{self, Write as _};

use rustix::termios::{self, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios};
use zeroize::Zeroizing;

/// A line is not longer; the rest of it is left out.
const LONGEST: usize = 1024;
/// What Ctrl-C, Ctrl-D, backspace and Ctrl-U send.
const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: [u8; 2] = [0x08, 0x7F];
const KILL: u8 = 0x15;
/// What the terminal itself would act on is left to us: a signal would end the process and leave the terminal silent.
const LEFT_TO_US: LocalModes =
    LocalModes::ECHO.union(LocalModes::ECHONL).union(LocalModes::ICANON).union(LocalModes::ISIG);

/// Standard input, silent until this is dropped.
pub(crate) struct Silent {
    before: Termios,
}

impl Silent {
    /// Makes the terminal silent.
    pub(crate) fn new() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LEFT_TO_US);
        // A byte at a time, as soon as there is one.
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self { before })
    }

    /// What was typed and not yet read is forgotten: it was no answer to what is asked next.
    #[expect(clippy::unused_self, reason = "whoever has it has a terminal that is silent")]
    pub(crate) fn forget(&self) -> io::Result<()> {
        Ok(termios::tcflush(io::stdin(), QueueSelector::IFlush)?)
    }

    /// A line that is not shown, as it was typed. What is no text is told as characters that nothing has.
    #[expect(clippy::unused_self, reason = "whoever has it has a terminal that is silent")]
    pub(crate) fn hidden(&self, question: &str) -> io::Result<Zeroizing<String>> {
        say_without_end(question)?;
        let line = line(false)?;
        let mut text = Zeroizing::new(String::with_capacity(LONGEST));
        for chunk in line.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend((!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER));
        }
        Ok(text)
    }

    /// A line that is shown.
    #[expect(clippy::unused_self, reason = "whoever has it has a terminal that is silent")]
    pub(crate) fn shown(&self, question: &str) -> io::Result<String> {
        say_without_end(question)?;
        let line = line(true)?;
        Ok(String::from_utf8_lossy(&line).trim().to_owned())
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // What cannot be put back is put back by the next shell.
        let _not_put_back = termios::tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// On a silent terminal: one line; an error of kind `Interrupted` when Ctrl-C is typed, or Ctrl-D at its beginning.
fn line(shown: bool) -> io::Result<Zeroizing<Vec<u8>>> {
    // Reserved at once: bytes that grow leave copies of themselves behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut out = io::stderr().lock();
    loop {
        let mut byte = Zeroizing::new([0_u8; 1]);
        // A signal that is not for us, such as of a window that was resized, ends nothing.
        if rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), byte.as_mut_slice()))? == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let [read] = *byte;
        match read {
            b'\r' | b'\n' => {
                if shown {
                    out.write_all(b"\n")?;
                }
                return Ok(line);
            }
            INTERRUPT => return Err(io::ErrorKind::Interrupted.into()),
            END if line.is_empty() => return Err(io::ErrorKind::Interrupted.into()),
            erased if BACKSPACE.contains(&erased) => {
                let was = line.len();
                // A character of several bytes goes as one.
                while line.pop().is_some_and(|last| last & 0xC0 == 0x80) {}
                if shown && line.len() < was {
                    out.write_all(b"\x08 \x08")?;
                }
            }
            KILL => {
                let characters = line.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
                line.clear();
                if shown {
                    out.write_all("\u{8} \u{8}".repeat(characters).as_bytes())?;
                }
            }
            control if control < b' ' && control != b'\t' => {}
            typed if line.len() < LONGEST => {
                line.push(typed);
                if shown {
                    out.write_all(&[typed])?;
                }
            }
            _ => {}
        }
    }
}

fn say_without_end(text: &str) -> io::Result<()> {
    let mut out = io::stderr().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
