//! Shares at a terminal: one page after the other, each gone from the screen before the next comes. A page is copied
//! when its holder has typed a part of the copy back; a key that was pressed too early passes no page over. How a page
//! reads is in `share_page`.

use std::io::{self, Write as _};

use coffre_core::crypto::Entropy;
use coffre_core::key_share::{GROUPS, LINES};
use coffre_store::clock::SystemEntropy;
use zeroize::Zeroizing;

use crate::language::Language;
use crate::paper::{Block, Paper};
use crate::terminal::{self, Silent};

const CLEAR: &str = "\u{1b}[2J\u{1b}[3J\u{1b}[H";

/// Shows one share after the other, until each is copied.
pub(super) fn show(pages: &[Paper], language: Language) -> anyhow::Result<()> {
    let mut screen = Cleared(terminal::silent()?);
    let shown = pages.iter().try_for_each(|page| until_copied(&mut screen, page, language, &mut SystemEntropy));
    match shown {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            anyhow::bail!("the shares were not all shown; run it again, and destroy what was copied")
        }
        shown => Ok(shown?),
    }
}

/// A screen and a keyboard.
trait Screen {
    /// Shows this, and nothing else.
    fn shows(&mut self, text: &str) -> io::Result<()>;
    /// Asks, and gives what is typed from then on, which is not shown.
    fn asks(&mut self, question: &str) -> io::Result<Zeroizing<String>>;
}

/// The terminal, where no key does anything by itself: Ctrl-C is read as any other. The screen is cleared whichever way
/// it ends.
struct Cleared(Silent);

impl Screen for Cleared {
    fn shows(&mut self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(CLEAR.as_bytes())?;
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn asks(&mut self, question: &str) -> io::Result<Zeroizing<String>> {
        // Before it is asked: whoever sees the question can answer it at once.
        self.0.forget()?;
        // Beside the page, and not where errors go, which may be a file.
        let mut out = io::stdout().lock();
        out.write_all(question.as_bytes())?;
        out.flush()?;
        self.0.hidden("")
    }
}

impl Drop for Cleared {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing either.
        let _gone = self.shows("");
    }
}

/// Shows a page until its holder types back what stands on it.
fn until_copied(
    screen: &mut dyn Screen,
    page: &Paper,
    language: Language,
    entropy: &mut dyn Entropy,
) -> io::Result<()> {
    let copy = language.pick(
        "Recopiez cette page, puis Entrée : l'écran est effacé.",
        "Copy this page, then press Enter: the screen is cleared.",
    );
    let wrong = language.pick(
        "Ce n'est pas ce qui figure sur la page, que voici de nouveau : corrigez votre copie.\n",
        "That is not what stands on the page, which is shown again: correct your copy.\n",
    );
    let text = page.to_text();
    let mut before = "";
    loop {
        screen.shows(&text)?;
        screen.asks(&format!("\n{before}{copy} "))?;
        screen.shows("")?;
        let asked = Group::any(entropy);
        let typed = screen.asks(&asked.question(language))?;
        screen.shows("")?;
        if asked.on(page).is_none_or(|printed| characters(printed).eq(characters(&typed))) {
            return Ok(());
        }
        before = wrong;
    }
}

/// A group of a share: which line, and which group of it, each from 1.
struct Group {
    line: usize,
    group: usize,
}

impl Group {
    /// Any, but of the first line: that says whose share it is, and is much the same in all of them.
    fn any(entropy: &mut dyn Entropy) -> Self {
        let mut random = [0; 2];
        entropy.fill(&mut random);
        let [line, group] = random.map(usize::from);
        Self { line: 2 + line % (LINES - 1), group: 1 + group % GROUPS }
    }

    fn question(&self, language: Language) -> String {
        let Self { line, group } = self;
        match language {
            Language::French => {
                format!("D'après votre copie, tapez le groupe {group} de la ligne {line} ; rien ne s'affiche : ")
            }
            Language::English => format!("From your copy, type group {group} of line {line}; nothing is shown: "),
        }
    }

