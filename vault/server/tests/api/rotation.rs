//! Rotations of the data over the control socket.

use serde_json::{Value, json};

use crate::running::{Running, anne, create, open_vault, policies};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn the_data_are_rotated_while_they_are_read() {
    let vault = Running::start().await;
    let control = vault.control("control.sock");
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    for wrong in [json!({"rate": 0}), json!({"rate": -5}), json!({"rate": "fast"}), json!({"speed": 5})] {
        control.post("/v1/keys/data", &wrong).await.problem(400, "malformed-json");
    }
    assert_eq!(control.get("/v1/keys/data?verbose=1").await.status, 400);
    let before = control.get("/v1/keys/data").await.ok().json();
    assert_eq!((&before["epoch"], &before["rotation"]), (&json!(1), &json!(null)));
    assert_eq!(before["standing"]["state"], "idle");

    let rotated = control.post("/v1/keys/data", &json!({"rate": 500})).await.ok();
    let told = lines(&rotated.text());
    let last = told.last().unwrap();
    assert_eq!((&last["state"], &last["percent"], &last["records"]), (&json!("finished"), &json!(100), &json!(1)));
    let after = control.get("/v1/keys/data").await.ok().json();
    assert_eq!((&after["epoch"], &after["rotation"]["rate"]), (&json!(2), &json!(500)));
    assert_eq!(after["by_epoch"], json!({"2": before["by_epoch"]["1"]}));
    let read = legal.get(&format!("{record}?fields=contact.email&purpose=billing")).await.ok();
    assert!(read.text().contains('@'), "{}", read.text());
    let metrics = vault.caller().get("/metrics").await.text();
    for line in
        ["coffre_data_epoch 2", "coffre_data_rotation_under_way 0", r#"coffre_reencrypted_total{kind="record"} 1"#]
    {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    // Who is told who was looked at is not told of this: nobody was.
    let dpo = vault.application("dpo", "dpo").await;
    let log = dpo.get("/v1/audit/entries").await.ok().text();
    assert!(log.contains("rotate-data") && log.contains("reencrypt") && log.contains("finish-rotation"), "{log}");
    let entry: Value = {
        let leaf = vault.store.snapshot().unwrap().entries(rotated.entry(), 1).unwrap().remove(0).leaf;
        serde_json::from_slice(&leaf).unwrap()
    };
    assert_eq!((&entry["action"], &entry["operator_known"]), (&json!("rotate-data"), &json!("local-account")));
}

#[tokio::test]
async fn a_rotation_that_a_stop_cut_short_goes_on_with_the_next_start() {
    let vault = Running::start().await;
    let control = vault.control("control.sock");
    let legal = vault.application("cobol", "legal").await;
    for _ in 0..6 {
        create(&legal, &anne()).await;
    }
    // One a second: it does not come to its end before the stop.
    let rotating = tokio::spawn({
        let control = control.clone();
        async move { control.post("/v1/keys/data", &json!({"rate": 1})).await.text() }
    });
    while control.get("/v1/keys/data").await.json()["rotation"].is_null() {}
    control.tell("/v1/shutdown").await.ok();
    let told = lines(&rotating.await.unwrap());
    assert_ne!(told.last().unwrap()["state"], "finished");
    let (folder, store) = (vault.folder, vault.store);
    vault.serving.stopped().await;
    drop(store);
    let path = folder.path().join("vault");
    let store = open_vault(&path, std::sync::Arc::new(coffre_store::clock::SystemClock));
    assert!(store.snapshot().unwrap().rotation().unwrap().unwrap().finished.is_none());
    let options = coffre_server::ServerOptions::on(([127, 0, 0, 1], 0).into());
    let serving = coffre_server::serve(options, store.clone(), policies()).await.unwrap();
    while store.snapshot().unwrap().rotation().unwrap().unwrap().finished.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(store.by_epoch().unwrap().keys().collect::<Vec<_>>(), [&2]);
    serving.stop().now();
    serving.stopped().await;
}
