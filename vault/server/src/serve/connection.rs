//! One connection: HTTP/1.1 until it ends, is idle for too long, or the server stops.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt as _;

use super::App;
use super::door::Tls;
use super::ends::Ends;
use super::stall::Impatient;
use crate::authentication::ClientCertificate;
use crate::http::Peer;
use crate::limits::Limits;

/// More headers than any client of this API has.
const HEADERS: usize = 64;
/// The most bytes of a request's head.
const HEAD: usize = 64 * 1024;

/// What is known of whoever is at the other end before it says anything.
#[derive(Default)]
pub(super) struct Guest {
    /// By the operating system's word.
    pub(super) peer: Option<Peer>,
    /// By the TLS handshake.
    pub(super) certificate: Option<Arc<ClientCertificate>>,
    /// How connections are taken since: another way than the guest's ends the connection, lest a client stay that
    /// would not be let in again.
    pub(super) taken: Option<Tls>,
    /// When a list of revoked certificates ends, and with it the connection, for the same reason.
    pub(super) list_ends: Option<Instant>,
}

impl Guest {
    pub(super) fn of_this_host(peer: Peer) -> Self {
        Self { peer: Some(peer), ..Self::default() }
    }
}

/// Serves a connection. Told to end, it answers what it has accepted and closes.
pub(super) async fn serve(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: impl App,
    guest: Guest,
    limits: Limits,
    ends: Ends,
) {
    let Guest { peer, certificate, taken, list_ends } = guest;
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(Arc::clone(certificate));
        }
        app.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_headers(HEADERS).max_buf_size(HEAD);
    let io = TokioIo::new(Impatient::new(io, limits.stall));
    let mut connection = pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = over(&ends, taken, list_ends) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection was broken off");
    }
}

/// Waits until there is a reason to end a connection.
async fn over(ends: &Ends, taken: Option<Tls>, list_ends: Option<Instant>) {
    tokio::select! {
        () = ends.told() => {}
        () = changed(taken) => {}
        () = reached(list_ends) => {}
    }
}

async fn changed(taken: Option<Tls>) {
    if let Some(mut taken) = taken
        && taken.changed().await.is_ok()
    {
        return;
    }
    pending::<()>().await;
}

async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}
