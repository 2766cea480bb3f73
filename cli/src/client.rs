//! A small HTTP client for this machine's own server: over its unix sockets, over TCP on loopback, or within this
//! process. No TLS, no redirects, no pool: one connection for each request.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coffre_policies::Policies;
use coffre_store::Store;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime;

use crate::interrupt;

/// The largest answer, or line of an answer, that is read into memory.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Bytes on their way between the two ends of a connection within this process.
const PIPE: usize = 64 * 1024;

/// Where a server answers.
#[derive(Clone)]
pub(crate) enum Endpoint {
    /// A unix socket: who may connect is a matter of file permissions.
    Socket(PathBuf),
    /// An address on this machine.
    Address(SocketAddr),
    /// The control verbs over a vault that this process has open.
    Within {
        /// The vault.
        store: Store,
        /// Its policies.
        policies: Arc<Policies>,
    },
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::Within { .. } => f.write_str("this process"),
        }
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// A request that got no usable answer, or a refusal.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// Nothing listens there.
    #[error("no server answers at {endpoint}; start it with `coffre serve`")]
    Unreachable {
        /// Where it was looked for.
        endpoint: Endpoint,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The connection broke before the answer was complete.
    #[error("the server at {endpoint} broke off; look at its log, then try again")]
    BrokenOff {
        /// Which server.
        endpoint: Endpoint,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Whoever waited is to stop.
    #[error("stopped before the server answered, which goes on with what it was asked for; run this again")]
    Stopped,
    /// Something in the request cannot be said in HTTP.
    #[error("the request cannot be sent; use plain ASCII in tokens, names and paths")]
    Unspeakable(#[source] hyper::http::Error),
    /// The server answered with a problem (RFC 9457).
    #[error("{detail}")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The problem's type, for a program to act on.
        problem: String,
        /// What the server says about it, remedy included.
        detail: String,
    },
    /// The answer is not what the request promises.
    #[error("the server's answer is not understood; use the same version of `coffre` on both sides")]
    Garbled(#[source] serde_json::Error),
}

/// One request to a socket, from code that is not asynchronous, and its JSON.
pub(crate) fn ask<T: DeserializeOwned>(socket: &Path, method: Method, path: &str) -> Result<T, ClientError> {
    once(socket, method, path, HeaderMap::new(), Bytes::new(), &|| false)
}

/// The same with a JSON body.
pub(crate) fn tell<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    body: &serde_json::Value,
) -> Result<T, ClientError> {
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    once(socket, method, path, HeaderMap::from_iter(json), body.to_string().into(), &|| false)
}

/// One request for what may take hours, with a JSON body or none: nobody waits for it who is to stop.
pub(crate) fn ask_for_long<T: DeserializeOwned>(
    socket: &Path,
    path: &str,
    body: Option<&serde_json::Value>,
    stop: &dyn Fn() -> bool,
) -> Result<T, ClientError> {
    let json = body.map(|_| (CONTENT_TYPE, HeaderValue::from_static("application/json")));
    let body = body.map(ToString::to_string).unwrap_or_default();
    once(socket, Method::POST, path, json.into_iter().collect(), body.into(), stop)
}

fn once<T: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: Bytes,
    stop: &dyn Fn() -> bool,
) -> Result<T, ClientError> {
    let endpoint = Endpoint::Socket(socket.to_owned());
    let unreachable = |source| ClientError::Unreachable { endpoint: endpoint.clone(), source };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(unreachable)?;
    let client = Client::new(endpoint.clone());
    let answer = interrupt::unless(stop, client.send(method, path, headers, body));
    runtime.block_on(answer).ok_or(ClientError::Stopped)??.json()
}

