//! A small legacy database, and a vault that is a map: it keeps what it is given, and fails when told to.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use age::x25519::Identity;
use coffre_core::crypto::Entropy;
use coffre_core::grant::Grant;
use coffre_core::ids::{DocumentId, GrantId, SubjectId};
use coffre_core::record::Fields;
use coffre_core::time::Timestamp;
use coffre_import::{
    Admission, Admitting, DocumentBodies, GrantsFile, ImportError, ImportOptions, ImportReport, ImportTarget, Known,
    Legacy, Mapping, RejectLine, StoredDocument, StoredRecord, TargetError, import, read_rejects,
};
use coffre_policies::Policies;
use coffre_store::plain::{PlainWriter, SourceValue};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) const MAPPING: &str = include_str!("../../../../policies/mappings/legal-cobol.toml");
pub(crate) const GRANTS: &str = include_str!("../../../../policies/mappings/grants-sample.toml");
pub(crate) const SCHEMA: &str = "CREATE TABLE CLIENT (NUMCLI CHAR(10), NOM CHAR(30), PRENOM CHAR(25), DNAISS CHAR(10), \
    EMAIL CHAR(60), TEL CHAR(20), DISPO CHAR(40), OPTMKT CHAR(1)); CREATE INDEX I1 ON CLIENT (NUMCLI); \
    CREATE TABLE COMPORT (NUMCLI CHAR(10), TABAC CHAR(1), ALCOOL CHAR(1), MALADIES CHAR(80)); \
    CREATE TABLE CONTRAT (NUMCTR CHAR(12), NUMCLI CHAR(8), PRODUIT CHAR(3), DTEFFET CHAR(8), DTFIN CHAR(8), \
    STATUT CHAR(1), PDF BLOB, FICHIER CHAR(60));";

pub(crate) fn policies() -> Policies {
    Policies::embedded().unwrap()
}

/// When imports take place.
pub(crate) fn now() -> Timestamp {
    "2026-11-27T12:00:00.000000Z".parse().unwrap()
}

pub(crate) fn mapping() -> Mapping {
    Mapping::parse("legal-cobol.toml", MAPPING, policies().record_type("policyholder").unwrap()).unwrap()
}

pub(crate) fn grants(mapping: &Mapping) -> GrantsFile {
    GrantsFile::parse("grants-sample.toml", GRANTS, mapping, &policies(), Timestamp::from_micros(0)).unwrap()
}

/// A PDF that is one.
pub(crate) fn pdf(text: &str) -> Vec<u8> {
    let head = format!("%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\n% {text}\nendobj\n");
    format!(
        "{head}xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Root 1 0 R >>\nstartxref\n{}\n%%EOF\n",
        head.len()
    )
    .into_bytes()
}

/// Latin-1 text of a column, padded as a COBOL program pads it.
pub(crate) fn padded(text: &str, width: usize) -> SourceValue {
    let mut bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    bytes.resize(bytes.len().max(width), b' ');
    SourceValue::Text(bytes)
}

pub(crate) fn client(number: &str, name: &str) -> Vec<SourceValue> {
    let texts = ["Hélène", "29/02/1984", "helene@example.fr", "06 39 98 12 34", "le soir", "O"];
    let mut row = vec![padded(number, 10), padded(name, 30)];
    row.extend(texts.map(|text| padded(text, 25)));
    row
}

pub(crate) fn behaviour(number: &str) -> Vec<SourceValue> {
    ["", "O", "N", "asthme;diabète"]
        .iter()
        .enumerate()
        .map(|(i, t)| padded(if i == 0 { number } else { t }, 10))
        .collect()
}

pub(crate) fn contract(id: &str, number: &str) -> Vec<SourceValue> {
    let mut row: Vec<SourceValue> = [id, number, "AUT", "20200101", "00000000", "V"].map(|text| padded(text, 0)).into();
    row.extend([SourceValue::Blob(pdf(id)), SourceValue::Null]);
    row
}

