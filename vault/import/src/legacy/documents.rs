//! Finds and examines the document of a row: in its BLOB, or in the file that it names. A path never
//! leads out of the documents' folder, whatever it says and whatever links it meets.

use std::fs::File;
use std::path::{Component, Path, PathBuf};

use coffre_store::plain::{BlobError, SourceRow, SourceValue};

use super::{Legacy, LegacyError};
use crate::candidate::DocumentOrigin;
use crate::document::{DocumentFault, Examined, Found, examine};
use crate::mapping::DocumentRule;
use crate::translate::plain_text;

/// The folder in which relative paths begin: the database's.
pub(super) struct Documents {
    base: PathBuf,
}

impl Documents {
    pub(super) fn beside(database: &Path) -> Self {
        Self { base: database.parent().map(Path::to_path_buf).unwrap_or_default() }
    }

    /// The file that a path of the database names.
    fn find(&self, folder: &Path, path: &str) -> Result<PathBuf, DocumentFault> {
        // COBOL applications come from Windows and DOS.
        let relative = PathBuf::from(path.replace('\\', "/"));
        let below = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if !below || path.contains(':') {
            return Err(DocumentFault::Outside);
        }
        let resolved = |path: &Path| path.canonicalize().map_err(|_| DocumentFault::NoFile);
        let base = if self.base.as_os_str().is_empty() { Path::new(".") } else { &self.base };
        let root = resolved(&base.join(folder))?;
        let file = resolved(&root.join(relative))?;
        if !file.starts_with(&root) {
            return Err(DocumentFault::Outside);
        }
        if file.is_file() { Ok(file) } else { Err(DocumentFault::NoFile) }
    }
}

impl Legacy<'_> {
    /// The document of a row of the table at this position of the mapping.
    pub(super) fn document(&self, position: usize, row: &SourceRow) -> Result<Found, LegacyError> {
        let Some(table) = self.mapping.tables.get(position) else { return Ok(Found::Nothing) };
        let Some(rule) = &table.document else { return Ok(Found::Nothing) };
        if let Some(found) = self.in_blob(position, rule, row)? {
            return Ok(found);
        }
        match rule.path.and_then(|path| Some((table.columns.get(path)?, row.values.get(path)?))) {
            Some((column, path)) => Ok(self.in_file(rule, column, path)),
            None => Ok(Found::Nothing),
        }
    }

    /// The document in the row's BLOB; `None` when the BLOB is NULL or there is no such column.
    fn in_blob(&self, position: usize, rule: &DocumentRule, row: &SourceRow) -> Result<Option<Found>, LegacyError> {
        let (Some(column), Some(table)) = (&rule.blob, self.tables.get(position)) else { return Ok(None) };
        let mut blob = match self.reader.blob(table, column, row.row) {
            Ok(blob) => blob,
            Err(BlobError::NotBytes { class }) if class == "null" => return Ok(None),
            Err(BlobError::NotBytes { .. }) => {
                return Ok(Some(Found::Unreadable { column: column.clone(), fault: DocumentFault::NotBytes }));
            }
            Err(BlobError::Read(error)) => return Err(error.into()),
        };
        let origin = DocumentOrigin::Blob { table: position, column: column.clone(), row: row.row };
        let failed = |source| LegacyError::Document { table: table.name().to_owned(), row: row.row, source };
        let examined = examine(&mut blob, &rule.formats).map_err(failed)?;
        Ok(Some(found(column, origin, examined)))
    }

    fn in_file(&self, rule: &DocumentRule, column: &str, path: &SourceValue) -> Found {
        let unreadable = |fault| Found::Unreadable { column: column.to_owned(), fault };
        let Ok(path) = plain_text(path, self.mapping.encoding) else { return unreadable(DocumentFault::Path) };
        if path.is_empty() {
            return Found::Nothing;
        }
        let file = match self.documents.find(&rule.folder, &path) {
            Ok(file) => file,
            Err(fault) => return unreadable(fault),
        };
        let examined = File::open(&file).and_then(|mut bytes| examine(&mut bytes, &rule.formats));
        match examined {
            Ok(examined) => found(column, DocumentOrigin::File { path: file }, examined),
            // One file that cannot be read is that row's trouble, not the end of the run.
            Err(_) => unreadable(DocumentFault::NoFile),
        }
    }
}

fn found(column: &str, origin: DocumentOrigin, examined: Examined) -> Found {
    match examined {
        Ok((format, length, sha256)) => Found::Document { origin, format, length, sha256 },
        Err(fault) => Found::Unreadable { column: column.to_owned(), fault },
    }
}
