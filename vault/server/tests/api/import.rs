//! An import into the open vault, over the control socket: what it brings, what it leaves alone, and
//! the entries that it makes.

use std::path::{Path, PathBuf};

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::RequestId;
use coffre_store::plain::{PlainWriter, SourceValue};
use coffre_store::{Depends, transactions};
use serde_json::{Value, json};

use crate::running::{Caller, Running};

const SCHEMA: &str = "CREATE TABLE CLIENT (NUMCLI CHAR(10), NOM CHAR(30), PRENOM CHAR(25), DNAISS CHAR(10), \
    EMAIL CHAR(60), TEL CHAR(20), DISPO CHAR(40), OPTMKT CHAR(1)); CREATE INDEX I1 ON CLIENT (NUMCLI); \
    CREATE TABLE COMPORT (NUMCLI CHAR(10), TABAC CHAR(1), ALCOOL CHAR(1), MALADIES CHAR(80)); \
    CREATE TABLE CONTRAT (NUMCTR CHAR(12), NUMCLI CHAR(8), PRODUIT CHAR(3), DTEFFET CHAR(8), DTFIN CHAR(8), \
    STATUT CHAR(1), PDF BLOB, FICHIER CHAR(60));";

/// A client of the legacy database: number, name, e-mail, whether marketing is agreed to.
pub(crate) type Client<'c> = (&'c str, &'c str, &'c str, &'c str);

fn latin1(text: &str) -> SourceValue {
    SourceValue::Text(text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect())
}

/// A PDF that is one.
fn pdf(text: &str) -> Vec<u8> {
    let head = format!("%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\n% {text}\nendobj\n");
    let trailer = format!(
        "xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Root 1 0 R >>\nstartxref\n{}\n%%EOF\n",
        head.len()
    );
    [head, trailer].concat().into_bytes()
}

