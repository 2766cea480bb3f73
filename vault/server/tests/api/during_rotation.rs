//! Retention, requests and an import while the data are rotated. The test takes the steps of the rotation itself and so decides
//! where it stands: nothing is lost, everything can be read, and all of it is of the new epoch in the end.

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::RequestId;
use coffre_store::clock::SystemEntropy;
use coffre_store::transactions::BeginRotation;
use coffre_store::{Depends, Pass, Step, Store};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::import::{import, legacy, request};
use crate::running::{Caller, Running, anne, create};

fn begin(store: &Store) -> Pass {
    block_in_place(|| begun(store))
}

fn begun(store: &Store) -> Pass {
    let draft = Draft::new(Action::RotateData, Decision::Allow, RequestId::random(&mut SystemEntropy));
    let begin = BeginRotation { epoch: store.announce_epoch().unwrap(), rate: None };
    store.transact(begin, draft, None, Depends::default()).wait().unwrap();
    Pass::begin(store).unwrap().unwrap()
}

/// Takes so many steps, or as many as there are; whether it has come to its end.
fn take(pass: &mut Pass, store: &Store, steps: usize) -> bool {
    (0..steps).any(|_| match block_in_place(|| pass.step(store, 1, &|| false)).unwrap() {
        Step::Went(_) => false,
        Step::Finished => true,
        Step::Waits(what) => panic!("it waits for {what:?}"),
    })
}

async fn ended(vault: &Running, legal: &Caller, years: i32) -> String {
    let year: i32 = vault.store.now().to_string()[..4].parse().unwrap();
    let mut values = anne();
    values["contract"]["end_date"] = json!(format!("{}-01-01", year - years));
    create(legal, &values).await
}

async fn filed(by: &Caller, body: Value) -> String {
    by.post("/v1/requests", &body).await.ok().header("location").to_owned()
}

/// A vault with something of everything, before the rotation.
struct Before {
    legal: Caller,
    dpo: Caller,
    service: Caller,
    /// Nothing of it is past its time; set apart; without what is past its time; gone.
    records: [String; 4],
    /// Of the first record.
    access: String,
    change: String,
    /// Of strangers: to be linked to the first record, to be answered.
    linked: String,
    nothing: String,
}

async fn before(vault: &Running) -> Before {
    let (legal, dpo, service) = (
        vault.application("cobol", "legal").await,
        vault.application("dpo", "dpo").await,
        vault.application("desk", "customer-service").await,
    );
    let mut records = [const { String::new() }; 4];
    records[0] = create(&legal, &anne()).await;
    for (record, years) in records[1..].iter_mut().zip([1, 6, 11]) {
        *record = ended(vault, &legal, years).await;
    }
    let id = records[0].rsplit_once('/').unwrap().1;
    let about = |kind: &str| json!({"type": "policyholder", "id": id, "kind": kind, "channel": "phone"});
    let mut change = about("change");
    change["purpose"] = json!("customer-support");
    change["changes"] = json!({"contact.phone": "+33 6 39 98 99 99"});
    let mut access = about("access");
    access["text"] = json!("Elle veut tout.");
    let stranger = |name: &str| {
        let requester = json!({"contact.family_name": name});
        json!({"requester": requester, "kind": "access", "channel": "letter", "identity": "in-person", "text": name})
    };
    Before {
        access: filed(&service, access).await,
        change: filed(&service, change).await,
        linked: filed(&service, stranger("Moreau")).await,
        nothing: filed(&service, stranger("Petit")).await,
        legal,
        dpo,
        service,
        records,
    }
}

impl Before {
    async fn requests_go_on(&self) {
        let Self { legal, service, access, change, linked, nothing, records, .. } = self;
        legal.post(&format!("{access}/ask"), &json!({"text": "Tout ?"})).await.ok();
        service.post(&format!("{access}/reply"), &json!({"text": "Tout."})).await.ok();
        legal.post(&format!("{access}/extend"), &json!({"text": "Douze contrats."})).await.ok();
        let accept = format!("{change}/accept?purpose=contract-administration");
        legal.clone().with("if-match", "\"1\"").tell(&accept).await.ok();
        let found = json!({"type": "policyholder", "id": records[0].rsplit_once('/').unwrap().1});
        legal.post(&format!("{linked}/link"), &found).await.ok();
        legal.tell(&format!("{nothing}/nothing-held")).await.ok();
    }

    async fn retention_runs(&self) {
        let run = self.dpo.tell("/v1/retention/run").await.ok().json();
        assert_eq!((&run["removed"], &run["erased"]), (&json!(3), &json!(1)), "{run}");
    }

