//! `coffre demo --keep`: the restored vault stays, with the command that serves it and three requests to try. Tokens are
//! shown because everything in the vault is fictitious; nothing else in Coffre shows one twice.

use std::path::PathBuf;

use serde::Serialize;

use super::facts::Facts;
use super::inventory::PURPOSE;
use super::scene::{Crew, Scene};
use super::staff::{RECORDS, Staff};
use super::typeset;
use crate::language::Language;

/// Where the requests expect the server.
const ADDRESS: &str = "127.0.0.1:7117";

/// What is left, and what to do with it.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    pub(super) directory: PathBuf,
    pub(super) serve: String,
    pub(super) requests: [String; 3],
}

/// Stops the server as a service manager would, and leaves everything else.
pub(super) async fn keep(mut scene: Scene, facts: &Facts, crew: &Crew) -> anyhow::Result<Kept> {
    if let Some(server) = scene.server.take() {
        server.running.stop().await?;
    }
    let serve = format!(
        "{} serve --config {} --listen {ADDRESS}",
        quoted(&scene.coffre.program().display().to_string()),
        quoted(&scene.place.configuration().display().to_string()),
    );
    let requests = requests(facts, crew);
    Ok(Kept { directory: scene.place.keep(), serve, requests })
}

/// Legal searches, Sales is refused, the DPO sees both.
fn requests(facts: &Facts, crew: &Crew) -> [String; 3] {
    let subject = &facts.accesses.subject;
    let search = serde_json::json!({
        "index": "contact.family_name",
        "value": facts.search.typed,
        "fields": ["contact.family_name", "contact.given_name", "contract.number"],
        "purpose": PURPOSE,
    });
    [
        format!(
            "{} -H 'Content-Type: application/json' -d {}",
            curl(&crew.legal, &format!("{RECORDS}/search")),
            quoted(&search.to_string()),
        ),
        curl(&crew.sales, &format!("{RECORDS}/{subject}?fields=health.illnesses&purpose=direct-marketing")),
        curl(&crew.dpo, &format!("{RECORDS}/{subject}/accesses")),
    ]
}

fn curl(staff: &Staff, path: &str) -> String {
    format!(
        "curl -s {} -H {} -H 'Coffre-Operator: {}'",
        quoted(&format!("http://{ADDRESS}{path}")),
        quoted(&format!("Authorization: Bearer {}", staff.token)),
        staff.operator,
    )
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

impl Kept {
    /// For whoever ran the demonstration.
    pub(super) fn told(&self, language: Language) -> String {
        let [search, refusal, accesses] = &self.requests;
        let (directory, serve) = (self.directory.display(), &self.serve);
        match language {
            Language::French => {
                typeset::set(
                    language,
                    &format!(
                        "\nLe coffre restauré reste dans {directory}\n(à supprimer quand il ne sert plus). Le servir :\n\n{serve}\n\n\
                 Puis, dans un autre terminal :\n\n"
                    ),
                ) + &format!(
                    "# le service légal cherche\n{search}\n\n# la vente est refusée\n{refusal}\n\n# le DPO voit qui a vu\n{accesses}"
                )
            }
            Language::English => format!(
                "\nThe restored vault stays in {directory}\n(remove it when it is of no use any more). To serve it:\n\n{serve}\n\n\
                 Then, in another terminal:\n\n# Legal searches\n{search}\n\n# Sales is refused\n{refusal}\n\n\
                 # the DPO sees who has seen\n{accesses}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("/usr/bin/coffre"), "/usr/bin/coffre");
        assert_eq!(quoted("/tmp/my demo"), "'/tmp/my demo'");
        assert_eq!(quoted("l'été"), r"'l'\''été'");
    }
}
