//! The promise as a type: code that would get at record content without the receipt of a committed entry does not
//! compile. Each piece is given to the compiler beside a twin that differs by the forbidden step alone, so that none is
//! refused for another reason than the one it names.
//!
//! The pieces are compiled against the library that was built for this very test: a second each, and no second build.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

const PRELUDE: &str = "
use coffre_core::audit::Draft;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_core::search::SearchIndex;
use coffre_core::time::Timestamp;
use coffre_store::{Claim, DocumentInfo, DocumentReader, Hit, Receipt, Snapshot, Undisclosed};
use std::io::Read;
pub struct Asked<'a> {
    pub kind: &'a RecordTypeName, pub subject: SubjectId, pub fields: &'a [FieldPath], pub document: DocumentId,
}
";

/// A piece with a gap, what may stand in it, and what may not: with the error's code and words of it.
struct Piece {
    what: &'static str,
    code: &'static str,
    allowed: &'static str,
    forbidden: &'static [(&'static str, &'static str, &'static str)],
}

const PIECES: [Piece; 6] = [
    Piece {
        what: "the fields of a record that was read",
        code: "pub fn handler(s: &Snapshot<'_>, a: &Asked<'_>, receipt: &Receipt) -> Option<Fields> {
                   let read: Undisclosed<Fields> = s.fields(a.kind, a.subject, a.fields).ok()?;
                   GAP
               }",
        allowed: "read.open(receipt).ok()",
        forbidden: &[
            ("Some(read)", "E0308", "found `Undisclosed<Fields>`"),
            ("Some(read.content)", "E0616", "field `content` of struct `Undisclosed` is private"),
            ("Some(read.into_inner())", "E0624", "method `into_inner` is private"),
            ("let Undisclosed { content, .. } = read; Some(content)", "E0451", "field `content`"),
            ("Some((*read).clone())", "E0614", "cannot be dereferenced"),
            ("read.open().ok()", "E0061", "takes 1 argument but 0 arguments were supplied"),
            ("Some(Fields::from(read))", "E0308", "expected `Fields`, found `Undisclosed<Fields>`"),
        ],
    },
    Piece {
        what: "the content of a record that a search found",
        code: "pub fn handler(s: &Snapshot<'_>, a: &Asked<'_>, i: &SearchIndex, receipt: &Receipt) -> Option<Fields> {
                   let hit: Hit = s.find(i, \"x\", 1).ok()?.pop()?;
                   GAP
               }",
        allowed: "s.fields(a.kind, hit.subject, a.fields).ok()?.open(receipt).ok()",
        forbidden: &[
            ("s.fields(a.kind, hit.subject, a.fields).ok()", "E0308", "Undisclosed<Fields>"),
            ("Some(hit.fields)", "E0609", "no field `fields` on type `Hit`"),
        ],
    },
    Piece {
        what: "the stream of a document",
        code: "pub fn handler(s: &Snapshot<'_>, a: &Asked<'_>, receipt: &Receipt, to: &mut Vec<u8>) -> Option<u64> {
                   let read: Undisclosed<DocumentReader> = s.document(a.kind, a.subject, a.document, 1).ok()??;
                   GAP
               }",
        allowed: "std::io::copy(&mut read.open(receipt).ok()?, to).ok()",
        forbidden: &[
            (
                "let mut read = read; std::io::copy(&mut read, to).ok()",
                "E0277",
                "`Undisclosed<DocumentReader>: std::io::Read`",
            ),
            (
                "std::io::copy(&mut read.content, to).ok()",
                "E0616",
                "field `content` of struct `Undisclosed` is private",
            ),
            (
                "std::io::copy(&mut s.former_document(a.kind, a.subject, a.document, 1).ok()??, to).ok()",
                "E0624",
                "method `former_document` is private",
            ),
        ],
    },
    Piece {
        what: "the names of a record's documents",
        code: "pub fn handler(s: &Snapshot<'_>, a: &Asked<'_>, receipt: &Receipt) -> Option<Vec<DocumentInfo>> {
                   let list: Undisclosed<Vec<DocumentInfo>> = s.documents(a.kind, a.subject).ok()?;
                   GAP
               }",
        allowed: "Some(list.open(receipt).ok()?.into_iter().collect())",
        forbidden: &[
            ("Some(list.into_iter().collect())", "E0599", "`Undisclosed<Vec<DocumentInfo>>` is not an iterator"),
            (
                "drop(receipt); Some(vec![list.content[0].clone()])",
                "E0616",
                "field `content` of struct `Undisclosed` is private",
            ),
        ],
    },
    Piece {
        what: "a receipt that no entry stands behind",
        code: "pub fn handler(given: Receipt, time: Timestamp, claim: &Claim) -> Receipt {
                   GAP
               }",
        allowed: "let _ = (time, claim); given",
        forbidden: &[
            ("Receipt { index: given.index(), time, claims: Vec::new() }", "E0451", "of struct `Receipt`"),
            ("Receipt { index: 1, ..given }", "E0451", "of struct `Receipt`"),
            ("Receipt::new(given.index(), time, &[claim.clone()])", "E0624", "associated function `new` is private"),
            (
                "Receipt::default()",
                "E0599",
                "no function or associated item named `default` found for struct `Receipt`",
            ),
        ],
    },
    Piece {
        what: "a claim to less than what would be disclosed",
        code: "pub fn handler(read: Undisclosed<Fields>, a: &Asked<'_>) -> (Claim, Undisclosed<Fields>) {
                   GAP
               }",
        allowed: "let _ = a.subject; (read.claim().clone(), read)",
        forbidden: &[
            ("(Claim::fields(a.subject, Vec::new()), read)", "E0624", "associated function `fields` is private"),
            (
                "let mut claim = read.claim().clone(); claim.fields.clear(); (claim, read)",
                "E0616",
                "field `fields` of struct `Claim` is private",
            ),
            (
                "(read.claim().clone(), Undisclosed::new(read.claim().clone(), Fields::default()))",
                "E0624",
                "associated function `new` is private",
            ),
        ],
    },
];

