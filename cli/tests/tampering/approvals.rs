//! What officers signed, on its way to the vault: whatever is changed in it is refused with an entry, or what takes effect is
//! the very statement that two of them signed.

use std::fs;

use serde_json::Value;

use crate::campaign::{Campaign, Found};
use crate::change::Change;
use crate::dice::Dice;
use crate::officers::{Office, OfficeCopy};
use crate::server::Server;

/// Notes that would take effect.
const WAITING: [&str; 4] = ["policies.note", "policies-by-all.note", "application.note", "officers.note"];
/// A word or so: texts have no parts of one length.
const PART: usize = 16;
const VERY_TEXT: &str = "nobody, since two officers signed the very text";

/// What is done to a note.
#[derive(Debug)]
enum Forgery {
    /// To its bytes.
    Bytes(Change),
    /// Without one of its lines.
    Without(usize),
    /// With one of its lines twice.
    Twice(usize),
    /// Two of its lines change places.
    Swapped(usize, usize),
    /// Its statement, with the signatures of another note.
    SignaturesOf(&'static str),
    /// A number in it is another one.
    Digit(usize),
}

impl Forgery {
    fn any(dice: &mut Dice, note: &str) -> Self {
        let lines = note.lines().count();
        match dice.below(16) {
            0 => Self::Without(dice.below(lines)),
            1 => Self::Twice(dice.below(lines)),
            2 => Self::Swapped(dice.below(lines), dice.below(lines)),
            3 => Self::SignaturesOf(WAITING[dice.below(WAITING.len())]),
            4 => Self::Digit(dice.below(note.bytes().filter(u8::is_ascii_digit).count())),
            _ => Self::Bytes(Change::any(dice, note.len(), PART)),
        }
    }

    fn of(&self, note: &str, another: impl Fn(&str) -> String) -> Vec<u8> {
        let mut lines: Vec<_> = note.lines().collect();
        match self {
            Self::Bytes(change) => return change.of(note.as_bytes()),
            Self::SignaturesOf(name) => {
                let (text, _) = note.split_once("\n\n").expect("a note");
                let other = another(name);
                let (_, signatures) = other.split_once("\n\n").expect("a note");
                return format!("{text}\n\n{signatures}").into_bytes();
            }
            Self::Digit(which) => {
                let mut bytes = note.as_bytes().to_vec();
                let digit = bytes.iter_mut().filter(|byte| byte.is_ascii_digit()).nth(*which).expect("a digit");
                *digit = b'0' + (*digit - b'0' + 1) % 10;
                return bytes;
            }
            Self::Without(line) => drop(lines.remove(*line)),
            Self::Twice(line) => lines.insert(*line, lines[*line]),
            Self::Swapped(one, other) => lines.swap(*one, *other),
        }
        let mut text = lines.join("\n");
        text.push('\n');
        text.into_bytes()
    }
}

/// A vault that is served, until something takes effect there.
struct Sitting {
    copy: OfficeCopy,
    server: Server,
    standing: Value,
    refusals: usize,
}

/// What came of handing something in.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The vault refused, and said why.
    Refused(String),
    /// It did not get there.
    NotSent,
    /// This took effect.
    Took(String),
}

impl Sitting {
    fn open(office: &Office) -> Self {
        let copy = office.copy();
        let server = copy.serve().ok().expect("it serves");
        let (standing, refusals) = (copy.standing(), copy.refusals(&server));
        Self { copy, server, standing, refusals }
    }

    fn note(&self, name: &str) -> String {
        fs::read_to_string(self.copy.path().join(name)).expect("it was signed")
    }

