//! Acts of two operators where the identity provider vouches for both: each token is for its request alone, once.

use serde_json::{Value, json};

use crate::running::{Answer, Caller, create, entry};
use crate::verified_operators::{Company, claims};

const STEP: &str = "purpose=data-subject-request";

impl Company {
    /// A caller whose operator has signed in, for a request or in general.
    fn as_operator(&self, caller: &Caller, name: &str, nonce: Option<&Value>) -> Caller {
        let mut claims = claims();
        claims["sub"] = json!(name);
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.clone();
        }
        caller.clone().without("coffre-operator").with("coffre-operator-token", &self.key.vouch("k1", &claims))
    }

    /// Asks for a nonce as an application does, by being refused; then sends what the operator signed in for.
    async fn act(&self, caller: &Caller, name: &str, path: &str) -> (Caller, Answer) {
        let nonce = caller.tell(path).await.problem(403, "verified-operator-required")["nonce"].clone();
        let caller = self.as_operator(caller, name, Some(&nonce));
        let answer = caller.tell(path).await;
        (caller, answer)
    }

    fn size(&self) -> u64 {
        self.vault.store.tree_head().size
    }
}

fn cause_of(problem: &Value) -> &str {
    assert!(problem["nonce"].is_string(), "{problem}");
    problem["cause"].as_str().unwrap()
}

#[tokio::test]
async fn each_of_two_verified_operators_signs_in_for_the_erasure() {
    let company = Company::start().await;
    let legal = company.legal.clone().for_operator("a.martin");
    let signed_in = company.as_operator(&legal, "a.martin", None);
    let person = json!({"contact": {"family_name": "Moreau", "email": "moreau@example.fr"}});
    let record = create(&signed_in, &person).await;
    let (propose, confirm) = (format!("{record}/erase?{STEP}&reason=letter"), format!("{record}/erase/confirm?{STEP}"));

    // A name alone, a token for everything, one for another request, and one for the same with another reason.
    let before = company.size();
    let refused = legal.tell(&propose).await.problem(403, "verified-operator-required");
    assert!(refused["detail"].as_str().unwrap().contains("Coffre-Operator-Token"), "{refused}");
    let nonce = refused["nonce"].clone();
    let unbound = signed_in.tell(&propose).await.problem(403, "operator-not-verified");
    assert_eq!((cause_of(&unbound), &unbound["nonce"]), ("not-bound", &nonce));
    let for_this = company.as_operator(&legal, "a.martin", Some(&nonce));
    for other in [&confirm, &format!("{record}/erase?{STEP}&reason=another"), &propose.replace(STEP, "purpose=audit")] {
        assert_eq!(cause_of(&for_this.tell(other).await.problem(403, "operator-not-verified")), "not-bound");
    }
    // The nonce signed by somebody else, or changed after signing.
    let stranger = crate::verified_operators::Key::ed25519();
    let mut forged = claims();
    forged["nonce"] = nonce.clone();
    let forged = legal.clone().with("coffre-operator-token", &stranger.vouch("k1", &forged));
    assert_eq!(cause_of(&forged.tell(&propose).await.problem(403, "operator-not-verified")), "signature");
    assert_eq!(company.size(), before, "nothing was asked of the vault yet");

    assert_eq!(for_this.tell(&propose).await.status, 202);
    assert_eq!(cause_of(&for_this.tell(&propose).await.problem(403, "operator-not-verified")), "spent");
    let (_, alone) = company.act(&legal, "a.martin", &confirm).await;
    alone.problem(409, "not-another-operator");
    let (second, done) = company.act(&legal, "b.durand", &confirm).await;
    let done = done.ok();
    assert_eq!(cause_of(&second.tell(&confirm).await.problem(403, "operator-not-verified")), "spent");
    let dpo = company.vault.application("dpo", "dpo").await;
    let logged = entry(&dpo, done.entry()).await;
    assert_eq!((&logged["operator"], &logged["operator_known"]), (&json!("b.durand"), &json!("verified")));
    let metrics = company.vault.caller().get("/metrics").await.text();
    assert!(metrics.contains("coffre_operator_tokens_refused_total{cause=\"not-bound\"} 4\n"), "{metrics}");
    assert!(metrics.contains("coffre_operator_tokens_refused_total{cause=\"spent\"} 2\n"), "{metrics}");
}

