//! Requests of people who have no record: filed, answered, linked to a record once they are found, and forgotten in the end.

use serde_json::{Value, json};

use crate::running::{Answer, Caller, Running, anne, create, entry};

const QUEUE: &str = "/v1/requests?type=requester";

fn paul() -> Value {
    json!({"contact": {"given_name": "Paul", "family_name": "Moreau", "email": "paul.moreau@example.fr"}})
}

async fn file(by: &Caller, more: &Value) -> Answer {
    let mut body =
        json!({"kind": "access", "channel": "email", "requester": paul(), "text": "Que savez-vous de moi ?"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    by.post("/v1/requests", &body).await
}

/// Files one; gives the path of the request and of the requester's record.
async fn filed(by: &Caller, more: Value) -> (String, String) {
    let answer = file(by, &more).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let record = format!("/v1/records/requester/{}", answer.json()["subject"].as_str().unwrap());
    (answer.header("location").to_owned(), record)
}

fn step<'a>(request: &'a Value, act: &str) -> &'a Value {
    request["steps"].as_array().unwrap().iter().find(|step| step["act"] == act).unwrap()
}

fn letter(request: &str, name: &str) -> String {
    format!("{request}/letters/{name}?purpose=data-subject-request")
}

#[tokio::test]
async fn whoever_has_no_record_is_told_that_nothing_is_held() {
    let vault = Running::start().await;
    let (legal, dpo, service) = (
        vault.application("cobol", "legal").await,
        vault.application("dpo", "dpo").await,
        vault.application("desk", "customer-service").await,
    );
    let answer = file(&service, &json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let stands = answer.json();
    assert_eq!((&stands["type"], &stands["state"]), (&json!("requester"), &json!("open")));
    let request = answer.header("location").to_owned();
    let record = format!("/v1/records/requester/{}", stands["subject"].as_str().unwrap());
    let (asked, made) = (entry(&dpo, answer.entry()).await, entry(&dpo, answer.entry() + 1).await);
    assert_eq!((&asked["action"], &made["action"]), (&json!("file-request"), &json!("create")));
    assert_eq!(asked["request"], made["request"], "one call");
    for logged in [asked, made].map(|entry| entry.to_string()) {
        assert!(!logged.contains("Moreau") && !logged.contains("paul") && !logged.contains("Que savez"), "{logged}");
    }

    for overseer in [&legal, &dpo] {
        let queue = overseer.get(QUEUE).await.ok().json();
        assert_eq!((queue["requests"].as_array().unwrap().len(), &queue["requests"][0]["id"]), (1, &stands["id"]));
    }
    let read = |purpose: &str| format!("{record}?fields=contact.family_name,contact.email&purpose={purpose}");
    let seen = legal.get(&read("data-subject-request")).await.ok().json();
    assert_eq!(seen["fields"]["contact.email"], "paul.moreau@example.fr");
    let refused = legal.get(&read("customer-support")).await.problem(403, "denied");
    assert_eq!(refused["cause"], "purpose-not-for-role");
    service.get(&read("customer-support")).await.problem(403, "denied");
    assert_eq!(step(&legal.get(&request).await.ok().json(), "file")["text"], "Que savez-vous de moi ?");

    let answer = format!("{request}/nothing-held");
    legal.tell(&answer).await.problem(409, "not-identified");
    service.tell(&answer).await.problem(403, "denied");
    legal.get(&letter(&request, "nothing-held")).await.problem(409, "nothing-to-write");
    legal.post(&format!("{request}/identify"), &json!({"identity": "known-contact"})).await.ok();
    legal.post(&format!("{request}/extend"), &json!({"text": "Les archives sont longues."})).await.ok();
    let told = legal.tell(&answer).await.ok();
    assert_eq!(told.json()["state"], "nothing-held");
    assert_eq!(entry(&dpo, told.entry()).await["action"], "answer-nothing-held");
    let written = legal.get(&letter(&request, "nothing-held")).await.ok().text();
    for words in ["Paul Moreau", "aucune donnée", "5 ans", "CNIL"] {
        assert!(written.contains(words), "{words}: {written}");
    }
    let english = legal.get(&format!("{}&language=en", letter(&request, "nothing-held"))).await.ok().text();
    assert!(english.contains("process no data about you") && english.contains("5 years"), "{english}");
    legal.tell(&answer).await.problem(409, "request-closed");
    legal.post(&format!("{request}/refuse"), &json!({"text": "x"})).await.problem(409, "request-closed");
    assert_eq!(service.get(&request).await.ok().json()["state"], "nothing-held", "its filer follows it");
}

#[tokio::test]
async fn whoever_has_no_contract_is_not_told_that_one_runs() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let (request, record) = filed(&legal, json!({"identity": "account"})).await;
    let id = request.rsplit_once('/').unwrap().1;
    let export = format!("{record}/export/access?purpose=data-subject-request&reason=letter");
    let waiting = legal.tell(&export).await.ok().json();
    assert_eq!((&waiting["kept"][0]["term"], &waiting["kept"][0]["then"]), (&json!("answer"), &json!("P5Y")));
    let page = legal.tell(&format!("{export}&format=html&request={id}")).await.ok().text();
    assert!(page.contains("jusqu'à la réponse à votre demande, puis 5 ans"), "{page}");
    assert!(!page.contains("contrat court"), "{page}");
    assert_eq!(legal.get(&request).await.ok().json()["state"], "fulfilled");
    let answered = legal.tell(&export).await.ok().json();
    assert_eq!(answered["kept"][0]["term"], "until");
    assert!(answered["kept"][0]["until"].is_string(), "{answered}");
}

