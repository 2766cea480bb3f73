//! Shares at a real terminal: copied page by page, and gone from the screen whatever is typed.

use crate::pty::Terminal;
use crate::transcript;

const CLEAR: &str = "\u{1b}[2J\u{1b}[3J\u{1b}[H";
/// What the two questions of a page end with.
const CLEARED: &str = "the screen is cleared. ";
const NOT_SHOWN: &str = "nothing is shown: ";

/// The group of a page that is asked for.
fn group(page: &str, question: &str) -> String {
    let number = |word: &str| {
        let (_, rest) = question.split_once(word).expect("it is asked for");
        rest.chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    let start = format!("{}  ", number("line "));
    let line = page.lines().find_map(|line| line.strip_prefix(&start)).expect("a line of the share");
    let at: usize = number("group ").parse().expect("a number");
    line.split(' ').nth(at - 1).expect("a group").to_owned()
}

#[test]
fn shares_are_shown_at_a_terminal_one_after_the_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    let shares =
        ["key", "shares", "2/2", "--identity", "vault.recovery-identity", "--vault", "vault", "--holder", "Legal"];
    let mut terminal = Terminal::start(folder.path(), &[], &[&shares[..], &["--holder", "DPO"]].concat());
    let first = terminal.until(CLEARED);
    assert!(first.contains("Legal") && !first.contains("DPO"), "{first}");
    terminal.types("");
    // Enter a second time: the page is not passed over.
    assert!(terminal.until(NOT_SHOWN).contains(CLEAR));
    terminal.types("");
    let again = terminal.until(CLEARED);
    assert!(again.contains("Legal") && again.contains("correct your copy"), "{again}");
    terminal.types("");
    let question = terminal.until(NOT_SHOWN);
    terminal.types(&group(&again, &question).to_lowercase());
    let second = terminal.until(CLEARED);
    assert!(second.contains(CLEAR) && second.contains("DPO") && !second.contains("Legal"), "{second}");
    assert!(!terminal.echoes());
    terminal.types("");
    let question = terminal.until(NOT_SHOWN);
    terminal.types(&group(&second, &question));
    let (code, rest, echoes) = terminal.ends();
    assert!(code == Some(0) && echoes && rest.contains("proven for every such set"), "{rest}");
    assert!(rest.contains(CLEAR), "{rest}");
}

#[test]
fn no_key_leaves_a_share_on_the_screen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    transcript::run(folder.path(), &[], &["init", "vault", "--environment", "recette"]);
    let shares = ["key", "shares", "2/2", "--identity", "vault.recovery-identity", "--vault", "vault"];
    let mut terminal = Terminal::start(folder.path(), &[], &shares);
    terminal.until(CLEARED);
    // Ctrl-\ would end the process where it stands, and write what it holds to a file.
    terminal.presses(0x1C);
    terminal.presses(0x03);
    let (code, shown, echoes) = terminal.ends();
    assert!(code == Some(1) && echoes && shown.starts_with(CLEAR), "{shown}");
    assert!(shown.contains("the shares were not all shown"), "{shown}");
}
