//! How a place that restic does not reach shows in its words, whichever back end it is on. Starts nothing.

/// What the system, Go, OpenSSH and HTTP servers say of a connection that is not made or does not last, all small.
const WORDS: [&str; 25] = [
    "connection refused",
    "connection reset",
    "connection timed out",
    "connection closed by",
    "connection lost",
    "operation timed out",
    "i/o timeout",
    "handshake timeout",
    "timeout awaiting response",
    "deadline exceeded",
    "no such host",
    "could not resolve hostname",
    "name resolution",
    "server misbehaving",
    "network is unreachable",
    "network is down",
    "no route to host",
    "host is down",
    "ssh command exited",
    "unable to start the sftp session",
    "service unavailable",
    "bad gateway",
    "gateway timeout",
    "stale file handle",
    "transport endpoint is not connected",
];
/// What stands in the line of an attempt that restic makes again. If none of them succeeds, another line says so.
const AGAIN: &str = "returned error, retrying after";

/// The first line that says so.
pub(super) fn line(words: &str) -> Option<&str> {
    let says_so = |line: &&str| {
        let line = line.to_lowercase();
        WORDS.iter().any(|text| line.contains(text))
    };
    words.lines().filter(|line| !line.contains(AGAIN)).find(says_so)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN_AND_AGAIN: &str =
        "Load(<data/0a1b2c3d4e>, 0, 0) returned error, retrying after 552ms: read: connection reset by peer";

    #[test]
    fn connections_that_are_not_made_or_lost_are_known() {
        for said in [
            "Fatal: unable to open config file: Head \"http://backup1:8000/config\": dial tcp 10.0.0.9:8000: connect: connection refused",
            "subprocess ssh: ssh: Could not resolve hostname backup1: Temporary failure in name resolution",
            "subprocess ssh: ssh: connect to host backup1 port 22: Connection timed out",
            "Fatal: Get \"https://s3.example/bucket/\": dial tcp: lookup s3.example: no such host",
            "error for tree 0a1b2c3d: ssh command exited: exit status 255",
        ] {
            assert_eq!(line(&format!("{AGAIN_AND_AGAIN}\n{said}\nmore")), Some(said));
        }
    }

    #[test]
    fn an_attempt_that_was_made_again_and_damage_are_none() {
        let damage = "Pack ID does not match, want 0a1b2c3d, got 4e5f6a7b\nFatal: repository contains errors";
        for said in ["", AGAIN_AND_AGAIN, damage] {
            assert_eq!(line(said), None, "{said}");
        }
    }
}
