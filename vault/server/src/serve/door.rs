//! A door: something that is listened on, and who is let in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use coffre_store::clock::{Clock as _, SystemClock};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::connection::Guest;
use super::ends::Ends;
use super::error::ServeError;
use super::socket::{Admission, SocketFile};
use super::tls::Taking;
use super::{App, connection};
use crate::authentication::ClientCertificate;
use crate::limits::Limits;

/// How TLS connections are taken: changes with the files of TLS.
pub(super) type Tls = watch::Receiver<Arc<Taking>>;

/// How long to wait when the system has no more descriptors.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(200);

/// What is listened on.
pub(super) enum Door {
    /// The API.
    Tcp { listener: TcpListener, tls: Option<Tls> },
    /// A socket of this host.
    Unix { listener: UnixListener, admission: Admission, _file: SocketFile },
}

/// Somebody who came in.
enum Visitor {
    Tcp(TcpStream, Option<Tls>),
    Unix(UnixStream, crate::http::Peer),
}

/// Listens for the API.
pub(super) async fn tcp(address: SocketAddr, tls: Option<Tls>) -> Result<Door, ServeError> {
    if tls.is_none() && !address.ip().to_canonical().is_loopback() {
        return Err(ServeError::BeyondLoopback { address });
    }
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })?;
    Ok(Door::Tcp { listener, tls })
}

impl Door {
    /// The address of the API's door.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { listener, .. } => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }

    async fn accept(&self) -> io::Result<Visitor> {
        match self {
            Self::Tcp { listener, tls } => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Visitor::Tcp(stream, tls.clone()))
            }
            Self::Unix { listener, admission, .. } => {
                let (stream, _) = listener.accept().await?;
                let peer = admission.of(&stream.peer_cred()?);
                Ok(Visitor::Unix(stream, peer))
            }
        }
    }
}

/// Serves whoever comes through a door until serving ends; then lets nobody else in, and waits for those who are inside
/// as long as they may take. Gives the door back, still open, where the vault is sealed: whoever knocks is answered yet.
pub(super) async fn keep(door: Door, app: impl App, limits: Limits, ends: Ends) -> Option<Door> {
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut inside = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, door.accept().await))
        };
        let arrived = tokio::select! {
            arrived = next => arrived,
            Some(_) = inside.join_next() => continue,
            () = ends.told() => break,
        };
        match arrived {
            Some((place, Ok(visitor))) => {
                let (app, ends) = (app.clone(), ends.clone());
                inside.spawn(async move {
                    welcome(visitor, app, limits, ends).await;
                    drop(place);
                });
            }
            Some((_, Err(error))) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            }
            None => break,
        }
    }
    drop(app);
    let (door, patience) = if ends.stop.is_told() {
        drop(door);
        (None, limits.stop)
    } else {
        (Some(door), limits.seal)
    };
    let emptied = async { while inside.join_next().await.is_some() {} };
    if tokio::time::timeout(patience, emptied).await.is_err() {
        tracing::warn!(connections = inside.len(), "connections were cut off: they took too long to finish");
        inside.shutdown().await;
    }
    door
}

async fn welcome(visitor: Visitor, app: impl App, limits: Limits, ends: Ends) {
    match visitor {
        Visitor::Tcp(stream, None) => connection::serve(stream, app, Guest::default(), limits, ends).await,
        Visitor::Tcp(stream, Some(mut tls)) => {
            // Seen from here on: a change during the handshake ends the connection.
            let taking = Arc::clone(&tls.borrow_and_update());
            let list_ends = taking.lasts(SystemClock.now()).and_then(|lasts| Instant::now().checked_add(lasts));
            let acceptor = TlsAcceptor::from(Arc::clone(&taking.config));
            match tokio::time::timeout(limits.head, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let certificate = certificate(stream.get_ref().1).map(Arc::new);
                    let guest = Guest { certificate, taken: Some(tls), list_ends, ..Guest::default() };
                    connection::serve(stream, app, guest, limits, ends).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
        }
        Visitor::Unix(stream, peer) => {
            connection::serve(stream, app, Guest::of_this_host(peer), limits, ends).await;
        }
    }
}

/// The client's certificate, if the handshake verified one.
fn certificate(session: &tokio_rustls::rustls::ServerConnection) -> Option<ClientCertificate> {
    ClientCertificate::from_der(session.peer_certificates()?.first()?)
}