/// The rows of a legacy database, and where it is written.
pub(crate) struct Source {
    pub(crate) dir: TempDir,
    pub(crate) clients: Vec<Vec<SourceValue>>,
    pub(crate) behaviours: Vec<Vec<SourceValue>>,
    pub(crate) contracts: Vec<Vec<SourceValue>>,
}

impl Source {
    /// `count` clients with a behaviour and a contract each, in no particular order.
    pub(crate) fn of(count: usize) -> Self {
        let mut source = Self { dir: TempDir::new().unwrap(), clients: vec![], behaviours: vec![], contracts: vec![] };
        for n in (0..count).map(|n| (n * 7 + 3) % count.max(1)) {
            let number = format!("{n:08}");
            source.clients.push(client(&number, "Lefèvre"));
            source.behaviours.push(behaviour(&number));
            source.contracts.push(contract(&format!("C{n:05}"), &number));
        }
        source
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("legacy.sqlite")
    }

    /// Writes the database, in the place of a former one.
    pub(crate) fn write(&self) {
        let _ = fs::remove_file(self.path());
        let writer = PlainWriter::create(&self.path(), SCHEMA).unwrap();
        let tables = [("CLIENT", &self.clients), ("COMPORT", &self.behaviours), ("CONTRAT", &self.contracts)];
        for (table, rows) in tables {
            for row in rows {
                writer.insert(table, row).unwrap();
            }
        }
        writer.finish().unwrap();
    }
}

/// Data subjects in a batch.
pub(crate) const BATCH: usize = 7;

/// How a vault fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The batch of this number is not taken: a full disk.
    Refuse(usize),
    /// The batch of this number is taken and reported as failed: a power cut after the commit.
    TakeAndFail(usize),
    /// Whatever is read back has lost a character.
    LoseACharacter,
    /// Documents come back with another hash.
    AlterDocuments,
}

#[derive(Debug)]
pub(crate) struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no space left on the disk")
    }
}

impl std::error::Error for Failed {}

struct Counting(u64);

impl Entropy for Counting {
    fn fill(&mut self, buffer: &mut [u8]) {
        self.0 += 1;
        for (i, byte) in buffer.iter_mut().enumerate() {
            *byte = self.0.to_le_bytes()[i % 8];
        }
    }
}

/// A vault that is a map.
pub(crate) struct MemoryVault {
    pub(crate) records: BTreeMap<String, StoredRecord>,
    pub(crate) contents: BTreeMap<DocumentId, Vec<u8>>,
    pub(crate) erased: BTreeSet<String>,
    pub(crate) fault: Option<Fault>,
    pub(crate) batches: usize,
    /// Finds records without regard to the case of their key, as the store does.
    pub(crate) folds: bool,
    entropy: Counting,
}

impl MemoryVault {
    pub(crate) fn new() -> Self {
        Self {
            records: BTreeMap::new(),
            contents: BTreeMap::new(),
            erased: BTreeSet::new(),
            fault: None,
            batches: 0,
            folds: false,
            entropy: Counting(0),
        }
    }

    fn known(&self, key: &str) -> Known {
        let alike = |(known, _): &(&String, &StoredRecord)| self.folds && known.eq_ignore_ascii_case(key);
        let record = self.records.get(key).or_else(|| self.records.iter().find(alike).map(|(_, record)| record));
        match record {
            _ if self.erased.contains(key) => Known::Erased,
            Some(record) => Known::Present(Box::new(record.clone())),
            None => Known::Absent,
        }
    }

