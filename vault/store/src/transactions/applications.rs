//! Adding and revoking applications. A token is stored as its SHA-256 only; a certificate is not stored at
//! all, but the URI that it must name.

use coffre_core::approval::Officers;
use coffre_core::audit::Draft;
use coffre_core::ids::ApplicationId;
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension, params};
use thiserror::Error;

use super::Transaction;
use crate::approvals::{OFFICERS, kept};
use crate::clock::SystemEntropy;
use crate::model::Application;
use crate::writer::{AccessKey, Work, WorkError};

/// The longest URI of an application.
const LONGEST_URI: usize = 255;

/// A token to be known from now on.
#[derive(Debug, Clone, Copy)]
pub struct NewToken {
    /// SHA-256 of the token, which is 256 random bits: a plain hash suffices.
    pub hash: [u8; 32],
    /// How many seconds it is in force; without end if not stated.
    pub valid_seconds: Option<i64>,
}

/// By what an application proves itself.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A bearer token.
    Token(NewToken),
    /// A client certificate that names this URI among its subject's alternative names.
    Certificate {
        /// The URI, such as `coffre:application:crm`.
        san_uri: String,
    },
}

/// Adds an application.
pub struct AddApplication {
    /// Its name: 1 to 64 of a-z, 0-9 and '-'.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// By what it proves itself.
    pub proof: Proof,
}

/// An application that was not added.
#[derive(Debug, Error)]
pub enum AddApplicationError {
    /// The name does not follow its rule.
    #[error("not an application name: use 1 to 64 of a-z, 0-9 and '-', starting with a letter")]
    Name,
    /// The URI does not follow its rule.
    #[error("not a URI of an application: use a scheme, ':' and up to 255 printable ASCII characters in all")]
    Uri,
    /// The name is taken.
    #[error("an application of this name is there already: choose another name, or revoke it first")]
    Taken,
    /// The URI is taken.
    #[error("an application with this URI is there already: choose another URI, or revoke it first")]
    UriTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for AddApplication {
    type Output = (Application, Option<Timestamp>);
    type Error = AddApplicationError;

    /// Gives the application and when its token expires.
    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Self::Output, AddApplicationError> {
        let Self { name, role, proof } = self;
        if !is_name(&name) {
            return Err(AddApplicationError::Name);
        }
        if in_force(work, "name", &name)?.is_some() {
            return Err(AddApplicationError::Taken);
        }
        let san_uri = match &proof {
            Proof::Token(_) => None,
            Proof::Certificate { san_uri } if !is_uri(san_uri) => return Err(AddApplicationError::Uri),
            Proof::Certificate { san_uri } if in_force(work, "san_uri", san_uri)?.is_some() => {
                return Err(AddApplicationError::UriTaken);
            }
            Proof::Certificate { san_uri } => Some(san_uri.clone()),
        };
        let id = ApplicationId::random(&mut SystemEntropy);
        let insert = || {
            work.around
                .vault
                .prepare_cached(
                    "INSERT INTO applications (id, name, role, san_uri, added_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![id.as_bytes(), name, role.as_str(), san_uri, work.now().as_micros()])
        };
        work.try_run(insert())?;
        let expires_at = match proof {
            Proof::Token(token) => issue(work, id, token)?,
            Proof::Certificate { .. } => None,
        };
        let officers = kept::<Officers>(work.around.vault, OFFICERS);
        let in_effect = work.try_run(officers)?.is_none();
        let mut entry = base;
        let by = san_uri.as_deref().map(|uri| format!(", by certificate of {uri}")).unwrap_or_default();
        entry.target = Some(format!("{name} ({role}, {id}){by}{}", until(expires_at)));
        work.log(entry);
        let added_at = work.now();
        Ok((Application { id, name, role, san_uri, added_at, revoked_at: None, in_effect }, expires_at))
    }
}

/// Stores a token; says when it expires.
pub(super) fn issue(work: &Work<'_>, id: ApplicationId, token: NewToken) -> Result<Option<Timestamp>, WorkError> {
    let expires_at = token.valid_seconds.map(|seconds| work.now().plus_seconds(seconds));
    let insert = || {
        work.around
            .vault
            .prepare_cached("INSERT INTO tokens (hash, application, issued_at, expires_at) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![token.hash, id.as_bytes(), work.now().as_micros(), expires_at.map(Timestamp::as_micros)])
    };
    work.try_run(insert())?;
    Ok(expires_at)
}

/// What an entry says of a token's end.
pub(super) fn until(expires_at: Option<Timestamp>) -> String {
    expires_at.map(|moment| format!(", token until {moment}")).unwrap_or_default()
}

/// Revokes an application: its token opens nothing from this entry on.
pub struct RevokeApplication {
    /// Its name.
    pub name: String,
}

/// An application that was not revoked.
#[derive(Debug, Error)]
pub enum RevokeApplicationError {
    /// There is no such application in force.
    #[error("there is no application of this name in force: see `coffre application list`")]
    NoSuchApplication,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] WorkError),
}

impl Transaction for RevokeApplication {
    type Output = ApplicationId;
    type Error = RevokeApplicationError;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<ApplicationId, RevokeApplicationError> {
        let id = in_force(work, "name", &self.name)?.ok_or(RevokeApplicationError::NoSuchApplication)?;
        let update = || {
            work.around
                .vault
                .prepare_cached("UPDATE applications SET revoked_at = ?2 WHERE id = ?1")?
                .execute(params![id.as_bytes(), work.now().as_micros()])
        };
        work.try_run(update())?;
        work.access_changed(AccessKey::Application(id));
        let mut entry = base;
        entry.target = Some(format!("{} ({id})", self.name));
        work.log(entry);
        Ok(id)
    }
}

/// The application in force that has this in a column: `name` or `san_uri`.
pub(super) fn in_force(work: &Work<'_>, column: &'static str, value: &str) -> Result<Option<ApplicationId>, WorkError> {
    let find = || {
        work.around
            .vault
            .prepare_cached(&format!("SELECT id FROM applications WHERE {column} = ?1 AND revoked_at IS NULL"))?
            .query_row([value], |row| row.get(0).map(ApplicationId::from_bytes))
            .optional()
    };
    work.try_run(find())
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// RFC 3986 as far as it matters here: a scheme, and nothing that could be shown as something else.
fn is_uri(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let in_scheme = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    uri.len() <= LONGEST_URI
        && !rest.is_empty()
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(in_scheme)
        && rest.bytes().all(|b| {
            b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_have_a_scheme_and_nothing_odd() {
        for uri in ["coffre:application:crm", "spiffe://insurer.example/crm", "urn:uuid:0b0e9f0a", "a:b"] {
            assert!(is_uri(uri), "{uri}");
        }
        let long = format!("a:{}", "b".repeat(LONGEST_URI));
        for uri in ["", "crm", ":crm", "coffre:", "1a:b", "c offre:crm", "coffre:c rm", "coffre:é", "a:\"b", &long] {
            assert!(!is_uri(uri), "{uri}");
        }
    }
}