    /// Hands it in; nothing may have changed if it is refused.
    fn hand_in(&mut self, note: &[u8]) -> Result<Outcome, String> {
        fs::write(self.copy.path().join("forged.note"), note).expect("written");
        let (code, told) = self.copy.run(&["approve", "submit", "forged.note", "--vault", "vault", "--json"]);
        if code == 0 {
            let told: Value =
                serde_json::from_str(told.lines().next().unwrap_or_default()).map_err(|e| e.to_string())?;
            return Ok(Outcome::Took(told["statement"].as_str().unwrap_or_default().to_owned()));
        }
        if self.copy.standing() != self.standing {
            return Err(format!("it ended with {code} ({told}), and something else is approved"));
        }
        match code {
            18 => {
                self.refusals += 1;
                Ok(Outcome::Refused(told))
            }
            2 if told.contains("cannot be read") => Ok(Outcome::NotSent),
            _ => Err(format!("{code}: {told}")),
        }
    }

    /// Every refusal is an entry.
    fn close(self) {
        assert_eq!(self.copy.refusals(&self.server), self.refusals, "entries of refused approvals");
        self.server.stop();
    }
}

/// The statement of a note: the lines before the signatures.
fn statement(note: &str) -> &str {
    note.split_once("\n\n").map_or(note, |(text, _)| text)
}

#[test]
fn approvals() {
    let office = Office::new();
    let mut sitting = Some(Sitting::open(&office));
    let mut campaign = Campaign::begin("approvals", 40, &["the vault", "whoever hands it in", VERY_TEXT]);
    campaign.run(|dice| {
        let mut here = sitting.take().unwrap_or_else(|| Sitting::open(&office));
        let name = WAITING[dice.below(WAITING.len())];
        let note = here.note(name);
        let forgery = Forgery::any(dice, &note);
        let forged = forgery.of(&note, |other| here.note(other));
        let what = format!("{name} {forgery:?}");
        if forged == note.as_bytes() {
            sitting = Some(here);
            return (what, Found::Nothing);
        }
        let found = match here.hand_in(&forged) {
            Ok(Outcome::Refused(_)) => Found::By("the vault"),
            Ok(Outcome::NotSent) => Found::By("whoever hands it in"),
            Ok(Outcome::Took(text)) if text.trim_end() == statement(&note) => {
                here.close();
                return (what, Found::By(VERY_TEXT));
            }
            Ok(Outcome::Took(text)) => Found::Not(format!("this took effect: {text}")),
            Err(why) => Found::Not(why),
        };
        sitting = Some(here);
        (what, found)
    });
    // What is not changed still takes effect.
    let mut last = sitting.unwrap_or_else(|| Sitting::open(&office));
    for name in ["policies.note", "application.note", "officers.note"] {
        let note = last.note(name);
        let took = last.hand_in(note.as_bytes()).expect("it is answered");
        assert!(matches!(&took, Outcome::Took(text) if text.trim_end() == statement(&note)), "{name}: {took:?}");
    }
    last.close();
    campaign.end();
}

/// What was signed by rights once, or elsewhere, or by too few.
#[test]
fn approvals_that_are_authentic_and_do_not_count() {
    let office = Office::new();
    let mut sitting = Sitting::open(&office);
    let by_one = sitting.note("policies-by-one.note");
    let (text, signature) = by_one.split_once("\n\n").expect("a note");
    let (other_vault, other_environment) = (office.signed_elsewhere("recette"), office.signed_elsewhere("production"));
    for (what, note, says) in [
        ("the first policies", sitting.note("first.note"), "this approves policies as number 1, and 3 is the next one"),
        ("those in force", sitting.note("second.note"), "this approves policies as number 2, and 3 is the next one"),
        ("an approved application", sitting.note("dpo.note"), "the application is approved already"),
        ("one officer", by_one.clone(), "it takes the signatures of two officers"),
        ("one officer twice", format!("{text}\n\n{signature}{signature}"), "it takes the signatures of two officers"),
        ("another vault", other_vault, "this was signed for vault"),
        ("another environment", other_environment, "this was signed for the environment production"),
    ] {
        match sitting.hand_in(note.as_bytes()) {
            Ok(Outcome::Refused(told)) => assert!(told.contains(says), "{what}: {told}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    sitting.close();
}
