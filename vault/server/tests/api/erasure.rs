//! Erasure at a data subject's request: two operators, nothing against it, and a certificate that is
//! final only once every place has confirmed.

use coffre_core::note::{SignedNote, VerificationKey};
use serde_json::{Value, json};

use crate::running::{Caller, Running, anne, create, entry, grant};

const STEP: &str = "purpose=data-subject-request";

/// A person without a contract: no rule of retention stands against erasing her.
fn prospect() -> Value {
    json!({"contact": {"family_name": "Moreau", "email": "moreau@example.fr"}, "legacy": {"client_number": "00000042"}})
}

async fn propose(legal: &Caller, record: &str) -> crate::running::Answer {
    legal.tell(&format!("{record}/erase?{STEP}&reason=letter%20of%20today")).await
}

async fn confirm(legal: &Caller, record: &str) -> crate::running::Answer {
    legal.tell(&format!("{record}/erase/confirm?{STEP}")).await
}

#[tokio::test]
async fn one_operator_proposes_and_another_one_erases() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &prospect()).await;
    let proposed = propose(&legal, &record).await;
    assert_eq!(proposed.status, 202, "{}", proposed.text());
    assert_eq!((&proposed.json()["status"], &proposed.json()["proposed_by"]), (&json!("proposed"), &json!("a.martin")));
    let read = format!("{record}?fields=contact.email&purpose=contract-administration");
    legal.get(&read).await.ok();

    for alone in ["a.martin", "A.MARTIN"] {
        let problem = confirm(&legal.clone().for_operator(alone), &record).await.problem(409, "not-another-operator");
        let refused = entry(&dpo, problem["audit_entry"].as_u64().unwrap()).await;
        assert_eq!((&refused["action"], &refused["decision"]), (&json!("erase"), &json!("deny")));
        assert_eq!((&refused["cause"], &refused["operator"]), (&json!("not-another-operator"), &json!(alone)));
    }
    let other = legal.clone().for_operator("b.durand");
    let done = confirm(&other, &record).await.ok();
    assert_eq!(done.json()["status"], "pending");
    legal.get(&read).await.problem(404, "not-found");
    let found = json!({"index": "legacy.client_number", "value": "00000042", "fields": ["contact.email"], "purpose": "contract-administration"});
    let hits = legal.post("/v1/records/policyholder/search", &found).await.ok().json();
    assert_eq!(hits["hits"], json!([]));

    let (first, second) = (entry(&dpo, proposed.entry()).await, entry(&dpo, done.entry()).await);
    assert_eq!((&first["action"], &first["operator"]), (&json!("propose-erasure"), &json!("a.martin")));
    assert_eq!((&second["action"], &second["operator"]), (&json!("erase"), &json!("b.durand")));
    assert_eq!(second["purpose"], "data-subject-request");
    let certificate = done.json()["certificate"].as_str().unwrap().to_owned();
    for act in [&first, &second] {
        assert!(certificate.contains(&format!("request {}\n", act["request"].as_str().unwrap())), "{certificate}");
    }
    confirm(&other, &record).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_is_held_or_must_be_kept_is_not_erased() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let other = legal.clone().for_operator("b.durand");

    // A contract goes on.
    let insured = create(&legal, &anne()).await;
    let refused = propose(&legal, &insured).await.problem(409, "must-be-kept");
    let kept = refused["kept"].as_array().unwrap();
    let contract = kept.iter().find(|kept| kept["category"] == "contract").unwrap();
    assert_eq!((&contract["ground"], &contract["until"]), (&json!("legal-obligation"), &Value::Null));
    assert!(contract["source"]["fr"].as_str().unwrap().contains("L123-22"));
    let denied = entry(&dpo, refused["audit_entry"].as_u64().unwrap()).await;
    assert_eq!((&denied["decision"], &denied["cause"]), (&json!("deny"), &json!("retention")));
    let told = json!(["contract.end_date", "contract.others", "contract.product"]);
    assert_eq!(denied["fields"], told, "what the refusal tells of the record");

    // It ended, and disputes are still possible until a known day.
    let year: u32 = vault.store.now().to_string()[..4].parse().unwrap();
    let body = json!({"contract.end_date": format!("{}-03-31", year - 1)});
    legal.patch(&format!("{insured}?purpose=contract-administration"), 1, &body).await.ok();
    let refused = propose(&legal, &insured).await.problem(409, "must-be-kept");
    let details =
        refused["kept"].as_array().unwrap().iter().find(|kept| kept["category"] == "contact").unwrap().clone();
    assert_eq!(
        (&details["ground"], &details["until"]),
        (&json!("legal-claims"), &json!(format!("{}-03-31", year + 4)))
    );

    // A hold that is placed between the two steps stands against the second.
    let record = create(&legal, &prospect()).await;
    assert_eq!(propose(&legal, &record).await.status, 202);
    let hold = legal.tell(&format!("{record}/holds?purpose=legal-defence&reason=dispute%20of%20May")).await.ok();
    confirm(&other, &record).await.problem(409, "on-hold");
    propose(&legal, &record).await.problem(409, "on-hold");
    let id = hold.json()["id"].as_str().unwrap().to_owned();
    legal.tell(&format!("/v1/holds/{id}/lift?purpose=legal-defence&reason=settled")).await.ok();
    confirm(&other, &record).await.ok();
    legal.get(&format!("{insured}?fields=contact.email&purpose=contract-administration")).await.ok();
}

