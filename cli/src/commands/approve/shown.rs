//! What a statement says, in words, for the officer who is to sign it: in French or English. Of policies the changes are
//! shown, worked out from the folders themselves, whose hashes must be those in the statement.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use coffre_core::approval::{ApplicationStatement, Officers, PolicyHashes, PolicyStatement, Statement, Subject};
use coffre_policies::{Environment, LoadError, Policies, Sources};

use crate::commands::policy;
use crate::complaint::Complaint;
use crate::language::Language;
use crate::output;
use crate::role_names::role_name;

/// Where the policies are that a statement names.
#[derive(Default)]
pub(super) struct Folders<'f> {
    /// Those that are to be approved.
    pub(super) policies: Option<&'f Path>,
    /// Those that were approved before.
    pub(super) in_force: Option<&'f Path>,
    /// The folder that the configuration names, if there is one.
    pub(super) configured: Option<PathBuf>,
}

/// Everything that is to be known before it is signed.
pub(super) fn words(statement: &Statement, folders: &Folders<'_>, language: Language) -> anyhow::Result<String> {
    let mut text = String::new();
    let scope = &statement.scope;
    row(&mut text, language.pick("coffre", "vault"), &scope.vault);
    row(&mut text, language.pick("environnement", "environment"), &scope.environment);
    match &statement.subject {
        Subject::Policies(policies) => of_policies(&mut text, policies, folders, language)?,
        Subject::Application(application) => of_application(&mut text, application, language),
        Subject::Officers(officers) => of_officers(&mut text, officers, language),
    }
    Ok(text.trim_end().to_owned())
}

fn row(text: &mut String, name: &str, value: &dyn std::fmt::Display) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "{name:<16}{value}");
}

fn of_application(text: &mut String, application: &ApplicationStatement, language: Language) {
    let ApplicationStatement { id, name, role, san_uri } = application;
    row(text, language.pick("approuve", "approves"), &language.pick("une application", "an application"));
    row(text, "application", &format!("{name} ({id})"));
    let colon = language.pick(" :", ":");
    row(text, language.pick("rôle", "role"), &format!("{role}{colon} {}", role_name(language, *role)));
    let proof = san_uri.as_ref().map_or_else(
        || language.pick("un jeton", "a token").to_owned(),
        |uri| format!("{} {uri}", language.pick("un certificat qui nomme", "a certificate that names")),
    );
    row(text, language.pick("se prouve par", "known by"), &proof);
}

fn of_officers(text: &mut String, officers: &Officers, language: Language) {
    let what = language.pick("d'autres responsables, numéro", "other officers, number");
    row(text, language.pick("approuve", "approves"), &format!("{what} {}", officers.serial()));
    for officer in officers.iter() {
        // The whole key: another one can be made that has the id of a known one.
        row(text, language.pick("responsable", "officer"), officer);
    }
}

fn of_policies(
    text: &mut String,
    statement: &PolicyStatement,
    folders: &Folders<'_>,
    language: Language,
) -> anyhow::Result<()> {
    let PolicyStatement { serial, hashes, replaces } = statement;
    let approved = folders.to_be_approved(*hashes)?;
    let what = language.pick("des politiques, numéro", "policies, number");
    row(text, language.pick("approuve", "approves"), &format!("{what} {serial}"));
    row(text, language.pick("politiques", "policy set"), &hashes.policies);
    row(text, language.pick("environnements", "environments"), &hashes.environments);
    let (before, against) = if let Some(former) = replaces {
        row(text, language.pick("remplace", "replaces"), &former.policies);
        let before = language.pick("Par rapport à celles approuvées avant", "Against those approved before");
        (folders.approved_before(*former)?, before)
    } else {
        let built = language.pick(
            "Les premières de ce coffre. Par rapport à celles d'origine",
            "The first ones of this vault. Against those that this coffre was built with",
        );
        (PolicySet::load(None, Policies::from_sources)?, built)
    };
    let colon = language.pick(" :", ":");
    let (old, new) = (&before.policies, &approved.policies);
    let _infallible = writeln!(text, "\n{against}{colon}\n{}", policy::differences(old, new, language));
    let environments = of_environments(old.environments(), new.environments(), language);
    let files = changed_files(&before.sources, &approved.sources, language);
    for line in environments.into_iter().chain(files) {
        let _infallible = writeln!(text, "{line}");
    }
    Ok(())
}