    fn store(&mut self, admission: &Admission, bodies: &dyn DocumentBodies) -> std::io::Result<()> {
        let candidate = admission.candidate();
        let mut record = self.records.get(&candidate.key).cloned().unwrap_or_else(|| StoredRecord {
            version: 0,
            created_at: now(),
            changed_at: now(),
            restricted: false,
            archived: BTreeSet::new(),
            changed_in_vault: false,
            fields: Fields::default(),
            documents: Vec::new(),
            grants: Vec::new(),
            given_by_imports: BTreeSet::new(),
            objected_to: BTreeSet::new(),
        });
        record.version += 1;
        let (documents, pointers, give) = match admission {
            Admission::New { grants, .. } => {
                record.fields = candidate.fields.clone();
                ((0..candidate.documents.len()).map(|i| (i, None)).collect(), &candidate.document_fields, grants)
            }
            Admission::Change { change, version, .. } => {
                assert_eq!(*version + 1, record.version);
                for (field, value) in &change.fields {
                    match value {
                        Some(value) => drop(record.fields.0.insert(field.clone(), value.clone())),
                        None => drop(record.fields.0.remove(field)),
                    }
                }
                for grant in record.grants.iter_mut().filter(|g| change.withdraw.contains(&g.id)) {
                    grant.withdrawn_at = Some(Timestamp::from_micros(9));
                }
                let documents: Vec<_> = change.documents.iter().map(|d| (d.document, d.replaces)).collect();
                (documents, &change.document_fields, &change.give)
            }
        };
        for (position, replaces) in documents {
            let document = &candidate.documents[position];
            let mut bytes = Vec::new();
            bodies.open(document)?.read_to_end(&mut bytes)?;
            let id = replaces.unwrap_or_else(|| DocumentId::random(&mut self.entropy));
            record.documents.retain(|stored| stored.id != id);
            let sha256 = format!("{:x}", Sha256::digest(&bytes));
            let file_name = document.file_name.clone();
            record.documents.push(StoredDocument { id, file_name, sha256, changed_in_vault: false });
            self.contents.insert(id, bytes);
        }
        for (field, name) in pointers {
            let id = record.documents.iter().find(|d| d.file_name == *name).unwrap().id;
            record.fields.0.insert(field.clone(), id.to_string().into());
        }
        for terms in give {
            let (id, subject) = (GrantId::random(&mut self.entropy), SubjectId::random(&mut self.entropy));
            record.grants.push(Grant { id, subject, terms: Arc::new(terms.clone()), version: 1, withdrawn_at: None });
            record.given_by_imports.insert(id);
        }
        self.records.insert(candidate.key.clone(), record);
        Ok(())
    }
}

impl MemoryVault {
    /// The records of a batch as they would be, and their documents; nothing is taken yet.
    fn made_ready(&mut self, batch: &[Admission], bodies: &dyn DocumentBodies) -> std::io::Result<Ready> {
        let before = (self.records.clone(), self.contents.clone());
        let stored = batch.iter().try_for_each(|admission| self.store(admission, bodies));
        let records = std::mem::replace(&mut self.records, before.0);
        let contents = std::mem::replace(&mut self.contents, before.1);
        stored?;
        let of_batch = |key: &String| batch.iter().any(|admission| admission.candidate().key == *key);
        let records: BTreeMap<_, _> = records.into_iter().filter(|(key, _)| of_batch(key)).collect();
        let named = |id: &DocumentId| records.values().any(|record| record.documents.iter().any(|d| d.id == *id));
        let contents = contents.into_iter().filter(|(id, _)| named(id)).collect();
        Ok((records, contents))
    }

    fn read_back(&self, keys: &[&str]) -> Vec<Known> {
        let mut found: Vec<Known> = keys.iter().map(|key| self.known(key)).collect();
        for known in &mut found {
            let Known::Present(record) = known else { continue };
            for document in &mut record.documents {
                document.sha256 = format!("{:x}", Sha256::digest(&self.contents[&document.id]));
                if self.fault == Some(Fault::AlterDocuments) {
                    document.sha256.replace_range(0..1, "g");
                }
            }
            if self.fault == Some(Fault::LoseACharacter) {
                let field = "contact.given_name".parse().unwrap();
                record.fields.0.insert(field, "Hlène".into());
            }
        }
        found
    }
}

/// What a batch makes of records and documents.
type Ready = (BTreeMap<String, StoredRecord>, BTreeMap<DocumentId, Vec<u8>>);

