//! A line to a server that can be cut, slowed, and answered on instead of the server.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the line does; shared with the threads that carry its bytes.
struct State {
    /// Bytes towards the server after which it is dead; `usize::MAX` for never.
    carries: AtomicUsize,
    /// Bytes towards the server after which the next answer is lost, and all connections; `usize::MAX` for never.
    answered: AtomicUsize,
    /// Whether that answer is awaited, and how many were lost.
    loses: AtomicBool,
    lost: AtomicUsize,
    /// Whether bytes trickle.
    slow: AtomicBool,
    /// A status with which every HTTP request that writes is answered at once, or 0.
    answers: AtomicU16,
    over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

/// One line. It ends with the test.
pub(crate) struct Line {
    pub(crate) port: u16,
    state: Arc<State>,
}

impl Line {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            carries: AtomicUsize::new(usize::MAX),
            answered: AtomicUsize::new(usize::MAX),
            loses: AtomicBool::new(false),
            lost: AtomicUsize::new(0),
            slow: AtomicBool::new(false),
            answers: AtomicU16::new(0),
            over: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                if shared.carries.load(Ordering::SeqCst) > 0 {
                    connect(client, server, &shared);
                }
            }
        });
        Self { port, state }
    }

    /// The server is gone after so many more bytes sent to it, in the middle of whatever that is.
    pub(crate) fn dies_after(&self, bytes: usize) {
        self.state.carries.store(bytes, Ordering::SeqCst);
    }

    /// It is there again.
    pub(crate) fn lives(&self) {
        self.state.carries.store(usize::MAX, Ordering::SeqCst);
    }

    /// What is sent after so many more bytes gets there; the connections end without the answer to it. Once.
    pub(crate) fn loses_an_answer_after(&self, bytes: usize) {
        self.state.answered.store(bytes, Ordering::SeqCst);
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> usize {
        self.state.lost.load(Ordering::SeqCst)
    }

    pub(crate) fn trickles(&self) {
        self.state.slow.store(true, Ordering::SeqCst);
    }

    /// Requests that write are answered with this status; 0 lets them through again.
    pub(crate) fn answers(&self, status: u16) {
        self.state.answers.store(status, Ordering::SeqCst);
        self.state.cut();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.state.cut();
        // Wakes the thread that listens.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

impl State {
    /// Ends every connection.
    fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            // It may have ended by itself.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// How many of some bytes still go through.
    fn take(&self, wanted: usize) -> usize {
        less(&self.carries, wanted).min(wanted)
    }

    /// Some bytes are about to get there: from here on their answer may be the one that is lost.
    fn asks(&self, bytes: usize) {
        if less(&self.answered, bytes) < bytes {
            self.answered.store(usize::MAX, Ordering::SeqCst);
            self.loses.store(true, Ordering::SeqCst);
        }
    }
}

/// Counts down, but for what never ends; what it was.
fn less(counter: &AtomicUsize, by: usize) -> usize {
    let before = counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        Some(if left == usize::MAX { left } else { left.saturating_sub(by) })
    });
    before.unwrap()
}

fn connect(client: TcpStream, server: u16, state: &Arc<State>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
    let both = || (client.try_clone().unwrap(), server.try_clone().unwrap());
    let ((from_client, to_server), (to_client, from_server)) = (both(), both());
    state.open.lock().unwrap().extend([client, server]);
    let shared = Arc::clone(state);
    let answering = to_client.try_clone().unwrap();
    thread::spawn(move || carry_up(from_client, to_server, answering, &shared));
    let shared = Arc::clone(state);
    thread::spawn(move || carry_down(from_server, to_client, &shared));
}

fn carry_up(mut from: TcpStream, mut to: TcpStream, mut back: TcpStream, state: &State) {
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        let status = state.answers.load(Ordering::SeqCst);
        if status > 0 && (piece.starts_with(b"PUT ") || piece.starts_with(b"POST ")) {
            let answer = format!("HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            drop(back.write_all(answer.as_bytes()));
            drop(back.shutdown(Shutdown::Write));
            // What is still being sent is heard to its end, as a server does that answers early.
            while let Ok(1..) = from.read(&mut piece) {}
            return;
        }
        if state.slow.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(2));
        }
        state.asks(read);
        let goes = state.take(read);
        if to.write_all(&piece[..goes]).is_err() || goes < read {
            break;
        }
    }
    if state.carries.load(Ordering::SeqCst) == 0 {
        state.cut();
    }
    drop(to.shutdown(Shutdown::Write));
}

fn carry_down(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if state.loses.swap(false, Ordering::SeqCst) {
            state.lost.fetch_add(1, Ordering::SeqCst);
            state.cut();
            break;
        }
        if state.slow.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
}
