//! The policy folder as a whole: loaded, validated, ready to decide.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use coffre_core::record::RecordTypeName;
use sha2::{Digest, Sha256};

use crate::cedar::{Engine, PolicyNote, World};
use crate::environment::{self, Environment};
use crate::error::LoadError;
use crate::purpose::{self, Purpose};
use crate::record_type::{self, RecordType};
use crate::retention::{self, LogRule, LongerRule, ProspectRule, RequestRule, Retention, RetentionRule};
use crate::sources::{PURPOSES, RETENTION, Sources};
use crate::toml_file::TomlFile;

/// The policies in force: record types, purposes, retention, environments, and who may do what.
#[derive(Debug)]
pub struct Policies {
    record_types: BTreeMap<RecordTypeName, RecordType>,
    purposes: BTreeMap<String, Purpose>,
    retention: Retention,
    environments: Vec<Environment>,
    engine: Engine,
    hash: PolicySetHash,
    environments_hash: PolicySetHash,
}

/// SHA-256 of everything that binds. Two vaults with equal hashes decide alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicySetHash([u8; 32]);

impl PolicySetHash {
    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Over each binding file in the order of the paths: length of the path, path, length of the
    /// text, text; lengths as eight bytes, big-endian. Environments bind no decision.
    fn of(sources: &Sources) -> Self {
        Self::over(sources.iter().filter(|(file, _)| !is_environment(file)))
    }

    /// The same over the files of environments.
    fn of_environments(sources: &Sources) -> Self {
        Self::over(sources.iter().filter(|(file, _)| is_environment(file)))
    }

    fn over<'s>(files: impl Iterator<Item = (&'s str, &'s str)>) -> Self {
        let mut hash = Sha256::new();
        for (file, text) in files {
            for part in [file, text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        Self(hash.finalize().into())
    }
}

fn is_environment(file: &str) -> bool {
    file.starts_with("environments/")
}

impl fmt::Display for PolicySetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PolicySetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicySetHash({self})")
    }
}

impl Policies {
    /// The policies that were compiled in.
    pub fn embedded() -> Result<Self, LoadError> {
        Self::from_sources(&Sources::embedded())
    }

    /// The policies of a folder.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        Self::from_sources(&Sources::read(folder)?)
    }

    /// The policies that these files declare.
    pub fn from_sources(sources: &Sources) -> Result<Self, LoadError> {
        Self::declared(sources, false)
    }

    /// Former policies, to be compared with and never to be in force: an earlier version may have taken what is refused by now, and
    /// whoever approves the next ones must see what changes.
    pub fn former(sources: &Sources) -> Result<Self, LoadError> {
        Self::declared(sources, true)
    }

    fn declared(sources: &Sources, former: bool) -> Result<Self, LoadError> {
        sources.check_names()?;
        let mut record_types = BTreeMap::new();
        for (name, text) in sources.under("record-types", ".toml") {
            let record_type = record_type::parse(TomlFile { name, text })?;
            record_types.insert(record_type.name().clone(), record_type);
        }
        let purposes = purpose::parse(TomlFile { name: PURPOSES, text: sources.text(PURPOSES)? })?;
        let retention = TomlFile { name: RETENTION, text: sources.text(RETENTION)? };
        let retention = retention::parse(retention, &record_types, former)?;
        let mut reader = environment::Reader::new(&record_types);
        let environments = sources
            .under("environments", ".toml")
            .map(|(name, text)| reader.parse(TomlFile { name, text }))
            .collect::<Result<_, _>>()?;
        let engine = Engine::load(sources, World { record_types: &record_types, purposes: &purposes })?;
        let (hash, environments_hash) = (PolicySetHash::of(sources), PolicySetHash::of_environments(sources));
        Ok(Self { record_types, purposes, retention, environments, engine, hash, environments_hash })
    }

    /// The hash of everything that binds a decision or a record.
    pub fn hash(&self) -> PolicySetHash {
        self.hash
    }

    /// The hash of the environments' files: they bind no decision, but officers approve them with the rest.
    pub fn environments_hash(&self) -> PolicySetHash {
        self.environments_hash
    }

    /// A record type.
    pub fn record_type(&self, name: &str) -> Option<&RecordType> {
        self.record_types.values().find(|record_type| record_type.name().as_str() == name)
    }

    /// The record types, by name.
    pub fn record_types(&self) -> impl Iterator<Item = &RecordType> {
        self.record_types.values()
    }

    /// A purpose.
    pub fn purpose(&self, name: &str) -> Option<&Purpose> {
        self.purposes.get(name)
    }

    /// The purposes, by name.
    pub fn purposes(&self) -> impl Iterator<Item = &Purpose> {
        self.purposes.values()
    }

    /// The retention rules, in the order in which they are declared.
    pub fn retention(&self) -> &[RetentionRule] {
        &self.retention.rules
    }

    /// The rules for persons without a contract.
    pub fn prospects(&self) -> &[ProspectRule] {
        &self.retention.prospects
    }

    /// The rules that make an archive longer.
    pub fn longer_rules(&self) -> &[LongerRule] {
        &self.retention.longer
    }

    /// How long the audit log is to be kept.
    pub fn log_retention(&self) -> &LogRule {
        &self.retention.log
    }

    /// How long requests are to be kept once they were answered.
    pub fn request_retention(&self) -> &RequestRule {
        &self.retention.requests
    }

    /// The environments, in the order of their files.
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// The Cedar policies, by name.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyNote> {
        self.engine.notes().values()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_documented_one() {
        let empty = Sources::embedded().iter().fold(Sources::embedded(), |sources, (file, _)| sources.without(file));
        assert_eq!(
            PolicySetHash::of(&empty).to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let two = empty.with("retention.toml", "é").with("purposes.toml", "x\n").with("environments/e.toml", "-");
        assert_eq!(
            PolicySetHash::of(&two).to_string(),
            "1918d37663a2b777f5c77e3912853c037e6f6c1b042184224bf3ffb821be43a6"
        );
        assert_eq!(
            PolicySetHash::of_environments(&two).to_string(),
            "d41dd9653f2e8543fc969426481ef62de16d0b94d3612a366435e25be873013d"
        );
    }
}
