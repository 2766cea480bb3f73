//! A door: something that is listened on, and who is let in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::error::ServeError;
use super::socket::{Admission, SocketFile};
use super::{App, connection, tls};
use crate::limits::Limits;
use crate::options::TlsFiles;
use crate::stop::Stop;

/// How long to wait when the system has no more descriptors.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(200);

/// What is listened on.
pub(super) enum Door {
    /// The API.
    Tcp { listener: TcpListener, tls: Option<TlsAcceptor> },
    /// A socket of this host.
    Unix { listener: UnixListener, admission: Admission, _file: SocketFile },
}

/// Somebody who came in.
enum Visitor {
    Tcp(TcpStream, Option<TlsAcceptor>),
    Unix(UnixStream, crate::http::Peer),
}

/// Listens for the API.
pub(super) async fn tcp(address: SocketAddr, files: Option<&TlsFiles>) -> Result<Door, ServeError> {
    let tls = files.map(tls::acceptor).transpose()?;
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

/// Serves whoever comes through a door until the server stops; then closes it, and waits for those
/// who are inside as long as they may take.
pub(super) async fn keep(door: Door, app: impl App, limits: Limits, stop: Stop) {
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
            () = stop.told() => break,
        };
        match arrived {
            Some((place, Ok(visitor))) => {
                let (app, stop) = (app.clone(), stop.clone());
                inside.spawn(async move {
                    welcome(visitor, app, limits, stop).await;
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
    drop(door);
    let emptied = async { while inside.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.stop, emptied).await.is_err() {
        tracing::warn!(connections = inside.len(), "connections were cut off: they took too long to finish");
        inside.shutdown().await;
    }
}

async fn welcome(visitor: Visitor, app: impl App, limits: Limits, stop: Stop) {
    match visitor {
        Visitor::Tcp(stream, None) => connection::serve(stream, app, None, limits, stop).await,
        Visitor::Tcp(stream, Some(tls)) => match tokio::time::timeout(limits.head, tls.accept(stream)).await {
            Ok(Ok(stream)) => connection::serve(stream, app, None, limits, stop).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
        Visitor::Unix(stream, peer) => connection::serve(stream, app, Some(peer), limits, stop).await,
    }
}
