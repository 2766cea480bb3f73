//! What every route refuses, by the description that the server gives of itself: each refusal is tried on each route that
//! it concerns, and is a problem that the description has, with its type, and is kept by nobody (`no-store`).

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::{Value, json};

use crate::running::{Answer, Caller, Running};

const ID: &str = "0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11";

/// A route, as it is described.
struct Route<'d> {
    description: &'d Value,
    method: Method,
    path: &'d str,
    operation: &'d Value,
}

/// A call of a route that is right in itself: what is refused is what is changed of it.
#[derive(Clone)]
struct Asked {
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// Bodies that are right in themselves.
fn body_of(path: &str) -> Option<Value> {
    let fields = json!(["contact.email"]);
    Some(match path {
        "/v1/records/{type}" | "/v1/records/{type}/{id}" => json!({"contact.family_name": "Moreau"}),
        "/v1/records/{type}/search" => {
            json!({"index": "contact.email", "value": "a@example.fr", "fields": fields, "purpose": "claims-handling"})
        }
        "/v1/records/{type}/{id}/grants" => {
            json!({"role": "sales", "purpose": "direct-marketing", "fields": fields, "basis": "consent"})
        }
        "/v1/contactable" => {
            let people = json!([{"id": ID}]);
            json!({"type": "policyholder", "channel": "email", "people": people, "purpose": "direct-marketing"})
        }
        "/v1/habilitations" => {
            let (categories, purposes) = (json!(["health"]), json!(["claims-handling"]));
            json!({"operator": "c.petit", "type": "policyholder", "categories": categories, "purposes": purposes})
        }
        "/v1/subjects/lookup" => {
            json!({"record_type": "policyholder", "index": "contact.email", "value": "a@example.fr"})
        }
        "/v1/requests" => json!({"type": "policyholder", "id": ID, "kind": "access", "channel": "letter"}),
        "/v1/requests/{id}/assign" => json!({"assignee": "c.petit"}),
        "/v1/requests/{id}/link" => json!({"type": "policyholder", "id": ID}),
        "/v1/requests/{id}/identify" => json!({"identity": "account"}),
        "/v1/requests/{id}/ask"
        | "/v1/requests/{id}/reply"
        | "/v1/requests/{id}/extend"
        | "/v1/requests/{id}/unidentified"
        | "/v1/requests/{id}/refuse" => {
            json!({"text": "which years?"})
        }
        "/v1/records/{type}/{id}/export/portable" => json!({"passphrase": "correct horse battery"}),
        _ => return None,
    })
}

/// A value for a parameter in the query.
fn value_of(name: &str) -> &'static str {
    match name {
        "fields" => "contact.email",
        "purpose" => "claims-handling",
        "reason" => "asked%20today",
        "type" => "policyholder",
        "ground" => "a",
        "against" => "direct-marketing",
        "index" | "from" => "0",
        "to" => "1",
        other => panic!("no value for the parameter {other}"),
    }
}

impl<'d> Route<'d> {
    fn all(description: &'d Value) -> Vec<Self> {
        let paths = description["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |of| (path, of)));
        let route = |(path, (method, operation)): (&'d String, (&'d String, &'d Value))| {
            let method = method.to_ascii_uppercase().parse().unwrap();
            Self { description, method, path, operation }
        };
        operations.map(route).collect()
    }

    fn resolved(&self, value: &'d Value) -> &'d Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.description.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    fn parameters(&self, within: &str) -> Vec<&'d Value> {
        let all = self.operation.get("parameters").and_then(Value::as_array);
        let all = all.into_iter().flatten().map(|parameter| self.resolved(parameter));
        all.filter(|parameter| parameter["in"] == within).collect()
    }

    fn has(&self, header: &str) -> bool {
        self.parameters("header").iter().any(|parameter| parameter["name"] == header)
    }

    fn media_type(&self) -> Option<&'d str> {
        let content = self.operation.get("requestBody")?["content"].as_object().unwrap();
        content.keys().next().map(String::as_str)
    }

    fn is_for_applications(&self) -> bool {
        self.operation["responses"].get("401").is_some()
    }

    fn asked(&self) -> Asked {
        let path = self.path.replace("{type}", "policyholder").replace("{version}", "1").replace("{index}", "0");
        let path = path.replace("{letter}", "acknowledgement").replace("{path}", "0/000");
        let path = path.replace("{id}", ID).replace("{document}", ID);
        let required = self.parameters("query").into_iter().filter(|parameter| parameter["required"] == true);
        let name = |parameter: &Value| parameter["name"].as_str().unwrap().to_owned();
        let query = required.map(|parameter| (name(parameter), value_of(&name(parameter)).to_owned())).collect();
        let mut headers = Vec::new();
        if let Some(media_type) = self.media_type() {
            headers.push(("content-type", media_type.replace("*/*", "application/pdf")));
        }
        if self.has("If-Match") {
            headers.push(("if-match", "\"1\"".to_owned()));
        }
        let body = match (body_of(self.path), self.media_type()) {
            (Some(body), Some(_)) => body.to_string().into_bytes(),
            (None, Some(_)) => b"{}\n".to_vec(),
            _ => Vec::new(),
        };
        Asked { path, query, headers, body }
    }