/// «Give me what you hold on me, then erase it»: nobody could answer the first once the second is done.
#[tokio::test]
async fn what_else_the_person_asked_for_is_answered_first() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let other = legal.clone().for_operator("b.durand");
    let record = create(&legal, &prospect()).await;
    let file = async |kind: &str| {
        let id = record.rsplit_once('/').unwrap().1;
        let body = json!({"type": "policyholder", "id": id, "kind": kind, "channel": "email", "identity": "account"});
        legal.post("/v1/requests", &body).await.ok().header("location").to_owned()
    };
    let erasure = file("erasure").await;
    assert_eq!(propose(&legal, &record).await.status, 202, "its own request does not stand against it");
    let access = file("access").await;
    for refused in [propose(&legal, &record).await, confirm(&other, &record).await] {
        let refused = refused.problem(409, "request-waits");
        let denied = entry(&dpo, refused["audit_entry"].as_u64().unwrap()).await;
        assert_eq!((&denied["decision"], &denied["cause"]), (&json!("deny"), &json!("request")));
    }
    let id = |request: &str| request.rsplit_once('/').unwrap().1.to_owned();
    legal.tell(&format!("{record}/export/access?{STEP}&reason=letter&request={}", id(&access))).await.ok();
    let confirmed = other.tell(&format!("{record}/erase/confirm?{STEP}&request={}", id(&erasure))).await.ok();
    assert_eq!(confirmed.json()["status"], "pending");
    for answered in [&access, &erasure] {
        assert_eq!(legal.get(answered).await.ok().json()["state"], "fulfilled");
    }
}

#[tokio::test]
async fn a_proposal_can_be_taken_back_and_grows_old() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let other = legal.clone().for_operator("b.durand");
    let record = create(&legal, &prospect()).await;
    confirm(&other, &record).await.problem(409, "not-proposed");
    legal.get(&format!("{record}/erasure")).await.problem(404, "no-such-erasure");
    assert_eq!(propose(&legal, &record).await.status, 202);
    assert_eq!(legal.get(&format!("{record}/erasure")).await.ok().json()["status"], "proposed");
    legal.tell(&format!("{record}/erase/withdraw?{STEP}")).await.ok();
    confirm(&other, &record).await.problem(409, "not-proposed");
    legal.tell(&format!("{record}/erase/withdraw?{STEP}")).await.problem(409, "not-proposed");
    assert_eq!(propose(&legal, &record).await.status, 202);
    vault.clock.pass_seconds(7 * 24 * 3600 + 1);
    confirm(&other, &record).await.problem(409, "not-proposed");
    legal.get(&format!("{record}?fields=contact.email&purpose=contract-administration")).await.ok();
}

#[tokio::test]
async fn nobody_else_and_for_nothing_else() {
    let vault = Running::start().await;
    let (legal, dpo, sales) = (
        vault.application("cobol", "legal").await,
        vault.application("dpo", "dpo").await,
        vault.application("crm", "sales").await,
    );
    let record = create(&legal, &prospect()).await;
    grant(&legal, &record, "sales", "direct-marketing", &["contact.email"]).await;
    for (caller, purpose) in [(&sales, "direct-marketing"), (&dpo, "audit"), (&legal, "contract-administration")] {
        let refused = caller.tell(&format!("{record}/erase?purpose={purpose}&reason=x")).await;
        refused.problem(403, "denied");
        caller.tell(&format!("{record}/erase/confirm?purpose={purpose}")).await.problem(403, "denied");
    }
    sales.get(&format!("{record}/erasure")).await.problem(403, "denied");
    sales.get(&format!("{record}/holds")).await.problem(403, "denied");
    let problem = legal.tell(&format!("{record}/erase?{STEP}")).await.problem(400, "malformed-request");
    assert_eq!(problem["missing"], json!(["reason"]));
    legal.tell(&format!("{record}/erase?{STEP}&reason=%20")).await.problem(400, "malformed-request");
    legal.tell(&format!("{record}/erase?purpose=tidiness&reason=x")).await.problem(400, "unknown-purpose");
    legal.post(&format!("{record}/erase?{STEP}&reason=x"), &json!({})).await.problem(400, "malformed-request");
    legal
        .clone()
        .without("coffre-operator")
        .tell(&format!("{record}/erase?{STEP}&reason=x"))
        .await
        .problem(400, "operator-required");
    let nobody = record.rsplit_once('/').unwrap().0.to_owned() + "/00000000-0000-4000-8000-000000000000";
    propose(&legal, &nobody).await.problem(404, "not-found");
    confirm(&legal, &nobody).await.problem(404, "not-found");
}