/// A vault that is a map, which takes a batch when it is waited for.
#[derive(Clone)]
pub(crate) struct SharedVault(pub(crate) Arc<Mutex<MemoryVault>>);

impl SharedVault {
    pub(crate) fn of(vault: MemoryVault) -> Self {
        Self(Arc::new(Mutex::new(vault)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, MemoryVault> {
        self.0.lock().unwrap()
    }
}

impl ImportTarget for SharedVault {
    fn find(&self, keys: &[&str]) -> Result<Vec<Known>, TargetError> {
        let vault = self.lock();
        Ok(keys.iter().map(|key| vault.known(key)).collect())
    }

    fn admit(&self, batch: &[Admission], bodies: &dyn DocumentBodies) -> Result<Admitting, TargetError> {
        let mut vault = self.lock();
        vault.batches += 1;
        let number = vault.batches;
        let (records, contents) = vault.made_ready(batch, bodies).map_err(TargetError::new)?;
        let shared = self.clone();
        Ok(Admitting::new(move || {
            let mut vault = shared.lock();
            if vault.fault == Some(Fault::Refuse(number)) {
                return Err(TargetError::new(Failed));
            }
            vault.records.extend(records);
            vault.contents.extend(contents);
            if vault.fault == Some(Fault::TakeAndFail(number)) { Err(TargetError::new(Failed)) } else { Ok(()) }
        }))
    }

    fn read_back(&self, keys: &[&str]) -> Result<Vec<Known>, TargetError> {
        Ok(self.lock().read_back(keys))
    }
}

/// How an import goes that changes nothing of what is there.
pub(crate) fn options<'o>(rejects: &'o Path, reject_recipient: &'o str, policies: &'o Policies) -> ImportOptions<'o> {
    ImportOptions { apply_changes: false, rejects, reject_recipient, batch: BATCH, policies, now: now() }
}

/// An identity that reads rejects, for tests only.
pub(crate) fn identity() -> Identity {
    "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33".parse().unwrap()
}

/// What a run gives: the report, and the rejects decrypted.
pub(crate) struct Ran {
    pub(crate) report: ImportReport,
    pub(crate) rejects: Vec<RejectLine>,
}

pub(crate) fn rejects_path(source: &Source) -> PathBuf {
    source.dir.path().join("rejects.age")
}

pub(crate) fn run(
    source: &Source,
    vault: Option<&mut MemoryVault>,
    apply: bool,
    with_grants: bool,
) -> Result<Ran, ImportError> {
    let Some(vault) = vault else { return run_into(source, None, apply, with_grants) };
    let shared = SharedVault::of(std::mem::replace(vault, MemoryVault::new()));
    let ran = run_into(source, Some(&shared), apply, with_grants);
    *vault = std::mem::replace(&mut shared.lock(), MemoryVault::new());
    ran
}

pub(crate) fn run_into(
    source: &Source,
    target: Option<&dyn ImportTarget>,
    apply: bool,
    with_grants: bool,
) -> Result<Ran, ImportError> {
    let mapping = mapping();
    let grants = if with_grants { grants(&mapping) } else { GrantsFile::default() };
    source.write();
    let legacy = Legacy::open(&source.path(), &mapping)?;
    let recipient = identity().to_public().to_string();
    let path = rejects_path(source);
    let _ = fs::remove_file(&path);
    let policies = policies();
    let options = ImportOptions { apply_changes: apply, ..options(&path, &recipient, &policies) };
    let report = import(&legacy, &grants, target, &options, &mut |_| {})?;
    let rejects = report.reject_file.as_deref().map(decrypted).unwrap_or_default();
    assert_eq!(report.accounted(), report.read.subjects, "every row is accounted for");
    Ok(Ran { report, rejects })
}

pub(crate) fn decrypted(path: &Path) -> Vec<RejectLine> {
    read_rejects(fs::File::open(path).unwrap(), &identity()).unwrap()
}
