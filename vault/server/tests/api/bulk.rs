//! Many records at a time: created line by line, and exported to the second of two operators.

use hyper::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::running::{Answer, Caller, Running, anne, create, entry};

const IMPORT: &str = "/v1/records/policyholder/import?purpose=contract-administration&reason=merger";
const EXPORT: &str = "/v1/records/policyholder/export?fields=contact.email,contract.number\
                      &purpose=contract-administration&reason=audit%20of%20June";

fn person(number: u32) -> Value {
    json!({"contact": {"family_name": "Moreau", "email": format!("moreau{number}@example.fr")}})
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.header("content-type"), "application/x-ndjson", "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn import(legal: &Caller, path: &str, text: impl Into<String>) -> Answer {
    legal.clone().with("content-type", "application/x-ndjson").send(Method::POST, path, text.into()).await
}

fn text_of(people: impl IntoIterator<Item = Value>) -> String {
    let lines: Vec<String> = people.into_iter().map(|person| person.to_string()).collect();
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn each_line_is_created_or_told_what_is_wrong_with_it() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let text = format!(
        "{}\n\n{{\"contact\": {{\"birth_date\": \"yesterday\"}}}}\r\n{{\n{}\n{{\"contact.fax\": \"1\"}}\n{{\"health\": null}}",
        person(1),
        person(2)
    );
    let answer = import(&legal, IMPORT, text).await.ok();
    let told = lines(&answer);
    let created: Vec<&Value> = told.iter().filter(|line| line["id"].is_string()).collect();
    assert_eq!(created.iter().map(|line| line["line"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 5]);
    let refused = |line: u64| told.iter().find(|told| told["line"] == line).unwrap()["problem"].clone();
    assert_eq!(refused(3)["type"], "urn:coffre:problem:invalid-values");
    let faults = refused(3)["faults"].as_array().unwrap().clone();
    assert!(faults.iter().any(|fault| fault["field"] == "contact.birth_date"), "{faults:?}");
    assert_eq!(refused(4)["type"], "urn:coffre:problem:malformed-json");
    assert_eq!(refused(6)["type"], "urn:coffre:problem:unknown-field");
    assert_eq!(refused(7)["type"], "urn:coffre:problem:malformed-request");
    let last = json!({"complete": true, "lines": 6, "created": 2, "repeated": 0, "refused": 4});
    assert_eq!(told.last().unwrap(), &last);
    assert!(!answer.text().contains("yesterday"), "no value is repeated");

    for line in created {
        let logged = entry(&dpo, line["audit_entry"].as_u64().unwrap()).await;
        assert_eq!((&logged["action"], &logged["subjects"]), (&json!("create"), &json!([line["id"]])));
        assert!(logged["reason"].is_string(), "{logged}");
        let read = format!("/v1/records/policyholder/{}?fields=contact.email", line["id"].as_str().unwrap());
        legal.get(&format!("{read}&purpose=contract-administration")).await.ok();
    }
}

#[tokio::test]
async fn a_file_that_is_sent_again_creates_only_what_is_missing() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await.with("idempotency-key", "june");
    let wrong = json!({"contact": {"family_name": 7}});
    let text = text_of([person(1), wrong, person(3)]);
    let first = lines(&import(&legal, IMPORT, text).await.ok());
    let records = vault.store.statistics().unwrap().records;
    assert_eq!(records, 2);
    let mended = text_of((1..=200).map(person));
    let second = lines(&import(&legal, IMPORT, mended.clone()).await.ok());
    assert_eq!(vault.store.statistics().unwrap().records, 200);
    for line in [0, 2] {
        assert_eq!(second[line]["repeated"], true);
        assert_eq!(
            (&second[line]["id"], &second[line]["audit_entry"]),
            (&first[line]["id"], &first[line]["audit_entry"])
        );
    }
    assert_eq!(second.last().unwrap()["created"], 198);
    // Another line under the number of one that was created.
    let other = text_of([person(1), person(2), person(1000)]);
    let third = lines(&import(&legal, IMPORT, other).await.ok());
    assert_eq!(third[2]["problem"]["type"], "urn:coffre:problem:idempotency-key-reused");
    assert_eq!(
        third.last().unwrap(),
        &json!({"complete": true, "lines": 3, "created": 0, "repeated": 2, "refused": 1})
    );
    // A single creation under the same key is another request.
    legal.post("/v1/records/policyholder?purpose=contract-administration", &person(1)).await.ok();
}