    async fn nothing_is_lost(&self) {
        let Self { legal, records, access, change, linked, nothing, .. } = self;
        let read = |record: &str, purpose: &str| {
            format!("{record}?fields=contact.phone,contract.number,health.illnesses&purpose={purpose}")
        };
        let fields = async |record: &str| legal.get(&read(record, "legal-defence")).await.ok().json()["fields"].clone();
        let first = fields(&records[0]).await;
        assert_eq!(
            first,
            json!({"contact.phone": "+33 6 39 98 99 99", "contract.number": "C-2024-0001", "health.illnesses": ["asthme"]})
        );
        assert_eq!(fields(&records[1]).await["health.illnesses"], json!(["asthme"]));
        assert_eq!(fields(&records[2]).await, json!({"contract.number": "C-2024-0001"}));
        legal.get(&read(&records[3], "legal-defence")).await.problem(404, "not-found");
        let versions = legal
            .get(&format!("{}?fields=contact.phone&version=1&purpose=legal-defence", records[0]))
            .await
            .ok()
            .json();
        assert!(versions.to_string().contains("+33 6 39 98 12 34"), "former values too: {versions}");
        for (request, state, texts) in [
            (access, "open", &["Elle veut tout.", "Tout ?", "Tout.", "Douze contrats."][..]),
            (change, "fulfilled", &[]),
            (linked, "open", &["Moreau"]),
            (nothing, "nothing-held", &["Petit"]),
        ] {
            let stands = legal.get(&format!("{request}?purpose=legal-defence")).await.ok().json();
            let said: Vec<&str> =
                stands["steps"].as_array().unwrap().iter().filter_map(|step| step["text"].as_str()).collect();
            assert_eq!((&stands["state"], said), (&json!(state), texts.to_vec()), "{stands}");
        }
        let linked = legal.get(linked).await.ok().json();
        assert_eq!(linked["steps"][1]["requester"], json!({"contact.family_name": "Moreau"}));
        let nothing = legal.get(nothing).await.ok().json();
        let requester = format!("/v1/records/requester/{}", nothing["subject"].as_str().unwrap());
        let requester = legal.get(&format!("{requester}?fields=contact.family_name&purpose=legal-defence")).await.ok();
        assert_eq!(requester.json()["fields"], json!({"contact.family_name": "Petit"}));
    }
}

/// Whoever the import brought, with the contract as it was brought.
async fn imported(legal: &Caller, email: &str) {
    let search = json!({"index": "contact.email", "value": email, "fields": ["contact.family_name", "contract.document"], "purpose": "legal-defence"});
    let hits = legal.post("/v1/records/policyholder/search", &search).await.ok().json();
    assert_eq!(hits["hits"].as_array().unwrap().len(), 1, "{hits}");
    let hit = &hits["hits"][0];
    let (id, document) = (hit["id"].as_str().unwrap(), hit["fields"]["contract.document"].as_str().unwrap());
    let path = format!("/v1/records/policyholder/{id}/documents/{document}?purpose=legal-defence");
    assert!(legal.get(&path).await.ok().text().starts_with("%PDF-1.4"));
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_requests_and_an_import_wherever_a_rotation_stands() {
    // From before its first record to behind its last one.
    for steps in [0, 1, 3, 6, 12] {
        let vault = Running::start().await;
        let (store, control) = (&vault.store, vault.control("control.sock"));
        let before = before(&vault).await;
        let source = legacy(vault.folder.path(), &[("00000001", "Lefèvre", "helene@example.fr", "O")]);
        let asked = request(vault.folder.path(), &source);
        import(&control, &asked).await;

        let mut pass = begin(store);
        let mut finished = take(&mut pass, store, steps);
        before.requests_go_on().await;
        finished = finished || take(&mut pass, store, 1);
        before.retention_runs().await;
        finished = finished || take(&mut pass, store, 1);
        let clients =
            [("00000001", "Lefèvre", "helene@example.fr", "O"), ("00000002", "Dubois", "dubois@example.fr", "N")];
        let source = legacy(vault.folder.path(), &clients);
        let report = import(&control, &request(vault.folder.path(), &source)).await;
        assert_eq!((&report["imported"], &report["unchanged"]), (&json!(1), &json!(1)), "{report}");
        assert!(finished || take(&mut pass, store, 200), "after {steps} steps: it never ends");

        assert_eq!(store.by_epoch().unwrap().keys().collect::<Vec<_>>(), [&2], "after {steps} steps");
        before.nothing_is_lost().await;
        imported(&before.legal, "helene@example.fr").await;
        imported(&before.legal, "dubois@example.fr").await;
    }
}
