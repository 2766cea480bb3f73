//! The log as C2SP tools read it: tiles, checkpoint, proofs, cosignatures; and how little it grows by being read.

use std::collections::HashMap;
use std::convert::Infallible;

use coffre_core::audit::{Action, Decision, Draft, Entry};
use coffre_core::ids::RequestId;
use coffre_core::merkle::{Hash, verify_consistency, verify_inclusion};
use coffre_core::note::{KeyName, SignedNote, WitnessKey, witness_key};
use coffre_core::tlog::{CHECKPOINT_PATH, CopySource, TileKind, TilePath, TlogProof, TreeHead, verify_copy};
use coffre_server::serve;
use coffre_store::clock::{SystemClock, SystemEntropy};
use coffre_store::{Depends, Disclosure};
use hyper::Method;
use serde_json::{Value, json};

use crate::running::{Answer, Caller, Running, open_vault, policies};

const PREFIX: &str = "/v1/audit/log";

/// Lets the log grow without anybody's doing. Equal denials would become one entry.
async fn grow(vault: &Running, entries: u64) {
    let draft = || Draft::new(Action::Read, Decision::Allow, RequestId::random(&mut SystemEntropy));
    let entry = || Disclosure { draft: draft(), reason: None, claims: vec![], depends: Depends::default() };
    let pending: Vec<_> = (0..entries).map(|_| vault.store.disclose(entry())).collect();
    for entry in pending {
        entry.await.unwrap();
    }
}

fn size(vault: &Running) -> u64 {
    vault.store.tree_head().size
}

fn entries(vault: &Running, from: u64) -> Vec<Entry> {
    let logged = vault.store.snapshot().unwrap().entries(from, 1000).unwrap();
    logged.iter().map(|logged| Entry::from_leaf(&logged.leaf).unwrap()).collect()
}

fn head(vault: &Running, note: &[u8]) -> TreeHead {
    TreeHead::open(note, vault.store.verification_key(), Some(vault.store.origin())).unwrap()
}

/// What a client has fetched.
struct Fetched(HashMap<String, Vec<u8>>);

impl CopySource for Fetched {
    type Error = Infallible;

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(path).cloned())
    }
}

/// Fetches what a checkpoint calls for, as any C2SP client would.
async fn fetch(vault: &Running, dpo: &Caller) -> (TreeHead, Fetched) {
    let checkpoint = dpo.get(&format!("{PREFIX}/{CHECKPOINT_PATH}")).await.ok().body.to_vec();
    let head = head(vault, &checkpoint);
    let mut fetched = HashMap::from([(CHECKPOINT_PATH.to_owned(), checkpoint)]);
    let kinds = (0..3).map(|level| TileKind::Hashes { level }).chain([TileKind::Entries]);
    for path in kinds.flat_map(|kind| (0..5).filter_map(move |index| TilePath::at(kind, index, head.size))) {
        let tile = dpo.get(&format!("{PREFIX}/{path}")).await.ok();
        assert_eq!(tile.header("content-type"), "application/octet-stream", "{path}");
        assert_eq!(tile.header("cache-control"), "private, max-age=31536000, immutable");
        fetched.insert(path.to_string(), tile.body.to_vec());
    }
    (head, Fetched(fetched))
}

#[tokio::test]
async fn a_client_reads_and_verifies_the_whole_log_and_leaves_two_entries() {
    let vault = Running::start().await;
    let dpo = vault.application("dpo", "dpo").await.without("coffre-operator");
    grow(&vault, 600).await;
    let before = size(&vault);
    let (head, fetched) = fetch(&vault, &dpo).await;
    assert_eq!(fetched.0.len(), 1 + 3 + 1 + 3, "three tiles of hashes, one above, three bundles");
    let report = verify_copy(&fetched, vault.store.verification_key(), Some(vault.store.origin()), None).unwrap();
    assert_eq!(
        (report.head.size, head.size),
        (before + 1, before + 1),
        "the checkpoint holds the entry of its reading"
    );
    let begun = entries(&vault, before);
    assert_eq!(
        begun.iter().map(|entry| entry.what.action).collect::<Vec<_>>(),
        [Action::ReadTreeHead, Action::ReadAudit]
    );
    assert!(
        begun.iter().all(|entry| entry.what.application_name.as_deref() == Some("dpo") && entry.what.count.is_none())
    );

    // Read again, to its end and past the two entries: nothing more is written, so whoever follows comes to an end.
    vault.clock.pass_seconds(2);
    let (later, fetched) = fetch(&vault, &dpo).await;
    verify_copy(&fetched, vault.store.verification_key(), None, Some(&head)).unwrap();
    assert_eq!((later.size, size(&vault)), (before + 2, before + 2));
}

