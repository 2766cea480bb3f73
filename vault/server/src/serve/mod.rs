//! Running the service: where it listens, who may connect, how it stops. What is answered is `http`.

mod closing;
mod connection;
mod door;
mod ends;
mod error;
mod fetched;
mod signals;
mod socket;
mod stall;
mod tls;
mod tls_end;
mod watched;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use coffre_policies::Policies;
use coffre_store::{CaptureOptions, Store};
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinHandle, JoinSet};
use tower::Service;

pub use error::{ServeError, SocketError, TlsError};
pub use signals::terminated;
pub use tls_end::{TlsEnd, TlsFile, tls_ends};

use closing::{WIPED_WITHIN, close};
use connection::Guest;
use door::Door;
use ends::Ends;
use fetched::Fetched;
use watched::Watched;

use crate::authentication::{JwksError, KeySet, OperatorTokens, Provider};
use crate::http::{self, Api, Parts, Peer};
use crate::limits::Limits;
use crate::operator_options::{JwksSource, OperatorOptions};
use crate::options::ServerOptions;
use crate::quotas::Quotas;
use crate::stop::Stop;
use crate::usecases::{Keeper, SOFTWARE};

/// What answers requests.
trait App:
    Service<Request<Incoming>, Response = Response<<Self as App>::Answer>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
    /// Its answers' bodies.
    type Answer: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static;
}

impl<S, B> App for S
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    type Answer = B;
}

/// A server that runs.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    ends: Ends,
    running: JoinHandle<()>,
}

impl Serving {
    /// Where the API is: with the port that the system chose, if it was to choose one.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stops it.
    pub fn stop(&self) -> Stop {
        self.ends.stop.clone()
    }

    /// Waits until the vault is sealed or told to stop. Whoever else holds it open lets go of it then.
    pub fn over(&self) -> impl Future<Output = ()> + Send + 'static {
        let ends = self.ends.clone();
        async move { ends.told().await }
    }

    /// Waits until it has stopped: requests finished, the store closed.
    pub async fn stopped(self) {
        if let Err(error) = self.running.await {
            tracing::error!(%error, "the server ended by a mistake in this program");
        }
    }
}

/// Starts to serve a vault. Everything is bound when this returns; nothing is when it fails.
pub async fn serve(options: ServerOptions, store: Store, policies: Arc<Policies>) -> Result<Serving, ServeError> {
    let ends = Ends::by(Stop::new());
    let (limits, stop) = (options.limits, ends.stop.clone());
    let tls = options.tls.clone().map(|files| Watched::read(tls::files(&files), move || tls::taking(&files)));
    let tls = tls.transpose()?;
    let operators = options.operators.clone().map(Operators::read).transpose()?;
    let keeper = Keeper::new(store.clone(), policies, limits.readers, options.witnesses.clone());
    let keeper = Arc::new(keeper.watching(options.alerts));
    // Nothing is bound before that.
    keeper.require_policies().await.map_err(ServeError::of_policies)?;
    let api = Api::of(Parts {
        keeper: Arc::clone(&keeper),
        operators: operators.as_ref().map(Operators::tokens),
        quotas: Arc::new(Quotas::new(options.caller_limits)),
        limits,
        spool: options.spool.clone(),
        drills: options.drills.clone(),
        stop: stop.clone(),
        seal: ends.seal.clone(),
    });
    let public = door::tcp(options.listen, tls.as_ref().map(Watched::subscribe)).await?;
    let address = public.address().unwrap_or(options.listen);
    let control = options.control_socket.as_deref().map(socket::control).transpose()?;
    let backup = options.backup_socket.as_ref().map(socket::backup).transpose()?;

    store.keep_reserve(options.reserve);
    if let Some(spool) = options.spool.as_ref().filter(|spool| spool.awaits_confirmation) {
        store.await_confirmations(spool.when_full);
    }
    if let Some(spool) = options.spool.as_ref().filter(|spool| spool.continuous) {
        let mut capture = CaptureOptions::new(spool.folder.clone(), spool.keep, SOFTWARE);
        (capture.spool_limit, capture.when_full) = (spool.limit, spool.when_full);
        store.follow(capture).map_err(ServeError::Capture)?;
    }

    let mut serving = Served { doors: JoinSet::new(), watching: JoinSet::new(), limits, ends, keeper, store };
    if let Some(tls) = tls {
        tls.keep_reading(limits.reread, stop.clone(), &mut serving.watching);
    }
    if let Some(operators) = operators {
        operators.keep(limits, stop.clone(), &mut serving.watching);
    }
    serving.open(Surface::Api, public, http::api(api.clone()));
    if let Some(door) = control {
        serving.open(Surface::Control, door, http::control(api.clone()));
    }
    if let Some(door) = backup {
        serving.open(Surface::Backup, door, http::backup(api));
    }
    serving.watching.spawn(end_log_sessions(Arc::clone(&serving.keeper), serving.ends.clone()));
    serving.watching.spawn(give_back(serving.ends.clone()));
    serving.watching.spawn(rotate(Arc::clone(&serving.keeper), serving.ends.clone()));
    if let Some(drills) = options.drills {
        serving.watching.spawn(warn_of_drills(Arc::clone(&serving.keeper), drills.objective, serving.ends.clone()));
    }
    tracing::info!(%address, tls = options.tls.is_some(), "serving");
    let ends = serving.ends.clone();
    Ok(Serving { address, ends, running: tokio::spawn(serving.run()) })
}

