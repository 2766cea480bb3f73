//! Applications in a view: by their token, by the URI of their certificate, all of them.

use coffre_core::ids::ApplicationId;
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension, Row};

use crate::error::ReadError;
use crate::model::{Application, TokenInfo};
use crate::snapshot::Snapshot;

/// Columns of an application's row, in the order that `row` reads them.
const COLUMNS: &str = "id, name, role, san_uri, added_at, revoked_at";

impl Snapshot<'_> {
    /// The application, not revoked, that has a token of this SHA-256, and when the token expires.
    /// Whether it has expired is for whoever knows the time to say.
    pub fn application_by_token(
        &self,
        token_hash: &[u8; 32],
    ) -> Result<Option<(Application, Option<Timestamp>)>, ReadError> {
        let sql = format!(
            "SELECT {COLUMNS}, expires_at FROM tokens JOIN applications ON id = application
             WHERE hash = ?1 AND revoked_at IS NULL"
        );
        let read = |row: &Row<'_>| Ok((columns(row)?, row.get::<_, Option<i64>>(6)?));
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            let Some((row, expires_at)) = statement.query_row([token_hash], read).optional()? else { return Ok(None) };
            Ok(Some((application_of(row)?, expires_at.map(Timestamp::from_micros))))
        })
    }

    /// The application, not revoked, whose certificates name this URI.
    pub fn application_by_uri(&self, san_uri: &str) -> Result<Option<Application>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM applications WHERE san_uri = ?1 AND revoked_at IS NULL");
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            statement.query_row([san_uri], columns).optional()?.map(application_of).transpose()
        })
    }

    /// An application, in force or revoked.
    pub fn application(&self, id: ApplicationId) -> Result<Option<Application>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM applications WHERE id = ?1");
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&sql)?;
            statement.query_row([id.as_bytes()], columns).optional()?.map(application_of).transpose()
        })
    }

    /// All applications, revoked ones included, oldest first.
    pub fn applications(&self) -> Result<Vec<Application>, ReadError> {
        let sql = format!("SELECT {COLUMNS} FROM applications ORDER BY added_at, id");
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

type Columns = ([u8; 16], String, String, Option<String>, i64, Option<i64>);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn application_of((id, name, role, san_uri, added_at, revoked_at): Columns) -> Result<Application, ReadError> {
    Ok(Application {
        id: ApplicationId::from_bytes(id),
        name,
        role: role.parse().map_err(|_| ReadError::Format { what: "role" })?,
        san_uri,
        added_at: Timestamp::from_micros(added_at),
        revoked_at: revoked_at.map(Timestamp::from_micros),
    })
}
