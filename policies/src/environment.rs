//! Environments: which hosts belong to production, which to acceptance (recette), and which sources
//! on them are protected. Host names are compared whole: `PWCBOD41_213` is not `PWCBOD41`.

use std::collections::BTreeMap;

use coffre_core::record::RecordTypeName;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::error::LoadError;
use crate::labels::Labels;
use crate::place::Place;
use crate::policies::Policies;
use crate::record_type::RecordType;
use crate::toml_file::TomlFile;

/// A declared environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name, which is bound into every key.
    pub name: coffre_core::ids::Environment,
    /// What people read.
    pub labels: Labels,
    /// Whether real people's data are processed in it; none where the file does not say.
    pub production: Option<bool>,
    /// Its hosts.
    pub hosts: Vec<Host>,
}

/// A host of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// What it does.
    pub labels: Labels,
    /// What on it is protected.
    pub sources: Vec<ProtectedSource>,
}

/// Something on a host that is protected: a database, a shared folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedSource {
    /// Its name, unique in the environment.
    pub name: String,
    /// What it is.
    pub labels: Labels,
    /// The type of the records it holds, where Coffre knows one.
    pub record_type: Option<RecordTypeName>,
}

impl Environment {
    /// The host of this name, upper and lower case alike.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name.eq_ignore_ascii_case(name))
    }
}

/// Words of a name that tell of another environment than production.
const NOT_PRODUCTION: [&str; 12] = [
    "recette",
    "test",
    "tests",
    "demo",
    "acceptance",
    "staging",
    "integration",
    "qualification",
    "dev",
    "development",
    "training",
    "formation",
];

impl Policies {
    /// Whether an environment is production, or could be: by its name, then by what its file says. One of which
    /// neither tells could be.
    pub fn may_be_production(&self, name: &coffre_core::ids::Environment) -> bool {
        let text = name.as_str();
        if text == "production" || text.ends_with("-production") {
            return true;
        }
        let declared = self.environments().iter().find(|environment| environment.name == *name);
        declared
            .and_then(|environment| environment.production)
            .unwrap_or_else(|| !text.split('-').any(|word| NOT_PRODUCTION.contains(&word)))
    }
}