#[tokio::test]
async fn whoever_cannot_be_identified_is_told_what_would_help() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    // People write to the data protection officer.
    let (request, _) = filed(&dpo, json!({"kind": "erasure"})).await;
    let unidentified = |request: &str| format!("{request}/unidentified");
    let missing = json!({"text": "Plusieurs <Moreau> : donnez une date de naissance."});
    dpo.post(&unidentified(&request), &missing).await.problem(403, "denied");
    let told = legal.post(&unidentified(&request), &missing).await.ok();
    assert_eq!(told.json()["state"], "unidentified");
    assert_eq!(entry(&dpo, told.entry()).await["action"], "answer-unidentified");
    let written = legal.get(&letter(&request, "unidentified")).await.ok().text();
    assert!(written.contains("Plusieurs &lt;Moreau&gt;") && written.contains("12, paragraphe 6"), "{written}");
    legal.get(&letter(&request, "refusal")).await.problem(409, "nothing-to-write");

    let (known, _) = filed(&legal, json!({"identity": "in-person"})).await;
    legal.post(&unidentified(&known), &missing).await.problem(409, "identified");
    // Of somebody who has a record something is held; nobody may have shown to be that person.
    let record = create(&legal, &anne()).await;
    let about = json!({"type": "policyholder", "id": record.rsplit_once('/').unwrap().1});
    let filed_about = |kind: &str, more: Value| {
        let (legal, mut body) = (legal.clone(), json!({"kind": kind, "channel": "letter"}));
        for part in [&about, &more] {
            part.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        }
        async move { legal.post("/v1/requests", &body).await.ok().header("location").to_owned() }
    };
    let access = filed_about("access", json!({})).await;
    legal.tell(&format!("{access}/nothing-held")).await.problem(409, "something-held");
    legal.post(&unidentified(&access), &missing).await.ok();
    let change = json!({"purpose": "contract-administration", "changes": {"contact.email": "b@example.fr"}});
    let change = filed_about("change", change).await;
    legal.post(&unidentified(&change), &missing).await.problem(409, "identified");
}

