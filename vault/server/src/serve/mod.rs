//! Running the service: where it listens, who may connect, how it stops. What is answered is `http`.

mod connection;
mod door;
mod error;
mod signals;
mod socket;
mod stall;
mod tls;

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

use crate::http::{self, Api, Peer};
use crate::limits::Limits;
use crate::options::ServerOptions;
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
    stop: Stop,
    running: JoinHandle<()>,
}

impl Serving {
    /// Where the API is: with the port that the system chose, if it was to choose one.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stops it.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
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
    let stop = Stop::new();
    let limits = options.limits;
    let keeper = Arc::new(Keeper::new(store.clone(), policies, limits.readers, options.witnesses.clone()));
    let api = Api { keeper: Arc::clone(&keeper), limits, spool: options.spool.clone(), stop: stop.clone() };
    let public = door::tcp(options.listen, options.tls.as_ref()).await?;
    let address = public.address().unwrap_or(options.listen);
    let control = options.control_socket.as_deref().map(socket::control).transpose()?;
    let backup = options.backup_socket.as_ref().map(socket::backup).transpose()?;

    store.keep_reserve(options.reserve);
    if let Some(spool) = options.spool.as_ref().filter(|spool| spool.continuous) {
        let mut capture = CaptureOptions::new(spool.folder.clone(), spool.keep, SOFTWARE);
        (capture.spool_limit, capture.when_full) = (spool.limit, spool.when_full);
        store.follow(capture).map_err(ServeError::Capture)?;
    }

    let mut doors = JoinSet::new();
    doors.spawn(door::keep(public, http::api(api.clone()), limits, stop.clone()));
    if let Some(door) = control {
        doors.spawn(door::keep(door, http::control(api.clone()), limits, stop.clone()));
    }
    if let Some(door) = backup {
        doors.spawn(door::keep(door, http::backup(api), limits, stop.clone()));
    }
    doors.spawn(end_log_sessions(Arc::clone(&keeper), stop.clone()));
    tracing::info!(%address, tls = options.tls.is_some(), "serving");
    let running = tokio::spawn(run(doors, keeper, store));
    Ok(Serving { address, stop, running })
}

/// How often sessions are looked at that may be over.
const SWEPT_EVERY: Duration = Duration::from_secs(20);

async fn end_log_sessions(keeper: Arc<Keeper>, stop: Stop) {
    while tokio::time::timeout(SWEPT_EVERY, stop.told()).await.is_err() {
        keeper.end_log_sessions(false).await;
    }
}

async fn run(mut doors: JoinSet<()>, keeper: Arc<Keeper>, store: Store) {
    while doors.join_next().await.is_some() {}
    keeper.end_log_sessions(true).await;
    drop(keeper);
    // Everything accepted is answered; what the writer still has is committed before it ends.
    if let Err(error) = tokio::task::spawn_blocking(move || store.close()).await {
        tracing::error!(%error, "the store was not closed");
    }
    tracing::info!("stopped");
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
    let api = Api { keeper, limits, spool: None, stop: stop.clone() };
    let peer = Peer { account, allowed: true };
    connection::serve(io, http::control(api), Some(peer), limits, stop).await;
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
