//! One connection: a request out, its answer in. An answer that is not a success ends the run: errors are fast, and
//! would look like speed.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Servers close what stands idle; whoever waited so long comes by a new connection.
const IDLE: Duration = Duration::from_secs(10);

/// A connection that is kept alive.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    used: Instant,
    headers: String,
    out: Vec<u8>,
    received: Vec<u8>,
}

/// What is looked at in an answer.
pub(crate) struct Answer<'a> {
    /// By its `ETag`.
    pub(crate) version: Option<u64>,
    /// The number of its entry in the log.
    pub(crate) entry: Option<u64>,
    pub(crate) body: &'a [u8],
}

struct Head {
    status: u16,
    length: usize,
    version: Option<u64>,
    entry: Option<u64>,
}

async fn connected(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr, headers: &str) -> anyhow::Result<Self> {
        Ok(Self {
            address,
            stream: connected(address).await?,
            used: Instant::now(),
            headers: format!("Host: {address}\r\n{headers}"),
            out: Vec::with_capacity(1024),
            received: Vec::with_capacity(4096),
        })
    }

    /// Sends a request, with more headers (each with its line end) and a body.
    pub(crate) async fn send(&mut self, method: &str, target: &str, more: &str, body: &[u8]) -> anyhow::Result<()> {
        if self.used.elapsed() > IDLE {
            self.stream = connected(self.address).await?;
        }
        self.out.clear();
        let head = &self.headers;
        write!(self.out, "{method} {target} HTTP/1.1\r\n{head}{more}")?;
        if !body.is_empty() {
            write!(self.out, "Content-Length: {}\r\n", body.len())?;
        }
        self.out.extend_from_slice(b"\r\n");
        if body.len() > 64 * 1024 {
            self.stream.write_all(&self.out).await?;
            return Ok(self.stream.write_all(body).await?);
        }
        self.out.extend_from_slice(body);
        Ok(self.stream.write_all(&self.out).await?)
    }

    /// Takes the answer.
    pub(crate) async fn answer(&mut self) -> anyhow::Result<Answer<'_>> {
        self.received.clear();
        let end = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = std::str::from_utf8(self.received.get(..end).unwrap_or_default())?;
        let head = Head::read(head).with_context(|| format!("not an HTTP answer: {head}"))?;
        while self.received.len() < end + head.length {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                bail!("the server broke off");
            }
        }
        if !(200..300).contains(&head.status) {
            bail!("status {}: {}", head.status, String::from_utf8_lossy(&self.received));
        }
        self.used = Instant::now();
        Ok(Answer { version: head.version, entry: head.entry, body: self.received.get(end..).unwrap_or_default() })
    }
}

impl Head {
    fn read(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let mut head = Self { status, length: 0, version: None, entry: None };
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            if name.eq_ignore_ascii_case("content-length") {
                head.length = value.parse().ok()?;
            } else if name.eq_ignore_ascii_case("etag") {
                head.version = value.trim_matches('"').parse().ok();
            } else if name.eq_ignore_ascii_case("coffre-audit-entry") {
                head.entry = value.parse().ok();
            }
        }
        Some(head)
    }
}
