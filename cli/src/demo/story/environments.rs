//! 9: a recette vault is offered production's keys. It must refuse all of them.

use std::fs;
use std::path::{Path, PathBuf};

use coffre_policies::Labels;

use super::as_told;
use crate::demo::child::Coffre;
use crate::demo::facts::{Attempt, Environments};
use crate::demo::scene::{self, Scene};
use crate::exit::Exit;

const SERVER_IDENTITY: &str = "server.identity";
const ROOT: &str = "root.server.age";

pub(super) async fn environments(scene: &Scene) -> anyhow::Result<Environments> {
    let root = scene.place.root();
    let (recette, production) = (root.join("recette"), scene.place.vault());
    let own = recette.join("coffre.toml");
    let coffre = scene.coffre.with("COFFRE_CONFIG", &own);
    scene::init(&coffre, &recette, "recette", &root.join("recette-recovery-identity"), &[]).await?;
    as_told(opens(&coffre, &recette).await?.is_none(), "the recette vault does not open with its own key")?;

    let borrowed = root.join("recette-with-production-identity.toml");
    let server = format!("\n[server]\nidentity = {}\n", toml::Value::from(text(&production.join(SERVER_IDENTITY))));
    fs::write(&borrowed, fs::read_to_string(&own)? + &server)?;
    let with_identity = scene.coffre.with("COFFRE_CONFIG", &borrowed);
    let mut attempts = vec![refusal(
        scene,
        "l'identité de production ouvre la clé racine de recette",
        "production's identity on the root key of recette",
        opens(&with_identity, &recette).await?,
    )?];

    for file in [SERVER_IDENTITY, ROOT] {
        fs::copy(production.join(file), recette.join(file))?;
    }
    attempts.push(refusal(
        scene,
        "la clé racine de production à la place de celle de recette",
        "production's root key in the place of recette's",
        opens(&coffre, &recette).await?,
    )?);
    Ok(Environments { attempts })
}

/// Whether a vault opens: nothing if it does, else the exit code and what was said.
async fn opens(coffre: &Coffre, vault: &Path) -> anyhow::Result<Option<(u8, String)>> {
    let arguments = ["application".as_ref(), "list".as_ref(), "--vault".as_ref(), vault.as_os_str()];
    let ended = coffre.run(arguments).await?;
    Ok((!ended.status.success()).then(|| (ended.exit(), ended.stderr.clone())))
}

fn refusal(scene: &Scene, fr: &str, en: &str, refused: Option<(u8, String)>) -> anyhow::Result<Attempt> {
    let (exit, said) = refused.unwrap_or_default();
    as_told(exit == Exit::WrongKey.code(), format!("{en}: ended with {exit} ({})", said.trim_end()))?;
    Ok(Attempt {
        what: Labels { fr: fr.to_owned(), en: en.to_owned() },
        message: message(&said, scene.place.root()),
        exit,
    })
}

/// The cause and the remedy in one sentence, as they stand in the two lines of an error; places within the place.
fn message(said: &str, root: &Path) -> String {
    let line = |start: &str| said.lines().find_map(|line| line.strip_prefix(start));
    let parts: Vec<&str> = [line("error: "), line("help: ")].into_iter().flatten().collect();
    parts.join("; ").replace(&format!("{}/", root.display()), "")
}

fn text(path: &Path) -> String {
    PathBuf::from(path).display().to_string()
}