/// Whom a door is for.
#[derive(Debug, Clone, Copy)]
enum Surface {
    Api,
    Control,
    Backup,
}

/// Everything that runs while a vault is served.
struct Served {
    doors: JoinSet<(Surface, Option<Door>)>,
    watching: JoinSet<()>,
    limits: Limits,
    ends: Ends,
    keeper: Arc<Keeper>,
    store: Store,
}

impl Served {
    fn open(&mut self, surface: Surface, door: Door, app: impl App) {
        let kept = door::keep(door, app, self.limits, self.ends.clone());
        self.doors.spawn(async move { (surface, kept.await) });
    }

    /// Until it is stopped: open, then sealed if it is sealed meanwhile.
    async fn run(mut self) {
        let mut open = Vec::new();
        while let Some(kept) = self.doors.join_next().await {
            open.extend(kept.ok().and_then(|(surface, door)| Some((surface, door?))));
        }
        let Self { mut doors, mut watching, limits, ends: Ends { stop, .. }, keeper, store } = self;
        for (surface, door) in open {
            let app = match surface {
                Surface::Control => http::sealed_control(stop.clone()),
                Surface::Api | Surface::Backup => http::sealed(),
            };
            let kept = door::keep(door, app, limits, Ends::by(stop.clone()));
            doors.spawn(async move { (surface, kept.await) });
        }
        if !stop.is_told() {
            store.turn_away();
        }
        // A disk that does not answer is not waited for.
        let patience = if stop.is_told() { limits.stop } else { WIPED_WITHIN };
        if tokio::time::timeout(patience, keeper.end_log_sessions(true)).await.is_err() {
            tracing::error!("how much of the log was read cannot be written, and is given up");
        }
        drop(keeper);
        // Everything accepted is answered or cut off; what the writer still has is committed before it ends.
        let closed = tokio::task::spawn_blocking({
            let stop = stop.clone();
            move || close(store, &stop)
        });
        while doors.join_next().await.is_some() {}
        while watching.join_next().await.is_some() {}
        if let Err(error) = closed.await {
            tracing::error!(%error, "the store was not closed");
        }
        tracing::info!("stopped");
    }
}

/// Who verifies operators, and the keys it does so with.
struct Operators {
    options: Arc<OperatorOptions>,
    keys: Keys,
}

enum Keys {
    Read(Watched<KeySet>),
    Fetched(Fetched),
}

