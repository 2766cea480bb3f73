//! What nobody read of a request's body: taken and thrown away, within bounds, before the answer leaves, that the client
//! may read it instead of a broken connection. Whoever waits to be told to send the body (`Expect`) and is not, sends none.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header::EXPECT;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;

/// So much is thrown away.
const MOST: u64 = 8 * 1024 * 1024;
/// It is waited for so long.
const LONGEST: Duration = Duration::from_secs(2);

/// What comes back of a body.
pub(super) struct Rest(oneshot::Receiver<Body>);

/// A body while the request is answered: goes back where it came from unless it was read to its end.
struct Lent {
    body: Body,
    back: Option<oneshot::Sender<Body>>,
    /// Whether the client sends nothing before the body is asked for.
    waits: bool,
}

/// Lends a request its own body, if it has one.
pub(super) fn lend(request: &mut Request) -> Option<Rest> {
    if request.body().is_end_stream() {
        return None;
    }
    let (back, rest) = oneshot::channel();
    let waits = request.headers().contains_key(EXPECT);
    let body = std::mem::take(request.body_mut());
    *request.body_mut() = Body::new(Lent { body, back: Some(back), waits });
    Some(Rest(rest))
}

impl Rest {
    /// Takes and throws away what was not read, once the request is answered.
    pub(super) async fn drain(mut self) {
        let Ok(mut body) = self.0.try_recv() else { return };
        let drained = async {
            let mut left = MOST;
            while let Some(Ok(frame)) = body.frame().await {
                left = left.saturating_sub(frame.data_ref().map_or(0, |bytes| bytes.len() as u64));
                if left == 0 {
                    return;
                }
            }
        };
        let _bounded = tokio::time::timeout(LONGEST, drained).await;
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits = false;
        let read = Pin::new(&mut self.body).poll_frame(context);
        if matches!(read, Poll::Ready(None | Some(Err(_)))) {
            self.back = None;
        }
        read
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(back) = self.back.take().filter(|_| !self.waits) {
            let _gone = back.send(std::mem::take(&mut self.body));
        }
    }
}
