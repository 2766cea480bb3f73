//! 3: Legal types a misspelt name, finds the person and opens the contract, which must be the one in the legacy database.

use std::io::Read as _;

use anyhow::Context as _;
use coffre_core::record::Fields;
use coffre_core::spool::ContentHash;
use coffre_store::plain::PlainReader;

use super::as_told;
use crate::demo::facts::{Contract, Search};
use crate::demo::inventory::PURPOSE;
use crate::demo::pdf_text;
use crate::demo::scene::Scene;
use crate::demo::staff::{Hit, Staff};

const FIELDS: [&str; 6] = [
    "contact.family_name",
    "contact.given_name",
    "contract.number",
    "contract.product",
    "contract.document",
    "legacy.client_number",
];

/// The person whom the story is about: the pseudonym that the log knows, too.
pub(super) struct Person {
    pub(super) id: String,
}

pub(super) async fn search(scene: &Scene, legal: &Staff) -> anyhow::Result<(Search, Person)> {
    let story = &scene.legacy.story;
    let found = legal.search("contact.family_name", story.misspelt, &FIELDS, PURPOSE).await?;
    let hits = &found.content.hits;
    let number = |hit: &Hit| text(&hit.fields, "legacy.client_number");
    let hit = hits.iter().find(|hit| number(hit) == story.sought);
    let hit = hit.context("the story is not true: a misspelt name finds nobody")?;
    as_told(text(&hit.fields, "contact.family_name") == story.family_name, "the person found has another name")?;
    let known = |homonym: &String| hits.iter().any(|hit| number(hit) == *homonym);
    as_told(story.homonyms.iter().all(known), "a homonym is missing among the hits")?;

    let contract = open(scene, legal, hit).await?;
    let search = Search {
        operator: legal.operator.to_owned(),
        typed: story.misspelt.to_owned(),
        names: names(hit, hits),
        hits: hits.len() as u64,
        given_name: text(&hit.fields, "contact.given_name"),
        family_name: text(&hit.fields, "contact.family_name"),
        contract,
        entry: found.entry,
    };
    Ok((search, Person { id: hit.id.clone() }))
}

async fn open(scene: &Scene, legal: &Staff, hit: &Hit) -> anyhow::Result<Contract> {
    let (number, document) = (text(&hit.fields, "contract.number"), text(&hit.fields, "contract.document"));
    let documents = legal.documents(&hit.id, PURPOSE).await?;
    let described = documents.iter().find(|described| described.id.to_string() == document);
    let file_name = described.context("the story is not true: the contract has no copy")?.file_name.clone();
    let opened = legal.document(&hit.id, &document, PURPOSE).await?;
    let original = original(scene, &number)?;
    let contract = Contract {
        number,
        product: text(&hit.fields, "contract.product"),
        file_name,
        sha256: ContentHash::of(&opened.content).to_string(),
        sha256_in_source: ContentHash::of(&original).to_string(),
        first_page: pdf_text::lines(&opened.content),
        content: opened.content,
        entry: opened.entry,
    };
    as_told(contract.sha256 == contract.sha256_in_source, "the contract is not the one in the legacy database")?;
    as_told(!contract.first_page.is_empty(), "the contract cannot be read")?;
    Ok(contract)
}

/// The copy of a contract as it stands in the legacy database.
fn original(scene: &Scene, contract: &str) -> anyhow::Result<Vec<u8>> {
    let reader = PlainReader::open(&scene.place.legacy())?;
    let table = reader.table("CONTRAT", "NUMCTR", &[], &["PDF"])?;
    let order = reader.key_order(&[&table])?;
    for row in reader.rows(&table, order) {
        let row = row?;
        if row.key == contract.as_bytes() {
            let mut bytes = Vec::new();
            reader.blob(&table, "PDF", row.row)?.read_to_end(&mut bytes)?;
            return Ok(bytes);
        }
    }
    anyhow::bail!("the story is not true: the legacy database has no contract {contract}")
}

/// The family names among the hits, the person's first.
fn names(person: &Hit, hits: &[Hit]) -> Vec<String> {
    let mut names = Vec::new();
    for hit in std::iter::once(person).chain(hits) {
        let name = text(&hit.fields, "contact.family_name");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The text of a field; empty if there is none.
fn text(fields: &Fields, path: &str) -> String {
    let value = fields.0.iter().find(|(field, _)| field.as_str() == path);
    value.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
}
