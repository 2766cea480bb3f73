//! Applications in a view: by their token, by the URI of their certificate, all of them.

use coffre_core::ids::ApplicationId;
use coffre_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::approvals::IN_EFFECT;
use crate::error::ReadError;
use crate::model::{Application, TokenInfo};
use crate::snapshot::Snapshot;

/// Columns of an application's row, in the order that `columns` reads them.
fn columns_of_row() -> String {
    format!("id, name, role, san_uri, added_at, revoked_at, {IN_EFFECT}")
}

/// An application by its identifier, in force or revoked.
pub(crate) fn by_id(vault: &Connection, id: ApplicationId) -> Result<Option<Application>, ReadError> {
    let sql = format!("SELECT {} FROM applications WHERE id = ?1", columns_of_row());
    let mut statement = vault.prepare_cached(&sql)?;
    statement.query_row([id.as_bytes()], columns).optional()?.map(application_of).transpose()
}

impl Snapshot<'_> {
    /// The application, not revoked, that has a token of this SHA-256, and when the token expires.
    /// Whether it has expired is for whoever knows the time to say.
    pub fn application_by_token(
        &self,
        token_hash: &[u8; 32],
    ) -> Result<Option<(Application, Option<Timestamp>)>, ReadError> {
        let sql = format!(
            "SELECT {}, expires_at FROM tokens JOIN applications ON id = application
             WHERE hash = ?1 AND revoked_at IS NULL",
            columns_of_row()
        );
        let read = |row: &Row<'_>| Ok((columns(row)?, row.get::<_, Option<i64>>(7)?));
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            let Some((row, expires_at)) = statement.query_row([token_hash], read).optional()? else { return Ok(None) };
            Ok(Some((application_of(row)?, expires_at.map(Timestamp::from_micros))))
        })
    }

    /// The application, not revoked, whose certificates name this URI.
    pub fn application_by_uri(&self, san_uri: &str) -> Result<Option<Application>, ReadError> {
        let sql = format!("SELECT {} FROM applications WHERE san_uri = ?1 AND revoked_at IS NULL", columns_of_row());
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            statement.query_row([san_uri], columns).optional()?.map(application_of).transpose()
        })
    }

    /// An application, in force or revoked.
    pub fn application(&self, id: ApplicationId) -> Result<Option<Application>, ReadError> {
        self.ask(|reader| by_id(&reader.vault, id))
    }

    /// All applications, revoked ones included, oldest first.
    pub fn applications(&self) -> Result<Vec<Application>, ReadError> {
        let sql = format!("SELECT {} FROM applications ORDER BY added_at, id", columns_of_row());
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            let rows = statement.query_map([], columns)?;
            rows.map(|row| application_of(row?)).collect()
        })
    }

    /// An application's tokens that are still known, oldest first; expired ones are until the next rotation.
    pub fn tokens(&self, application: ApplicationId) -> Result<Vec<TokenInfo>, ReadError> {
        let read = |row: &Row<'_>| {
            let expires_at: Option<i64> = row.get(1)?;
            Ok(TokenInfo {
                issued_at: Timestamp::from_micros(row.get(0)?),
                expires_at: expires_at.map(Timestamp::from_micros),
            })
        };
        self.ask(|reader| {
            let sql = "SELECT issued_at, expires_at FROM tokens WHERE application = ?1 ORDER BY issued_at";
            let mut statement = reader.vault.prepare_cached(sql)?;
            Ok(statement.query_map([application.as_bytes()], read)?.collect::<Result<_, _>>()?)
        })
    }
}

type Columns = ([u8; 16], String, String, Option<String>, i64, Option<i64>, bool);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
}

fn application_of(
    (id, name, role, san_uri, added_at, revoked_at, in_effect): Columns,
) -> Result<Application, ReadError> {
    Ok(Application {
        id: ApplicationId::from_bytes(id),
        name,
        role: role.parse().map_err(|_| ReadError::Format { what: "role" })?,
        san_uri,
        added_at: Timestamp::from_micros(added_at),
        revoked_at: revoked_at.map(Timestamp::from_micros),
        in_effect,
    })
}