/// Talks to one server, always as the same caller.
pub(crate) struct Client {
    endpoint: Endpoint,
    headers: HeaderMap,
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl Client {
    /// A caller without a token, as over a unix socket.
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, headers: HeaderMap::new() }
    }

    /// The same caller with an application's token.
    pub(crate) fn with_token(mut self, token: &str) -> Result<Self, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(self)
    }

    /// The same caller with another header on every request.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends a request without a body.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.send(Method::GET, path, HeaderMap::new(), Bytes::new()).await
    }

    /// Sends a JSON body, or none.
    pub(crate) async fn post(&self, path: &str, body: Option<&serde_json::Value>) -> Result<Answer, ClientError> {
        let json = body.map(|_| (CONTENT_TYPE, HeaderValue::from_static("application/json")));
        let body = body.map(ToString::to_string).unwrap_or_default();
        self.send(Method::POST, path, json.into_iter().collect(), body.into()).await
    }

    /// Sends a JSON body and hands each line of the answer on as it arrives. An answer that is no success comes back
    /// whole instead.
    pub(crate) async fn post_for_lines(
        &self,
        path: &str,
        body: &serde_json::Value,
        mut line: impl FnMut(&[u8]),
    ) -> Result<(), ClientError> {
        let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let answer = self.begin(Method::POST, path, HeaderMap::from_iter(json), body.to_string().into()).await?;
        if !answer.status().is_success() {
            return self.whole(answer).await?.accepted().map(drop);
        }
        let mut answer = answer.into_body();
        let mut rest = Vec::new();
        while let Some(frame) = answer.frame().await {
            let frame = frame.map_err(|source| self.broken_off(source))?;
            rest.extend_from_slice(frame.data_ref().map_or(&[][..], Bytes::as_ref));
            if rest.len() > LARGEST_ANSWER {
                return Err(self.broken_off("a line of the answer is too long"));
            }
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let after = rest.split_off(end + 1);
                line(rest.trim_ascii_end());
                rest = after;
            }
        }
        Ok(())
    }

    /// Sends a request and reads its whole answer, whatever its status.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let answer = self.begin(method, path, headers, body).await?;
        self.whole(answer).await
    }

    /// Sends a request and reads the head of its answer.
    async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut request =
            Request::builder().method(method).uri(path).body(Full::new(body)).map_err(ClientError::Unspeakable)?;
        request.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().extend(headers);

        let unreachable = |source| ClientError::Unreachable { endpoint: self.endpoint.clone(), source };
        match &self.endpoint {
            Endpoint::Socket(path) => self.over(UnixStream::connect(path).await.map_err(unreachable)?, request).await,
            Endpoint::Address(address) => {
                self.over(TcpStream::connect(address).await.map_err(unreachable)?, request).await
            }
            Endpoint::Within { store, policies } => {
                let (near, far) = tokio::io::duplex(PIPE);
                let account = rustix::process::getuid().as_raw();
                tokio::spawn(coffre_server::serve_control(far, store.clone(), Arc::clone(policies), account));
                self.over(near, request).await
            }
        }
    }

    async fn over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ClientError> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|source| self.broken_off(source))?;
        // It ends by itself: with the answer's last byte, or with the error that reading the answer reports too.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|source| self.broken_off(source))
    }

    async fn whole(&self, answer: Response<Incoming>) -> Result<Answer, ClientError> {
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|source| self.broken_off(source))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }

    fn broken_off(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::BrokenOff { endpoint: self.endpoint.clone(), source: source.into() }
    }
}

impl Answer {
    /// The answer itself if it is a success, the problem it describes otherwise.
    pub(crate) fn accepted(self) -> Result<Self, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let problem: Problem = serde_json::from_slice(&self.body).unwrap_or(Problem {
            kind: String::new(),
            title: format!("the server answered {}", self.status),
            detail: String::new(),
        });
        let detail = if problem.detail.is_empty() { problem.title } else { problem.detail };
        Err(ClientError::Refused { status: self.status, problem: problem.kind, detail })
    }

    /// The body of a success.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.accepted()?.body).map_err(ClientError::Garbled)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    /// Answers one request with fixed bytes, and hands back what was asked.
    fn answering(answer: &'static str) -> (Endpoint, std::thread::JoinHandle<String>) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint = Endpoint::Address(listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.extend(byte);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(asked).unwrap()
        });
        (endpoint, thread)
    }

    #[tokio::test]
    async fn a_token_goes_with_the_request_and_a_body_comes_back() {
        let (endpoint, server) = answering("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}");
        let client = Client::new(endpoint).with_token("secret").unwrap();
        let answer: serde_json::Value = client.get("/v1/audit/tree-head").await.unwrap().json().unwrap();
        assert_eq!(answer, serde_json::json!({"a": 1}));
        let asked = server.join().unwrap();
        assert!(asked.starts_with("GET /v1/audit/tree-head HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("authorization: Bearer secret\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn a_problem_becomes_an_error_with_its_detail() {
        let (endpoint, server) = answering(
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 64\r\n\r\n\
             {\"type\":\"/problems/denied\",\"title\":\"Denied\",\"detail\":\"no; ask\"}  ",
        );
        let error = Client::new(endpoint).get("/").await.unwrap().accepted().unwrap_err();
        assert_eq!(error.to_string(), "no; ask");
        assert!(matches!(error, ClientError::Refused { status: StatusCode::FORBIDDEN, .. }));
        server.join().unwrap();
    }

    #[tokio::test]
    async fn an_answer_cut_short_is_an_error() {
        let (endpoint, server) = answering("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
        assert!(matches!(Client::new(endpoint).get("/").await, Err(ClientError::BrokenOff { .. })));
        server.join().unwrap();
    }

    #[test]
    fn whoever_is_to_stop_waits_for_no_answer() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("backup.sock");
        let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let ended = ask_for_long::<serde_json::Value>(&socket, "/v1/drills", None, &|| true);
        assert!(matches!(ended, Err(ClientError::Stopped)), "{ended:?}");
    }

    #[tokio::test]
    async fn a_socket_without_a_server_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Client::new(Endpoint::Socket(folder.path().join("control.sock"))).get("/").await.unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }));
        assert!(error.to_string().contains("control.sock"));
    }
}