    async fn send(&self, caller: &Caller, asked: &Asked) -> Answer {
        let query: Vec<String> = asked.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let path = if query.is_empty() { asked.path.clone() } else { format!("{}?{}", asked.path, query.join("&")) };
        let mut caller = caller.clone();
        for (name, value) in &asked.headers {
            caller = caller.with(name, value);
        }
        caller.send(self.method.clone(), &path, asked.body.clone()).await
    }

    /// Looks whether an answer is a refusal that the description has.
    #[track_caller]
    fn is_described(&self, answer: &Answer, why: &str) -> String {
        let told = format!("{} {}: {why}: {}", self.method, self.path, answer.text());
        assert!(!answer.status.is_success() && !answer.status.is_server_error(), "{told}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{told}");
        assert_eq!(answer.header("cache-control"), "no-store", "{told}");
        let problem = answer.json();
        let name = problem["type"].as_str().unwrap().trim_start_matches("urn:coffre:problem:").to_owned();
        let responses = &self.operation["responses"];
        let response = responses.get(answer.status.as_str()).unwrap_or_else(|| panic!("not described: {told}"));
        let types = self.resolved(response)["description"].as_str().unwrap();
        assert!(types.contains(&format!("`{name}`")), "its type is not described: {told}");
        name
    }

    async fn refuses(&self, caller: &Caller, asked: &Asked, why: &str, name: &str) {
        let answer = self.send(caller, asked).await;
        assert_eq!(self.is_described(&answer, why), name, "{} {}: {why}: {}", self.method, self.path, answer.text());
    }
}

async fn description(vault: &Running) -> Value {
    vault.caller().get("/openapi.json").await.ok().json()
}

#[tokio::test]
async fn whoever_calls_must_be_known_and_act_for_somebody() {
    let vault = Running::start().await;
    let description = description(&vault).await;
    let legal = vault.application("cobol", "legal").await;
    let before = vault.store.tree_head().size;
    for route in Route::all(&description).iter().filter(|route| route.is_for_applications()) {
        let asked = route.asked();
        route.refuses(&legal.clone().without("authorization"), &asked, "without a token", "unauthenticated").await;
        let unknown = legal.clone().with_token("coffre_none");
        route.refuses(&unknown, &asked, "with another token", "unauthenticated").await;
        route.refuses(&legal.clone().for_operator("a b"), &asked, "not an operator", "malformed-operator").await;
        let needed = route.parameters("header").iter().any(|p| p["name"] == "Coffre-Operator" && p["required"] == true);
        if needed {
            route.refuses(&legal.clone().without("coffre-operator"), &asked, "for nobody", "operator-required").await;
        }
    }
    assert_eq!(vault.store.tree_head().size, before, "nobody knew who asked, so nothing was logged");
}

#[tokio::test]
async fn what_is_asked_is_read_strictly() {
    let vault = Running::start().await;
    let description = description(&vault).await;
    let legal = vault.application("cobol", "legal").await;
    let before = vault.store.tree_head().size;
    for route in Route::all(&description).iter().filter(|route| route.is_for_applications()) {
        let asked = route.asked();
        let changed = |change: &dyn Fn(&mut Asked)| {
            let mut asked = asked.clone();
            change(&mut asked);
            asked
        };
        let unknown = changed(&|asked| asked.query.push(("colour".to_owned(), "blue".to_owned())));
        route.refuses(&legal, &unknown, "an unknown parameter", "malformed-request").await;
        for (index, (name, _)) in asked.query.iter().enumerate() {
            let without = changed(&|asked| drop(asked.query.remove(index)));
            route.refuses(&legal, &without, &format!("without {name}"), "malformed-request").await;
            let twice = changed(&|asked| asked.query.push((name.clone(), value_of(name).to_owned())));
            route.refuses(&legal, &twice, &format!("{name} twice"), "malformed-request").await;
        }
        for (part, wrong) in [(ID, "42"), ("/1/", "/first/"), ("/acknowledgement", "/invoice")] {
            if asked.path.contains(part) {
                let path = asked.path.replacen(part, wrong, 1);
                let wrong = changed(&|asked| asked.path.clone_from(&path));
                route.refuses(&legal, &wrong, "a malformed path", "malformed-request").await;
            }
        }
        if route.has("If-Match") {
            let without = changed(&|asked| asked.headers.retain(|(name, _)| *name != "if-match"));
            route.refuses(&legal, &without, "without If-Match", "precondition-required").await;
            let weak = changed(&|asked| asked.headers.push(("if-match", "*".to_owned())));
            route.refuses(&legal, &weak, "any version", "precondition-required").await;
        }
        if route.has("Idempotency-Key") {
            let wrong = changed(&|asked| asked.headers.push(("idempotency-key", "two words".to_owned())));
            route.refuses(&legal, &wrong, "not a key", "malformed-idempotency-key").await;
        }
    }
    assert_eq!(vault.store.tree_head().size, before, "nothing was decided, so nothing was logged");
}