impl Operators {
    fn read(options: OperatorOptions) -> Result<Self, JwksError> {
        let keys = match &options.jwks {
            JwksSource::File(file) => {
                let path = file.clone();
                Keys::Read(Watched::read(vec![file.clone()], move || KeySet::load(&path))?)
            }
            JwksSource::Url { url, authorities } => {
                Keys::Fetched(Fetched::by(Provider::new(url, authorities.as_deref())?))
            }
        };
        Ok(Self { options: Arc::new(options), keys })
    }

    fn tokens(&self) -> OperatorTokens {
        let (keys, wanted) = match &self.keys {
            Keys::Read(read) => (read.subscribe(), Arc::default()),
            Keys::Fetched(fetched) => (fetched.subscribe(), fetched.wanted()),
        };
        OperatorTokens::new(Arc::clone(&self.options), keys, wanted)
    }

    fn keep(self, limits: Limits, stop: Stop, tasks: &mut JoinSet<()>) {
        match self.keys {
            Keys::Read(read) => read.keep_reading(limits.reread, stop, tasks),
            Keys::Fetched(fetched) => fetched.keep_fetching(limits.reread, stop, tasks),
        }
    }
}

/// How often sessions are looked at that may be over.
const SWEPT_EVERY: Duration = Duration::from_secs(20);

/// Until the vault is stopped or sealed.
async fn end_log_sessions(keeper: Arc<Keeper>, ends: Ends) {
    while tokio::time::timeout(SWEPT_EVERY, ends.told()).await.is_err() {
        keeper.end_log_sessions(false).await;
    }
}

/// How often memory that nobody uses goes back to the system.
const GIVEN_BACK_EVERY: Duration = Duration::from_mins(1);

async fn give_back(ends: Ends) {
    while tokio::time::timeout(GIVEN_BACK_EVERY, ends.told()).await.is_err() {
        // On a thread that may wait for the allocator's locks.
        let _lost = tokio::task::spawn_blocking(coffre_store::give_back_memory).await;
    }
}

/// Goes on with a rotation of the data, and ends it with the service.
async fn rotate(keeper: Arc<Keeper>, ends: Ends) {
    keeper.resume_rotation().await;
    ends.told().await;
    keeper.end_rotation();
}

/// How often the log says that a drill is overdue.
const WARNED_EVERY: Duration = Duration::from_hours(6);

async fn warn_of_drills(keeper: Arc<Keeper>, objective: Duration, ends: Ends) {
    loop {
        let history = keeper.drill_history(Some(objective));
        if history.overdue && history.drills.is_empty() {
            tracing::warn!("NO DRILL HAS PROVEN A BACKUP YET: run `coffre drill`");
        } else if history.overdue {
            tracing::error!(objective_seconds = objective.as_secs(), "A DRILL IS OVERDUE: run `coffre drill`");
        }
        if tokio::time::timeout(WARNED_EVERY, ends.told()).await.is_ok() {
            return;
        }
    }
}

/// Serves the control verbs over one connection within this process: a command that finds no server
/// running does the same over the store that it opened itself.
pub async fn serve_control(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    store: Store,
    policies: Arc<Policies>,
    account: u32,
) {
    let (limits, stop) = (Limits::default(), Stop::new());
    let keeper = Arc::new(Keeper::new(store, policies, limits.readers, Vec::new()));
    let quotas = Arc::default();
    let ends = Ends::by(stop);
    let (stop, seal) = (ends.stop.clone(), ends.seal.clone());
    let api = Api::of(Parts { keeper, operators: None, quotas, limits, spool: None, drills: None, stop, seal });
    let guest = Guest::of_this_host(Peer { account, allowed: true });
    connection::serve(io, http::control(api), guest, limits, ends).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_is_heard_before_and_after_it_is_told() {
        let stop = Stop::new();
        let early = tokio::spawn({
            let stop = stop.clone();
            async move { stop.told().await }
        });
        stop.now();
        assert!(early.await.is_ok());
        stop.told().await;
    }
}