#[tokio::test]
async fn what_was_read_since_the_first_entry_is_counted_in_one() {
    let vault = Running::start().await;
    let (dpo, backup) = (vault.application("dpo", "dpo").await, vault.application("safe", "backup").await);
    let get = async |caller: &Caller, path: &str| caller.get(&format!("{PREFIX}/{path}")).await.ok();
    let before = size(&vault);
    let first = get(&dpo, "tile/entries/000.p/1").await;
    assert_eq!(first.entry(), before);
    for _ in 0..3 {
        assert_eq!(get(&dpo, "tile/entries/000.p/1").await.header("coffre-audit-entry"), "");
    }
    get(&dpo.clone().for_operator("b.petit"), "tile/entries/000.p/1").await;
    get(&backup, "tile/0/000.p/1").await;
    vault.clock.pass_seconds(601);
    assert_eq!(get(&dpo, "tile/entries/000.p/2").await.entry(), before + 4);
    let told = |entry: &Entry| (entry.what.operator.clone().unwrap(), entry.what.count);
    let seen: Vec<_> = entries(&vault, before).iter().map(told).collect();
    let expected =
        [("a.martin", None), ("b.petit", None), ("a.martin", None), ("a.martin", Some(3)), ("a.martin", None)];
    assert_eq!(seen, expected.map(|(operator, count)| (operator.to_owned(), count)));

    get(&dpo, "tile/entries/000.p/2").await;
    let (at_the_end, key) = (size(&vault), vault.store.verification_key().clone());
    let folder = vault.stop().await;
    let store = open_vault(&folder.path().join("vault"), std::sync::Arc::new(SystemClock));
    assert_eq!((store.tree_head().size, store.verification_key()), (at_the_end + 1, &key), "counted when it stops");
    store.close();
}

#[tokio::test]
async fn hashes_are_for_whoever_keeps_heads_and_entries_for_the_dpo() {
    let vault = Running::start().await;
    grow(&vault, 3).await;
    let ask = async |caller: &Caller, path: &str| caller.get(&format!("/v1/audit/{path}")).await;
    for role in ["legal", "dpo", "backup"] {
        let keeper = vault.application(role, role).await.without("coffre-operator");
        for path in ["log/checkpoint", "log/tile/0/000.p/2", "proof/inclusion?index=1", "entries/1/tlog-proof"] {
            ask(&keeper, path).await.ok();
        }
        let entries = ask(&keeper, "log/tile/entries/000.p/2").await;
        if role == "dpo" { drop(entries.ok()) } else { drop(entries.problem(403, "denied")) }
    }
    for role in ["sales", "billing", "customer-service"] {
        let other = vault.application(role, role).await;
        for path in
            ["log/checkpoint", "log/tile/0/000.p/2", "log/tile/entries/000.p/2", "proof/consistency?from=1&to=2"]
        {
            let refused = ask(&other, path).await;
            let problem = refused.problem(403, "denied");
            assert_eq!(problem["audit_entry"], size(&vault) - 1, "a refusal is an entry of its own");
        }
    }
    let before = size(&vault);
    ask(&vault.caller(), "log/checkpoint").await.problem(401, "unauthenticated");
    assert_eq!(size(&vault), before, "nobody is no one to write of");
}

#[tokio::test]
async fn a_revocation_binds_the_next_tile() {
    let vault = Running::start().await;
    let dpo = vault.application("dpo", "dpo").await;
    dpo.get(&format!("{PREFIX}/tile/0/000.p/1")).await.ok();
    vault.control("control.sock").tell("/v1/applications/dpo/revoke").await.ok();
    dpo.get(&format!("{PREFIX}/tile/0/000.p/1")).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_is_no_tile_is_told() {
    let vault = Running::start().await;
    let dpo = vault.application("dpo", "dpo").await;
    for path in ["tile/0/0", "tile/8/000", "tile/0/000.p/256", "tile/0/000.p/0", "tile/data/000", "tile/0/x001/000/1"] {
        let problem = dpo.get(&format!("{PREFIX}/{path}")).await.problem(400, "malformed-request");
        assert!(problem["detail"].as_str().unwrap().contains("write tile/LEVEL/N or tile/entries/N"), "{problem}");
    }
    for path in ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000", "tile/0/x999/999.p/1"] {
        dpo.get(&format!("{PREFIX}/{path}")).await.problem(404, "no-such-tile");
    }
    for path in ["checkpoint?x=1", "tile/0/000.p/1?x=1"] {
        dpo.get(&format!("{PREFIX}/{path}")).await.problem(400, "malformed-request");
    }
    dpo.get(&format!("{PREFIX}/tile/")).await.problem(404, "no-such-route");
    dpo.tell(&format!("{PREFIX}/checkpoint")).await.problem(405, "method-not-allowed");
}