#[tokio::test]
async fn a_request_goes_on_as_that_of_the_person_who_was_found() {
    let vault = Running::start().await;
    let (legal, dpo, service) = (
        vault.application("cobol", "legal").await,
        vault.application("dpo", "dpo").await,
        vault.application("desk", "customer-service").await,
    );
    let anne = create(&legal, &anne()).await;
    let id = anne.rsplit_once('/').unwrap().1;
    let (request, requester) = filed(&service, json!({"received_on": "2026-01-05"})).await;
    legal.post(&format!("{request}/ask"), &json!({"text": "Quel nom de naissance ?"})).await.ok();
    service.post(&format!("{request}/reply"), &json!({"text": "Lefèvre."})).await.ok();
    let due = legal.get(&request).await.ok().json()["due_on"].clone();

    let (path, found) = (format!("{request}/link"), json!({"type": "policyholder", "id": id}));
    legal.post(&path, &found).await.problem(409, "not-identified");
    legal.post(&format!("{request}/identify"), &json!({"identity": "identity-document"})).await.ok();
    service.post(&path, &found).await.problem(403, "denied");
    let nobody = json!({"type": "policyholder", "id": "00000000-0000-4000-8000-000000000000"});
    legal.post(&path, &nobody).await.problem(422, "no-record-to-link");
    legal.post(&path, &json!({"type": "supplier", "id": id})).await.problem(404, "unknown-record-type");
    let linked = legal.post(&path, &found).await.ok();
    let stands = linked.json();
    assert_eq!((&stands["type"], &stands["subject"]), (&json!("policyholder"), &json!(id)));
    assert_eq!((&stands["due_on"], &stands["state"]), (&due, &json!("open")), "the clock goes on");
    let (link, erased) = (entry(&dpo, linked.entry()).await, entry(&dpo, linked.entry() + 1).await);
    assert_eq!((&link["action"], link["subjects"].as_array().unwrap().len()), (&json!("link-request"), 2));
    assert_eq!((&erased["action"], &erased["cause"]), (&json!("erase"), &json!("request-linked")));
    legal.post(&path, &found).await.problem(409, "not-a-stranger");

    // What was said says the same under the other key, and what was given of themselves stands with it.
    let seen = legal.get(&request).await.ok().json();
    assert_eq!(step(&seen, "file")["text"], "Que savez-vous de moi ?");
    assert_eq!(step(&seen, "reply")["text"], "Lefèvre.");
    assert_eq!(step(&seen, "link")["requester"]["contact.email"], "paul.moreau@example.fr");
    let own = service.get(&request).await.ok().json();
    assert!(step(&own, "ask")["text"].is_string() && own["steps"].as_array().unwrap().len() == 4, "{own}");
    legal
        .get(&format!("{requester}?fields=contact.email&purpose=data-subject-request"))
        .await
        .problem(404, "not-found");
    assert_eq!(dpo.get(&format!("{requester}/erasure")).await.ok().json()["status"], "pending");
    assert_eq!(legal.get(QUEUE).await.ok().json()["requests"], json!([]));
    let acknowledged = legal.get(&letter(&request, "acknowledgement")).await.ok().text();
    assert!(acknowledged.contains("Anne Lefèvre"), "{acknowledged}");

    let request_id = request.rsplit_once('/').unwrap().1;
    legal
        .tell(&format!("{anne}/export/access?purpose=data-subject-request&reason=access&request={request_id}"))
        .await
        .ok();
    assert_eq!(legal.get(&request).await.ok().json()["state"], "fulfilled");
}

