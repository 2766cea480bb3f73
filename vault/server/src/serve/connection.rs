//! One connection: HTTP/1.1 until it ends, is idle for too long, or the server stops.

use std::pin::pin;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt as _;

use super::App;
use super::stall::Impatient;
use crate::http::Peer;
use crate::limits::Limits;
use crate::stop::Stop;

/// More headers than any client of this API has.
const HEADERS: usize = 64;
/// The most bytes of a request's head.
const HEAD: usize = 64 * 1024;

/// Serves a connection. Told to stop, it answers what it has accepted and closes.
pub(super) async fn serve(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    app: impl App,
    peer: Option<Peer>,
    limits: Limits,
    stop: Stop,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        app.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_headers(HEADERS).max_buf_size(HEAD);
    let io = TokioIo::new(Impatient::new(io, limits.stall));
    let mut connection = pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.told() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection was broken off");
    }
}
