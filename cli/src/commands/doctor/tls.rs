//! Whether what the API proves itself with, and what it knows its clients by, is good for some time yet.

use coffre_core::time::Timestamp;
use coffre_server::{TlsEnd, TlsFile, tls_ends};

use super::finding::Finding;
use crate::commands::serve;
use crate::configuration::Tls;
use crate::figures;

/// How long before their end certificates are to be renewed: three weeks.
const SOON_SECONDS: i64 = 21 * 24 * 3600;

/// Looks at each file.
pub(super) fn examine(tls: &Tls, now: Timestamp) -> Vec<Finding> {
    tls_ends(&serve::tls(tls.clone())).into_iter().map(|end| finding(end, now)).collect()
}

fn finding(TlsEnd { file, path, end }: TlsEnd, now: Timestamp) -> Finding {
    let (subject, remedy, soon) = match file {
        TlsFile::Certificate => {
            ("certificate of the API", "put a new one in its place: it is read within ten seconds", SOON_SECONDS)
        }
        TlsFile::ClientAuthority => {
            let remedy = "add the authority's new certificate to the file, and certify clients anew";
            ("authority of client certificates", remedy, SOON_SECONDS)
        }
        // Made anew every few days, or hours.
        TlsFile::Revoked => {
            let remedy = "publish a new one: while it is over, every client certificate is refused";
            ("list of revoked certificates", remedy, 0)
        }
    };
    let path = path.display();
    match end {
        Err(error) => Finding::of_error(subject, &error),
        Ok(None) => Finding::bad(subject, format!("{path} does not say until when it is good"), remedy),
        Ok(Some(end)) if end < now => {
            Finding::bad(subject, format!("{path} is over: it was good until {}", figures::moment(end)), remedy)
        }
        Ok(Some(end)) if end < now.plus_seconds(soon) => {
            Finding::warning(subject, format!("{path} is good until {} only", figures::moment(end)), remedy)
        }
        Ok(Some(end)) => Finding::good(subject, format!("{path} is good until {}", figures::moment(end))),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::finding::State;
    use super::*;

    #[test]
    fn what_is_over_is_bad_and_a_certificate_that_ends_soon_is_told_weeks_before() {
        let now: Timestamp = "2026-11-22T15:32:00Z".parse().unwrap();
        let day = 24 * 3600;
        for (file, days, state) in [
            (TlsFile::Certificate, 22, State::Good),
            (TlsFile::Certificate, 20, State::Warning),
            (TlsFile::Certificate, -1, State::Bad),
            (TlsFile::ClientAuthority, 20, State::Warning),
            (TlsFile::ClientAuthority, -1, State::Bad),
            (TlsFile::Revoked, 1, State::Good),
            (TlsFile::Revoked, -1, State::Bad),
        ] {
            let end = Ok(Some(now.plus_seconds(days * day)));
            let found = finding(TlsEnd { file, path: "tls/some.pem".into(), end }, now);
            assert_eq!(found.state, state, "{file:?} {days}: {found:?}");
            assert!(found.detail.starts_with("tls/some.pem is "), "{found:?}");
        }
        let unread = TlsEnd { file: TlsFile::Revoked, path: "tls/some.pem".into(), end: Ok(None) };
        assert_eq!(finding(unread, now).state, State::Bad);
    }
}
