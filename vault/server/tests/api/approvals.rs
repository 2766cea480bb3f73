//! Nobody alone: officers enrolled, what they sign handed in, and what has no effect without them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use coffre_core::approval::{
    ApplicationStatement, Officer, Officers, PolicyHashes, PolicyStatement, Statement, Subject,
};
use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::crypto::Scope;
use coffre_core::ids::{RequestId, VaultId};
use coffre_core::note::{KeyName, SignedNote, SigningKey};
use coffre_core::spool::ContentHash;
use coffre_policies::{Policies, Sources};
use coffre_server::{PoliciesNotApproved, ServeError, ServerOptions, serve};
use coffre_store::clock::{SystemClock, SystemEntropy};
use coffre_store::transactions::{EnrolOfficers, HandInApproval, HandInRefusal};
use coffre_store::{Depends, Store};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::running::{Caller, Running, anne, create, entry, make_vault, open_vault, policies};

const READ: &str = "?fields=contact.email&purpose=contract-administration";

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(KeyName::new(name).unwrap(), &[seed; 32])
}

fn martin() -> SigningKey {
    key("legal/a.martin", 1)
}

fn durand() -> SigningKey {
    key("dpo/b.durand", 2)
}

fn petit() -> SigningKey {
    key("legal/c.petit", 3)
}

fn lines(keys: &[SigningKey]) -> Vec<String> {
    keys.iter().map(|key| key.verification_key().to_string()).collect()
}

fn officers(serial: u64, keys: &[SigningKey]) -> Officers {
    Officers::new(serial, keys.iter().map(|key| Officer::new(key.verification_key()).unwrap()).collect()).unwrap()
}

fn signed(store: &Store, subject: Subject, keys: &[SigningKey]) -> String {
    signed_for(store.scope().clone(), subject, keys)
}

fn signed_for(scope: Scope, subject: Subject, keys: &[SigningKey]) -> String {
    let note = SignedNote::sign(Statement { scope, subject }.to_string(), &keys[0]).unwrap();
    keys[1..].iter().fold(note, SignedNote::cosign).to_string()
}

/// The application of this name, as it is to be signed.
async fn application(control: &Caller, name: &str) -> ApplicationStatement {
    let listed = control.get("/v1/applications").await.ok().json();
    let all = listed["applications"].as_array().unwrap();
    let found = all.iter().find(|one| one["name"] == name).unwrap();
    let text = |member: &str| found[member].as_str().unwrap();
    let san_uri = found["san_uri"].as_str().map(str::to_owned);
    ApplicationStatement {
        id: text("id").parse().unwrap(),
        name: name.to_owned(),
        role: text("role").parse().unwrap(),
        san_uri,
    }
}

/// A vault with three officers, of whom none has approved anything.
async fn with_officers() -> Running {
    let vault = Running::start().await;
    let keys = lines(&[martin(), durand(), petit()]);
    let enrolled = vault.control("control.sock").post("/v1/officers", &json!({ "officers": keys })).await.ok();
    assert_eq!(enrolled.status, StatusCode::CREATED);
    vault
}

async fn approve(vault: &Running, name: &str) {
    let control = vault.control("control.sock");
    let subject = Subject::Application(application(&control, name).await);
    let note = signed(&vault.store, subject, &[martin(), durand()]);
    control.post("/v1/approvals", &json!({ "note": note })).await.ok();
}

