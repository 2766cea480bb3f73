//! A quorum typed by its holders, one after the other: a share line by line, each checked at once, so that nobody types
//! four lines to hear that the first was wrong. What is asked of whom, without a terminal: that is handed in.

use std::io;

use coffre_core::key_share::{CodeError, Header, KeyShare, LINES, Line, Quorum};
use zeroize::Zeroizing;

use super::words::Words;

/// Somebody who can be asked.
pub(super) trait Asks {
    /// Asks for a line that is not shown.
    fn hidden(&mut self, question: &str) -> io::Result<Zeroizing<String>>;
    /// Asks for a line that is shown.
    fn shown(&mut self, question: &str) -> io::Result<String>;
    /// Says something.
    fn say(&mut self, text: &str) -> io::Result<()>;
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// There are enough shares.
    Enough,
    /// Whoever typed ended it.
    Ended,
}

/// Asks for shares until there are enough. What is wrong is said and asked again; nothing accepted is lost.
pub(super) fn quorum(terminal: &mut dyn Asks, quorum: &mut Quorum, words: Words) -> io::Result<Given> {
    match asked(terminal, quorum, words) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            terminal.say("")?;
            Ok(Given::Ended)
        }
        asked => asked,
    }
}

fn asked(terminal: &mut dyn Asks, quorum: &mut Quorum, words: Words) -> io::Result<Given> {
    terminal.say(words.introduction())?;
    loop {
        let holder = terminal.shown(words.who())?;
        let Some(share) = share(terminal, quorum, words)? else { continue };
        match quorum.add(share) {
            Ok(accepted) => {
                terminal.say(&words.accepted(accepted, Some(holder.as_str()).filter(|name| !name.is_empty())))?;
                if accepted.is_enough() {
                    return Ok(Given::Enough);
                }
            }
            Err(error) => terminal.say(&words.not_accepted(error))?,
        }
    }
}

/// One share; none if it does not belong, or was given up by an empty line.
fn share(terminal: &mut dyn Asks, quorum: &Quorum, words: Words) -> io::Result<Option<KeyShare>> {
    let mut lines = Vec::with_capacity(LINES);
    while lines.len() < LINES {
        let number = lines.len() + 1;
        let text = terminal.hidden(&words.line(number))?;
        if text.trim().is_empty() {
            terminal.say(words.given_up())?;
            return Ok(None);
        }
        match Line::read(number, without_its_number(number, &text)).and_then(|line| checked(number, line)) {
            Ok((line, header)) => {
                if let Some(error) = header.and_then(|header| quorum.admits(&header).err()) {
                    terminal.say(&words.not_accepted(error))?;
                    return Ok(None);
                }
                terminal.say("✓")?;
                lines.push(line);
            }
            Err(error) => terminal.say(&words.mistyped(error))?,
        }
    }
    let Ok(lines) = <[Line; LINES]>::try_from(lines) else { return Ok(None) };
    match KeyShare::from_lines(&lines) {
        Ok(share) => Ok(Some(share)),
        Err(error) => {
            terminal.say(&words.mistyped(error))?;
            Ok(None)
        }
    }
}

/// A line, and of the first one what it says of its share.
fn checked(number: usize, line: Line) -> Result<(Line, Option<Header>), CodeError> {
    let header = if number == 1 { Some(line.header()?) } else { None };
    Ok((line, header))
}

/// A line is printed with its number in front: whoever types that too is understood.
fn without_its_number(number: usize, text: &str) -> &str {
    let rest = text.trim_start().strip_prefix(&number.to_string());
    rest.filter(|rest| rest.starts_with(char::is_whitespace)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::collections::VecDeque;

    use coffre_core::crypto::SecretKey;
    use coffre_core::key_share::{Parts, VaultMark, split};
    use coffre_store::clock::SystemEntropy;

    use super::*;
    use crate::language::Language;

    /// Types what it was given, and writes down what it is told.
    struct Scripted {
        types: VecDeque<String>,
        told: Vec<String>,
    }

    impl Scripted {
        fn next(&mut self, question: &str) -> io::Result<String> {
            self.told.push(question.to_owned());
            self.types.pop_front().ok_or_else(|| io::ErrorKind::Interrupted.into())
        }
    }

    impl Asks for Scripted {
        fn hidden(&mut self, question: &str) -> io::Result<Zeroizing<String>> {
            self.next(question).map(Zeroizing::new)
        }

        fn shown(&mut self, question: &str) -> io::Result<String> {
            self.next(question)
        }

        fn say(&mut self, text: &str) -> io::Result<()> {
            self.told.push(text.to_owned());
            Ok(())
        }
    }

    fn mark(environment: &str) -> VaultMark {
        let name = format!("coffre/{environment}/07070707-0707-4707-8707-070707070707");
        let name = coffre_core::note::KeyName::new(&name).unwrap();
        VaultMark::of(&coffre_core::note::SigningKey::from_seed(name, &[7; 32]).verification_key())
    }

    fn shares(environment: &str) -> Vec<Vec<String>> {
        let secret = SecretKey::from_bytes(&[5; 32]);
        let shares = split(&secret, Parts::new(2, 3).unwrap(), mark(environment), &mut SystemEntropy).unwrap();
        shares.iter().map(|share| share.to_lines().map(|line| line.to_string()).to_vec()).collect()
    }

    fn typed(types: Vec<&str>, language: Language) -> (Given, Vec<String>, Option<SecretKey>) {
        let mut terminal = Scripted { types: types.into_iter().map(str::to_owned).collect(), told: Vec::new() };
        let mut gathered = Quorum::of(Some(mark("production")));
        let given = quorum(&mut terminal, &mut gathered, Words(language)).unwrap();
        (given, terminal.told, gathered.secret().unwrap())
    }

    fn strs(lines: &[String]) -> Vec<&str> {
        lines.iter().map(String::as_str).collect()
    }

    #[test]
    fn holders_type_one_after_the_other_and_mistakes_cost_a_line() {
        let (ours, others) = (shares("production"), shares("recette"));
        let (wrong, numbered) =
            (ours[0][1].replace(' ', "").chars().rev().collect::<String>(), format!("3  {}", ours[0][2]));
        let mut types = vec!["Legal", &ours[0][0], &wrong, &ours[0][2], &ours[0][1], &numbered, &ours[0][3]];
        // A share of another vault, and the first one again: refused after one line each.
        types.extend(["stranger", &others[1][0], "Legal", &ours[0][0]]);
        types.push("");
        types.extend(strs(&ours[2]));
        for language in [Language::English, Language::French] {
            let (given, told, secret) = typed(types.clone(), language);
            assert_eq!((given, secret), (Given::Enough, Some(SecretKey::from_bytes(&[5; 32]))), "{told:?}");
            let name = language.pick("french", "english");
            insta::with_settings!({ omit_expression => true }, {
                insta::assert_snapshot!(format!("typed_{name}"), told.join("\n"));
            });
            let shown = told.join("\n");
            assert!(!ours.iter().flatten().any(|line| shown.contains(&line[..9])), "{shown}");
        }
    }

    #[test]
    fn an_empty_line_gives_a_share_up_and_ctrl_c_everything() {
        let ours = shares("production");
        let mut types = vec!["Legal", &ours[0][0], ""];
        types.extend(["DPO"]);
        types.extend(strs(&ours[1]));
        let (given, told, secret) = typed(types, Language::English);
        assert_eq!((given, secret), (Given::Ended, None), "{told:?}");
        assert!(told.iter().any(|text| text.contains("DPO")), "{told:?}");
    }
}