#[tokio::test]
async fn an_import_that_cannot_go_on_says_where_it_stopped() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("shop", "sales").await);
    let size = vault.store.tree_head().size;
    import(&sales, IMPORT, text_of((0..50).map(person))).await.problem(403, "denied");
    assert_eq!(vault.store.tree_head().size, size + 1, "one refusal, not fifty");
    let elsewhere = IMPORT.replace("policyholder", "patient");
    import(&legal, &elsewhere, "{}\n").await.problem(404, "unknown-record-type");
    legal.clone().send(Method::POST, IMPORT, "{}").await.problem(415, "unsupported-media-type");

    let refused = lines(&import(&legal, IMPORT, "{}\n".repeat(1_500)).await.ok());
    let last = refused.last().unwrap();
    assert_eq!(
        (&last["complete"], &last["problem"]["type"]),
        (&json!(false), &json!("urn:coffre:problem:too-many-refused"))
    );
    assert_eq!(last["refused"], 1_025, "those that were tried beside the thousandth, too");
    let many = lines(&import(&legal, IMPORT, text_of((0..10_001).map(person))).await.ok());
    let last = many.last().unwrap();
    assert_eq!((&last["complete"], &last["created"]), (&json!(false), &json!(10_000)));
    assert_eq!(last["problem"]["most_lines"], 10_000);
    let long = format!("{{\"contact.family_name\": \"{}\"}}\n{}\n", "x".repeat(2 << 20), person(1));
    let told = lines(&import(&legal, IMPORT, long).await.ok());
    assert_eq!((&told[0]["problem"]["type"], &told[1]["line"]), (&json!("urn:coffre:problem:too-large"), &json!(2)));
    let nothing = lines(&import(&legal, IMPORT, "\n\n").await.ok());
    assert_eq!(nothing, [json!({"complete": true, "lines": 0, "created": 0, "repeated": 0, "refused": 0})]);
}

#[tokio::test]
async fn a_stopped_import_tells_of_every_record_that_it_created() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let text = "{}\n".repeat(1_000) + &text_of((0..100).map(person));
    let told = lines(&import(&legal, IMPORT, text).await.ok());
    let (last, each) = told.split_last().unwrap();
    let created: Vec<&Value> = each.iter().filter(|line| line["id"].is_string()).collect();
    let records = vault.store.statistics().unwrap().records;
    assert!(records > 0, "the thousandth refusal comes in the midst of lines that are tried together");
    assert_eq!(created.len() as u64, records);
    let tried: Vec<u64> = each.iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!(tried, (1..=1_000 + records).collect::<Vec<_>>());
    assert_eq!(
        (&last["complete"], &last["created"], &last["refused"], &last["lines"]),
        (&json!(false), &json!(records), &json!(1_000), &json!(1_000 + records))
    );
    assert_eq!(last["problem"]["type"], "urn:coffre:problem:too-many-refused");
}

async fn propose(by: &Caller, path: &str) -> String {
    let proposed = by.tell(path).await;
    assert_eq!(proposed.status, 202, "{}", proposed.text());
    proposed.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_export_takes_two_operators_and_each_record_has_its_entry() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let other = legal.clone().for_operator("b.durand");
    for number in 0..150 {
        create(&legal, &person(number)).await;
    }
    let restricted = create(&legal, &anne()).await;
    let ground = "purpose=data-subject-request&ground=a&reason=disputed";
    legal.tell(&format!("{restricted}/restrict?{ground}")).await.ok();
    let id = propose(&legal, EXPORT).await;
    let confirm = format!("/v1/exports/{id}/confirm");
    let alone = legal.tell(&confirm).await.problem(409, "not-another-operator");
    let denied = entry(&dpo, alone["audit_entry"].as_u64().unwrap()).await;
    assert_eq!((&denied["decision"], &denied["action"]), (&json!("deny"), &json!("bulk-export")));
    assert!(denied["fields"].is_null() && denied["withheld"].is_array(), "nothing was opened: {denied}");

    let size = vault.store.tree_head().size;
    let exported = other.tell(&confirm).await.ok();
    let told = lines(&exported);
    assert_eq!(told.last().unwrap(), &json!({"complete": true, "records": 150, "refused": 1}));
    assert_eq!(vault.store.tree_head().size, size + 1 + 151, "one for the confirmation, one for each record");
    let mails: std::collections::BTreeSet<&str> =
        told.iter().filter_map(|line| line["fields"]["contact.email"].as_str()).collect();
    assert_eq!(mails.len(), 150);
    assert!(!exported.text().contains("anne.lefevre"), "restricted");
    assert!(told.iter().all(|line| line["id"].is_null() || line["withheld"] == json!({})));

    let page = dpo.get(&format!("/v1/audit/entries?from={size}&limit=152")).await.ok().json();
    let entries = page["entries"].as_array().unwrap();
    assert_eq!(entries[0]["entry"]["target"], format!("export {id}"));
    let record = &entries
        .iter()
        .find(|entry| entry["entry"]["decision"] == "allow" && entry["entry"]["subjects"].is_array())
        .unwrap()["entry"];
    assert_eq!((&record["action"], &record["operator"]), (&json!("bulk-export"), &json!("b.durand")));
    assert_eq!(record["fields"], json!(["contact.email", "contract.number"]));
    assert!(record["reason"].is_string() && record["purpose"] == "contract-administration", "{record}");
    other.tell(&confirm).await.problem(404, "no-such-export");
    let seen = legal.get(&format!("{restricted}/accesses")).await;
    assert_eq!(seen.status, 403, "who saw it is for the data protection officer");
}

