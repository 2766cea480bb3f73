//! How much one caller may ask for, and what is told when reads leave their usual range.

use coffre_server::{AlertLimits, CallerLimits};
use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::documents::until;
use crate::running::{Running, anne, create};

#[tokio::test]
async fn beyond_its_minute_a_caller_is_told_when_to_come_again() {
    let vault = Running::start_with(|options| {
        options.caller_limits =
            CallerLimits { application_per_minute: Some(3), operator_per_minute: Some(2), application_at_once: None };
    })
    .await;
    let legal = vault.application("cobol", "legal").await;
    let path = format!("{}?fields=contact.email&purpose=contract-administration", create(&legal, &anne()).await);
    // What follows must be over before the next one is allowed: few a minute come late.
    legal.get(&path).await.ok();
    let size = vault.store.tree_head().size;
    let refused = legal.get(&path).await;
    let problem = refused.problem(429, "too-many-requests");
    assert_eq!(problem["limit"], "operator-per-minute");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "one in thirty seconds: {wait}");
    for _ in 0..30 {
        legal.get(&path).await.problem(429, "too-many-requests");
    }
    assert_eq!(vault.store.tree_head().size, size, "a flood leaves a count, not entries");

    // Another operator goes on, until the application has had its own.
    legal.clone().for_operator("j.bond").get(&path).await.ok();
    let third = legal.clone().for_operator("m.curie");
    assert_eq!(third.get(&path).await.problem(429, "too-many-requests")["limit"], "application-per-minute");
    let metrics = vault.caller().get("/metrics").await.text();
    assert!(
        metrics.contains("coffre_beyond_limit_total{role=\"legal\",limit=\"operator-per-minute\"} 31\n"),
        "{metrics}"
    );
    assert!(metrics.contains("coffre_beyond_limit_total{role=\"legal\",limit=\"application-per-minute\"} 1\n"));
    assert!(!metrics.contains("bond") && !metrics.contains("martin"));
    // A token of nobody uses up nobody's minute, and the DPO's is its own.
    vault.application("dpo", "dpo").await.get("/v1/audit/entries").await.ok();
}

#[tokio::test]
async fn an_application_has_so_many_requests_under_way() {
    let vault = Running::start_with(|options| {
        options.caller_limits = CallerLimits { application_at_once: Some(1), ..CallerLimits::default() };
    })
    .await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let mut slow = legal.connect().await;
    let head = format!(
        "POST {record}/documents?purpose=billing HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a\r\ncontent-length: 300001\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(&vec![1; 300_000]).await.unwrap();
    until("the upload is staged", || !crate::bad_requests::staged(&vault).is_empty()).await;
    let path = format!("{record}?fields=contact.email&purpose=billing");
    let refused = legal.get(&path).await;
    assert_eq!(refused.problem(429, "too-many-requests")["limit"], "application-at-once");
    assert_eq!(refused.header("retry-after"), "1");
    slow.write_all(&[1]).await.unwrap();
    let mut answer = legal.get(&path).await;
    while answer.status == 429 {
        answer = legal.get(&path).await;
    }
    answer.ok();
}

/// More than the sockets between server and client hold.
const LARGE: usize = 32 << 20;

#[tokio::test]
async fn a_document_on_its_way_out_is_under_way() {
    let vault = Running::start_with(|options| {
        options.caller_limits = CallerLimits { application_at_once: Some(1), ..CallerLimits::default() };
    })
    .await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let purpose = "purpose=contract-administration";
    let stored = legal.send(Method::POST, &format!("{record}/documents?{purpose}"), vec![1_u8; LARGE]).await.ok();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8_192).unwrap();
    let mut slow = socket.connect(vault.serving.address()).await.unwrap();
    let head = format!(
        "GET {}?{purpose} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: a.martin\r\n\r\n",
        stored.header("location"),
        legal.headers["authorization"].to_str().unwrap()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut begun = vec![0; 10_000];
    slow.read_exact(&mut begun).await.unwrap();
    assert!(begun.starts_with(b"HTTP/1.1 200"));
    let path = format!("{record}?fields=contact.email&purpose=billing");
    assert_eq!(legal.get(&path).await.problem(429, "too-many-requests")["limit"], "application-at-once");
    drop(slow);
    let mut answer = legal.get(&path).await;
    while answer.status == 429 {
        answer = legal.get(&path).await;
    }
    answer.ok();
}

#[tokio::test]
async fn reads_beyond_the_usual_are_counted_and_nobody_is_named() {
    let vault = Running::start_with(|options| {
        options.alerts = AlertLimits { reads_floor: 5, reads_factor: 3 };
    })
    .await;
    let legal = vault.application("cobol", "legal").await;
    let path = format!("{}?fields=contact.email&purpose=contract-administration", create(&legal, &anne()).await);
    let unusual = async || {
        let metrics = vault.caller().get("/metrics").await.text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("coffre_unusual_reads_total{role=\"legal\"} "));
        assert!(!metrics.contains("martin"));
        line.map(str::to_owned)
    };
    for _ in 0..5 {
        legal.get(&path).await.ok();
    }
    assert_eq!(unusual().await, None);
    let record = path.split_once('?').unwrap().0;
    legal.tell(&format!("{record}/export/access?purpose=data-subject-request&reason=letter")).await.ok();
    assert_eq!(unusual().await.as_deref(), Some("1"), "all that is held of one more");
    for _ in 0..5 {
        legal.get(&path).await.ok();
    }
    assert_eq!(unusual().await.as_deref(), Some("1"), "told once an hour");
}
