//! The generator against itself, against a PDF reader's rules, and against a real import.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;

use coffre_core::time::Timestamp;
use coffre_import::{GrantsFile, ImportOptions, Legacy, Mapping, Outcome, import, read_rejects};
use coffre_policies::Policies;

use super::*;

const MAPPING: &str = include_str!("../../../../policies/mappings/legal-cobol.toml");
const GRANTS: &str = include_str!("../../../../policies/mappings/grants-sample.toml");

/// Everything that was written, by its path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(
                files(&path).into_iter().map(|(name, bytes)| (Path::new(path.file_name().unwrap()).join(name), bytes)),
            );
        } else {
            found.insert(PathBuf::from(path.file_name().unwrap()), fs::read(&path).unwrap());
        }
    }
    found
}

fn generated(clients: u64, seed: u64) -> (tempfile::TempDir, GeneratorReport) {
    generated_with(clients, seed, Copies::Made)
}

fn generated_with(clients: u64, seed: u64, copies: Copies) -> (tempfile::TempDir, GeneratorReport) {
    let dir = tempfile::tempdir().unwrap();
    let report = generate(clients, seed, copies, &dir.path().join("legacy.sqlite")).unwrap();
    (dir, report)
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, first) = generated(300, 42);
    let (two, second) = generated(300, 42);
    assert_eq!(first, second);
    assert!(files(one.path()) == files(two.path()));
    let (three, _) = generated(300, 43);
    assert!(files(one.path()) != files(three.path()));
}

#[test]
fn a_client_does_not_depend_on_how_many_there_are() {
    assert!((0..50).all(|position| told(1, position) == told(1, position)));
    let numbers: std::collections::BTreeSet<String> = (0..100_000).map(client::number).collect();
    assert_eq!(numbers.len(), 100_000);
    assert!(numbers.iter().all(|number| number.len() == 8));
}

#[test]
fn every_kind_of_dirt_is_in_a_thousand_clients_and_in_one_of_a_hundred() {
    let (_dir, report) = generated(1_000, 42);
    assert_eq!(report.planted.len(), 11, "ten kinds, of which the duplicate is two rows");
    assert_eq!((report.clients, report.behaviours, report.importable), (1_001, 1_000, 991));
    assert!(report.files > 0 && report.documents > report.importable);
    assert_eq!(report.story.homonyms.len(), 3);
}

/// The import rejects exactly what was planted, and brings exactly the rest.
#[test]
fn an_import_finds_exactly_what_was_planted() {
    import_finds_what_was_planted(Copies::Made);
}

#[test]
fn the_same_clients_come_without_copies_of_contracts() {
    import_finds_what_was_planted(Copies::LeftOut);
    let (with, without) = (generated(300, 42).1, generated_with(300, 42, Copies::LeftOut).1);
    assert!(with.importable_documents > 300 && without.importable_documents == 0);
    assert_eq!(without.files, 0);
    let of = |report: GeneratorReport| (report.clients, report.contracts, report.importable, report.planted);
    assert_eq!(of(with), of(without));
}