/// A legacy database with these clients, each with a contract.
pub(crate) fn legacy(folder: &Path, clients: &[Client<'_>]) -> PathBuf {
    legacy_until(folder, clients, "00000000")
}

/// The same, with the day on which all contracts ended.
fn legacy_until(folder: &Path, clients: &[Client<'_>], ended: &str) -> PathBuf {
    let path = folder.join("legacy.sqlite");
    let _none_before = std::fs::remove_file(&path);
    let writer = PlainWriter::create(&path, SCHEMA).unwrap();
    for (number, name, email, marketing) in clients {
        let client = [number, name, "Hélène", "29/02/1984", email, "06 39 98 12 34", "le soir", marketing];
        writer.insert("CLIENT", &client.map(latin1)).unwrap();
        writer.insert("COMPORT", &[number, "O", "N", "asthme;diabète"].map(latin1)).unwrap();
        let contract = format!("K{number}");
        let mut row: Vec<SourceValue> = [contract.as_str(), number, "AUT", "20200101", ended, "V"].map(latin1).into();
        row.extend([SourceValue::Blob(pdf(&contract)), SourceValue::Null]);
        writer.insert("CONTRAT", &row).unwrap();
    }
    writer.finish().unwrap();
    path
}

/// A file's name and text, as the command sends it.
fn file(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policies/mappings");
    json!({"name": name, "text": std::fs::read_to_string(folder.join(name)).unwrap()})
}

pub(crate) fn request(folder: &Path, source: &Path) -> Value {
    json!({
        "from": source, "mapping": file("legal-cobol.toml"), "grants": file("grants-sample.toml"),
        "rejects": folder.join("rejects.age"), "dry_run": false, "apply_changes": false,
    })
}

/// The last line that an import tells.
async fn told(control: &Caller, request: &Value) -> Value {
    let _moved_away = std::fs::remove_file(request["rejects"].as_str().unwrap());
    let answer = control.post("/v1/import", request).await.ok();
    assert_eq!(answer.header("content-type"), "application/jsonl");
    serde_json::from_str(answer.text().lines().last().unwrap()).unwrap()
}

/// Runs an import to its end; gives its report.
pub(crate) async fn import(control: &Caller, request: &Value) -> Value {
    let last = told(control, request).await;
    assert!(last["report"].is_object(), "{last}");
    last["report"].clone()
}

fn clients() -> [Client<'static>; 3] {
    [
        ("00000001", "Lefèvre", "helene@example.fr", "O"),
        ("00000002", "Dubois", "dubois@example.fr", "N"),
        ("00000003", "Petit", "not an address", "O"),
    ]
}

async fn by_number(caller: &Caller, number: &str, fields: &[&str], purpose: &str) -> Value {
    let search = json!({"index": "legacy.client_number", "value": number, "fields": fields, "purpose": purpose});
    caller.post("/v1/records/policyholder/search", &search).await.ok().json()["hits"].clone()
}

#[tokio::test]
async fn what_is_brought_can_be_found_read_and_proven() {
    let vault = Running::start().await;
    let (legal, dpo) = (vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await);
    let folder = vault.folder.path();
    let control = vault.control("control.sock");
    let dry = {
        let mut dry = request(folder, &legacy(folder, &clients()));
        dry["dry_run"] = json!(true);
        import(&control, &dry).await
    };
    assert_eq!((&dry["dry_run"], &dry["imported"]), (&json!(true), &json!(2)));
    assert!(by_number(&legal, "00000001", &["contact.email"], "customer-support").await.as_array().unwrap().is_empty());

    let report = import(&control, &request(folder, &legacy(folder, &clients()))).await;
    assert_eq!(
        (&report["imported"], &report["rejected"], &report["documents_imported"]),
        (&json!(2), &json!(1), &json!(2))
    );
    assert_eq!(report["source"], report["vault"], "what was brought is what is there");
    assert!(folder.join("rejects.age").exists());

    let fields = ["contact.family_name", "health.illnesses", "contract.document"];
    let hits = by_number(&legal, "00000001", &fields, "contract-administration").await;
    assert_eq!(hits[0]["fields"]["contact.family_name"], "Lefèvre");
    assert_eq!(hits[0]["fields"]["health.illnesses"], json!(["asthme", "diabète"]));
    let record = format!("/v1/records/policyholder/{}", hits[0]["id"].as_str().unwrap());
    let document = hits[0]["fields"]["contract.document"].as_str().unwrap();
    let read = legal.get(&format!("{record}/documents/{document}?purpose=contract-administration")).await.ok();
    assert!(read.body == pdf("K00000001"));

    let seen = dpo.get(&format!("{record}/accesses")).await.ok().json()["accesses"].clone();
    let imported: Vec<&Value> = seen.as_array().unwrap().iter().filter(|access| access["action"] == "import").collect();
    assert_eq!(imported.len(), 2, "the record and its document: {seen}");
    assert!(
        imported
            .iter()
            .all(|access| access["operator_known"] == "local-account" && access["purpose"] == "data-migration")
    );
}

#[tokio::test]
async fn a_second_run_brings_what_is_new_and_takes_changes_only_when_told() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let folder = vault.folder.path().to_owned();
    let control = vault.control("control.sock");
    let first = [clients()[0], clients()[1]];
    let report = import(&control, &request(&folder, &legacy(&folder, &first))).await;
    assert_eq!((&report["imported"], &report["rejects"]), (&json!(2), &json!(0)));
    let again = import(&control, &request(&folder, &legacy(&folder, &first))).await;
    assert_eq!((&again["imported"], &again["unchanged"], &again["source"]), (&json!(0), &json!(2), &report["source"]));

    let changed =
        [("00000001", "Lefèvre", "new@example.fr", "N"), clients()[1], ("00000004", "Roux", "r@example.fr", "N")];
    let pending = import(&control, &request(&folder, &legacy(&folder, &changed))).await;
    assert_eq!(
        (&pending["imported"], &pending["changes_pending"], &pending["changed"]),
        (&json!(1), &json!(1), &json!(0))
    );
    let mut apply = request(&folder, &legacy(&folder, &changed));
    apply["apply_changes"] = json!(true);
    let applied = import(&control, &apply).await;
    assert_eq!((&applied["changed"], &applied["unchanged"]), (&json!(1), &json!(2)), "{applied}");
    assert_eq!(applied["source"], applied["vault"]);
    assert_eq!(applied["grants_withdrawn"], 1, "the source says that the consent is gone: {applied}");
    let hits = by_number(&legal, "00000001", &["contact.email"], "customer-support").await;
    assert_eq!((&hits[0]["fields"]["contact.email"], &hits[0]["version"]), (&json!("new@example.fr"), &json!(2)));

    // What somebody changed in the vault is not overwritten by what the source still says.
    let record = format!("/v1/records/policyholder/{}", hits[0]["id"].as_str().unwrap());
    let patch = json!({"contact.email": "vault@example.fr"});
    legal.patch(&format!("{record}?purpose=contract-administration"), 2, &patch).await.ok();
    let kept = import(&control, &apply).await;
    assert_eq!((&kept["changed_in_vault"], &kept["changed"]), (&json!(1), &json!(0)), "{kept}");
    let hits = by_number(&legal, "00000001", &["contact.email"], "customer-support").await;
    assert_eq!(hits[0]["fields"]["contact.email"], "vault@example.fr");
}

#[tokio::test]
async fn an_erased_person_is_not_brought_back() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let folder = vault.folder.path().to_owned();
    let control = vault.control("control.sock");
    let source = legacy(&folder, &clients()[..2]);
    import(&control, &request(&folder, &source)).await;
    let hits = by_number(&legal, "00000002", &["contact.email"], "customer-support").await;
    let erase = transactions::EraseSubject {
        record_type: "policyholder".parse().unwrap(),
        subject: hits[0]["id"].as_str().unwrap().parse().unwrap(),
        remember: vec!["legacy.client_number".parse().unwrap()],
    };
    let draft = Draft::new(Action::Erase, Decision::Allow, RequestId::from_bytes([7; 16]));
    vault.store.transact(erase, draft, None, Depends::default()).await.unwrap();
    let report = import(&control, &request(&folder, &source)).await;
    assert_eq!((&report["erased"], &report["imported"], &report["unchanged"]), (&json!(1), &json!(0), &json!(1)));
}

