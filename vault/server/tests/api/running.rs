//! A vault that runs, and the applications that talk to it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::habilitation::HabilitationTerms;
use coffre_core::ids::RequestId;
use coffre_core::time::Timestamp;
use coffre_policies::Policies;
use coffre_server::{BackupSocket, ServerOptions, Serving, SpoolOptions, serve};
use coffre_store::clock::{Clock, SystemClock, SystemEntropy};
use coffre_store::transactions::GiveHabilitation;
use coffre_store::{Depends, Identity, InitPlan, Layout, OpenOptions, Store, WhenFull, init};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, IF_MATCH};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// The system's clock, and what a test adds to it.
#[derive(Default)]
pub(crate) struct ShiftedClock(AtomicI64);

impl ShiftedClock {
    pub(crate) fn pass_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_seconds(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn policies() -> Arc<Policies> {
    static POLICIES: OnceLock<Arc<Policies>> = OnceLock::new();
    Arc::clone(POLICIES.get_or_init(|| Arc::new(Policies::embedded().unwrap())))
}

/// A vault that is served.
pub(crate) struct Running {
    pub(crate) serving: Serving,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ShiftedClock>,
    pub(crate) folder: TempDir,
}

/// Makes a vault in a folder.
pub(crate) fn make_vault(folder: &Path) -> PathBuf {
    let vault = folder.join("vault");
    let plan = InitPlan {
        environment: "test".parse().unwrap(),
        recovery_recipient: None,
        recovery_identity_file: folder.join("recovery.identity"),
    };
    init(&vault, &plan, &SystemClock, &mut SystemEntropy).unwrap();
    vault
}

/// Opens one.
pub(crate) fn open_vault(vault: &Path, clock: Arc<dyn Clock>) -> Store {
    let identity = Identity::read(&Layout::new(vault).server_identity()).unwrap();
    let indexes = policies().record_types().flat_map(coffre_policies::RecordType::indexes).collect();
    Store::open(vault, &identity, &OpenOptions { indexes, clock, readers: 4 }).unwrap()
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        Self::start_under(policies(), change).await
    }

    pub(crate) async fn start_under(policies: Arc<Policies>, change: impl FnOnce(&mut ServerOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ShiftedClock::default());
        let store = open_vault(&make_vault(folder.path()), Arc::clone(&clock) as Arc<dyn Clock>);
        let mut options = ServerOptions::on(SocketAddr::from(([127, 0, 0, 1], 0)));
        options.control_socket = Some(folder.path().join("control.sock"));
        options.backup_socket =
            Some(BackupSocket { path: folder.path().join("backup.sock"), accounts: vec![], groups: vec![] });
        let keep = std::num::NonZeroU64::new(2).unwrap();
        options.spool = Some(SpoolOptions {
            folder: folder.path().join("spool"),
            keep,
            continuous: false,
            limit: None,
            when_full: WhenFull::KeepServing,
            awaits_confirmation: false,
        });
        change(&mut options);
        habilitate(&store, "a.martin").await;
        let serving = serve(options, store.clone(), policies).await.unwrap();
        Self { serving, store, clock, folder }
    }

    pub(crate) fn vault(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    /// An application with its token.
    pub(crate) async fn application(&self, name: &str, role: &str) -> Caller {
        let added = self.control("control.sock").post("/v1/applications", &json!({"name": name, "role": role})).await;
        assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
        self.caller().with_token(added.json()["token"].as_str().unwrap()).for_operator("a.martin")
    }

    /// A caller without token or operator.
    pub(crate) fn caller(&self) -> Caller {
        Caller { to: Address::Tcp(self.serving.address()), headers: HeaderMap::new() }
    }

    pub(crate) fn control(&self, socket: &str) -> Caller {
        Caller { to: Address::Unix(self.folder.path().join(socket)), headers: HeaderMap::new() }
    }

    /// Stops and waits until everything is closed.
    pub(crate) async fn stop(self) -> TempDir {
        self.serving.stop().now();
        self.serving.stopped().await;
        self.folder
    }
}

#[derive(Clone)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Somebody who sends requests.
#[derive(Clone)]
pub(crate) struct Caller {
    to: Address,
    pub(crate) headers: HeaderMap,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The index of the entry that it left.
    #[track_caller]
    pub(crate) fn entry(&self) -> u64 {
        self.header("coffre-audit-entry").parse().unwrap()
    }

    /// A problem of this status and name, well-formed.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, name: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:coffre:problem:{name}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["instance"], format!("urn:uuid:{}", self.header("coffre-request")));
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        problem
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text());
        self
    }
}