/// What can be wrong with an environment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvironmentFault {
    /// The name breaks the rule of names.
    #[error("{name:?} is not an environment name: use 1 to 32 of a-z, 0-9 and '-', starting with a letter")]
    Name {
        /// The text.
        name: String,
    },
    /// The name differs from the file's.
    #[error("environment {name:?} is in the file of another: name the file {name}.toml")]
    FileName {
        /// The name.
        name: String,
    },
    /// A host name that is none.
    #[error("{name:?} is not a host name: use letters, digits, '.', '-' and '_'")]
    HostName {
        /// The text.
        name: String,
    },
    /// A host in two places: nothing of one environment may pass for another.
    #[error("host {name:?} is declared twice, first at {first}: a host belongs to one environment, once")]
    HostTwice {
        /// The host.
        name: String,
        /// Where it was first.
        first: Place,
    },
    /// A source declared twice in an environment.
    #[error("source {name:?} is declared twice in this environment, first on line {first}: rename one of the two")]
    SourceTwice {
        /// The source.
        name: String,
        /// Where it was first.
        first: usize,
    },
    /// No such record type.
    #[error("there is no record type {name:?}: use one of {known}")]
    UnknownRecordType {
        /// The text.
        name: String,
        /// The declared ones.
        known: String,
    },
    /// An empty label.
    #[error("the {language} label of {name:?} is empty: write what people shall read")]
    EmptyLabel {
        /// The language.
        language: &'static str,
        /// What it labels.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEnvironment {
    name: Spanned<String>,
    labels: Spanned<Labels>,
    production: Option<bool>,
    host: Vec<RawHost>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHost {
    name: Spanned<String>,
    labels: Spanned<Labels>,
    #[serde(default)]
    sources: Vec<RawSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSource {
    name: Spanned<String>,
    labels: Spanned<Labels>,
    record_type: Option<Spanned<String>>,
}

type RecordTypes = BTreeMap<RecordTypeName, RecordType>;
type Checked<T> = Result<T, (Place, EnvironmentFault)>;

/// Reads the environments one file after the other, and sees to it that no host is in two.
pub(crate) struct Reader<'a> {
    types: &'a RecordTypes,
    hosts: BTreeMap<String, Place>,
}

impl<'a> Reader<'a> {
    /// A reader that knows these record types and no host yet.
    pub(crate) fn new(types: &'a RecordTypes) -> Self {
        Self { types, hosts: BTreeMap::new() }
    }

    /// The environment that a file declares.
    pub(crate) fn parse(&mut self, file: TomlFile<'_>) -> Result<Environment, LoadError> {
        let raw: RawEnvironment = file.parse()?;
        self.environment(file, raw).map_err(|(place, fault)| LoadError::Environment { place, fault })
    }

    fn environment(&mut self, file: TomlFile<'_>, raw: RawEnvironment) -> Checked<Environment> {
        let text = raw.name.get_ref().clone();
        let Ok(name) = text.parse() else {
            return Err((file.place(&raw.name), EnvironmentFault::Name { name: text }));
        };
        if file.name != format!("environments/{text}.toml") {
            return Err((file.place(&raw.name), EnvironmentFault::FileName { name: text }));
        }
        let labels = labels(file, raw.labels, &text)?;
        let mut sources = BTreeMap::new();
        let hosts = raw.host.into_iter().map(|host| self.host(file, host, &mut sources)).collect::<Checked<_>>()?;
        Ok(Environment { name, labels, production: raw.production, hosts })
    }

    fn host(&mut self, file: TomlFile<'_>, raw: RawHost, sources: &mut BTreeMap<String, usize>) -> Checked<Host> {
        let place = file.place(&raw.name);
        let name = raw.name.into_inner();
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if !(1..=253).contains(&name.len()) || !name.chars().all(allowed) {
            return Err((place, EnvironmentFault::HostName { name }));
        }
        if let Some(first) = self.hosts.insert(name.to_ascii_lowercase(), place.clone()) {
            return Err((place, EnvironmentFault::HostTwice { name, first }));
        }
        let labels = labels(file, raw.labels, &name)?;
        let sources =
            raw.sources.into_iter().map(|source| self.source(file, source, sources)).collect::<Checked<_>>()?;
        Ok(Host { name, labels, sources })
    }

    fn source(
        &self,
        file: TomlFile<'_>,
        raw: RawSource,
        names: &mut BTreeMap<String, usize>,
    ) -> Checked<ProtectedSource> {
        let place = file.place(&raw.name);
        let name = raw.name.into_inner();
        if let Some(first) = names.insert(name.clone(), place.line) {
            return Err((place, EnvironmentFault::SourceTwice { name, first }));
        }
        let labels = labels(file, raw.labels, &name)?;
        let record_type = raw.record_type.map(|name| self.record_type(file, &name)).transpose()?;
        Ok(ProtectedSource { name, labels, record_type })
    }

    fn record_type(&self, file: TomlFile<'_>, raw: &Spanned<String>) -> Checked<RecordTypeName> {
        let known = self.types.keys().find(|name| name.as_str() == raw.get_ref());
        known.cloned().ok_or_else(|| {
            let known = self.types.keys().map(RecordTypeName::as_str).collect::<Vec<_>>().join(", ");
            (file.place(raw), EnvironmentFault::UnknownRecordType { name: raw.get_ref().clone(), known })
        })
    }
}

fn labels(file: TomlFile<'_>, raw: Spanned<Labels>, name: &str) -> Checked<Labels> {
    match raw.get_ref().missing() {
        None => Ok(raw.into_inner()),
        Some(language) => Err((file.place(&raw), EnvironmentFault::EmptyLabel { language, name: name.to_owned() })),
    }
}
