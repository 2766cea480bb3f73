//! A server that a test starts on loopback, and ends by its process id.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// A running server.
pub(crate) struct Listening {
    child: Child,
    pub(crate) port: u16,
}

/// A port that nobody uses, and that the system gives to nobody else for the next minute: a connection to it has just been
/// ended from this side. Only who asks for this port gets it, as servers do.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    drop(listener.accept().unwrap());
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "it has ended");
    address.port()
}

impl Listening {
    /// Starts a server that listens on a port, and waits until it does.
    pub(crate) fn start(command: &mut Command, port: u16) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut server = Self { child, port };
        let end = Instant::now() + Duration::from_mins(3);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "{command:?} ended by itself");
            assert!(Instant::now() < end, "{command:?} does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it now.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.end();
    }
}
