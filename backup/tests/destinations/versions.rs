//! A bucket that keeps versions: what is merely deleted from it is only marked.

use crate::bucket::Moto;

/// From now on the bucket keeps whatever is removed from it.
pub(crate) fn keep(moto: &Moto) {
    let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let answer = ureq::put(format!("{}/coffre?versioning", moto.settings("").endpoint)).send(enabled).unwrap();
    assert!(answer.status().is_success());
}

/// Every version of every object, and every mark of a removal, as the server lists them.
pub(crate) fn listed(moto: &Moto) -> String {
    let answer = ureq::get(format!("{}/coffre?versions", moto.settings("").endpoint)).call().unwrap();
    answer.into_body().read_to_string().unwrap()
}
