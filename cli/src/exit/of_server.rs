//! How a run ends when a server did not start, or did not do what it was asked.

use std::io::ErrorKind;

use coffre_server::{ServeError, SocketError};
use hyper::StatusCode;

use super::Exit;
use crate::client::ClientError;
use crate::notify::NotifyError;

pub(super) fn serve(error: &ServeError) -> Exit {
    match error {
        // A port that is root's alone stays so.
        ServeError::Bind { source, .. } if source.kind() == ErrorKind::PermissionDenied => Exit::Usage,
        ServeError::Bind { .. } | ServeError::Socket(SocketError::InUse { .. }) => Exit::Busy,
        ServeError::Capture(_) => Exit::Temporary,
        ServeError::NotApproved(_) => Exit::NotApproved,
        ServeError::Approvals(_) => Exit::Failure,
        ServeError::BeyondLoopback { .. } | ServeError::Tls(_) | ServeError::Operators(_) | ServeError::Socket(_) => {
            Exit::Usage
        }
    }
}

/// By what the server says of itself; what it says of the request is the caller's to mend.
pub(super) fn asked(error: &ClientError) -> Exit {
    match error {
        ClientError::Unreachable { .. } | ClientError::Stopped => Exit::Temporary,
        // It does not open by itself.
        ClientError::Refused { problem, .. } if problem == "urn:coffre:problem:sealed" => Exit::Failure,
        ClientError::Refused { status, .. } if *status == StatusCode::SERVICE_UNAVAILABLE => Exit::Temporary,
        ClientError::Refused { problem, .. }
            if problem.ends_with("drill-running") || problem.ends_with("capture-running") =>
        {
            Exit::Busy
        }
        ClientError::Refused { problem, .. } if problem.ends_with("no-such-destination") => Exit::Usage,
        // Of policies, and of what was handed in.
        ClientError::Refused { problem, .. } if problem.ends_with("not-approved") => Exit::NotApproved,
        ClientError::Refused { problem, .. } if problem.ends_with("invalid-officers") => Exit::Usage,
        ClientError::Refused { .. }
        | ClientError::BrokenOff { .. }
        | ClientError::Unspeakable(_)
        | ClientError::Garbled(_) => Exit::Failure,
    }
}

/// A server that was not reached may be there later; a wrong address stays one.
pub(super) const fn told(error: &NotifyError) -> Exit {
    match error {
        NotifyError::Unreachable { .. } | NotifyError::Command(_) => Exit::Temporary,
        NotifyError::Nobody
        | NotifyError::Secret { .. }
        | NotifyError::ShortSecret { .. }
        | NotifyError::NoAuthority { .. }
        | NotifyError::Address { .. } => Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_may_never_be_had_is_not_one_that_is_taken() {
        let bind = |kind: ErrorKind| serve(&ServeError::Bind { address: ([0_u8; 4], 443).into(), source: kind.into() });
        assert_eq!([ErrorKind::AddrInUse, ErrorKind::PermissionDenied].map(bind), [Exit::Busy, Exit::Usage]);
    }

    #[test]
    fn work_of_another_that_comes_to_an_end_is_busy() {
        let refused = |status, name: &str| {
            let problem = format!("urn:coffre:problem:{name}");
            asked(&ClientError::Refused { status, problem, detail: String::new() })
        };
        for name in ["drill-running", "capture-running"] {
            assert_eq!(refused(StatusCode::CONFLICT, name), Exit::Busy, "{name}");
        }
        assert_eq!(refused(StatusCode::INTERNAL_SERVER_ERROR, "not-rotated"), Exit::Failure);
    }
}
