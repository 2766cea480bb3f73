//! A load on an HTTP server: some connections, kept alive, each asking again as soon as it is
//! answered, for a fixed time. Every answer must be a 200.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a load found.
pub struct Outcome {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Puts a load on a server: the requests are asked in turn.
pub fn run(address: SocketAddr, requests: &[Vec<u8>], connections: usize, time: Duration) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let asked = runtime.block_on(async {
        let asking: Vec<_> = (0..connections)
            .map(|connection| tokio::spawn(ask(address, requests.to_vec(), connection, connections, time)))
            .collect();
        let mut latencies = Vec::new();
        for connection in asking {
            latencies.extend(connection.await.expect("a connection"));
        }
        latencies
    });
    let mut sorted = asked;
    sorted.sort_unstable();
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    Outcome { per_second: sorted.len() as f64 / time.as_secs_f64(), p50: at(0.5), p99: at(0.99) }
}

async fn ask(
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    first: usize,
    step: usize,
    time: Duration,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("the server to listen");
    stream.set_nodelay(true).expect("no delay");
    let mut latencies = Vec::with_capacity(100_000);
    let mut buffer = Vec::with_capacity(16 * 1024);
    let start = Instant::now();
    let mut next = first;
    while start.elapsed() < time {
        let asked = Instant::now();
        stream.write_all(&requests[next % requests.len()]).await.expect("to ask");
        answer(&mut stream, &mut buffer).await;
        latencies.push(asked.elapsed());
        next += step;
    }
    latencies
}

/// Reads one answer and insists on 200.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    buffer.clear();
    let (head, length) = loop {
        assert!(stream.read_buf(buffer).await.expect("an answer") > 0, "the server closed the connection");
        if let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = std::str::from_utf8(&buffer[..head]).expect("a head in ASCII");
            assert!(text.starts_with("HTTP/1.1 200"), "refused: {}", text.lines().next().unwrap_or_default());
            let length = text.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            break (head + 4, length.expect("a length"));
        }
    };
    while buffer.len() < head + length {
        assert!(stream.read_buf(buffer).await.expect("an answer") > 0, "the server closed the connection");
    }
}
