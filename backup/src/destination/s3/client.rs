//! Requests to an S3-compatible server: signed, repeated with patience, and told apart when refused. Signed
//! addresses are credentials for an hour; none is ever shown.

use std::io::{self, Read as _};
use std::sync::OnceLock;
use std::time::Duration;

use rusty_s3::{Bucket, Credentials};
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::{Agent, Body};
use url::Url;

use super::credentials::Access;
use crate::destination::patience::Patience;

/// Refusals that say nothing against the credentials: there is no room for more, or a clock is wrong.
const PASSING: [&str; 2] = ["QuotaExceeded", "RequestTimeTooSkewed"];
/// How long a signed address is good for.
pub(super) const SIGNED_FOR: Duration = Duration::from_hours(1);
/// Bytes of an answer that says what is wrong.
const COMPLAINT: u64 = 16 * 1024;

/// A request that was not carried out, or of which we cannot know.
#[derive(Debug)]
pub(super) enum Failure {
    /// No answer, or none that can be used.
    Unreachable(io::Error),
    /// What was asked for is not there.
    NotFound { bucket: bool },
    /// A range beyond the end.
    Range,
    /// An object of this name is there. `tried_before`: perhaps by an earlier try of the same request.
    Exists { tried_before: bool },
    /// The credentials do not allow it.
    Refused(io::Error),
    /// A listing that does not come to its end.
    Endless,
    /// Any other answer.
    Answer(io::Error),
}

impl Failure {
    /// For a message that says what was wanted itself.
    pub(super) fn into_io(self) -> io::Error {
        match self {
            Self::Unreachable(error) | Self::Refused(error) | Self::Answer(error) => error,
            Self::NotFound { .. } => io::Error::from(io::ErrorKind::NotFound),
            Self::Range => io::Error::from(io::ErrorKind::UnexpectedEof),
            Self::Exists { .. } => io::Error::from(io::ErrorKind::AlreadyExists),
            Self::Endless => io::Error::other("a listing without an end"),
        }
    }
}

/// One bucket on one server.
pub(super) struct Client {
    pub(super) agent: Agent,
    pub(super) bucket: Bucket,
    pub(super) access: Access,
    /// Whether the server was seen to refuse a name that is taken; unset while that was not tried.
    pub(super) conditions: OnceLock<bool>,
}

impl Client {
    /// Whether the server itself refuses to replace an object.
    pub(super) fn knows_conditions(&self) -> bool {
        self.conditions.get().is_some_and(|known| *known)
    }

    /// Sends a request until it is answered, and gives the answer if it is a good one. The address is signed anew
    /// for each try, and once more where another key has taken the place of the one that was refused.
    pub(super) fn send(
        &self,
        method: &Method,
        signed: impl Fn(&Credentials) -> Url,
        headers: &[(&'static str, String)],
        content: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let mut patience = Patience::default();
        loop {
            let key = self.access.key();
            let answer = self.once(method, &signed(&key), headers, content);
            let failure = match answer {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) if is_passing(answer.status()) => Failure::Unreachable(complaint(answer)),
                Ok(answer) => match refused(answer, &patience) {
                    // A key that has expired is not always refused as one, and where no text is sent none is told apart.
                    Failure::Refused(_) | Failure::Answer(_) if self.access.is_replaced(&key) => continue,
                    failure => return Err(failure),
                },
                Err(error) => Failure::Unreachable(error),
            };
            if !patience.wait() {
                return Err(failure);
            }
        }
    }

    fn once(
        &self,
        method: &Method,
        signed: &Url,
        headers: &[(&'static str, String)],
        content: &[u8],
    ) -> io::Result<Response<Body>> {
        let mut request = Request::builder().method(method).uri(signed.as_str());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let sent = if matches!(*method, Method::PUT | Method::POST) {
            request.body(content).map(|request| self.agent.run(request))
        } else {
            request.body(()).map(|request| self.agent.run(request))
        };
        sent.map_err(|_| unusable())?.map_err(plainly)
    }
}

fn unusable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the address cannot be used")
}

/// Without the address, which is signed.
fn plainly(error: ureq::Error) -> io::Error {
    match error {
        ureq::Error::Io(error) => error,
        ureq::Error::Timeout(_) => io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
        ureq::Error::HostNotFound => io::Error::new(io::ErrorKind::NotFound, "no such host"),
        ureq::Error::ConnectionFailed => io::Error::new(io::ErrorKind::NotConnected, "no connection"),
        ureq::Error::Rustls(error) => io::Error::other(format!("TLS: {error}")),
        ureq::Error::BadUri(_) => unusable(),
        _ => io::Error::other("the exchange was broken off"),
    }
}

/// Answers after which the same request may succeed.
fn is_passing(status: StatusCode) -> bool {
    // 409: another request about the same name was under way.
    let again = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT];
    status.is_server_error() || again.contains(&status)
}

fn refused(answer: Response<Body>, patience: &Patience) -> Failure {
    let status = answer.status();
    let complaint = complaint(answer);
    match status {
        _ if PASSING.iter().any(|code| complaint.to_string().ends_with(code)) => Failure::Answer(complaint),
        StatusCode::NOT_FOUND => Failure::NotFound { bucket: complaint.to_string().contains("NoSuchBucket") },
        StatusCode::RANGE_NOT_SATISFIABLE => Failure::Range,
        StatusCode::PRECONDITION_FAILED => Failure::Exists { tried_before: patience.tried_before() },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Refused(complaint),
        _ => Failure::Answer(complaint),
    }
}

/// What an answer complains of: its status and S3's own code, nothing else of its text.
fn complaint(answer: Response<Body>) -> io::Error {
    let status = answer.status();
    let mut text = Vec::new();
    // A complaint that cannot be read is told by its status alone.
    drop(answer.into_body().into_reader().take(COMPLAINT).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    io::Error::other(code(&text).map_or_else(|| format!("status {status}"), |code| format!("status {status}, {code}")))
}

/// The code of an error document (`<Error><Code>NoSuchKey</Code>…`).
pub(super) fn code(text: &str) -> Option<&str> {
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    code.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(code)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn no_room_and_a_wrong_clock_are_not_wrong_credentials() {
        let is_refused = |code: &str| {
            let body = Body::builder().data(format!("<Error><Code>{code}</Code></Error>"));
            let answer = Response::builder().status(StatusCode::FORBIDDEN).body(body).unwrap();
            matches!(refused(answer, &Patience::default()), Failure::Refused(_))
        };
        assert!(is_refused("AccessDenied") && is_refused("InvalidAccessKeyId"));
        assert!(!is_refused("QuotaExceeded") && !is_refused("RequestTimeTooSkewed"));
    }

    #[test]
    fn a_complaint_is_known_by_its_code() {
        let text = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>no</Message></Error>";
        assert_eq!(code(text), Some("NoSuchKey"));
        assert_eq!(code("<Code>not a code</Code>"), None);
        assert_eq!(code("nothing"), None);
    }
}