#[tokio::test]
async fn an_application_has_no_effect_until_two_officers_have_approved_it() {
    let vault = Running::start().await;
    let control = vault.control("control.sock");
    let legal = vault.application("cobol", "legal").await;
    let path = format!("{}{READ}", create(&legal, &anne()).await);
    let waiting = || async { control.get("/v1/approvals").await.ok().json()["applications_waiting"].clone() };
    assert_eq!(waiting().await, json!([]));
    let enrolled = control.post("/v1/officers", &json!({"officers": lines(&[martin(), durand()])})).await.ok();
    assert_eq!(enrolled.json()["officers"][1]["key_id"], "4058c2ae");

    let refused = legal.get(&path).await;
    let problem = refused.problem(403, "application-not-approved");
    assert!(problem["detail"].as_str().unwrap().contains("have two of them sign it"), "{problem}");
    assert_eq!(waiting().await[0]["name"], "cobol");
    approve(&vault, "cobol").await;
    legal.get(&path).await.ok();
    assert_eq!(waiting().await, json!([]));

    let dpo = vault.application("dpo", "dpo").await;
    dpo.get("/v1/audit/entries").await.problem(403, "application-not-approved");
    approve(&vault, "dpo").await;
    let logged = entry(&dpo, refused.entry()).await;
    assert_eq!(
        (&logged["action"], &logged["decision"], &logged["cause"], &logged["application_name"], &logged["operator"]),
        (&json!("call"), &json!("deny"), &json!("application-not-approved"), &json!("cobol"), &json!("a.martin"))
    );
    let log = dpo.get("/v1/audit/entries").await.ok().text();
    let officers = "legal/a.martin+71cec933, dpo/b.durand+4058c2ae";
    for says in [
        format!("officers 1 ({})", lines(&[martin(), durand()]).join(", ")),
        format!("application cobol (legal, {})", logged["application"].as_str().unwrap()),
    ] {
        assert!(log.contains(&says), "{says} is missing in {log}");
    }
    assert!(log.contains(&format!("by {officers}")), "{log}");
    let metrics = legal.get("/metrics").await.ok().text();
    assert!(
        metrics.contains("coffre_denials_total{role=\"legal\",action=\"call\",cause=\"application-not-approved\"} 1")
    );
}