    /// What stands there on a page.
    fn on<'p>(&self, page: &'p Paper) -> Option<&'p str> {
        let lines = page.blocks.iter().find_map(|block| match block {
            Block::Code(lines) => Some(lines),
            _ => None,
        })?;
        lines.get(self.line.checked_sub(1)?)?.split(' ').nth(self.group.checked_sub(1)?)
    }
}

/// As a share is read: capitals, spaces and hyphens do not matter, I and L are 1, and O is 0.
fn characters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::VecDeque;

    use super::*;

    /// Types what it was given, and writes down what it shows.
    struct Scripted {
        types: VecDeque<&'static str>,
        told: Vec<String>,
    }

    impl Screen for Scripted {
        fn shows(&mut self, text: &str) -> io::Result<()> {
            self.told.push(if text.is_empty() { "cleared".to_owned() } else { text.to_owned() });
            Ok(())
        }

        fn asks(&mut self, question: &str) -> io::Result<Zeroizing<String>> {
            self.told.push(question.to_owned());
            let typed = self.types.pop_front().ok_or_else(|| io::Error::from(io::ErrorKind::Interrupted))?;
            Ok(Zeroizing::new(typed.to_owned()))
        }
    }

    /// Any group is the second of the third line.
    struct Same;

    impl Entropy for Same {
        fn fill(&mut self, buffer: &mut [u8]) {
            buffer.fill(1);
        }
    }

    fn share(language: Language) -> Paper {
        let lines = ["HEAD HEAD HEAD HEAD HEAD HEAD", "2A2A 2B2B 2C2C 2D2D 2E2E 2F2F", "3A3A 3B01 3C3C 3D3D 3E3E 3F3F"];
        let lines = lines.map(|line| Zeroizing::new(line.to_owned())).to_vec();
        Paper { language, title: "Share".to_owned(), format: None, blocks: vec![Block::Code(lines)] }
    }

    fn shown(types: &[&'static str], language: Language) -> (io::Result<()>, Vec<String>) {
        let mut screen = Scripted { types: types.iter().copied().collect(), told: Vec::new() };
        let ended = until_copied(&mut screen, &share(language), language, &mut Same);
        (ended, screen.told)
    }

    #[test]
    fn a_page_is_shown_until_a_part_of_the_copy_is_typed_back() {
        // Enter was pressed twice; then a group beside the right one; then the right one, as people type it.
        let types = ["", "", "", "3c3c", "", " 3b-oL "];
        for language in [Language::English, Language::French] {
            let (ended, told) = shown(&types, language);
            ended.unwrap();
            let page = share(language).to_text();
            assert_eq!(told.iter().filter(|told| **told == *page).count(), 3, "{told:?}");
            let asked = language.pick("le groupe 2 de la ligne 3", "group 2 of line 3");
            assert_eq!(told.iter().filter(|told| told.contains(asked)).count(), 3, "{told:?}");
            let wrong = language.pick("corrigez votre copie", "correct your copy");
            assert_eq!(told.iter().filter(|told| told.contains(wrong)).count(), 2, "{told:?}");
            assert!(told.iter().all(|told| *told == *page || !told.contains("3B01")), "{told:?}");
            assert_eq!(told.last().unwrap(), "cleared");
        }
    }

    #[test]
    fn whoever_ends_it_has_copied_nothing() {
        let (ended, _) = shown(&["", "wrong"], Language::English);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn no_group_of_the_first_line_is_asked_for() {
        struct Byte(u8);
        impl Entropy for Byte {
            fn fill(&mut self, buffer: &mut [u8]) {
                buffer.fill(self.0);
            }
        }
        for byte in 0..=u8::MAX {
            let Group { line, group } = Group::any(&mut Byte(byte));
            assert!((2..=LINES).contains(&line) && (1..=GROUPS).contains(&group), "{byte}");
        }
    }
}
