//! 7: everything that the backup account holds is searched for every imported value. The same search must find all of
//! them in the legacy database: a search that finds nothing anywhere would prove nothing.

use std::path::{Path, PathBuf};

use coffre_backup::restic::Restic;
use coffre_policies::Labels;

use super::as_told;
use super::backup;
use crate::demo::facts::{Blindness, Place};
use crate::demo::plaintext::{Chosen, Kind, Needles, Searched, Values};
use crate::demo::scene::Scene;

/// So many values are searched for at a time: memory stays bounded however many clients there are.
const AT_ONCE: usize = 20_000;

/// What a place is called, and where it is.
type Named = (&'static str, &'static str, PathBuf);

pub(super) async fn blindness(scene: &Scene, values: Values, snapshot: &str) -> anyhow::Result<Blindness> {
    let decrypted = scene.place.root().join("restic-decrypted");
    let (repository, snapshot) = (backup::of(scene), snapshot.to_owned());
    let places: Vec<Named> = vec![
        ("file des sauvegardes sur le serveur", "spool on the server", scene.place.spool()),
        ("copie dans l'autre bâtiment", "copy in the other building", scene.place.destination()),
        ("dépôt restic, tel quel", "restic repository, as it is", scene.place.repository()),
        (
            "dépôt restic, déchiffré avec son mot de passe",
            "restic repository, decrypted with its password",
            decrypted.clone(),
        ),
        (
            "configuration, mémoire et cache du compte",
            "the account's configuration, memory and cache",
            scene.place.account(),
        ),
    ];
    let source = scene.place.office();
    let search = move || {
        Restic::find(None)?.restore(&repository, &snapshot, &decrypted, &[], &mut ())?;
        search(&values, places, &source)
    };
    let found = tokio::task::spawn_blocking(search).await??;
    as_told(found.hits == 0, format!("{} values stand in clear in the backups", found.hits))?;
    as_told(found.places.iter().all(|place| place.files > 0), "a place that was to be searched is empty")?;
    as_told(found.found_in_source == found.values(), "the search does not find what is there")?;
    Ok(found)
}

fn search(values: &Values, places: Vec<Named>, source: &Path) -> anyhow::Result<Blindness> {
    let bytes = places.iter().map(|(_, _, path)| size(path)).sum::<std::io::Result<u64>>()?;
    let Chosen { shortest, expected_by_chance } = values.choose(bytes);
    let chosen: Vec<&[String]> = values.of_length(shortest).collect();
    let mut searched = vec![Searched::default(); places.len()];
    let mut found_in_source = 0;
    for some in chosen.chunks(AT_ONCE) {
        let mut needles = Needles::of(some)?;
        for ((_, _, path), so_far) in places.iter().zip(&mut searched) {
            let now = needles.search(path)?;
            *so_far = Searched { hits: so_far.hits + now.hits, ..now };
        }
        needles.forget();
        needles.search(source)?;
        found_in_source += needles.found();
    }
    let place = |((fr, en, _), searched): (Named, &Searched)| Place {
        name: Labels { fr: fr.to_owned(), en: en.to_owned() },
        files: searched.files,
        bytes: searched.bytes,
    };
    Ok(Blindness {
        names: values.count(Kind::Name, shortest),
        full_names: values.count(Kind::FullName, shortest),
        emails: values.count(Kind::Email, shortest),
        numbers: values.count(Kind::ClientNumber, shortest),
        short: values.shorter(shortest),
        shortest,
        expected_by_chance,
        hits: searched.iter().map(|searched| searched.hits).sum(),
        found_in_source,
        places: places.into_iter().zip(&searched).map(place).collect(),
    })
}

/// Bytes of everything below a folder.
fn size(path: &Path) -> std::io::Result<u64> {
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    std::fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}