/// Whether somebody has a record is told to nobody else, and so neither is which.
#[tokio::test]
async fn whoever_filed_it_does_not_learn_that_the_person_was_found() {
    let vault = Running::start().await;
    let (legal, dpo, sales) = (
        vault.application("cobol", "legal").await,
        vault.application("dpo", "dpo").await,
        vault.application("crm", "sales").await,
    );
    let anne = create(&legal, &anne()).await;
    let id = anne.rsplit_once('/').unwrap().1;
    let once = sales.clone().with("idempotency-key", "letter-7");
    let (request, requester) = filed(&once, json!({"identity": "in-person"})).await;
    let requester = requester.rsplit_once('/').unwrap().1;
    let about = json!({"type": "requester", "id": requester, "kind": "access", "channel": "email"});
    let seen = async || {
        let queue = sales.get(QUEUE).await.ok().json();
        let others = sales.get("/v1/requests?type=policyholder").await.ok().json();
        let again = file(&once, &json!({"identity": "in-person"})).await.ok().json();
        sales.post("/v1/requests", &about).await.problem(404, "not-found");
        [sales.get(&request).await.ok().json(), queue, others, again]
    };
    let before = seen().await;
    let linked = legal.post(&format!("{request}/link"), &json!({"type": "policyholder", "id": id})).await.ok().json();
    assert_eq!((&linked["subject"], &linked["linked"]), (&json!(id), &json!(true)));
    let after = seen().await;
    assert_eq!(before, after);
    assert_eq!((&after[0]["type"], after[0].get("subject")), (&json!("requester"), None));
    assert_eq!(after[1]["requests"].as_array().unwrap().len(), 1);
    assert_eq!(after[2]["requests"], json!([]));

    legal.post(&format!("{request}/ask"), &json!({"text": "Depuis quand ?"})).await.ok();
    let replied = sales.post(&format!("{request}/reply"), &json!({"text": "2019."})).await.ok();
    let withdrawn = sales.tell(&format!("{request}/withdraw")).await.ok();
    for answer in [replied, withdrawn] {
        assert_eq!(answer.json()["type"], "requester");
        assert!(!answer.text().contains(id) && !answer.text().contains("linked"), "{}", answer.text());
    }
    for overseer in [&legal, &dpo] {
        let stands = overseer.get(&request).await.ok().json();
        assert_eq!((&stands["type"], &stands["subject"]), (&json!("policyholder"), &json!(id)));
        assert!(step(&stands, "link").is_object());
        let queue = overseer.get("/v1/requests?type=policyholder").await.ok().json();
        assert_eq!(queue["requests"][0]["subject"], id);
    }
}

#[tokio::test]
async fn whoever_asks_again_or_is_under_a_hold_is_not_forgotten_by_a_link() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let anne = create(&legal, &anne()).await;
    let found = json!({"type": "policyholder", "id": anne.rsplit_once('/').unwrap().1});
    let (first, requester) = filed(&legal, json!({"identity": "in-person"})).await;
    // The second one is filed about whoever is known by the first.
    let about = json!({"type": "requester", "id": requester.rsplit_once('/').unwrap().1});
    let again =
        json!({"type": about["type"], "id": about["id"], "kind": "erasure", "channel": "phone", "identity": "account"});
    let second = legal.post("/v1/requests", &again).await.ok().header("location").to_owned();
    let read = format!("{requester}?fields=contact.email&purpose=data-subject-request");
    legal.post(&format!("{first}/link"), &about).await.problem(409, "not-a-stranger");
    legal.post(&format!("{first}/link"), &found).await.ok();
    legal.get(&read).await.ok();
    let hold = legal.tell(&format!("{requester}/holds?purpose=legal-defence&reason=claim")).await.ok().json();
    legal.post(&format!("{second}/link"), &found).await.ok();
    legal.get(&read).await.ok();
    // With no request left the time runs from the last change on.
    let dpo = vault.application("dpo", "dpo").await;
    legal
        .tell(&format!("/v1/holds/{}/lift?purpose=legal-defence&reason=settled", hold["id"].as_str().unwrap()))
        .await
        .ok();
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["archived"], 1);
    vault.clock.pass_seconds(5 * 366 * 86_400);
    assert_eq!(dpo.tell("/v1/retention/run").await.ok().json()["erased"], 1);
    legal.get(&read).await.problem(404, "not-found");
}

#[tokio::test]
async fn whoever_was_answered_is_kept_apart_and_then_forgotten() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let (request, record) = filed(&legal, json!({"identity": "account"})).await;
    let (waiting, of_waiting) = filed(&legal, json!({})).await;
    let run = async || dpo.tell("/v1/retention/run").await.ok().json();
    assert_eq!(run().await["archived"], 0, "nothing goes before the answer");
    legal.tell(&format!("{request}/nothing-held")).await.ok();
    assert_eq!(run().await["archived"], 1);
    let read = |record: &str| format!("{record}?fields=contact.family_name&purpose=data-subject-request");
    legal.get(&read(&record)).await.ok();
    assert!(legal.get(&letter(&request, "nothing-held")).await.ok().text().contains("Paul Moreau"), "the proof");
    vault.clock.pass_seconds(40 * 86_400);
    let metrics = legal.get("/metrics").await.text();
    assert!(metrics.contains("coffre_requests_pending 1\n") && metrics.contains("coffre_requests_overdue 1\n"));
    vault.clock.pass_seconds(5 * 366 * 86_400);
    let done = run().await;
    assert_eq!((&done["erased"], &done["archived"]), (&json!(1), &json!(0)), "{done}");
    legal.get(&read(&record)).await.problem(404, "not-found");
    let left = dpo.get(&request).await.ok().json();
    assert_eq!(left["state"], "nothing-held", "that it was answered can be shown");
    let silent = legal.get(&request).await.ok().json();
    assert!(silent["steps"].as_array().unwrap().iter().all(|step| step.get("text").is_none()), "{silent}");
    let written = legal.get(&letter(&request, "nothing-held")).await;
    assert!(!written.text().contains("Moreau"), "{}", written.text());
    legal.get(&read(&of_waiting)).await.ok();
    assert_eq!(legal.get(&waiting).await.ok().json()["overdue"], true);
}

