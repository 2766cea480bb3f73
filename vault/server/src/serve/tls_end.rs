//! Until when the files of TLS are good, for whoever looks after them. They are read and not believed: what they are worth
//! is seen in `tls`.

use std::path::{Path, PathBuf};

use coffre_core::time::Timestamp;

use super::error::TlsError;
use super::tls;
use crate::authentication::{next_update, not_after};
use crate::options::TlsFiles;

/// A file of TLS that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFile {
    /// What the server proves itself with.
    Certificate,
    /// Whose certificates clients prove themselves with.
    ClientAuthority,
    /// What that authority has revoked.
    Revoked,
}

/// Until when a file is good.
#[derive(Debug)]
pub struct TlsEnd {
    /// What it is.
    pub file: TlsFile,
    /// Where it is.
    pub path: PathBuf,
    /// The last second; `None` where it does not say so.
    pub end: Result<Option<Timestamp>, TlsError>,
}

/// Until when each file is good. A chain and lists end with the first of them; of authorities, one that is renewed stands
/// beside the former.
pub fn tls_ends(files: &TlsFiles) -> Vec<TlsEnd> {
    let ends = |path: &Path| {
        tls::certificates(path).map(|found| found.into_iter().filter_map(|certificate| not_after(&certificate)))
    };
    let end = ends(&files.certificate).map(Iterator::min);
    let mut found = vec![TlsEnd { file: TlsFile::Certificate, path: files.certificate.clone(), end }];
    if let Some(clients) = &files.clients {
        let end = ends(&clients.ca).map(Iterator::max);
        found.push(TlsEnd { file: TlsFile::ClientAuthority, path: clients.ca.clone(), end });
        found.extend(clients.crl.as_ref().map(|path| {
            let end = tls::revoked(path).map(|lists| lists.iter().map(|list| next_update(list)).min().flatten());
            TlsEnd { file: TlsFile::Revoked, path: path.clone(), end }
        }));
    }
    found
}
