//! Everything that a vault gives back over its API, record by record and document by document, hashed: two inventories
//! tell whether anything was lost, altered or added between them. Reads as Legal does, entry by entry in the log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use coffre_core::canonical;
use coffre_core::record::{FieldPath, Fields};
use coffre_core::spool::ContentHash;
use coffre_import::{Comparable, Tally};
use coffre_policies::{Policies, RecordType};
use coffre_store::plain::PlainReader;
use serde_json::Value;
use tokio::task::JoinSet;

use super::facts::Side;
use super::plaintext::{Kind, Values};
use super::staff::{Hit, Staff};

/// Requests under way at a time.
const AT_ONCE: usize = 16;
/// Why Legal reads.
pub(super) const PURPOSE: &str = "contract-administration";

/// What a vault holds.
#[derive(Default)]
pub(super) struct Inventory {
    /// By legacy client number.
    pub(super) records: BTreeMap<String, Item>,
    /// Names, addresses and numbers in clear, to be searched for elsewhere.
    pub(super) values: Values,
    pub(super) tally: Tally,
}

/// A record and its documents, as hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) record: ContentHash,
    /// By identifier: of the content, as it was streamed.
    pub(super) documents: BTreeMap<String, ContentHash>,
}

/// A record that was read.
struct Found {
    number: String,
    item: Item,
    comparable: Comparable,
}

/// The client numbers that a legacy database knows.
pub(super) fn numbers(database: &Path) -> anyhow::Result<Vec<String>> {
    let reader = PlainReader::open(database)?;
    let clients = reader.table("CLIENT", "NUMCLI", &[], &[])?;
    let order = reader.key_order(&[&clients])?;
    let mut numbers = Vec::new();
    for row in reader.rows(&clients, order) {
        numbers.push(String::from_utf8_lossy(&row?.key).into_owned());
    }
    numbers.retain(|number| !number.is_empty());
    numbers.dedup();
    Ok(numbers)
}

/// Reads every record with one of these numbers.
pub(super) async fn take(legal: &Arc<Staff>, numbers: &[String]) -> anyhow::Result<Inventory> {
    let policies = Policies::embedded()?;
    let record_type = Arc::new(policies.record_type("policyholder").context("policyholder is not declared")?.clone());
    let mut inventory = Inventory::default();
    let mut waiting = numbers.iter();
    let mut reading = JoinSet::new();
    loop {
        while reading.len() < AT_ONCE
            && let Some(number) = waiting.next()
        {
            reading.spawn(read(Arc::clone(legal), Arc::clone(&record_type), number.clone()));
        }
        let Some(read) = reading.join_next().await else { return Ok(inventory) };
        for found in read?? {
            inventory.add(found)?;
        }
    }
}

async fn read(legal: Arc<Staff>, record_type: Arc<RecordType>, number: String) -> anyhow::Result<Vec<Found>> {
    let fields: Vec<&str> = record_type.fields().iter().map(|field| field.path.as_str()).collect();
    let hits = legal.search("legacy.client_number", &number, &fields, PURPOSE).await?.content.hits;
    let mut found = Vec::with_capacity(hits.len());
    for hit in hits {
        found.push(examine(&legal, &record_type, &number, hit).await?);
    }
    Ok(found)
}

async fn examine(legal: &Staff, record_type: &RecordType, number: &str, hit: Hit) -> anyhow::Result<Found> {
    let mut documents = BTreeMap::new();
    let mut comparable = Comparable::default();
    let mut names = BTreeMap::new();
    for document in legal.documents(&hit.id, PURPOSE).await? {
        let id = document.id.to_string();
        let content = legal.document(&hit.id, &id, PURPOSE).await?.content;
        let hash = ContentHash::of(&content);
        comparable.documents.push((document.file_name.clone(), hash.to_string()));
        names.insert(id.clone(), document.file_name);
        documents.insert(id, hash);
    }
    comparable.documents.sort();
    let record = ContentHash::of(&canonical::to_vec(&(&hit.id, &hit.fields))?);
    for (field, value) in hit.fields.0 {
        match (is_document(record_type, &field), &value) {
            (true, Value::String(id)) => {
                comparable.document_fields.insert(field, names.get(id).cloned().unwrap_or_default());
            }
            _ => drop(comparable.fields.0.insert(field, value)),
        }
    }
    Ok(Found { number: number.to_owned(), item: Item { record, documents }, comparable })
}

fn is_document(record_type: &RecordType, field: &FieldPath) -> bool {
    record_type.document_fields().any(|path| path == field)
}

/// What is searched for in the backups. The full name is written in either order, and as the legacy database has it: in
/// two columns of fixed width.
fn add_personal(values: &mut Values, fields: &Fields) {
    let value = |name: &str| {
        let found = fields.0.iter().find(|(field, _)| field.as_str() == name);
        found.and_then(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let (given, family) = (value("contact.given_name"), value("contact.family_name"));
    values.add(Kind::Name, given);
    values.add(Kind::Name, family);
    if !given.is_empty() && !family.is_empty() {
        let full = format!("{given} {family}");
        let writings = vec![full.clone(), format!("{family} {given}"), format!("{family:<30}{given}")];
        values.add_written(Kind::FullName, &full, writings);
    }
    values.add(Kind::Email, value("contact.email"));
    values.add(Kind::ClientNumber, value("legacy.client_number"));
}

impl Inventory {
    fn add(&mut self, found: Found) -> anyhow::Result<()> {
        let Found { number, item, comparable } = found;
        self.tally.add(&number, &comparable)?;
        add_personal(&mut self.values, &comparable.fields);
        let twice = self.records.insert(number, item).is_some();
        anyhow::ensure!(!twice, "two records have one client number; this is a mistake in coffre");
        Ok(())
    }

    /// How many there are, and their fingerprint.
    pub(super) fn side(&self) -> Side {
        Side {
            records: self.tally.records,
            documents: self.tally.documents,
            fingerprint: self.tally.fingerprint.to_string(),
        }
    }

    /// Records and documents that are the same in another inventory.
    pub(super) fn identical(&self, other: &Self) -> (u64, u64) {
        let (mut records, mut documents) = (0, 0);
        for (number, item) in &self.records {
            let Some(theirs) = other.records.get(number) else { continue };
            records += u64::from(item.record == theirs.record);
            documents +=
                item.documents.iter().filter(|(id, hash)| theirs.documents.get(*id) == Some(hash)).count() as u64;
        }
        (records, documents)
    }
}
