//! What a person is given: everything that is held (GDPR article 15), and the data to be taken elsewhere (article 20).

use std::io::Read as _;

use serde_json::{Value, json};

use crate::running::{Running, anne, create, entry, grant};

const WHY: &str = "purpose=data-subject-request&reason=letter";

async fn asked(vault: &Running, record: &str, kind: &str) -> (crate::running::Caller, String) {
    let legal = vault.application(&format!("cobol-{kind}"), "legal").await;
    let body = json!({"type": "policyholder", "id": record.rsplit_once('/').unwrap().1, "kind": kind, "channel": "letter", "identity": "account"});
    let filed = legal.post("/v1/requests", &body).await.ok();
    (legal, filed.json()["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn access_tells_everything_but_who_the_operators_were() {
    let vault = Running::start().await;
    let (legal, dpo, desk) = (
        vault.application("cobol", "legal").await,
        vault.application("dpo", "dpo").await,
        vault.application("desk", "customer-service").await.for_operator("c.petit"),
    );
    let record = create(&legal, &anne()).await;
    grant(&legal, &record, "customer-service", "customer-support", &["contact.phone"]).await;
    desk.get(&format!("{record}?fields=contact.phone&purpose=customer-support")).await.ok();
    desk.get(&format!("{record}?fields=contact.email&purpose=customer-support")).await.problem(403, "denied");
    let (legal, id) = asked(&vault, &record, "access").await;
    let export = format!("{record}/export/access?{WHY}");
    let answer = legal.tell(&format!("{export}&request={id}")).await.ok();
    let told = answer.json();
    let value = |field: &str| {
        told["fields"]
            .as_array()
            .unwrap()
            .iter()
            .find(|value| value["field"] == field)
            .map(|value| value["value"].clone())
    };
    assert_eq!(value("health.illnesses"), Some(json!(["asthme"])));
    assert_eq!(value("contract.number"), Some(json!("C-2024-0001")));
    assert_eq!(told["sources"], json!(["legal"]));
    assert!(told["recipients"].as_array().unwrap().contains(&json!("customer-service")));
    let seen = told["accesses"].as_array().unwrap();
    let by_desk: Vec<&Value> = seen.iter().filter(|seen| seen["role"] == "customer-service").collect();
    assert_eq!(by_desk.len(), 1, "the refusal showed nothing: {seen:?}");
    assert_eq!((&by_desk[0]["act"], &by_desk[0]["purpose"]), (&json!("read"), &json!("customer-support")));
    for operator in ["c.petit", "a.martin"] {
        assert!(!answer.text().contains(operator), "no operator is named");
    }
    let purposes: Vec<&Value> = told["purposes"].as_array().unwrap().iter().map(|purpose| &purpose["name"]).collect();
    assert!(purposes.contains(&&json!("customer-support")), "{purposes:?}");
    assert!(
        told["kept"].as_array().unwrap().iter().any(|kept| kept["source"]["en"].as_str().unwrap().contains("L114-1"))
    );

    let logged = entry(&dpo, answer.entry()).await;
    assert_eq!((&logged["action"], &logged["target"]), (&json!("export-access"), &json!(format!("request {id}"))));
    assert_eq!(logged["fields"].as_array().unwrap().len(), 18, "every field of the type: {}", logged["fields"]);
    let request = legal.get(&format!("/v1/requests/{id}")).await.ok().json();
    assert_eq!((&request["state"], &request["closed_in"]), (&json!("fulfilled"), &logged["request"]));
    legal.tell(&format!("{export}&request={id}")).await.problem(409, "request-closed");
    for (language, phrase) in
        [("fr", "Les données que nous détenons sur vous"), ("en", "The data that we hold about you")]
    {
        let page = legal.tell(&format!("{export}&format=html&language={language}")).await.ok();
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(page.text().contains(phrase) && page.text().contains("Lefèvre") && page.text().contains("asthme"));
        for wrong in ["<script", "http:", "https:", "src=", "href=", "c.petit", "a.martin"] {
            assert!(!page.text().contains(wrong), "{wrong}");
        }
    }
}

#[tokio::test]
async fn the_person_is_told_where_the_data_come_from_also_once_the_log_no_longer_does() {
    let vault = Running::start().await;
    let (legal, desk) =
        (vault.application("cobol", "legal").await, vault.application("desk", "customer-service").await);
    let record = create(&legal, &anne()).await;
    let body = json!({"type": "policyholder", "id": record.rsplit_once('/').unwrap().1, "kind": "change", "channel": "phone",
        "purpose": "customer-support", "changes": {"contact.phone": "+33 6 39 98 99 99"}});
    let request = desk.post("/v1/requests", &body).await.ok().header("location").to_owned();
    let export = format!("{record}/export/access?{WHY}");
    assert_eq!(legal.tell(&export).await.ok().json()["sources"], json!(["legal"]), "proposed, and not in the record");
    let accept = format!("{request}/accept?purpose=data-subject-request");
    legal.clone().with("if-match", "\"1\"").tell(&accept).await.ok();
    assert_eq!(legal.tell(&export).await.ok().json()["sources"], json!(["legal", "customer-service"]));
    let id = record.rsplit_once('/').unwrap().1.parse().unwrap();
    let stored = vault.store.snapshot().unwrap().sources(id).unwrap();
    assert_eq!(json!(stored.list()), json!(["legal", "customer-service"]), "whatever is left of the log");
    for (language, said) in [
        ("fr", "Origine des données : service légal, service client."),
        ("en", "Where the data come from: Legal, customer service."),
    ] {
        let page = legal.tell(&format!("{export}&format=html&language={language}")).await.ok().text();
        assert!(page.contains(said), "{page}");
    }
}

#[tokio::test]
async fn what_is_printed_for_the_person_says_no_identifier() {
    let vault = Running::start().await;
    let (legal, desk) =
        (vault.application("cobol", "legal").await, vault.application("desk", "customer-service").await);
    let record = create(&legal, &anne()).await;
    grant(&legal, &record, "customer-service", "customer-support", &["contact.phone"]).await;
    desk.get(&format!("{record}?fields=contact.phone&purpose=customer-support")).await.ok();
    let french = [
        "service client",
        "relation client",
        "consultation",
        "coordonnées",
        "un contrat",
        "29 février 1980",
        "tant que le contrat court, puis 5 ans",
    ];
    let english = [
        "customer service",
        "customer support",
        "record created",
        "contact details",
        "a contract",
        "29 February 1980",
        "as long as the contract runs, then for 5 years",
    ];
    for (language, said) in [("fr", french), ("en", english)] {
        let export = format!("{record}/export/access?{WHY}&format=html&language={language}");
        let page = legal.tell(&export).await.ok().text();
        for words in said {
            assert!(page.contains(words), "{words}: {page}");
        }
        let identifiers =
            ["customer-service", "customer-support", "contract-administration", "export-access", "1980-02-29"];
        for identifier in identifiers {
            assert!(!page.contains(identifier), "{identifier}: {page}");
        }
    }
}

#[tokio::test]
async fn an_export_is_whole_or_nothing_and_for_the_person_alone() {
    let vault = Running::start().await;
    let (legal, dpo, desk) = (
        vault.application("cobol", "legal").await,
        vault.application("dpo", "dpo").await,
        vault.application("desk", "customer-service").await,
    );
    let record = create(&legal, &anne()).await;
    let lock = json!({"passphrase": "cheval correct pile agrafe"});
    for form in ["access", "portable"] {
        let export = |why: &str| format!("{record}/export/{form}?{why}&reason=x");
        let send = |by: crate::running::Caller, path: String| {
            let lock = lock.clone();
            async move { if form == "access" { by.tell(&path).await } else { by.post(&path, &lock).await } }
        };
        let blind = legal.clone().for_operator("b.durand");
        let refused = send(blind, export("purpose=data-subject-request")).await.problem(403, "denied");
        assert_eq!(refused["cause"], "no-habilitation");
        send(legal.clone(), export("purpose=contract-administration")).await.problem(403, "denied");
        send(dpo.clone(), export("purpose=audit")).await.problem(403, "denied");
        send(desk.clone(), export("purpose=customer-support")).await.problem(403, "denied");
        let nobody = export("purpose=data-subject-request")
            .replace(record.rsplit_once('/').unwrap().1, "00000000-0000-4000-8000-000000000000");
        send(legal.clone(), nobody).await.problem(404, "not-found");
    }
    let overseen = dpo.tell(&format!("{record}/export/access?purpose=audit&reason=x&content=false")).await.ok();
    assert_eq!((&overseen.json()["fields"], &overseen.json()["documents"]), (&json!([]), &json!([])));
    assert!(!overseen.text().contains("asthme") && !overseen.text().contains("Lefèvre"));
    assert!(!overseen.json()["accesses"].as_array().unwrap().is_empty());
    let told = legal.tell(&format!("{record}/export/access?{WHY}")).await.ok().json();
    assert_eq!(overseen.json()["kept"], told["kept"], "how long it is kept is no content");
    assert_eq!(told["kept"].as_array().unwrap().len(), 4);
    let rested_on = json!(["contract.end_date", "contract.others", "contract.product"]);
    assert_eq!(entry(&dpo, overseen.entry()).await["fields"], rested_on);
    desk.tell(&format!("{record}/export/access?purpose=customer-support&reason=x&content=false"))
        .await
        .problem(403, "denied");
    legal.tell(&format!("{record}/export/access?purpose=data-subject-request")).await.problem(400, "malformed-request");
    legal.tell(&format!("{record}/export/access?{WHY}&format=pdf")).await.problem(400, "malformed-request");
    for lock in [
        json!({}),
        json!({"passphrase": "short"}),
        json!({"recipient": "age1no"}),
        json!({"recipient": "age1x", "passphrase": "x"}),
    ] {
        legal.post(&format!("{record}/export/portable?{WHY}"), &lock).await.problem(400, "malformed-request");
    }
}

#[tokio::test]
async fn portable_data_open_with_the_persons_key_alone() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let content = vec![7_u8; 700_001];
    let upload = legal
        .clone()
        .with("content-type", "application/pdf")
        .with("content-disposition", "attachment; filename=\"contrat.pdf\"");
    let path = format!("{record}/documents?purpose=contract-administration");
    let stored = upload.send(hyper::Method::POST, &path, content.clone()).await.ok().json();
    let (legal, id) = asked(&vault, &record, "portability").await;
    let key = age::x25519::Identity::generate();
    let lock = json!({"recipient": key.to_public().to_string()});
    let answer = legal.post(&format!("{record}/export/portable?{WHY}&request={id}"), &lock).await.ok();
    assert!(!answer.body.windows(7).any(|window| window == b"Lef\xc3\xa8vr"), "encrypted");
    let mut plain = Vec::new();
    age::Decryptor::new(&answer.body[..])
        .unwrap()
        .decrypt(std::iter::once(&key as &dyn age::Identity))
        .unwrap()
        .read_to_end(&mut plain)
        .unwrap();
    let length =
        |at: usize| usize::from_str_radix(std::str::from_utf8(&plain[at + 124..at + 135]).unwrap(), 8).unwrap();
    let data: Value = serde_json::from_slice(&plain[512..512 + length(0)]).unwrap();
    assert_eq!(
        (&data["fields"]["contact.family_name"], &data["fields"]["health.illnesses"]),
        (&json!("Lefèvre"), &json!(["asthme"]))
    );
    assert_eq!(data["documents"][0]["file_name"], "contrat.pdf");
    let second = 512 + length(0).div_ceil(512) * 512;
    let name = format!("documents/{}", stored["id"].as_str().unwrap());
    assert!(plain[second..].starts_with(name.as_bytes()));
    assert_eq!(plain[second + 512..second + 512 + length(second)], content);
    assert_eq!(plain.len() % 512, 0);

    let logged = entry(&dpo, answer.entry()).await;
    assert_eq!((&logged["action"], logged.get("document")), (&json!("export-portable"), None));
    let logged = entry(&dpo, answer.entry() + 1).await;
    assert_eq!((&logged["action"], &logged["document"]["id"]), (&json!("export-portable"), &stored["id"]));
    assert_eq!(legal.get(&format!("/v1/requests/{id}")).await.ok().json()["state"], "fulfilled");
    let with_words = legal
        .post(&format!("{record}/export/portable?{WHY}"), &json!({"passphrase": "cheval correct pile agrafe"}))
        .await
        .ok();
    assert!(with_words.body.starts_with(b"age-encryption.org/v1\n-> scrypt "));
}
