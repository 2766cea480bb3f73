//! Loading a set of test data into a vault: a new one, and not one of production. The whole set is looked through before
//! the first record is brought; each record has its entry, as in any import.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use coffre_core::audit::Draft;
use coffre_core::ids::Environment;
use coffre_core::record::{Fields, RecordTypeName};
use coffre_core::time::Timestamp;
use coffre_policies::record_type::{FieldFault, Kind};
use coffre_policies::{GrantFault, Policies, RecordType};
use coffre_store::transactions::{ImportError, ImportItem, ImportRecords};
use coffre_store::{CommitError, Depends, DocumentWriter, NewSubject, ReadError, StageError, StagedDocument, Store};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::paper;
use super::set::{Begin, End, Line, LineDocument, SetError};
use crate::report::Progress;
use crate::vault::finish_all;

/// Records in a batch: a transaction's worth.
const BATCH: usize = 300;
/// The longest line that is read.
const LONGEST: u64 = 16 << 20;

/// What was brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Loaded {
    /// The record type.
    pub record_type: String,
    /// Records.
    pub records: u64,
    /// Documents.
    pub documents: u64,
    /// Grants.
    pub grants: u64,
}

/// A set that was not loaded, or not whole.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The vault is one of production, or could be.
    #[error(
        "this vault is of the environment {environment}, which is production or could be: test data go into another one, made by `coffre init --environment recette`; where it is not, and its name does not end in `production`, say `production = false` in environments/{environment}.toml of the policies"
    )]
    Production {
        /// Its environment.
        environment: Environment,
    },
    /// There are records already.
    #[error(
        "the vault holds records of type {kind} already: load the set into a new vault, so that it has nothing else in it"
    )]
    NotEmpty {
        /// The type.
        kind: RecordTypeName,
    },
    /// The policies do not know the type.
    #[error("the set holds records of type {kind}, which the policies do not know: use those that it was made with")]
    UnknownType {
        /// The type.
        kind: RecordTypeName,
    },
    /// The file cannot be read.
    #[error("cannot read {}: check the path, who may read it, and that a server sees it (its unit has a /tmp of its own and no /home)", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not a set.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A record that the policies of this vault do not take.
    #[error("line {line}: {fault}: use the policies that the set was made with, or make it anew")]
    Record {
        /// Its line.
        line: u64,
        /// What is wrong, without a value.
        fault: RecordFault,
    },
    /// The vault cannot be looked at.
    #[error("the vault cannot be read")]
    Read(#[from] ReadError),
    /// A document was not stored.
    #[error("a document could not be stored; {AGAIN}")]
    Stage(#[from] StageError),
    /// A batch was not committed.
    #[error("records could not be brought; {AGAIN}")]
    Commit(#[from] CommitError<ImportError>),
}

const AGAIN: &str = "make the vault anew when the cause is gone, and load the set again";

/// What is wrong with a record of a set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordFault {
    /// A value.
    #[error(transparent)]
    Field(FieldFault),
    /// A grant.
    #[error(transparent)]
    Grant(GrantFault),
    /// A document.
    #[error("a document is longer than any that is made, or belongs to no field that holds documents")]
    Document,
}

impl LoadError {
    /// Whether what was asked for is wrong: nothing was begun, and the same will be refused again.
    pub const fn is_unsuitable(&self) -> bool {
        !matches!(self, Self::Read(_) | Self::Stage(_) | Self::Commit(_))
    }
}

/// Loads a set. The base entry says who loads it.
pub fn load(
    store: &Store,
    policies: &Policies,
    path: &Path,
    base: &Draft,
    progress: &mut dyn FnMut(Progress),
) -> Result<Loaded, LoadError> {
    let environment = &store.scope().environment;
    if policies.may_be_production(environment) {
        return Err(LoadError::Production { environment: environment.clone() });
    }
    let set = Set { path, policies, now: store.now() };
    let (kind, total) = set.checked()?;
    let name = kind.name().clone();
    if !store.snapshot()?.records(&name, None, 1)?.is_empty() {
        return Err(LoadError::NotEmpty { kind: name });
    }
    let mut loaded = Loaded { record_type: name.to_string(), ..Loaded::default() };
    let mut batch = Vec::with_capacity(BATCH);
    let mut bring = |batch: &mut Vec<Line>, loaded: &mut Loaded| {
        let lines = std::mem::take(batch);
        let (documents, grants) = lines.iter().fold((0, 0), |(documents, grants), line| {
            (documents + line.documents.len() as u64, grants + line.grants.len() as u64)
        });
        let records = lines.len() as u64;
        let items = items(store, kind, lines, set.now)?;
        let import = ImportRecords { record_type: name.clone(), items };
        store.transact(import, base.clone(), None, Depends::default()).wait()?;
        loaded.records += records;
        loaded.documents += documents;
        loaded.grants += grants;
        progress(Progress { done: loaded.records, total });
        Ok::<_, LoadError>(())
    };
    set.each(|_, line| {
        batch.push(line);
        if batch.len() >= BATCH { bring(&mut batch, &mut loaded) } else { Ok(()) }
    })?;
    if !batch.is_empty() {
        bring(&mut batch, &mut loaded)?;
    }
    Ok(loaded)
}

/// A set in a file.
struct Set<'s> {
    path: &'s Path,
    policies: &'s Policies,
    now: Timestamp,
}