fn hashes(proof: &Value) -> Vec<Hash> {
    proof["hashes"].as_array().unwrap().iter().map(hash).collect()
}

fn hash(text: &Value) -> Hash {
    text.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn proofs_hold_against_signed_heads() {
    // A head that a witness is waited for with stays for a minute.
    let vault = Running::start_with(|options| options.witnesses = vec![witness(5)]).await;
    let dpo = vault.application("dpo", "dpo").await;
    grow(&vault, 300).await;
    let old = head(&vault, &dpo.get(&format!("{PREFIX}/checkpoint")).await.ok().body);
    grow(&vault, 300).await;
    vault.clock.pass_seconds(61);
    let new = head(&vault, &dpo.get(&format!("{PREFIX}/checkpoint")).await.ok().body);
    assert!(new.size > old.size);

    let included = dpo.get(&format!("/v1/audit/proof/inclusion?index=270&size={}", old.size)).await.ok().json();
    assert_eq!(verify_inclusion(hash(&included["leaf"]), 270, old.size, &hashes(&included), old.root), Ok(()));
    assert_eq!(hash(&included["root"]), old.root);
    let newest = dpo.get("/v1/audit/proof/inclusion?index=0").await.ok().json();
    assert_eq!(newest["size"], new.size, "that of the published head");
    let grown = dpo.get(&format!("/v1/audit/proof/consistency?from={}&to={}", old.size, new.size)).await.ok().json();
    assert_eq!(verify_consistency((old.size, old.root), (new.size, new.root), &hashes(&grown)), Ok(()));
    assert_eq!((hash(&grown["old_root"]), hash(&grown["new_root"])), (old.root, new.root));

    let file = dpo.get("/v1/audit/entries/270/tlog-proof").await.ok();
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"270.tlog-proof\"");
    let leaf = vault.store.snapshot().unwrap().entries(270, 1).unwrap().remove(0).leaf;
    let proof = TlogProof::parse(&file.body).unwrap();
    assert_eq!(proof.verify(&leaf, vault.store.verification_key(), Some(vault.store.origin())).unwrap(), new);
    let local = vault.control("control.sock").get("/v1/audit/proof?index=270").await.ok().json();
    assert_eq!((local["entry"].as_str().unwrap().as_bytes(), &local["proof"]), (&leaf[..], &json!(file.text())));
}

#[tokio::test]
async fn proofs_that_cannot_be_made_are_told() {
    let vault = Running::start().await;
    let dpo = vault.application("dpo", "dpo").await;
    let end = size(&vault) + 1000;
    for (path, status, name) in [
        ("proof/inclusion".to_owned(), 400, "malformed-request"),
        ("proof/inclusion?index=first".to_owned(), 400, "malformed-request"),
        ("proof/inclusion?index=-1".to_owned(), 400, "malformed-request"),
        ("proof/inclusion?index=1&size=1".to_owned(), 404, "no-such-entry"),
        (format!("proof/inclusion?index=0&size={end}"), 422, "beyond-the-log"),
        ("proof/consistency?from=1".to_owned(), 400, "malformed-request"),
        ("proof/consistency?from=2&to=1".to_owned(), 422, "beyond-the-log"),
        (format!("proof/consistency?from=1&to={end}"), 422, "beyond-the-log"),
        (format!("entries/{end}/tlog-proof"), 404, "no-such-entry"),
        ("entries/last/tlog-proof".to_owned(), 400, "malformed-request"),
    ] {
        dpo.get(&format!("/v1/audit/{path}")).await.problem(status, name);
    }
    let control = vault.control("control.sock");
    control.get(&format!("/v1/audit/proof?index={end}")).await.problem(404, "no-such-entry");
    control.get("/v1/audit/proof").await.problem(400, "malformed-request");
    control.get(&format!("/v1/audit/proof/consistency?from={end}")).await.problem(422, "beyond-the-log");
}

fn witness(seed: u8) -> WitnessKey {
    witness_key(KeyName::new(&format!("witness.example/w{seed}")).unwrap(), &[seed; 32])
}

fn cosigned(note: &[u8], seed: u8, time: i64) -> String {
    let note = SignedNote::parse(note).unwrap();
    note.cosign_as_witness(witness(seed).name(), &[seed; 32], u64::try_from(time).unwrap()).to_string()
}

async fn bring(caller: &Caller, note: &str) -> Answer {
    let text = caller.clone().with("content-type", "text/plain; charset=utf-8");
    text.send(Method::POST, &format!("{PREFIX}/cosignatures"), note.to_owned()).await
}

