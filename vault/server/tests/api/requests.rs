//! Requests to Legal: a change that another service proposes without reading, a person's rights with their clock, and
//! who sees what of them.

use serde_json::{Value, json};

use crate::running::{Answer, Caller, Running, anne, create, entry};

fn subject(record: &str) -> &str {
    record.rsplit_once('/').unwrap().1
}

async fn file(by: &Caller, record: &str, kind: &str, more: &Value) -> Answer {
    let mut body = json!({"type": "policyholder", "id": subject(record), "kind": kind, "channel": "phone"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    by.post("/v1/requests", &body).await
}

async fn filed(by: &Caller, record: &str, kind: &str, more: Value) -> String {
    let answer = file(by, record, kind, &more).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.header("location").to_owned()
}

async fn accept(legal: &Caller, request: &str, version: u32) -> Answer {
    let path = format!("{request}/accept?purpose=data-subject-request");
    legal.clone().with("if-match", &format!("\"{version}\"")).tell(&path).await
}

#[tokio::test]
async fn a_service_proposes_what_it_may_not_read_and_legal_applies_it() {
    let vault = Running::start().await;
    let (legal, dpo, service) = (
        vault.application("cobol", "legal").await,
        vault.application("dpo", "dpo").await,
        vault.application("desk", "customer-service").await,
    );
    let record = create(&legal, &anne()).await;
    let read = format!("{record}?fields=contact.phone,health.illnesses&purpose=customer-support");
    service.get(&read).await.problem(404, "not-found");
    let changes = json!({"contact.phone": "+33 6 39 98 99 99", "health": {"illnesses": null}});
    let more = json!({"purpose": "customer-support", "changes": changes, "text": "Elle a rappelé\nce matin."});
    let answer = file(&service, &record, "change", &more).await;
    let request = answer.header("location").to_owned();
    assert_eq!(
        (&answer.json()["state"], &answer.json()["fields"]),
        (&json!("open"), &json!(["contact.phone", "health.illnesses"]))
    );
    let logged = entry(&dpo, answer.entry()).await;
    assert_eq!(
        (&logged["action"], &logged["fields"]),
        (&json!("file-request"), &json!(["contact.phone", "health.illnesses"]))
    );
    assert!(!logged.to_string().contains("99 99") && !logged.to_string().contains("rappelé"), "{logged}");

    // Legal sees the values, under a purpose, as it may read what they would replace; the entry names them.
    let seen = legal.get(&format!("{request}?purpose=contract-administration")).await.ok();
    assert_eq!(
        seen.json()["steps"][0]["changes"],
        json!({"contact.phone": "+33 6 39 98 99 99", "health.illnesses": null})
    );
    assert_eq!(seen.json()["steps"][0]["text"], "Elle a rappelé\nce matin.");
    let logged = entry(&dpo, seen.entry()).await;
    assert_eq!(
        (&logged["action"], &logged["fields"]),
        (&json!("read-request"), &json!(["contact.phone", "health.illnesses"]))
    );
    let other = legal
        .clone()
        .for_operator("b.durand")
        .get(&format!("{request}?purpose=contract-administration"))
        .await
        .ok()
        .json();
    assert_eq!(other["withheld"], json!({"health.illnesses": "no-habilitation"}));
    assert_eq!(other["steps"][0]["changes"], json!({"contact.phone": "+33 6 39 98 99 99"}));
    let blind = legal.get(&request).await.ok().json();
    assert_eq!(blind["withheld"]["contact.phone"], "no-purpose");
    assert_eq!(blind["steps"][0].get("changes"), None);

    // Whoever may not change health does not do so by accepting.
    accept(&legal.clone().for_operator("b.durand"), &request, 1).await.problem(403, "denied");
    accept(&legal, &request, 7).await.problem(412, "stale");
    let accepted = accept(&legal, &request, 1).await.ok();
    assert_eq!((&accepted.json()["version"], &accepted.json()["request"]["state"]), (&json!(2), &json!("fulfilled")));
    let (act, answer) = (entry(&dpo, accepted.entry()).await, entry(&dpo, accepted.entry() + 1).await);
    assert_eq!((&act["action"], &answer["action"]), (&json!("amend"), &json!("fulfil-request")));
    assert_eq!(act["request"], answer["request"], "the act and the answer are one call");
    assert_eq!(act["request"], accepted.json()["request"]["closed_in"]);
    let now =
        legal.get(&format!("{record}?fields=contact.phone,health.illnesses&purpose=contract-administration")).await;
    assert_eq!(now.ok().json()["fields"], json!({"contact.phone": "+33 6 39 98 99 99"}));
    accept(&legal, &request, 2).await.problem(409, "request-closed");
}

#[tokio::test]
async fn a_filer_follows_its_own_and_only_its_own() {
    let vault = Running::start().await;
    let (legal, dpo, service, sales) = (
        vault.application("cobol", "legal").await,
        vault.application("dpo", "dpo").await,
        vault.application("desk", "customer-service").await,
        vault.application("crm", "sales").await,
    );
    let record = create(&legal, &anne()).await;
    let changes = json!({"purpose": "customer-support", "changes": {"contact.email": "anne@example.fr"}});
    let request = filed(&service, &record, "change", changes).await;
    let hidden = sales.get(&request).await.problem(404, "not-found");
    let unknown = sales.get("/v1/requests/00000000-0000-4000-8000-000000000000").await.problem(404, "not-found");
    assert_eq!(hidden["detail"], unknown["detail"]);
    let causes = |problem: &Value| problem["audit_entry"].as_u64().unwrap();
    assert_eq!(entry(&dpo, causes(&hidden)).await["cause"], "not-its-own");
    assert_eq!(entry(&dpo, causes(&unknown)).await["cause"], "no-such-request");
    assert_eq!(sales.get("/v1/requests?type=policyholder").await.ok().json()["requests"], json!([]));
    sales.post(&format!("{request}/reply"), &json!({"text": "x"})).await.problem(404, "not-found");
    sales.tell(&format!("{request}/withdraw")).await.problem(404, "not-found");

    legal.post(&format!("{request}/ask"), &json!({"text": "Is it spelt so?"})).await.ok();
    let own = service.get(&request).await.ok().json();
    assert_eq!((&own["state"], &own["steps"][1]["text"]), (&json!("waiting"), &json!("Is it spelt so?")));
    assert_eq!(own["steps"][0].get("changes"), None, "nothing of the record comes back");
    service.post(&format!("{request}/reply"), &json!({"text": "Yes."})).await.ok();
    let theirs = dpo.get(&request).await.ok().json();
    let acts: Vec<&str> =
        theirs["steps"].as_array().unwrap().iter().map(|step| step["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["file", "ask", "reply"]);
    assert!(
        theirs["steps"].as_array().unwrap().iter().all(|step| step.get("text").is_none()),
        "no content for the DPO"
    );
    for (path, body) in
        [("assign", json!({})), ("refuse", json!({"text": "x"})), ("identify", json!({"identity": "account"}))]
    {
        service.post(&format!("{request}/{path}"), &body).await.problem(403, "denied");
        dpo.post(&format!("{request}/{path}"), &body).await.problem(403, "denied");
    }
    service.tell(&format!("{request}/withdraw")).await.ok();
    legal.post(&format!("{request}/refuse"), &json!({"text": "late"})).await.problem(409, "request-closed");
}

#[tokio::test]
async fn what_came_in_on_a_day_that_has_begun_somewhere_is_filed() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let request = filed(&legal, &record, "access", json!({})).await;
    let today: coffre_core::day::Day =
        legal.get(&request).await.ok().json()["received_on"].as_str().unwrap().parse().unwrap();
    let received = |days: u16| json!({"received_on": today.plus_days(days).to_string()});
    // Half past midnight in Paris, when it is the day before in UTC.
    let answer = file(&legal, &record, "access", &received(1)).await.ok().json();
    assert_eq!(answer["received_on"], today.plus_days(1).to_string());
    assert_eq!(answer["due_on"], today.plus_days(1).plus_months(1).to_string());
    file(&legal, &record, "access", &received(3)).await.problem(400, "malformed-request");
}

#[tokio::test]
async fn the_clock_runs_from_receipt_and_is_extended_once() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let request = filed(&legal, &record, "access", json!({"channel": "letter", "identity": "identity-document"})).await;
    let stands = legal.get(&request).await.ok().json();
    let received: coffre_core::day::Day = stands["received_on"].as_str().unwrap().parse().unwrap();
    assert_eq!(stands["due_on"], received.plus_months(1).to_string());
    let due = |kind: &'static str| {
        let legal = legal.clone();
        async move {
            legal.get(&format!("/v1/requests?type=policyholder&due={kind}")).await.ok().json()["requests"]
                .as_array()
                .unwrap()
                .len()
        }
    };
    assert_eq!((due("soon").await, due("overdue").await), (0, 0));
    vault.clock.pass_seconds(26 * 24 * 3600);
    assert_eq!((due("soon").await, due("overdue").await), (1, 0));
    let extended = legal.post(&format!("{request}/extend"), &json!({"text": "Douze contrats."})).await.ok().json();
    assert_eq!(extended["due_on"], received.plus_months(3).to_string());
    assert_eq!(due("soon").await, 0);
    legal.post(&format!("{request}/extend"), &json!({"text": "Encore."})).await.problem(409, "extended-before");
    let letter = legal.get(&format!("{request}/letters/extension?purpose=data-subject-request")).await.ok();
    assert!(
        letter.header("content-type").starts_with("text/html")
            && letter.header("content-security-policy").contains("default-src 'none'")
    );
    assert!(letter.text().contains("Anne Lefèvre") && letter.text().contains("Douze contrats."), "{}", letter.text());

    let late = filed(&legal, &record, "erasure", json!({})).await;
    vault.clock.pass_seconds(40 * 24 * 3600);
    assert_eq!(due("overdue").await, 1);
    assert_eq!(legal.get(&late).await.ok().json()["overdue"], true);
    let problem = legal.post(&format!("{late}/extend"), &json!({"text": "x"})).await.problem(409, "too-late");
    assert!(problem["detail"].as_str().unwrap().contains(problem["due_on"].as_str().unwrap()));
    let metrics = legal.get("/metrics").await.text();
    assert!(
        metrics.contains("coffre_requests_pending 2\n") && metrics.contains("coffre_requests_overdue 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn the_act_that_serves_a_right_fulfils_its_request() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let restriction = filed(&legal, &record, "restriction", json!({})).await;
    let id = restriction.rsplit_once('/').unwrap().1;
    let restrict = format!("{record}/restrict?purpose=data-subject-request&ground=a&reason=letter&request={id}");
    legal.tell(&restrict).await.problem(409, "not-identified");
    let identified = legal.post(&format!("{restriction}/identify"), &json!({"identity": "in-person"})).await.ok();
    let said = entry(&dpo, identified.entry()).await["target"].clone();
    assert_eq!(said, json!(format!("request {id} (restriction): in-person")), "how, whatever is written down later");
    let problem = legal
        .patch(
            &format!("{record}?purpose=data-subject-request&request={id}"),
            1,
            &json!({"contact.email": "b@example.fr"}),
        )
        .await;
    problem.problem(409, "another-matter");
    legal.tell(&restrict.replace(id, "00000000-0000-4000-8000-000000000000")).await.problem(404, "no-such-request");
    let untouched =
        legal.get(&format!("{record}?fields=contact.email&purpose=contract-administration")).await.ok().json();
    assert_eq!(untouched["version"], 1, "neither the act nor the answer");
    let done = legal.tell(&restrict).await.ok();
    let (act, answer) = (entry(&dpo, done.entry()).await, entry(&dpo, done.entry() + 1).await);
    assert_eq!((&act["action"], &answer["action"]), (&json!("restrict"), &json!("fulfil-request")));
    assert_eq!(legal.get(&restriction).await.ok().json()["state"], "fulfilled");

    // Somebody else's request is not served by an act on this record.
    let other = create(&legal, &json!({"contact": {"family_name": "Moreau"}})).await;
    let erasure =
        filed(&legal, &other, "erasure", json!({"identity": "mandate", "text": "asks to be forgotten"})).await;
    let id = erasure.rsplit_once('/').unwrap().1.to_owned();
    legal
        .tell(&format!("{record}/restrict?purpose=data-subject-request&ground=a&reason=x&request={id}"))
        .await
        .problem(409, "another-matter");
    let propose = format!("{other}/erase?purpose=data-subject-request&reason=x");
    assert_eq!(legal.tell(&propose).await.status, 202);
    let confirm = format!("{other}/erase/confirm?purpose=data-subject-request&request={id}");
    legal.tell(&confirm).await.problem(409, "not-another-operator");
    assert_eq!(legal.get(&erasure).await.ok().json()["state"], "open", "a refused act answers nothing");
    legal.clone().for_operator("b.durand").tell(&confirm).await.ok();
    let after = legal.get(&erasure).await.ok().json();
    assert_eq!(after["state"], "fulfilled");
    assert!(
        after["steps"].as_array().unwrap().iter().all(|step| step.get("text").is_none()),
        "gone with the person: {after}"
    );
}

/// It was filed twice, and the record is gone with the first.
#[tokio::test]
async fn what_waits_about_somebody_erased_is_answered_with_nothing_held() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &json!({"contact": {"family_name": "Moreau"}})).await;
    let identified = json!({"identity": "account"});
    let (first, again) = (
        filed(&legal, &record, "erasure", identified.clone()).await,
        filed(&legal, &record, "erasure", identified).await,
    );
    legal.tell(&format!("{again}/nothing-held")).await.problem(409, "something-held");
    assert_eq!(legal.tell(&format!("{record}/erase?purpose=data-subject-request&reason=x")).await.status, 202);
    let id = first.rsplit_once('/').unwrap().1;
    let confirm = format!("{record}/erase/confirm?purpose=data-subject-request&request={id}");
    legal.clone().for_operator("b.durand").tell(&confirm).await.ok();
    assert_eq!(legal.tell(&format!("{again}/nothing-held")).await.ok().json()["state"], "nothing-held");
    let letter = legal.get(&format!("{again}/letters/nothing-held?purpose=data-subject-request")).await.ok().text();
    assert!(letter.contains("elles ont été effacées") && !letter.contains("Moreau"), "{letter}");
}

#[tokio::test]
async fn the_queue_is_paged_and_filtered() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let record = create(&legal, &anne()).await;
    let days = ["2026-01-05", "2026-01-03", "2026-01-04"];
    for day in days {
        filed(&legal, &record, "access", json!({"received_on": day})).await;
    }
    let queue = "/v1/requests?type=policyholder&limit=2";
    let first = legal.get(queue).await.ok().json();
    let second = legal.get(&format!("{queue}&after={}", first["next"].as_str().unwrap())).await.ok().json();
    let received = |page: &Value| {
        page["requests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["received_on"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (received(&first), received(&second)),
        (vec![days[1].to_owned(), days[2].to_owned()], vec![days[0].to_owned()])
    );
    assert_eq!(second["next"], Value::Null);
    let id = second["requests"][0]["id"].as_str().unwrap();
    let taken = legal.post(&format!("/v1/requests/{id}/assign"), &json!({})).await.ok().json();
    assert_eq!(taken["assignee"], "a.martin");
    legal.post(&format!("/v1/requests/{id}/assign"), &json!({"assignee": "b.durand"})).await.ok();
    let mine = legal.get("/v1/requests?type=policyholder&assignee=b.durand").await.ok().json();
    assert_eq!((mine["requests"].as_array().unwrap().len(), &mine["requests"][0]["id"]), (1, &json!(id)));
    assert_eq!(legal.get("/v1/requests?type=policyholder&kind=erasure").await.ok().json()["requests"], json!([]));
    assert_eq!(legal.get("/v1/requests?type=policyholder&state=refused").await.ok().json()["requests"], json!([]));
    assert_eq!(legal.get("/v1/requests?type=merchant").await.ok().json()["requests"], json!([]));
}

#[tokio::test]
async fn letters_tell_a_name_and_leave_a_trace() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &anne()).await;
    let request = filed(&legal, &record, "erasure", json!({})).await;
    let letter = |name: &str| format!("{request}/letters/{name}?purpose=data-subject-request&language=en");
    legal.get(&letter("refusal")).await.problem(409, "nothing-to-write");
    legal.get(&letter("extension")).await.problem(409, "nothing-to-write");
    let written = legal.get(&letter("acknowledgement")).await.ok();
    let logged = entry(&dpo, written.entry()).await;
    assert_eq!(
        (&logged["action"], &logged["fields"]),
        (&json!("write-letter"), &json!(["contact.family_name", "contact.given_name"]))
    );
    assert!(logged["target"].as_str().unwrap().ends_with(" acknowledgement"));
    legal.post(&format!("{request}/refuse"), &json!({"text": "The contract <i>goes on</i>."})).await.ok();
    let refusal = legal.get(&letter("refusal")).await.ok().text();
    assert!(refusal.contains("The contract &lt;i&gt;goes on&lt;/i&gt;.") && refusal.contains("CNIL"), "{refusal}");
    dpo.get(&letter("refusal")).await.problem(403, "denied");
    legal.get(&letter("love")).await.problem(400, "malformed-request");
    legal.get(&letter("refusal").replace("language=en", "language=de")).await.problem(400, "malformed-request");
}