/// The libraries as they were built for this test.
struct Libraries {
    folder: PathBuf,
    store: PathBuf,
    core: PathBuf,
}

fn newest_first(folder: &Path, library: &str) -> Vec<PathBuf> {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap_or_default();
        name.starts_with(&format!("lib{library}-")) && path.extension().is_some_and(|extension| extension == "rlib")
    };
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(is_it).collect();
    found.sort_by_key(|path| std::cmp::Reverse(path.metadata().and_then(|file| file.modified()).ok()));
    found
}

impl Libraries {
    /// Those of the folder this program stands in. It may hold older ones: the right pair is the one that allows
    /// what is allowed.
    fn find() -> Self {
        let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let mut said = "no library was built".to_owned();
        for store in newest_first(&folder, "coffre_store") {
            for core in newest_first(&folder, "coffre_core") {
                let libraries = Self { folder: folder.clone(), store: store.clone(), core };
                match libraries.compile(PIECES[0].code, PIECES[0].allowed) {
                    Ok(()) => return libraries,
                    Err(error) => said = error,
                }
            }
        }
        unreachable!("what is allowed does not compile: {said}")
    }

    /// Compiles a piece; what the compiler says against it otherwise.
    fn compile(&self, code: &str, gap: &str) -> Result<(), String> {
        let place = tempfile::tempdir().unwrap();
        let source = place.path().join("piece.rs");
        std::fs::write(&source, format!("#![allow(unused)]\n{PRELUDE}\n{}", code.replace("GAP", gap))).unwrap();
        let external = |name: &str, path: &Path| format!("{name}={}", path.display());
        let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--out-dir"])
            .arg(place.path())
            .args([
                "--extern",
                &external("coffre_store", &self.store),
                "--extern",
                &external("coffre_core", &self.core),
            ])
            .arg("-L")
            .arg(format!("dependency={}", self.folder.display()))
            .arg(&source)
            .output()
            .unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

#[test]
fn nothing_is_disclosed_without_a_receipt() {
    let libraries = Libraries::find();
    for Piece { what, code, allowed, forbidden } in &PIECES {
        libraries.compile(code, allowed).unwrap_or_else(|error| unreachable!("{what}: {allowed}: {error}"));
        for (gap, number, words) in *forbidden {
            let Err(said) = libraries.compile(code, gap) else { unreachable!("{what}: `{gap}` compiles") };
            let errors = said.lines().filter(|line| line.starts_with("error[")).count();
            assert!(
                said.contains(&format!("error[{number}]")),
                "{what}: `{gap}` is refused for another reason: {said}"
            );
            assert!(said.contains(words) && errors == 1, "{what}: `{gap}` is refused for another reason: {said}");
        }
    }
}