#[tokio::test]
async fn sealing_takes_two_of_them_whatever_the_role() {
    let company = Company::start().await;
    let legal = company.legal.clone().for_operator("a.martin");
    let dpo = company.vault.application("dpo", "dpo").await;
    // The DPO's operators need not be verified for anything else.
    dpo.get("/v1/audit/entries?limit=1").await.ok();
    dpo.tell("/v1/seal").await.problem(403, "verified-operator-required");
    dpo.clone().without("coffre-operator").tell("/v1/seal").await.problem(400, "operator-required");
    let (_, proposed) = company.act(&dpo, "c.petit", "/v1/seal?reason=intrusion").await;
    assert_eq!((proposed.status.as_u16(), &proposed.json()["operator_known"]), (202, &json!("verified")));
    let (_, alone) = company.act(&legal, "C.Petit", "/v1/seal/confirm").await;
    alone.problem(409, "not-another-operator");
    // A token that was for proposing is not for confirming, and one that has ended is for nothing.
    let nonce = legal.tell("/v1/seal").await.problem(403, "verified-operator-required")["nonce"].clone();
    let for_proposing = company.as_operator(&legal, "b.durand", Some(&nonce));
    assert_eq!(
        cause_of(&for_proposing.tell("/v1/seal/confirm").await.problem(403, "operator-not-verified")),
        "not-bound"
    );
    let nonce = legal.tell("/v1/seal/confirm").await.problem(403, "verified-operator-required")["nonce"].clone();
    let late = company.as_operator(&legal, "b.durand", Some(&nonce));
    company.vault.clock.pass_seconds(361);
    assert_eq!(cause_of(&late.tell("/v1/seal/confirm").await.problem(403, "operator-not-verified")), "expired");
    company.vault.clock.pass_seconds(-361);
    company.vault.caller().get("/readyz").await.ok();
    let (_, sealed) = company.act(&legal, "b.durand", "/v1/seal/confirm").await;
    assert_eq!(sealed.ok().json(), json!({"status": "sealing"}));
    while company.vault.caller().get("/readyz").await.status != 503 {
        tokio::task::yield_now().await;
    }
    legal.get(&company.path).await.problem(503, "sealed");
}

#[tokio::test]
async fn nobody_signs_in_for_a_request_that_cannot_be_understood() {
    let company = Company::start().await;
    let legal = company.legal.clone().for_operator("a.martin");
    let nowhere = "/v1/records/policyholder/42/erase";
    let export = "/v1/records/policyholder/export?purpose=contract-administration&reason=audit";
    for path in ["/v1/seal?resaon=intrusion", "/v1/exports/42/confirm", export, &format!("{nowhere}?{STEP}&reason=x")] {
        let problem = legal.tell(path).await.problem(400, "malformed-request");
        assert!(problem.get("nonce").is_none(), "{path}: {problem}");
    }
    let nonce = legal.tell("/v1/seal").await.problem(403, "verified-operator-required")["nonce"].clone();
    let signed_in = company.as_operator(&legal, "a.martin", Some(&nonce));
    signed_in.post("/v1/seal", &json!({})).await.problem(400, "malformed-request");
    assert_eq!(signed_in.tell("/v1/seal").await.status, 202, "the token was spent by what was refused");
}

#[tokio::test]
async fn exporting_many_records_takes_two_of_them() {
    let company = Company::start().await;
    let legal = company.legal.clone().for_operator("a.martin");
    let purpose = "purpose=contract-administration&reason=audit";
    let propose = format!("/v1/records/policyholder/export?fields=contact.email&{purpose}");
    let (first, proposed) = company.act(&legal, "a.martin", &propose).await;
    assert_eq!((proposed.status.as_u16(), &proposed.json()["operator_known"]), (202, &json!("verified")));
    assert_eq!(cause_of(&first.tell(&propose).await.problem(403, "operator-not-verified")), "spent");
    let confirm = format!("/v1/exports/{}/confirm", proposed.json()["id"].as_str().unwrap());
    legal.clone().for_operator("b.durand").tell(&confirm).await.problem(403, "verified-operator-required");
    let (_, alone) = company.act(&legal, "A.Martin", &confirm).await;
    alone.problem(409, "not-another-operator");
    let (_, exported) = company.act(&legal, "b.durand", &confirm).await;
    let last: Value = serde_json::from_str(exported.ok().text().lines().last().unwrap()).unwrap();
    assert_eq!((&last["complete"], &last["refused"]), (&json!(true), &json!(0)));
}