#[tokio::test]
async fn what_is_refused_when_filing() {
    let vault = Running::start().await;
    let (legal, sales, backup) = (
        vault.application("cobol", "legal").await,
        vault.application("crm", "sales").await,
        vault.application("nas", "backup").await,
    );
    let record = create(&legal, &anne()).await;
    let purpose = json!("direct-marketing");
    let health = json!({"purpose": purpose, "changes": {"health.illnesses": ["x"]}});
    file(&sales, &record, "change", &health).await.problem(403, "denied");
    let health = json!({"changes": {"contact.email": "a@b.fr"}});
    assert_eq!(file(&sales, &record, "change", &health).await.problem(403, "denied")["cause"], "no-purpose");
    file(&backup, &record, "access", &json!({})).await.problem(403, "denied");
    for (kind, more) in [
        ("change", json!({})),
        ("access", json!({"changes": {"contact.email": "a@b.fr"}, "purpose": purpose})),
        ("change", json!({"changes": {"contact": null}, "purpose": purpose})),
        ("access", json!({"received_on": "2999-01-01"})),
        ("access", json!({"text": " "})),
        ("access", json!({"text": "x".repeat(2001)})),
    ] {
        file(&sales, &record, kind, &more).await.problem(400, "malformed-request");
    }
    for more in [
        json!({"channel": "pigeon"}),
        json!({"identity": "sure"}),
        json!({"received_on": "2026-02-30"}),
        json!({"surprise": 1}),
    ] {
        file(&sales, &record, "access", &more).await.problem(400, "malformed-json");
    }
    for (changes, fault) in [
        (json!({"contact.email": "nowhere"}), "contact.email"),
        (json!({"contract.document": "00000000-0000-4000-8000-000000000000"}), "contract.document"),
        (json!({"contact.family_name": null}), "contact.family_name"),
    ] {
        let problem = file(&sales, &record, "change", &json!({"purpose": purpose, "changes": changes}))
            .await
            .problem(422, "invalid-values");
        assert_eq!(problem["faults"][0]["field"], fault);
    }
    let nobody = "/v1/records/policyholder/00000000-0000-4000-8000-000000000000";
    file(&sales, nobody, "access", &json!({})).await.problem(404, "not-found");
    // Whether there is a record is not to be found out without an entry.
    let wrong = json!({"purpose": purpose, "changes": {"contact.email": "nowhere"}});
    file(&sales, nobody, "change", &wrong).await.problem(422, "invalid-values");
    let field = json!({"purpose": purpose, "changes": {"contact.shoe_size": 42}});
    file(&sales, &record, "change", &field).await.problem(400, "unknown-field");
    legal.get("/v1/requests?type=policyholder&after=zzz").await.problem(400, "malformed-request");
    legal.get("/v1/requests?type=policyholder&due=never").await.problem(400, "malformed-request");
    legal.get("/v1/requests").await.problem(400, "malformed-request");
    legal.get("/v1/requests/x").await.problem(400, "malformed-request");
}
