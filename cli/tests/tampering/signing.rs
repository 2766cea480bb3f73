//! What officers sign, made here by what its format says: `coffre approve` first compares policies in every circumstance
//! there is, which takes it half a minute where they differ.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use coffre_core::note::{KeyName, SignedNote, SigningKey};
use sha2::{Digest as _, Sha256};

use crate::evenings::files;

/// The hash of a policy folder, and that of its environments, in a line as statements have them.
fn hashes(policies: &Path) -> (String, String) {
    let (mut binding, mut environments) = (Sha256::new(), Sha256::new());
    for file in files(policies) {
        let path = file.strip_prefix(policies).expect("below it").to_str().expect("text").to_owned();
        let hash = if path.starts_with("environments/") { &mut environments } else { &mut binding };
        for part in [path.as_bytes(), &fs::read(&file).expect("readable")] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    let text = |hash: Sha256| {
        hash.finalize().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("text grows");
            text
        })
    };
    (text(binding), text(environments))
}

/// A statement about policies, of the vault beside which they are.
pub(crate) fn statement(folder: &Path, number: usize, policies: &Path, replaced: &Path) -> String {
    let pinned = fs::read_to_string(folder.join("vault/coffre.toml")).expect("it is there");
    let pin = |name: &str| {
        let line = pinned.lines().find(|line| line.starts_with(name)).expect("it is pinned");
        line.split('"').nth(1).expect("a value").to_owned()
    };
    let (vault, environment) = (pin("vault_id"), pin("environment"));
    let ((policies, environments), (former, former_environments)) = (hashes(policies), hashes(replaced));
    format!(
        "coffre approval v1\nvault {vault}\nenvironment {environment}\npolicies {number}\nhash {policies}\n\
         environments {environments}\nreplaces {former} {former_environments}\n"
    )
}

fn key(file: &Path) -> SigningKey {
    let text = fs::read_to_string(file).expect("it is there");
    let lines: Vec<_> = text.lines().collect();
    let seed = BASE64.decode(lines[2]).expect("base64");
    SigningKey::from_seed(KeyName::new(lines[1]).expect("a name"), seed.as_slice().try_into().expect("32 bytes"))
}

/// The note that some officers make of a statement.
pub(crate) fn sign(folder: &Path, statement: &str, by: &[&str]) -> String {
    let mut keys = by.iter().map(|name| key(&folder.join(format!("{name}.key"))));
    let first = SignedNote::sign(statement.to_owned(), &keys.next().expect("somebody")).expect("a text");
    keys.fold(first, |note, key| note.cosign(&key)).to_string()
}