#[tokio::test]
async fn bodies_are_of_their_type_and_their_form() {
    let vault = Running::start().await;
    let description = description(&vault).await;
    let legal = vault.application("cobol", "legal").await;
    let before = vault.store.tree_head().size;
    for route in Route::all(&description).iter().filter(|route| route.is_for_applications()) {
        let asked = route.asked();
        let with = |body: &str| Asked { body: body.into(), ..asked.clone() };
        match route.media_type() {
            None if route.method == Method::POST => {
                route.refuses(&legal, &with("{}"), "a body where there is none", "malformed-request").await;
            }
            None => {}
            Some(media_type) => {
                let mut encoded = asked.clone();
                encoded.headers.push(("content-encoding", "gzip".to_owned()));
                route.refuses(&legal, &encoded, "something encoded", "unsupported-media-type").await;
                if media_type == "*/*" {
                    continue;
                }
                let mut other = asked.clone();
                other.headers.push(("content-type", "application/xml".to_owned()));
                route.refuses(&legal, &other, "another type", "unsupported-media-type").await;
                if media_type.ends_with("json") && body_of(route.path).is_some() {
                    for body in ["", "{", "[]", "null", "{\"colour\": \"blue\"}"] {
                        route.refuses(&legal, &with(body), &format!("the body {body}"), "malformed-json").await;
                    }
                    let large = format!("{{\"colour\": \"{}\"}}", "x".repeat(1 << 20));
                    route.refuses(&legal, &with(&large), "a large body", "too-large").await;
                }
            }
        }
    }
    assert_eq!(vault.store.tree_head().size, before, "nothing was decided, so nothing was logged");
}

#[tokio::test]
async fn names_that_are_not_declared_and_things_that_are_not_there() {
    let vault = Running::start().await;
    let description = description(&vault).await;
    let callers = [vault.application("cobol", "legal").await, vault.application("dpo", "dpo").await];
    let mut seen = BTreeSet::new();
    for route in Route::all(&description).iter().filter(|route| route.is_for_applications()) {
        let asked = route.asked();
        if asked.path.contains("policyholder") {
            let path = asked.path.replace("policyholder", "patient");
            route
                .refuses(&callers[0], &Asked { path, ..asked.clone() }, "an unknown type", "unknown-record-type")
                .await;
        }
        let purpose = asked.query.iter().position(|(name, _)| name == "purpose");
        if let Some(index) = purpose {
            let mut other = asked.clone();
            other.query[index].1 = "curiosity".to_owned();
            route.refuses(&callers[0], &other, "an unknown purpose", "unknown-purpose").await;
        }
        for caller in &callers {
            // Who saw somebody may be asked of anybody: of nobody it is an empty list, and later these refusals.
            if !asked.path.contains(ID) || route.path.ends_with("/accesses") {
                continue;
            }
            // What may be done for one purpose is denied for another one.
            for stated in ["claims-handling", "legal-defence", "data-subject-request"] {
                let mut other = asked.clone();
                if let Some(index) = purpose {
                    other.query[index].1 = stated.to_owned();
                }
                let answer = route.send(caller, &other).await;
                seen.insert(route.is_described(&answer, "nothing of this name"));
            }
        }
    }
    for name in ["not-found", "no-such-grant", "no-such-habilitation", "no-such-hold", "denied"] {
        assert!(seen.contains(name), "{name} among {seen:?}");
    }
}

#[tokio::test]
async fn who_may_do_nothing_is_refused_everywhere_and_each_refusal_is_logged() {
    let vault = Running::start().await;
    let description = description(&vault).await;
    let backup = vault.application("nas", "backup").await;
    let open = ["/v1/audit/log/", "/v1/audit/tree-head", "/v1/audit/proof/", "/v1/audit/entries/{index}"];
    for route in Route::all(&description).iter().filter(|route| route.is_for_applications()) {
        // The head and the tree of the log are for whoever keeps a copy.
        if open.iter().any(|prefix| route.path.starts_with(prefix)) || route.path == "/v1/exports/{id}/confirm" {
            continue;
        }
        let size = vault.store.tree_head().size;
        let answer = route.send(&backup, &route.asked()).await;
        let name = route.is_described(&answer, "a role that may do nothing");
        assert!(["denied", "not-found"].contains(&name.as_str()), "{} {}: {}", route.method, route.path, answer.text());
        assert_eq!(vault.store.tree_head().size, size + 1, "{} {}: an entry", route.method, route.path);
    }
}

#[tokio::test]
async fn no_answer_is_kept_by_anybody_but_tiles() {
    let vault = Running::start().await;
    let description = description(&vault).await;
    let dpo = vault.application("dpo", "dpo").await;
    for route in Route::all(&description) {
        let answer = route.send(&dpo, &route.asked()).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{} {}", route.method, route.path);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{} {}", route.method, route.path);
        assert!(!answer.header("coffre-request").is_empty(), "{} {}", route.method, route.path);
    }
    for path in ["/", "/v1", "/v2/records"] {
        assert_eq!(dpo.get(path).await.header("cache-control"), "no-store", "{path}");
    }
}