impl Caller {
    #[must_use]
    pub(crate) fn with_token(self, token: &str) -> Self {
        self.with(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    #[must_use]
    pub(crate) fn for_operator(self, operator: &str) -> Self {
        self.with("coffre-operator", operator)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(hyper::header::HeaderName::try_from(name).unwrap(), value.try_into().unwrap());
        self
    }

    #[must_use]
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// The same caller at another server.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { to: Address::Tcp(address), headers: self.headers.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.clone().with(CONTENT_TYPE.as_str(), "application/json").send(Method::POST, path, body.to_string()).await
    }

    /// A POST without a body.
    pub(crate) async fn tell(&self, path: &str) -> Answer {
        self.send(Method::POST, path, Bytes::new()).await
    }

    pub(crate) async fn patch(&self, path: &str, version: u32, body: &Value) -> Answer {
        self.clone()
            .with(CONTENT_TYPE.as_str(), "application/merge-patch+json")
            .with(IF_MATCH.as_str(), &format!("\"{version}\""))
            .send(Method::PATCH, path, body.to_string())
            .await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).body(Full::new(body.into())).unwrap();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(HOST, "localhost".try_into().unwrap());
        match &self.to {
            Address::Tcp(address) => exchange(TcpStream::connect(address).await.unwrap(), request).await,
            Address::Unix(path) => exchange(UnixStream::connect(path).await.unwrap(), request).await,
        }
    }

    /// A connection of one's own, for what no well-behaved client does.
    pub(crate) async fn connect(&self) -> TcpStream {
        match &self.to {
            Address::Tcp(address) => TcpStream::connect(address).await.unwrap(),
            Address::Unix(_) => panic!("only over TCP"),
        }
    }
}

pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Answer {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

/// The values of the person whom most tests are about.
pub(crate) fn anne() -> Value {
    json!({
        "contact": {
            "given_name": "Anne", "family_name": "Lefèvre", "birth_date": "1980-02-29",
            "email": "anne.lefevre@example.fr", "phone": "+33 6 39 98 12 34",
        },
        "lifestyle": {"tobacco": false},
        "health": {"illnesses": ["asthme"]},
        "contract": {"number": "C-2024-0001"},
    })
}

/// Lets an operator handle health for every purpose that it may serve; most tests are not about that.
pub(crate) async fn habilitate(store: &Store, operator: &str) {
    let purposes =
        policies().purposes().filter(|purpose| !purpose.article9.is_empty()).map(|p| p.name.clone()).collect();
    let terms = HabilitationTerms {
        operator: operator.to_owned(),
        record_type: "policyholder".parse().unwrap(),
        categories: BTreeSet::from(["health".parse().unwrap()]),
        purposes,
        valid_from: Timestamp::from_micros(0),
        valid_until: None,
    };
    let request = RequestId::random(&mut SystemEntropy);
    let draft = Draft::new(Action::GiveHabilitation, Decision::Allow, request);
    store.transact(GiveHabilitation { terms }, draft, None, Depends::default()).await.unwrap();
}

/// Creates a record; gives its path.
pub(crate) async fn create(legal: &Caller, values: &Value) -> String {
    let created = legal.post("/v1/records/policyholder?purpose=contract-administration", values).await.ok();
    created.header("location").to_owned()
}

/// Gives a grant; gives its identifier.
pub(crate) async fn grant(legal: &Caller, record: &str, role: &str, purpose: &str, fields: &[&str]) -> String {
    let terms = json!({"role": role, "purpose": purpose, "fields": fields, "basis": "consent"});
    let given = legal.post(&format!("{record}/grants"), &terms).await.ok();
    given.json()["id"].as_str().unwrap().to_owned()
}

/// The log's entry with this index.
pub(crate) async fn entry(dpo: &Caller, index: u64) -> Value {
    let page = dpo.get(&format!("/v1/audit/entries?from={index}&limit=1")).await.ok().json();
    assert_eq!(page["entries"][0]["index"], index);
    page["entries"][0]["entry"].clone()
}
