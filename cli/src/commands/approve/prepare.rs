//! Writing down what is to be approved: from what the vault says now, so that nobody has to know numbers and hashes.

use std::path::Path;

use coffre_core::approval::{
    ApplicationStatement, Officer, Officers, PolicyHashes, PolicyStatement, Statement, Subject,
};
use coffre_core::crypto::Scope;
use coffre_core::ids::{ApplicationId, Environment, VaultId};
use coffre_core::role::Role;
use coffre_core::spool::ContentHash;
use coffre_policies::PolicySetHash;
use serde::Deserialize;

use super::Writing;
use super::paper::Paper;
use super::shown::Folders;
use super::sign::{self, Signing};
use crate::arguments::Global;
use crate::commands::policy;
use crate::complaint::Complaint;
use crate::control::Control;
use crate::place::Place;

/// What the vault says of approvals.
#[derive(Deserialize)]
struct Standing {
    vault: VaultId,
    environment: Environment,
    officers: Option<Numbered>,
    policies: PoliciesTold,
}

#[derive(Deserialize)]
struct Numbered {
    serial: u64,
}

#[derive(Deserialize)]
struct PoliciesTold {
    approved: Option<Approved>,
}

#[derive(Deserialize)]
struct Approved {
    serial: u64,
    #[serde(flatten)]
    hashes: PolicyHashes,
}

#[derive(Deserialize)]
struct Applications {
    applications: Vec<Application>,
}

#[derive(Deserialize)]
struct Application {
    id: ApplicationId,
    name: String,
    role: Role,
    san_uri: Option<String>,
    revoked_at: Option<String>,
}

impl Standing {
    fn ask(control: &Control) -> anyhow::Result<Self> {
        Ok(control.get("/v1/approvals")?.json()?)
    }

    fn scope(&self) -> Scope {
        Scope { environment: self.environment.clone(), vault: self.vault }
    }
}

/// A policy set, as the next one.
pub(super) fn policies(
    folder: Option<&Path>,
    in_force: Option<&Path>,
    writing: &Writing,
    global: &Global,
) -> anyhow::Result<()> {
    let place = Place::find(&writing.vault, global)?;
    let configured = place.configuration.as_ref().and_then(|configuration| configuration.policies.clone());
    let named = folder.map(Path::to_owned).or_else(|| configured.clone());
    let policies = policy::load(named.as_deref())?;
    let standing = Standing::ask(&Control::of(&place)?)?;
    let hash = |hash: PolicySetHash| ContentHash::from_bytes(*hash.as_bytes());
    let approved = standing.policies.approved.as_ref();
    let subject = Subject::Policies(PolicyStatement {
        serial: approved.map_or(1, |approved| approved.serial + 1),
        hashes: PolicyHashes { policies: hash(policies.hash()), environments: hash(policies.environments_hash()) },
        replaces: approved.map(|approved| approved.hashes),
    });
    let folders = Folders { policies: named.as_deref(), in_force, configured };
    write(Statement { scope: standing.scope(), subject }, writing, &folders)
}

/// An application in its role.
pub(super) fn application(name: &str, writing: &Writing, global: &Global) -> anyhow::Result<()> {
    let control = Control::of(&Place::find(&writing.vault, global)?)?;
    let Applications { applications } = control.get("/v1/applications")?.json()?;
    let found = applications.into_iter().find(|one| one.name == name && one.revoked_at.is_none());
    let Application { id, name, role, san_uri, .. } = found.ok_or_else(|| {
        let cause = format!("there is no application {name:?} in force");
        Complaint::usage(cause, "see `coffre application list`, or add it with `coffre application add`")
    })?;
    let subject = Subject::Application(ApplicationStatement { id, name, role, san_uri });
    let statement = Statement { scope: Standing::ask(&control)?.scope(), subject };
    write(statement, writing, &Folders::default())
}

/// Who the officers are to be.
pub(super) fn officers(officers: &[Officer], writing: &Writing, global: &Global) -> anyhow::Result<()> {
    let standing = Standing::ask(&Control::of(&Place::find(&writing.vault, global)?)?)?;
    let present = standing.officers.as_ref().ok_or_else(|| {
        Complaint::usage("this vault has no officers yet", "enrol the first ones with `coffre officer enrol`")
    })?;
    let next = Officers::new(present.serial + 1, officers.to_vec())
        .map_err(|error| Complaint::told(crate::exit::Exit::Usage, error.to_string(), Vec::new()))?;
    let statement = Statement { scope: standing.scope(), subject: Subject::Officers(next) };
    write(statement, writing, &Folders::default())
}

fn write(statement: Statement, writing: &Writing, folders: &Folders<'_>) -> anyhow::Result<()> {
    let Writing { out, key, passphrase, yes, .. } = writing;
    let signing = key.as_ref().map(|key| Signing { key, passphrase, yes: *yes });
    sign::new(Paper::unsigned(statement), out, folders, signing.as_ref())
}
