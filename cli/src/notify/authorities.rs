//! Who may vouch for servers outside: the authorities in a file of PEM.

use std::fs;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::NotifyError;

/// Their certificates. A file without any would vouch for nobody, or leave the choice to somebody else.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, NotifyError> {
    let pem = fs::read(file).map_err(|source| NotifyError::Secret { path: file.to_owned(), source })?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    if found.is_empty() { Err(NotifyError::NoAuthority { path: file.to_owned() }) } else { Ok(found) }
}
