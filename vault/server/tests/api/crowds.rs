//! Clients that would cost the server its places or its memory before they ask for anything.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::running::Running;

/// How long a connection may say nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many are let in at a time.
const PLACES: usize = 8;
/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_mins(1);

const ASKING: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";

/// What comes back until the connection ends, which it does.
async fn ended(mut stream: TcpStream, said: &str) -> String {
    let mut answer = Vec::new();
    let exchange = async {
        // Whoever is sent away in the midst of it can neither write on nor, perhaps, read.
        let _written = stream.write_all(said.as_bytes()).await;
        let _read = stream.read_to_end(&mut answer).await;
    };
    timeout(LONG, exchange).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn whoever_says_nothing_gives_the_place_to_somebody_who_waits() {
    let vault = Running::start_with(|options| {
        options.limits.head = PATIENCE;
        options.limits.connections = PLACES;
    })
    .await;
    let (caller, begun) = (vault.caller(), Instant::now());
    let mut silent = Vec::new();
    for _ in 0..PLACES {
        silent.push(caller.connect().await);
    }
    let told = ended(caller.connect().await, &format!("{ASKING}\r\n")).await;
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
    assert!(begun.elapsed() >= PATIENCE, "it was let in beside {PLACES} others, after {:?}", begun.elapsed());
    for stream in silent {
        let told = ended(stream, "").await;
        assert!(!told.starts_with("HTTP/1.1 200"), "{told}");
    }
}

#[tokio::test]
async fn a_head_beyond_its_bounds_is_sent_away_at_once() {
    // Not for the time that it takes.
    let vault = Running::start_with(|options| options.limits.head = Duration::from_mins(10)).await;
    let caller = vault.caller();
    let many = format!("{ASKING}{}\r\n", "x-more: y\r\n".repeat(100));
    let told = ended(caller.connect().await, &many).await;
    assert!(told.starts_with("HTTP/1.1 431"), "{told}");
    let endless = format!("{ASKING}x-long: {}", "y".repeat(1 << 20));
    let told = ended(caller.connect().await, &endless).await;
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 431"), "{told}");
    let told = ended(caller.connect().await, &format!("{ASKING}\r\n")).await;
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
}
