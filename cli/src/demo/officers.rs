//! The two officers of the story: their keys, and what they sign, by the commands that officers use. What is signed is
//! for the steps to say.

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde::Deserialize;

use super::child::Coffre;
use super::scene::last_words;

/// Role and name of each.
const OFFICERS: [(&str, &str); 2] = [("legal", "m.laurent"), ("dpo", "d.moreau")];

/// Two people without whom nothing takes effect.
pub(super) struct Officers {
    /// Where their keys are; each has their own machine in truth.
    folder: PathBuf,
    /// What each hands over when the vault is made.
    pub(super) lines: Vec<String>,
}

impl Officers {
    /// Makes their keys. They go with the demonstration, so that no passphrase is asked for.
    pub(super) async fn make(coffre: &Coffre, folder: PathBuf) -> anyhow::Result<Self> {
        let mut lines = Vec::new();
        for (role, name) in OFFICERS {
            let file = folder.join(format!("{name}.key"));
            let mut arguments = vec!["officer", "keygen", "--role", role, "--name", name, "--no-passphrase", "--out"];
            let file = file.display().to_string();
            arguments.push(&file);
            lines.push(said(coffre, &arguments).await?.trim().to_owned());
        }
        Ok(Self { folder, lines })
    }

    /// Has something signed by both and handed in; gives who signed.
    pub(super) async fn approve(&self, coffre: &Coffre, vault: &Path, what: &[&str]) -> anyhow::Result<Vec<String>> {
        #[derive(Deserialize)]
        struct HandedIn {
            signed_by: Vec<String>,
        }
        let [first, second] = OFFICERS.map(|(_, name)| self.folder.join(format!("{name}.key")).display().to_string());
        let note = self.folder.join(format!("{}.note", what.join("-"))).display().to_string();
        let vault = vault.display().to_string();
        let written = ["--vault", &vault, "--out", &note, "--key", &first, "--yes"];
        said(coffre, &[&["approve"], what, &written].concat()).await?;
        said(coffre, &["approve", "sign", &note, "--key", &second, "--yes"]).await?;
        let handed_in = coffre.run(["approve", "submit", &note, "--vault", &vault, "--json"]).await?;
        let HandedIn { signed_by } = handed_in.json()?;
        Ok(signed_by)
    }
}

async fn said(coffre: &Coffre, arguments: &[&str]) -> anyhow::Result<String> {
    let ended = coffre.run(arguments).await?;
    if !ended.status.success() {
        bail!("a command ended with {}: {}", ended.status, last_words(&ended.stderr));
    }
    Ok(String::from_utf8(ended.stdout)?)
}