#[tokio::test]
async fn what_is_refused_of_a_stranger() {
    let vault = Running::start().await;
    let (legal, backup, sales) = (
        vault.application("cobol", "legal").await,
        vault.application("nas", "backup").await,
        vault.application("crm", "sales").await,
    );
    file(&backup, &json!({})).await.problem(403, "denied");
    let change = json!({"changes": {"contact.email": "a@example.fr"}, "purpose": "customer-support"});
    for more in [
        json!({"type": "policyholder"}),
        json!({"id": "00000000-0000-4000-8000-000000000000"}),
        json!({"requester": null}),
        json!({"requester": {"contact": null}}),
        json!({"requester": {"contact.family_name": null}}),
        json!({"kind": "change", "changes": change["changes"]}),
        json!({"kind": "rectification", "changes": change["changes"]}),
    ] {
        file(&legal, &more).await.problem(400, "malformed-request");
    }
    file(&legal, &json!({"requester": {"contact.shoe_size": 42}})).await.problem(400, "unknown-field");
    for (requester, field) in [
        (json!({}), "contact.family_name"),
        (json!({"contact.given_name": "Paul"}), "contact.family_name"),
        (json!({"contact": {"family_name": "Moreau", "email": "nowhere"}}), "contact.email"),
    ] {
        let problem = file(&legal, &json!({"requester": requester})).await.problem(422, "invalid-values");
        assert_eq!(problem["faults"][0]["field"], field, "{problem}");
    }
    assert_eq!(legal.get(QUEUE).await.ok().json()["requests"], json!([]), "nothing is left of what was refused");

    // Nobody makes one otherwise, and no grant opens one.
    let alone = legal.post("/v1/records/requester?purpose=data-subject-request", &paul()).await;
    assert_eq!(alone.problem(403, "denied")["cause"], "never-for-role");
    let (_, record) = filed(&legal, json!({})).await;
    let terms =
        json!({"role": "sales", "purpose": "direct-marketing", "fields": ["contact.email"], "basis": "consent"});
    let grant = legal.post(&format!("{record}/grants"), &terms).await.problem(422, "invalid-grant");
    assert!(grant.to_string().contains("purpose-not-for-role"), "{grant}");
    let read = sales.get(&format!("{record}?fields=contact.email&purpose=direct-marketing")).await;
    assert!(!read.status.is_success() && !read.text().contains("paul.moreau"), "{}", read.text());
    let people = json!([{"id": record.rsplit_once('/').unwrap().1}]);
    let list = json!({"type": "requester", "channel": "email", "people": people, "purpose": "direct-marketing"});
    let contactable = sales.post("/v1/contactable", &list).await;
    assert!(!contactable.text().contains("true"), "{}", contactable.text());
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_filed_once() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await.with("idempotency-key", "letter-1");
    let (first, again) = (file(&legal, &json!({})).await, file(&legal, &json!({})).await);
    assert_eq!((first.status, again.status), (hyper::StatusCode::CREATED, hyper::StatusCode::CREATED));
    assert_eq!(first.json()["id"], again.json()["id"]);
    file(&legal, &json!({"kind": "erasure"})).await.problem(422, "idempotency-key-reused");
    assert_eq!(legal.without("idempotency-key").get(QUEUE).await.ok().json()["requests"].as_array().unwrap().len(), 1);
}