fn import_finds_what_was_planted(copies: Copies) {
    let (dir, report) = generated_with(2_000, 7, copies);
    let policies = Policies::embedded().unwrap();
    let mapping = Mapping::parse("m.toml", MAPPING, policies.record_type("policyholder").unwrap()).unwrap();
    let grants = GrantsFile::parse("g.toml", GRANTS, &mapping, &policies, Timestamp::from_micros(0)).unwrap();
    let legacy = Legacy::open(&dir.path().join("legacy.sqlite"), &mapping).unwrap();
    let identity = age::x25519::Identity::generate();
    let (path, recipient) = (dir.path().join("rejects.age"), identity.to_public().to_string());
    let options = ImportOptions {
        apply_changes: false,
        rejects: &path,
        reject_recipient: &recipient,
        batch: 300,
        policies: &policies,
        now: Timestamp::from_micros(0),
    };
    let told = import(&legacy, &grants, None, &options, &mut |_| {}).unwrap();
    let mut found: Vec<(String, i64, String, String)> = read_rejects(fs::File::open(&path).unwrap(), &identity)
        .unwrap()
        .into_iter()
        .map(|line| (line.table, line.row, line.column.unwrap_or_default(), line.reason))
        .collect();
    let mut planted: Vec<(String, i64, String, String)> =
        report.planted.iter().map(|p| (p.table.to_owned(), p.row, p.column.to_owned(), p.reason.to_owned())).collect();
    found.sort();
    planted.sort();
    assert_eq!(found, planted);
    assert_eq!((told.imported, told.source.documents), (report.importable, report.importable_documents));
    assert_eq!((told.accounted(), told.outcome(true)), (report.clients, Outcome::Complete));
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn number_after(text: &str, word: &str) -> usize {
    text.rsplit(word).next().unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

/// The cross-reference table of a copy names the place of every object (ISO 32000-1, 7.5.4), the
/// stream is as long as it says, and the page says that it is fictitious.
#[test]
fn a_copy_is_a_valid_pdf_that_says_what_it_is() {
    let client = told(1, 0);
    let bytes = pdf::contract_copy(&client, &client.contracts[0]);
    let from = |offset: usize| latin1(&bytes[offset..]);
    let text = from(0);
    assert!(text.starts_with("%PDF-1.") && text.trim_end().ends_with("%%EOF"));
    let start = number_after(&text, "startxref");
    let head = "xref\n0 8\n";
    assert!(from(start).starts_with(head));
    for object in 1..8 {
        let entry = &from(start + head.len() + 20 * object)[..20];
        let offset: usize = entry[..10].parse().unwrap();
        assert!(entry[10..].starts_with(" 00000 n"), "{entry:?}");
        assert!(from(offset).starts_with(&format!("{object} 0 obj")), "object {object}");
    }
    let stream = "stream\n";
    let begin = bytes.windows(stream.len()).position(|w| w == stream.as_bytes()).unwrap() + stream.len();
    assert!(from(begin + number_after(&text, "/Length")).trim_start().starts_with("endstream"));
    // pdf-writer writes strings with accents in hexadecimal.
    let hexadecimal =
        |words: &str| columns::latin1(words).iter().fold(String::new(), |text, byte| format!("{text}{byte:02X}"));
    for words in ["DOCUMENT FICTIF - DONNÉES INVENTÉES", "Hélène Lefèvre", "Complémentaire santé"] {
        assert!(text.contains(&hexadecimal(words)), "{words}");
    }
    assert!(text.contains("(Contrat d'assurance)") && text.contains("(sans terme)"));
    assert!((1_000..3_000).contains(&bytes.len()), "{} bytes", bytes.len());
}

#[test]
fn an_existing_file_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("legacy.sqlite");
    fs::write(&path, "precious").unwrap();
    let error = generate(10, 1, Copies::Made, &path).unwrap_err();
    assert!(error.to_string().contains("exists already"));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn every_word_can_be_written_in_latin_1() {
    let products = names::PRODUCTS.iter().map(|(_, name)| name);
    let words = [names::FAMILY, names::GIVEN, names::AVAILABILITY, names::ILLNESSES];
    for word in words.into_iter().flatten().chain(products) {
        assert!(!columns::latin1(word).contains(&b'?'), "{word}");
    }
}

#[test]
fn the_misspelt_name_sounds_like_the_right_one_and_like_its_homonyms() {
    let story = story(1_000);
    let heard = coffre_core::search::sound(story.misspelt);
    for position in 0..4 {
        let client = told(42, position);
        assert_eq!(coffre_core::search::sound(&client.family), heard, "{}", client.family);
        assert_ne!(client.family, story.misspelt);
    }
    assert_eq!((story.sought, story.family_name), (told(42, 0).number, "Lefèvre"));
    let sought = told(9, 0);
    assert!(sought.marketing && !sought.illnesses.is_empty() && sought.contracts[0].status == "V");
}