/// A mapping whose key is in no category of former numbers.
const BY_CONTRACT: &str = r#"
name = "contracts"
record-type = "policyholder"
encoding = "latin-1"

[subject]
table = "CONTRAT"
key = "NUMCTR"
key-field = "contract.number"

[subject.fields]
"contact.family_name" = { column = "NUMCLI" }
"contract.end_date" = { constant = "2000-01-01" }
"#;

#[tokio::test]
async fn an_erased_person_is_not_brought_back_by_whatever_field_is_the_key() {
    let vault = Running::start().await;
    let legal = vault.application("cobol", "legal").await;
    let folder = vault.folder.path();
    let control = vault.control("control.sock");
    let mut asked = request(folder, &legacy(folder, &clients()[..1]));
    asked["mapping"] = json!({"name": "contracts.toml", "text": BY_CONTRACT});
    asked["grants"] = Value::Null;
    assert_eq!(import(&control, &asked).await["imported"], 1);
    let search = json!({
        "index": "contract.number", "value": "K00000001", "fields": ["contract.number"],
        "purpose": "contract-administration",
    });
    let hits = legal.post("/v1/records/policyholder/search", &search).await.ok().json()["hits"].clone();
    let record = format!("/v1/records/policyholder/{}", hits[0]["id"].as_str().unwrap());
    let step = "purpose=data-subject-request";
    let proposed = legal.tell(&format!("{record}/erase?{step}&reason=letter%20of%20today")).await;
    assert_eq!(proposed.status, 202, "{}", proposed.text());
    legal.clone().for_operator("b.durand").tell(&format!("{record}/erase/confirm?{step}")).await.ok();
    let again = import(&control, &asked).await;
    assert_eq!((&again["erased"], &again["imported"]), (&json!(1), &json!(0)), "{again}");
}

/// A contract that ended so many years ago.
fn years_ago(vault: &Running, years: u32) -> String {
    let year: u32 = vault.store.now().to_string()[..4].parse().unwrap();
    format!("{}0101", year - years)
}

#[tokio::test]
async fn what_retention_removed_is_not_brought_back() {
    let vault = Running::start().await;
    let dpo = vault.application("dpo", "dpo").await;
    let folder = vault.folder.path().to_owned();
    let control = vault.control("control.sock");
    // Health and habits go, then the number and the address, then all.
    for (years, removed, erased) in [(3, 2, 0), (6, 4, 0), (11, 0, 1)] {
        let (before, number) = (vault.store.statistics().unwrap().records, format!("{years:08}"));
        let client = [(number.as_str(), "Lefèvre", "helene@example.fr", "O")];
        let source = legacy_until(&folder, &client, &years_ago(&vault, years));
        let mut apply = request(&folder, &source);
        apply["apply_changes"] = json!(true);
        assert_eq!(import(&control, &apply).await["imported"], 1);
        let run = dpo.tell("/v1/retention/run").await.ok().json();
        assert_eq!((&run["removed"], &run["erased"]), (&json!(removed), &json!(erased)), "{run}");
        let left = vault.store.statistics().unwrap();
        assert_eq!(left.records, before + 1 - erased);
        for _ in 0..2 {
            let again = import(&control, &apply).await;
            assert_eq!((&again["imported"], &again["changed"]), (&json!(0), &json!(0)), "{years} years: {again}");
            let (past_time, gone) = if years == 3 { (2, 0) } else { (0, 1) };
            assert_eq!((&again["past_time"], &again["erased"]), (&json!(past_time), &json!(gone)), "{again}");
            assert_eq!(again["source"], again["vault"]);
            let now = vault.store.statistics().unwrap();
            assert_eq!((now.records, now.documents), (left.records, left.documents));
        }
    }
}

#[tokio::test]
async fn what_cannot_begin_is_told() {
    let vault = Running::start().await;
    let folder = vault.folder.path();
    let control = vault.control("control.sock");
    let source = legacy(folder, &clients());
    let with = |name: &str, value: Value| {
        let mut request = request(folder, &source);
        request[name] = value;
        request
    };
    std::fs::write(folder.join("dump.sql"), "-- MySQL dump 10.13\n").unwrap();
    for (request, told_of) in [
        (with("from", json!("legacy.sqlite")), "absolute path"),
        (with("mapping", json!({"name": "wrong.toml", "text": "name = 3"})), "wrong.toml"),
        (with("grants", json!({"name": "wrong.toml", "text": "[[grant]]\nfor = \"all\""})), "wrong.toml:1"),
        (with("from", json!(folder.join("dump.sql"))), "MySQL"),
    ] {
        let fault = told(&control, &request).await["fault"]["message"].as_str().unwrap().to_owned();
        assert!(fault.contains(told_of), "{fault}");
    }
    control.post("/v1/import", &with("unknown", json!(1))).await.problem(400, "malformed-json");
    vault.caller().post("/v1/import", &with("dry_run", json!(true))).await.problem(404, "no-such-route");
    import(&control, &request(folder, &source)).await;
}