/// The files that are not the same, whatever they declare: a word in a comment changes the hash as well.
fn changed_files(old: &Sources, new: &Sources, language: Language) -> Vec<String> {
    let (old, new): (BTreeMap<_, _>, BTreeMap<_, _>) = (old.iter().collect(), new.iter().collect());
    let files: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let changed = files.into_iter().filter(|file| old.get(file) != new.get(file));
    let told = |file: &str| {
        let sign = match (old.contains_key(file), new.contains_key(file)) {
            (true, true) => '~',
            (true, false) => '-',
            (false, _) => '+',
        };
        format!("{sign} {} {}", language.pick("fichier", "file"), output::on_one_line(file))
    };
    changed.map(told).collect()
}

/// The policies of a folder, or those built in, with their files.
struct PolicySet {
    sources: Sources,
    policies: Policies,
}

/// How policies are loaded: as those that are to be in force, or as former ones.
type Loading = fn(&Sources) -> Result<Policies, LoadError>;

impl PolicySet {
    fn load(folder: Option<&Path>, loading: Loading) -> Result<Self, LoadError> {
        let sources = policy::sources(folder)?;
        Ok(Self { policies: loading(&sources)?, sources })
    }

    fn is(&self, wanted: PolicyHashes) -> bool {
        let (policies, environments) = (self.policies.hash(), self.policies.environments_hash());
        policies.as_bytes() == wanted.policies.as_bytes() && environments.as_bytes() == wanted.environments.as_bytes()
    }
}

/// What changes in the environments: one line each.
fn of_environments(old: &[Environment], new: &[Environment], language: Language) -> Vec<String> {
    let told = |sign: char, environment: &Environment| {
        let hosts: Vec<&str> = environment.hosts.iter().map(|host| host.name.as_str()).collect();
        let (what, name) = (language.pick("environnement", "environment"), &environment.name);
        let production = environment.production.map(|it| format!("production = {it}; ")).unwrap_or_default();
        format!("{sign} {what} {name} ({production}{})", hosts.join(", "))
    };
    let gone = old.iter().filter(|one| !new.contains(one)).map(|one| told('-', one));
    let come = new.iter().filter(|one| !old.contains(one)).map(|one| told('+', one));
    gone.chain(come).collect()
}

impl Folders<'_> {
    fn to_be_approved(&self, wanted: PolicyHashes) -> anyhow::Result<PolicySet> {
        self.find(self.policies, wanted, Policies::from_sources)?.ok_or_else(|| {
            let hash = wanted.policies;
            let cause = format!("the policies that are to be approved (policy set {hash}) are not those found here");
            Complaint::usage(cause, "name their folder with --policies, exactly as it was when the file was written")
                .into()
        })
    }

    fn approved_before(&self, wanted: PolicyHashes) -> anyhow::Result<PolicySet> {
        self.find(self.in_force, wanted, Policies::former)?.ok_or_else(|| {
            let hash = wanted.policies;
            let cause = format!("the policies that these replace (policy set {hash}) are not at hand to compare with");
            Complaint::usage(cause, "name their folder with --in-force").into()
        })
    }

    /// The policies of a folder that is named, if they are the ones; otherwise the configuration's or those built in.
    fn find(&self, named: Option<&Path>, wanted: PolicyHashes, loading: Loading) -> anyhow::Result<Option<PolicySet>> {
        if let Some(folder) = named {
            let cannot = || format!("the policies of {} cannot be used", folder.display());
            let found = PolicySet::load(Some(folder), loading).with_context(cannot)?;
            return Ok(Some(found).filter(|found| found.is(wanted)));
        }
        for folder in [self.configured.as_deref(), None] {
            let found = PolicySet::load(folder, loading)?;
            if found.is(wanted) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