#[tokio::test]
async fn nothing_is_done_for_an_application_that_is_not_approved() {
    let vault = with_officers().await;
    let legal = vault.application("cobol", "legal").await;
    let id = "0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11";
    let record = format!("/v1/records/policyholder/{id}");
    let search = json!({"index": "contact.email", "value": "x", "fields": ["contact.email"], "purpose": "billing"});
    for answer in [
        legal.get(&format!("{record}{READ}")).await,
        legal.post("/v1/records/policyholder?purpose=contract-administration", &anne()).await,
        legal.post("/v1/records/policyholder/search", &search).await,
        legal.get(&format!("{record}/grants")).await,
        legal.get("/v1/audit/entries").await,
        legal.get("/v1/audit/tree-head").await,
        legal.get("/v1/audit/log/checkpoint").await,
        legal.get("/v1/habilitations?type=policyholder").await,
        legal.get("/v1/retention/plan").await,
        legal.tell("/v1/seal").await,
    ] {
        answer.problem(403, "application-not-approved");
    }
    // And nothing that is described answers anything, however it is asked.
    let described = legal.get("/openapi.json").await.ok().json();
    for (path, methods) in described["paths"].as_object().unwrap() {
        if ["/healthz", "/readyz", "/metrics", "/openapi.json"].contains(&path.as_str()) || path.starts_with("/docs") {
            continue;
        }
        let filled = path.replace("{type}", "policyholder").replace("{id}", id);
        for method in methods.as_object().unwrap().keys().filter(|key| ["get", "post", "patch"].contains(&key.as_str()))
        {
            let method: Method = method.to_uppercase().parse().unwrap();
            let answer = legal.send(method.clone(), &filled, "").await;
            assert!(answer.status.is_client_error(), "{method} {filled}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn what_does_not_take_effect_is_told_and_logged() {
    let vault = with_officers().await;
    vault.application("crm", "sales").await;
    vault.application("dpo", "dpo").await;
    let control = vault.control("control.sock");
    let crm = application(&control, "crm").await;
    let own = vault.store.scope().clone();
    let subject = || Subject::Application(crm.clone());
    let policies = |serial, replaces| Subject::Policies(PolicyStatement { serial, hashes: some(b"some"), replaces });
    let two = [martin(), durand()];
    let whole = signed(&vault.store, subject(), &two);
    let other_vault = Scope { vault: VaultId::random(&mut SystemEntropy), ..own.clone() };
    let other_environment = Scope { environment: "recette".parse().unwrap(), ..own.clone() };
    let promoted = ApplicationStatement { role: "legal".parse().unwrap(), ..crm.clone() };
    let unknown = ApplicationStatement { id: coffre_core::ids::ApplicationId::from_bytes([9; 16]), ..crm.clone() };
    let mut last = 0;
    for (note, cause) in [
        (signed(&vault.store, subject(), &[martin()]), "not-enough-officers"),
        (signed(&vault.store, subject(), &[martin(), martin()]), "not-enough-officers"),
        (signed(&vault.store, subject(), &[martin(), key("dpo/b.durand", 9)]), "not-enough-officers"),
        (signed(&vault.store, subject(), &[key("legal/x", 8), key("dpo/y", 9)]), "not-enough-officers"),
        (signed_for(other_vault, subject(), &two), "other-vault"),
        (signed_for(other_environment, subject(), &two), "other-environment"),
        (whole.replace("role sales", "role legal"), "bad-signature"),
        (whole.replace("— dpo", "- dpo"), "no-note"),
        (format!("{own:?}"), "no-note"),
        (signed(&vault.store, Subject::Application(promoted), &two), "another-application"),
        (signed(&vault.store, Subject::Application(unknown), &two), "no-such-application"),
        (signed(&vault.store, policies(2, None), &two), "not-the-next"),
        (signed(&vault.store, policies(1, Some(some(b"x"))), &two), "replaces-another"),
        (signed(&vault.store, Subject::Officers(officers(3, &two)), &two), "not-the-next"),
    ] {
        let answer = control.post("/v1/approvals", &json!({ "note": note })).await;
        let problem = answer.problem(422, "not-approved");
        assert_eq!(problem["cause"], cause, "{problem}");
        last = answer.entry();
    }
    approve(&vault, "crm").await;
    let again = control.post("/v1/approvals", &json!({ "note": whole })).await;
    assert_eq!(again.problem(422, "not-approved")["cause"], "already-approved");
    control.tell("/v1/applications/crm/revoke").await.ok();
    let revoked = control.post("/v1/approvals", &json!({ "note": whole })).await;
    assert_eq!(revoked.problem(422, "not-approved")["cause"], "no-such-application");
    approve(&vault, "dpo").await;
    let dpo = control_free(&vault, "dpo").await;
    let logged = entry(&dpo, last).await;
    assert_eq!(
        (&logged["action"], &logged["decision"], &logged["cause"]),
        (&json!("approve"), &json!("deny"), &json!("not-the-next"))
    );
}

fn some(text: &[u8]) -> PolicyHashes {
    PolicyHashes { policies: ContentHash::of(text), environments: ContentHash::of(text) }
}

/// Another token of an application that was approved: the approval is the application's.
async fn control_free(vault: &Running, name: &str) -> Caller {
    let rotated = vault
        .control("control.sock")
        .post(&format!("/v1/applications/{name}/rotate"), &json!({"overlap_hours": 0}))
        .await;
    vault.caller().with_token(rotated.ok().json()["token"].as_str().unwrap()).for_operator("a.martin")
}

#[tokio::test]
async fn officers_are_enrolled_once_and_are_different_people() {
    let vault = Running::start().await;
    let control = vault.control("control.sock");
    let nobody = control.post("/v1/approvals", &json!({"note": "x"})).await;
    assert_eq!(nobody.problem(422, "not-approved")["cause"], "no-officers");
    let not_two = [
        json!([]),
        json!(lines(&[martin()])),
        json!(lines(&[martin(), martin()])),
        json!(lines(&[martin(), key("dpo/a.martin", 5)])),
        json!(lines(&[martin(), key("dpo/b.durand", 1)])),
        json!(lines(&[martin(), key("sales/b.durand", 2)])),
        json!(["nonsense", "more"]),
    ];
    for officers in not_two {
        control.post("/v1/officers", &json!({ "officers": officers })).await.problem(422, "invalid-officers");
    }
    control.post("/v1/officers", &json!({"officers": lines(&[martin(), durand()])})).await.ok();
    let again = control.post("/v1/officers", &json!({"officers": lines(&[martin(), petit()])})).await;
    assert!(again.problem(409, "officers-enrolled")["audit_entry"].is_u64());
    let standing = control.get("/v1/approvals").await.ok().json();
    assert_eq!(standing["officers"]["officers"][1]["name"], "b.durand");
    assert_eq!(vault.control("backup.sock").get("/v1/approvals").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn other_officers_take_two_of_the_present_ones() {
    let vault = with_officers().await;
    vault.application("crm", "sales").await;
    let control = vault.control("control.sock");
    let newcomer = key("dpo/d.roux", 4);
    let next = Subject::Officers(officers(2, &[martin(), key("dpo/d.roux", 4), durand()]));
    let hand_in = async |note: String| control.post("/v1/approvals", &json!({ "note": note })).await;
    let refused = hand_in(signed(&vault.store, next.clone(), &[martin(), newcomer])).await;
    assert_eq!(refused.problem(422, "not-approved")["cause"], "not-enough-officers");
    let note = signed(&vault.store, next, &[petit(), durand()]);
    hand_in(note.clone()).await.ok();
    assert_eq!(
        hand_in(note).await.problem(422, "not-approved")["cause"],
        "not-enough-officers",
        "one of the two is none now"
    );
    let crm = Subject::Application(application(&control, "crm").await);
    let former = signed(&vault.store, crm.clone(), &[petit(), martin()]);
    assert_eq!(hand_in(former).await.problem(422, "not-approved")["cause"], "not-enough-officers");
    // The first set does not come back, whoever signs.
    let first = Subject::Officers(officers(1, &[martin(), durand(), petit()]));
    let refused = hand_in(signed(&vault.store, first, &[martin(), durand()])).await;
    assert_eq!(refused.problem(422, "not-approved")["cause"], "not-the-next");
    hand_in(signed(&vault.store, crm, &[key("dpo/d.roux", 4), martin()])).await.ok();
}

fn draft(action: Action) -> Draft {
    Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy))
}

async fn hand_in(store: &Store, note: String) -> Result<(), HandInRefusal> {
    let handed_in = store.transact(HandInApproval { note }, draft(Action::Approve), None, Depends::default()).await;
    handed_in.unwrap().0.map(drop)
}

fn hashes(policies: &Policies) -> PolicyHashes {
    let of = |hash: coffre_policies::PolicySetHash| ContentHash::from_bytes(*hash.as_bytes());
    PolicyHashes { policies: of(policies.hash()), environments: of(policies.environments_hash()) }
}

fn statement(serial: u64, policies: &Policies, replaces: Option<&Policies>) -> Subject {
    Subject::Policies(PolicyStatement { serial, hashes: hashes(policies), replaces: replaces.map(hashes) })
}

/// Starts a server with these policies and stops it again; gives why it did not start.
async fn start(vault: &Path, policies: &Arc<Policies>) -> Result<(), ServeError> {
    let store = open_vault(vault, Arc::new(SystemClock));
    let options = ServerOptions::on(SocketAddr::from(([127, 0, 0, 1], 0)));
    let serving = serve(options, store.clone(), Arc::clone(policies)).await;
    if let Ok(serving) = serving {
        serving.stop().now();
        serving.stopped().await;
        Ok(())
    } else {
        store.close();
        serving.map(drop)
    }
}

/// The built-in policies, but for one file.
pub(crate) fn with(file: &str, change: impl Fn(&str) -> String) -> Arc<Policies> {
    let sources = Sources::embedded();
    let text = sources.iter().find(|(name, _)| *name == file).unwrap().1.to_owned();
    Arc::new(Policies::from_sources(&sources.with(file, &change(&text))).unwrap())
}

#[tokio::test]
async fn a_server_starts_with_approved_policies_alone_and_former_ones_do_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let vault = make_vault(folder.path());
    let first = policies();
    let second = with("purposes.toml", |text| format!("{text}\n# Another comment is another text.\n"));
    let elsewhere = with("environments/bigmom-recette.toml", |text| format!("{text}\n# A remark.\n"));
    start(&vault, &first).await.unwrap();

    let store = open_vault(&vault, Arc::new(SystemClock));
    let enrol = EnrolOfficers { officers: officers(1, &[martin(), durand(), petit()]) };
    store.transact(enrol, draft(Action::EnrolOfficers), None, Depends::default()).await.unwrap().0.unwrap();
    let note = |subject| signed(&store, subject, &[martin(), petit()]);
    let one = note(statement(1, &first, None));
    let two = note(statement(2, &second, Some(&first)));
    let back = note(statement(3, &first, Some(&second)));
    store.close();
    drop(store);
    let on = async |note: &String| {
        let store = open_vault(&vault, Arc::new(SystemClock));
        let handed_in = hand_in(&store, note.clone()).await;
        store.close();
        handed_in
    };
    let refused = |started: Result<(), ServeError>| match started.unwrap_err() {
        ServeError::NotApproved(refused) => refused,
        other => panic!("{other}"),
    };

    assert!(matches!(refused(start(&vault, &first).await), PoliciesNotApproved::None { .. }));
    on(&one).await.unwrap();
    assert!(matches!(refused(start(&vault, &second).await), PoliciesNotApproved::Others { serial: 1, .. }));
    let told = refused(start(&vault, &elsewhere).await);
    assert!(matches!(told, PoliciesNotApproved::Environments { serial: 1, .. }), "{told}");
    start(&vault, &first).await.unwrap();
    start(&vault, &first).await.unwrap();

    // What is approved does not stop what is in force, until it has been in force itself.
    on(&two).await.unwrap();
    start(&vault, &first).await.unwrap();
    start(&vault, &second).await.unwrap();
    let told = refused(start(&vault, &first).await);
    assert!(told.to_string().contains("put the approved ones back, or have two officers sign these"), "{told}");
    let serial = |found, expected| HandInRefusal::Serial { what: "policies", found, expected };
    assert_eq!(on(&one).await, Err(serial(1, 3)));
    assert_eq!(on(&two).await, Err(serial(2, 3)));
    assert!(refused(start(&vault, &first).await).to_string().contains("approved is number 2"));
    // To go back to them is an approval like any other.
    on(&back).await.unwrap();
    start(&vault, &first).await.unwrap();
    assert!(matches!(refused(start(&vault, &second).await), PoliciesNotApproved::Others { serial: 3, .. }));

    let store = open_vault(&vault, Arc::new(SystemClock));
    let snapshot = store.snapshot().unwrap();
    let entries = snapshot.entries(0, 100).unwrap();
    let entries: Vec<Value> = entries.iter().map(|one| serde_json::from_slice(&one.leaf).unwrap()).collect();
    let enacted: Vec<&Value> = entries.iter().filter(|one| one["action"] == "enact-policies").collect();
    assert_eq!(enacted.len(), 3, "each set once, however often it is started with");
    assert_eq!(enacted[1]["policy_set"], second.hash().to_string());
    let approved: Vec<&Value> =
        entries.iter().filter(|one| one["action"] == "approve" && one["decision"] == "allow").collect();
    let said = format!(
        "policies 2 ({}, environments {}) by legal/a.martin+71cec933, legal/c.petit+",
        second.hash(),
        second.environments_hash()
    );
    assert!(approved[1]["target"].as_str().unwrap().starts_with(&said), "{}", approved[1]);
    drop(snapshot);
    store.close();
}
