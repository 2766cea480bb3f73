//! How many files and connections the process may have open. A system's usual limit is 1,024, as many as one listener lets in:
//! whoever opened them all would keep the vault from opening the files of its backups and documents.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// All connections of the three listeners, a document for each of the API's, and what the vault has open: with room to spare.
const WANTED: u64 = 8_192;

/// Raises the limit as far as that is allowed, and says where it stays below what is wanted.
pub(super) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let most = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    let enough = |limit: Option<u64>, wanted| limit.is_none_or(|limit| limit >= wanted);
    if !enough(current, most) {
        // It is looked at below what came of it.
        let _as_it_was = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum });
    }
    let allowed = getrlimit(Resource::Nofile).current;
    if !enough(allowed, WANTED) {
        tracing::warn!(allowed, wanted = WANTED, "few files may be open: raise LimitNOFILE for the service");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_may_be_open_as_the_system_allows() {
        raise();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let most = maximum.unwrap_or(WANTED).min(WANTED);
        assert!(current.is_none_or(|current| current >= most), "{current:?} of {maximum:?}");
    }
}
