//! What a statement says, in words, for the officer who is to sign it: in French or English. Of policies the changes are
//! shown, worked out from the folders themselves, whose hashes must be those in the statement.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use coffre_core::approval::{ApplicationStatement, Officers, PolicyStatement, Statement, Subject};
use coffre_core::spool::ContentHash;
use coffre_policies::{Environment, Policies, PolicySetHash};

use crate::arguments::Global;
use crate::commands::policy;
use crate::complaint::Complaint;
use crate::language::Language;
use crate::role_names::role_name;

/// Where the policies are that a statement names.
pub(super) struct Folders<'f> {
    /// Those that are to be approved.
    pub(super) policies: Option<&'f Path>,
    /// Those that were approved before.
    pub(super) in_force: Option<&'f Path>,
    pub(super) global: &'f Global,
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
    row(text, language.pick("rôle", "role"), &format!("{role}: {}", role_name(language, *role)));
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
        let (role, name, key) = (officer.role(), officer.name(), officer.key().id());
        let id = language.pick("clé", "key");
        row(text, language.pick("responsable", "officer"), &format!("{name} ({role}, {id} {key})"));
    }
}

fn of_policies(
    text: &mut String,
    statement: &PolicyStatement,
    folders: &Folders<'_>,
    language: Language,
) -> anyhow::Result<()> {
    let PolicyStatement { serial, policies, environments, replaces } = statement;
    let new = folders.to_be_approved(*policies, *environments)?;
    let what = language.pick("des politiques, numéro", "policies, number");
    row(text, language.pick("approuve", "approves"), &format!("{what} {serial}"));
    row(text, language.pick("politiques", "policy set"), policies);
    row(text, language.pick("environnements", "environments"), environments);
    let (old, against) = match replaces {
        Some(hash) => {
            row(text, language.pick("remplace", "replaces"), hash);
            let before = language.pick("Par rapport à celles approuvées avant", "Against those approved before");
            (folders.approved_before(*hash)?, before)
        }
        None => {
            let built = language.pick(
                "Les premières de ce coffre. Par rapport à celles d'origine",
                "The first ones of this vault. Against those that this coffre was built with",
            );
            (Policies::embedded()?, built)
        }
    };
    let colon = language.pick(" :", ":");
    let _infallible = writeln!(text, "\n{against}{colon}\n{}", policy::differences(&old, &new, language));
    for line in of_environments(old.environments(), new.environments(), language) {
        let _infallible = writeln!(text, "{line}");
    }
    Ok(())
}

/// What changes in the environments: one line each.
fn of_environments(old: &[Environment], new: &[Environment], language: Language) -> Vec<String> {
    let told = |sign: char, environment: &Environment| {
        let hosts: Vec<&str> = environment.hosts.iter().map(|host| host.name.as_str()).collect();
        format!("{sign} {} {} ({})", language.pick("environnement", "environment"), environment.name, hosts.join(", "))
    };
    let gone = old.iter().filter(|one| !new.contains(one)).map(|one| told('-', one));
    let come = new.iter().filter(|one| !old.contains(one)).map(|one| told('+', one));
    gone.chain(come).collect()
}

impl Folders<'_> {
    fn to_be_approved(&self, policies: ContentHash, environments: ContentHash) -> anyhow::Result<Policies> {
        let is = |found: &Policies| same(found.hash(), policies) && same(found.environments_hash(), environments);
        self.find(self.policies, is)?.ok_or_else(|| {
            let cause =
                format!("the policies that are to be approved (policy set {policies}) are not those found here");
            Complaint::usage(cause, "name their folder with --policies, exactly as it was when the file was written")
                .into()
        })
    }

    fn approved_before(&self, hash: ContentHash) -> anyhow::Result<Policies> {
        self.find(self.in_force, |found| same(found.hash(), hash))?.ok_or_else(|| {
            let cause = format!("the policies that these replace (policy set {hash}) are not at hand to compare with");
            Complaint::usage(cause, "name their folder with --in-force").into()
        })
    }

    /// The policies of a folder that is named, if they are the ones; otherwise the configuration's or those built in.
    fn find(&self, named: Option<&Path>, is: impl Fn(&Policies) -> bool) -> anyhow::Result<Option<Policies>> {
        if let Some(folder) = named {
            let cannot = || format!("the policies of {} cannot be used", folder.display());
            return Ok(Some(Policies::load(folder).with_context(cannot)?).filter(is));
        }
        let configured = policy::folder(None, self.global)?;
        for folder in [configured.as_deref(), None] {
            let found = policy::load(folder)?;
            if is(&found) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Whether a policy set has this hash.
fn same(found: PolicySetHash, wanted: ContentHash) -> bool {
    found.as_bytes() == wanted.as_bytes()
}