impl<'s> Set<'s> {
    /// Its record type and how many records it has, if it is whole and every record is one that the policies take.
    fn checked(&self) -> Result<(&'s RecordType, u64), LoadError> {
        let begin = Begin::parse(&self.lines()?.next().transpose()?.unwrap_or_default())?;
        let kind = self.policies.record_type(begin.r#type.as_str());
        let kind = kind.ok_or(LoadError::UnknownType { kind: begin.r#type })?;
        let mut records = 0;
        let end = self.each(|number, line| {
            records += 1;
            self.check(kind, &line).map_err(|fault| LoadError::Record { line: number, fault })
        })?;
        if end.records == records { Ok((kind, records)) } else { Err(SetError::CutOff.into()) }
    }

    fn check(&self, kind: &RecordType, line: &Line) -> Result<(), RecordFault> {
        let faults = kind.validate(&with_documents(kind, line, |_| Value::from(NOBODY))).err();
        if let Some(fault) = faults.into_iter().flatten().next() {
            return Err(RecordFault::Field(fault));
        }
        for grant in &line.grants {
            let faults = self.policies.grant_faults(kind.name(), &grant.terms(self.now));
            if let Some(fault) = faults.into_iter().next() {
                return Err(RecordFault::Grant(fault));
            }
        }
        let holds = |document: &LineDocument| {
            let held = |path| kind.field(path).is_some_and(|field| field.kind.holds_documents());
            document.length <= paper::MOST && document.fields.iter().all(held)
        };
        if line.documents.iter().all(holds) { Ok(()) } else { Err(RecordFault::Document) }
    }

    /// Goes through the records, and gives the end.
    fn each(&self, mut take: impl FnMut(u64, Line) -> Result<(), LoadError>) -> Result<End, LoadError> {
        let mut lines = self.lines()?.zip(1..).skip(1).peekable();
        while let Some((line, number)) = lines.next() {
            let line = line?;
            if lines.peek().is_none() {
                return End::parse(&line).ok_or(SetError::CutOff.into());
            }
            take(number, Line::parse(number, &line)?)?;
        }
        Err(SetError::CutOff.into())
    }

    fn lines(&self) -> Result<impl Iterator<Item = Result<String, LoadError>>, LoadError> {
        let failed = |source| LoadError::File { path: self.path.to_owned(), source };
        let mut file = BufReader::new(File::open(self.path).map_err(failed)?);
        let next = move || {
            let mut line = String::new();
            let read = io::Read::take(&mut file, LONGEST).read_line(&mut line).map_err(failed);
            read.map(|read| (read > 0).then_some(line)).transpose()
        };
        Ok(std::iter::from_fn(next))
    }
}

/// Stands for a document's identifier while a set is looked through.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The values of a record, those that name documents included.
fn with_documents(kind: &RecordType, line: &Line, id: impl Fn(usize) -> Value) -> Fields {
    let mut fields = line.fields.clone();
    for (at, document) in line.documents.iter().enumerate() {
        for path in &document.fields {
            let listed = kind.field(path).is_some_and(|field| matches!(field.kind, Kind::List { .. }));
            match fields.0.entry(path.clone()).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(items) if listed => items.push(id(at)),
                value => *value = id(at),
            }
        }
    }
    fields
}

/// The items of a batch, their documents made and staged.
fn items(store: &Store, kind: &RecordType, lines: Vec<Line>, now: Timestamp) -> Result<Vec<ImportItem>, LoadError> {
    let records: Vec<(NewSubject, Line)> = store.new_subjects().zip(lines).collect();
    let documents = records.iter().flat_map(|(subject, line)| line.documents.iter().map(move |made| (subject, made)));
    let staged = finish_all(documents.map(|(subject, made)| stage(store, kind.name(), subject, made)))?;
    let mut staged = staged.into_iter();
    let item = |(subject, line): (NewSubject, Line)| {
        let documents: Vec<StagedDocument> = staged.by_ref().take(line.documents.len()).collect();
        let ids: BTreeMap<usize, Value> =
            documents.iter().enumerate().map(|(at, staged)| (at, Value::from(staged.id().to_string()))).collect();
        let fields = with_documents(kind, &line, |at| ids.get(&at).cloned().unwrap_or_default());
        let grants = line.grants.iter().map(|grant| grant.terms(now)).collect();
        ImportItem::New { subject, fields, documents, grants }
    };
    Ok(records.into_iter().map(item).collect())
}

fn stage(
    store: &Store,
    kind: &RecordTypeName,
    subject: &NewSubject,
    document: &LineDocument,
) -> Result<DocumentWriter, StageError> {
    let mut writer = store.stage_for_new(kind, subject, &document.file_name, &document.media_type)?;
    let mut content = paper::content(&document.media_type, document.length);
    io::copy(&mut content, &mut writer).map_err(StageError::Write)?;
    Ok(writer)
}