#[tokio::test]
async fn what_is_not_open_is_withheld_and_what_is_wrong_refused() {
    let vault = Running::start().await;
    let (legal, sales) = (vault.application("cobol", "legal").await, vault.application("shop", "sales").await);
    let other = legal.clone().for_operator("b.durand");
    create(&legal, &anne()).await;
    let health = EXPORT.replace("contract.number", "health.illnesses");
    // b.durand is not habilitated; a.martin is.
    let id = propose(&legal, &health).await;
    let told = lines(&other.tell(&format!("/v1/exports/{id}/confirm")).await.ok());
    assert_eq!(told[0]["withheld"], json!({"health.illnesses": "no-habilitation"}));
    assert_eq!(told[0]["fields"], json!({"contact.email": "anne.lefevre@example.fr"}));
    let id = propose(&other, &health).await;
    let told = lines(&legal.tell(&format!("/v1/exports/{id}/confirm")).await.ok());
    assert_eq!(told[0]["fields"]["health.illnesses"], json!(["asthme"]));

    sales.tell(EXPORT).await.problem(403, "denied");
    legal.tell(&EXPORT.replace("contract.number", "contact.fax")).await.problem(400, "unknown-field");
    legal.tell(&EXPORT.replace("policyholder", "patient")).await.problem(404, "unknown-record-type");
    let id = propose(&legal, EXPORT).await;
    sales.clone().for_operator("c.petit").tell(&format!("/v1/exports/{id}/confirm")).await.problem(403, "denied");
    vault.clock.pass_seconds(3600);
    other.tell(&format!("/v1/exports/{id}/confirm")).await.problem(404, "no-such-export");
}

#[tokio::test]
async fn a_client_who_reads_slowly_holds_the_export_back_and_one_who_goes_ends_it() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let long = vec!["x".repeat(240); 100];
    let person = |number| {
        let contact = json!({"family_name": "Moreau", "email": format!("{number}@example.fr")});
        json!({ "contact": contact, "contract.others": long })
    };
    let people = (0..1_000).map(person);
    let made = lines(&import(&legal, IMPORT, text_of(people)).await.ok());
    assert_eq!(made.last().unwrap()["created"], 1_000, "{}", made.last().unwrap());
    let size = vault.store.tree_head().size;
    let id = propose(&legal, &EXPORT.replace("contract.number", "contract.others")).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8_192).unwrap();
    let mut slow = socket.connect(vault.serving.address()).await.unwrap();
    let head = format!(
        "POST /v1/exports/{id}/confirm HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncoffre-operator: b.durand\r\n\r\n",
        legal.headers["authorization"].to_str().unwrap()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut begun = vec![0; 10_000];
    slow.read_exact(&mut begun).await.unwrap();
    assert!(begun.starts_with(b"HTTP/1.1 200"));
    // What was not read from the socket was not disclosed either: the log stands still.
    let mut before = vault.store.tree_head().size;
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let now = vault.store.tree_head().size;
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before < size + 700, "{} of 1,000 records for a client who took ten kilobytes", before - size);
    drop(slow);
    let id = propose(&legal, EXPORT).await;
    let other = legal.clone().for_operator("b.durand");
    let whole = lines(&other.tell(&format!("/v1/exports/{id}/confirm")).await.ok());
    assert_eq!(whole.last().unwrap()["records"], 1_000);
}