#[tokio::test]
async fn the_certificate_is_final_when_every_place_is_clear() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let record = create(&legal, &prospect()).await;
    assert_eq!(propose(&legal, &record).await.status, 202);
    let erased = confirm(&legal.clone().for_operator("b.durand"), &record).await.ok().json()["erased_at"].clone();
    let (backup, control) = (vault.control("backup.sock"), vault.control("control.sock"));
    let place = |name: &str, looked_at: &str, oldest: Option<&str>, unaccounted: u64| json!({"place": name, "looked_at": looked_at, "oldest": oldest, "unaccounted": unaccounted});
    vault.clock.pass_seconds(3600);
    let before = "2020-01-01T00:00:00Z";
    let after = vault.store.now().to_string();
    let report = |places: Vec<Value>| json!({ "places": places });
    let stands = || async { dpo.get(&format!("{record}/erasure")).await.ok().json() };

    assert_eq!(stands().await["status"], "pending", "nobody has looked");
    let old = report(vec![place("spool", &after, Some(before), 0), place("building-b", &after, None, 0)]);
    backup.post("/v1/copies", &old).await.ok();
    let stand = stands().await;
    assert_eq!(stand["status"], "pending");
    // What the spool still holds can still reach the destination.
    assert_eq!((&stand["places"][0]["place"], &stand["places"][0]["clear"]), (&json!("building-b"), &json!(false)));
    let strange = report(vec![place("spool", &after, Some(&after), 0), place("building-b", &after, None, 3)]);
    backup.post("/v1/copies", &strange).await.ok();
    assert_eq!(stands().await["status"], "pending", "copies of unknown age");
    let stale = report(vec![place("spool", before, None, 0), place("building-b", before, None, 0)]);
    backup.post("/v1/copies", &stale).await.ok();
    assert_eq!(stands().await["status"], "pending", "looked at before the erasure");
    backup.post("/v1/copies", &report(vec![place("spool", &after, Some(&after), 0)])).await.ok();
    assert_eq!(stands().await["status"], "pending", "a destination was not looked at again");

    let clear = report(vec![place("spool", &after, Some(&after), 0), place("building-b", &after, None, 0)]);
    let reported = backup.post("/v1/copies", &clear).await.ok();
    assert_eq!(entry(&dpo, reported.entry()).await["target"], "building-b spool");
    let stand = stands().await;
    assert_eq!((&stand["status"], &stand["erased_at"]), (&json!("final"), &erased));
    let note = SignedNote::parse(stand["certificate"].as_str().unwrap().as_bytes()).unwrap();
    let key: VerificationKey = vault.store.verification_key().clone();
    let text = note.verify(&key).unwrap();
    assert!(text.contains("\nstatus: final\nplace: building-b clear looked-at "), "{text}");

    // A drive that turns up later puts it in doubt again, until it is struck off.
    let drawer = report(vec![place("spool", &after, None, 0), place("drawer", &after, Some(before), 0)]);
    backup.post("/v1/copies", &drawer).await.ok();
    assert_eq!(stands().await["status"], "pending");
    assert_eq!(control.get("/v1/copies").await.ok().json()["places"].as_array().unwrap().len(), 3);
    control.tell("/v1/copies/drawer/forget").await.ok();
    assert_eq!(stands().await["status"], "final");
    control.tell("/v1/copies/drawer/forget").await.problem(404, "no-such-place");
    control.tell("/v1/copies/spool/forget").await.problem(409, "spool-stays");
    control.tell("/v1/copies/a%20b/forget").await.problem(400, "malformed-request");
}

#[tokio::test]
async fn a_report_that_proves_nothing_is_refused() {
    let vault = Running::start().await;
    let backup = vault.control("backup.sock");
    let place =
        |name: &str, looked_at: &str| json!({"place": name, "looked_at": looked_at, "oldest": null, "unaccounted": 0});
    let (first, later) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    for places in [
        json!([]),
        json!([place("building-b", first)]),
        json!([place("spool", first), place("spool", later)]),
        json!([place("spool", later), place("building-b", first)]),
    ] {
        backup.post("/v1/copies", &json!({ "places": places })).await.problem(422, "unusable-report");
    }
    for places in [json!([place("a b", first)]), json!([{"place": "spool"}]), json!("spool")] {
        backup.post("/v1/copies", &json!({ "places": places })).await.problem(400, "malformed-json");
    }
    let many = |place: &dyn Fn(&str) -> Value| (0..257).map(|n| place(&format!("p{n}"))).collect::<Vec<_>>();
    let places = many(&|name| place(name, first));
    backup.post("/v1/copies", &json!({ "places": places })).await.problem(400, "malformed-request");
    let destinations = many(&|name| json!({ "name": name, "captured": null }));
    let confirmed = json!({ "newest": null, "destinations": destinations });
    backup.post("/v1/confirmed", &confirmed).await.problem(400, "malformed-request");
    let control = vault.control("control.sock");
    assert_eq!(control.get("/v1/copies").await.ok().json(), json!({"places": []}));
}