#[tokio::test]
async fn a_cosigned_head_is_published_kept_and_there_after_a_restart() {
    let vault = Running::start_with(|options| options.witnesses = vec![witness(5), witness(6)]).await;
    let (dpo, backup) = (vault.application("dpo", "dpo").await, vault.application("safe", "backup").await);
    let fed = backup.get("/v1/audit/tree-head").await.ok().body;
    let now = vault.store.now().as_seconds();
    let taken = bring(&backup, &cosigned(&fed, 5, now)).await.ok();
    assert_eq!(
        taken.json(),
        json!({"size": head(&vault, &fed).size, "witnesses": ["witness.example/w5"], "published": true})
    );
    let entry = entries(&vault, taken.entry()).remove(0);
    assert_eq!((entry.what.action, entry.what.target.as_deref()), (Action::AddCosignature, Some("witness.example/w5")));

    // A line of somebody unknown is ignored; that of the second witness joins the first.
    let both = cosigned(cosigned(&fed, 7, now).as_bytes(), 6, now);
    assert_eq!(bring(&backup, &both).await.ok().json()["witnesses"], json!(["witness.example/w6"]));
    grow(&vault, 5).await;
    vault.clock.pass_seconds(60);
    let checkpoint = dpo.get(&format!("{PREFIX}/checkpoint")).await.ok();
    let names = |note: &[u8]| -> Vec<String> {
        SignedNote::parse(note).unwrap().signatures().iter().map(|s| s.name().to_string()).skip(1).collect()
    };
    assert_eq!(names(&checkpoint.body), ["witness.example/w6", "witness.example/w5"]);
    assert_eq!(head(&vault, &checkpoint.body), head(&vault, &fed), "it stays though the log grew");

    let newest = backup.get("/v1/audit/tree-head").await.ok().body;
    let later = bring(&backup, &cosigned(&newest, 5, now + 60)).await.ok().json();
    assert_eq!(later["published"], true);
    assert_eq!(bring(&backup, &cosigned(&fed, 5, now)).await.ok().json()["published"], false, "never back");

    let folder = vault.stop().await;
    let store = open_vault(&folder.path().join("vault"), std::sync::Arc::new(SystemClock));
    let mut options = coffre_server::ServerOptions::on(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    options.witnesses = vec![witness(5)];
    let serving = serve(options, store.clone(), policies()).await.unwrap();
    let again = dpo.at(serving.address()).get(&format!("{PREFIX}/checkpoint")).await.ok();
    assert_eq!(again.text(), cosigned(&newest, 5, now + 60), "with the witnesses that are still believed");
    serving.stop().now();
    serving.stopped().await;
}

#[tokio::test]
async fn cosignatures_that_do_not_hold_are_told_and_leave_nothing() {
    let vault = Running::start_with(|options| options.witnesses = vec![witness(5)]).await;
    let (dpo, sales) = (vault.application("dpo", "dpo").await, vault.application("crm", "sales").await);
    let fed = dpo.get("/v1/audit/tree-head").await.ok().body;
    let now = vault.store.now().as_seconds();
    let good = cosigned(&fed, 5, now);
    let of_another_head = dpo.get("/v1/audit/tree-head").await.ok().body;
    let line = |note: &str| note.lines().last().unwrap().to_owned();
    let misplaced = good.replace(&line(&good), &line(&cosigned(&of_another_head, 5, now)));
    let not_ours = SignedNote::sign(String::from_utf8_lossy(&fed).split("\n\n").next().unwrap().to_owned() + "\n", &{
        coffre_core::note::SigningKey::from_seed(KeyName::new("vault.example/other").unwrap(), &[9; 32])
    });
    let not_ours = cosigned(not_ours.unwrap().to_string().as_bytes(), 5, now);
    let before = size(&vault);
    for (note, said) in [
        ("no note".to_owned(), "no signatures"),
        (String::from_utf8_lossy(&fed).into_owned(), "no cosignature of a configured witness"),
        (cosigned(&fed, 7, now), "no cosignature of a configured witness"),
        (misplaced, "does not match this tree head"),
        (cosigned(&fed, 5, now + 1000), "ahead"),
        (not_ours, "not signed by"),
    ] {
        let problem = bring(&dpo, &note).await.problem(422, "not-cosigned");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{said}: {problem}");
    }
    dpo.post(&format!("{PREFIX}/cosignatures"), &json!({})).await.problem(415, "unsupported-media-type");
    assert_eq!(size(&vault), before, "nothing was done, so nothing was logged");
    bring(&sales, &good).await.problem(403, "denied");
    let checkpoint = dpo.get(&format!("{PREFIX}/checkpoint")).await.ok().body;
    assert_eq!(SignedNote::parse(&checkpoint).unwrap().signatures().len(), 1);

    let without = Running::start().await;
    let dpo = without.application("dpo", "dpo").await;
    let fed = dpo.get("/v1/audit/tree-head").await.ok().body;
    bring(&dpo, &cosigned(&fed, 5, now)).await.problem(409, "no-witnesses");
}
