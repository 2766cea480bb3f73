//! What is done to its end although whoever asked for it has gone: a connection that breaks takes its request with it
//! wherever that waits, and the log must not say what was not done.

use tokio::task::JoinError;

use crate::usecases::Failure;

/// Does it, and waits for what comes of it.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let lost = |error: JoinError| Failure::Internal { what: format!("a task was lost: {error}") };
    tokio::spawn(work).await.map_err(lost)?
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::fs;
    use std::num::NonZeroU64;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use axum::Router;
    use axum::body::Body;
    use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
    use axum::http::{Request, StatusCode};
    use coffre_core::role::Role;
    use coffre_store::{Layout, WhenFull};
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};
    use tokio::task::yield_now;
    use tokio::time::timeout;
    use tower::ServiceExt as _;

    use crate::authentication::Credential;
    use crate::http::{self, Api, OPERATOR, Parts, Peer, backup, control};
    use crate::limits::Limits;
    use crate::options::SpoolOptions;
    use crate::rotating::State;
    use crate::stop::Stop;
    use crate::usecases::new_vault;

    /// What never comes is not waited for without end.
    const LONGEST: Duration = Duration::from_mins(1);

    fn api(folder: &Path) -> Api {
        let spool = SpoolOptions {
            folder: folder.join("spool"),
            keep: NonZeroU64::MIN,
            continuous: false,
            limit: None,
            when_full: WhenFull::Refuse,
            awaits_confirmation: false,
        };
        Api::of(Parts {
            keeper: new_vault::keeper(folder),
            limits: Limits::default(),
            operators: None,
            quotas: Arc::default(),
            spool: Some(spool),
            drills: None,
            stop: Stop::new(),
            seal: Stop::new(),
        })
    }

    /// Asks over a socket, and is gone while the request waits for the first time.
    fn ask_and_leave(socket: Router, path: &str, body: impl Into<String>) {
        let body = body.into();
        let mut asked = Request::post(path);
        if !body.is_empty() {
            asked = asked.header(CONTENT_TYPE, "application/json");
        }
        let mut request = asked.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(Peer { account: 0, allowed: true });
        leave(socket, request);
    }

    fn leave(router: Router, request: Request<Body>) {
        assert!(router.oneshot(request).now_or_never().is_none(), "it was answered already");
    }

    /// What an application of Legal sends for an operator. It was here before: nothing is waited for but what it asks for.
    async fn legal(api: &Api) -> impl Fn(&str, &str) -> Request<Body> {
        let (_, token) = new_vault::application(&api.keeper, "cobol", Role::Legal).await;
        api.keeper.identify(&Credential::Token(token.hash())).await.unwrap();
        let bearer = format!("Bearer {}", token.reveal().as_str());
        move |operator: &str, path: &str| {
            let asked = Request::post(path).header(AUTHORIZATION, &bearer).header(OPERATOR, operator);
            asked.body(Body::empty()).unwrap()
        }
    }

    async fn answer(api: &Api, request: Request<Body>) -> (StatusCode, Value) {
        let answer = http::api(api.clone()).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn what_was_proposed_can_be_confirmed_although_whoever_proposed_it_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(folder.path());
        let request = legal(&api).await;
        leave(http::api(api.clone()), request("a.martin", "/v1/seal"));
        let confirmed = async {
            while answer(&api, request("b.durand", "/v1/seal/confirm")).await.0 == StatusCode::CONFLICT {
                yield_now().await;
            }
        };
        timeout(LONGEST, confirmed).await.unwrap();
        timeout(LONGEST, api.seal.told()).await.unwrap();
    }

    #[tokio::test]
    async fn an_export_is_confirmed_once_although_whoever_confirmed_it_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(folder.path());
        let request = legal(&api).await;
        let purpose = "purpose=contract-administration&reason=audit";
        let propose = format!("/v1/records/policyholder/export?fields=contact.email&{purpose}");
        let (_, proposed) = answer(&api, request("a.martin", &propose)).await;
        let confirm = format!("/v1/exports/{}/confirm", proposed["id"].as_str().unwrap());
        let size = async || api.keeper.verify_log().await.unwrap().head.size;
        let before = size().await;
        leave(http::api(api.clone()), request("b.durand", &confirm));
        let has_its_entry = async {
            while size().await == before {
                yield_now().await;
            }
        };
        timeout(LONGEST, has_its_entry).await.unwrap();
        assert_eq!(answer(&api, request("c.petit", &confirm)).await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn the_vault_is_sealed_although_whoever_asked_for_it_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(folder.path());
        ask_and_leave(control(api.clone()), "/v1/seal", "");
        timeout(LONGEST, api.seal.told()).await.unwrap();
    }

    #[tokio::test]
    async fn the_data_are_rotated_although_whoever_asked_for_it_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(folder.path());
        let mut rotation = api.keeper.watch_rotation();
        ask_and_leave(control(api.clone()), "/v1/keys/data", "{}");
        let finished = rotation.wait_for(|standing| standing.state == State::Finished);
        assert!(timeout(LONGEST, finished).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn the_root_key_is_replaced_although_whoever_asked_for_it_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(folder.path());
        let root = Layout::new(&folder.path().join("vault")).root_server();
        let before = fs::read(&root).unwrap();
        ask_and_leave(control(api), "/v1/keys/rotate", "");
        let replaced = async {
            while fs::read(&root).unwrap() == before {
                yield_now().await;
            }
        };
        timeout(LONGEST, replaced).await.unwrap();
    }

    #[tokio::test]
    async fn the_log_is_copied_although_whoever_asked_for_it_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(folder.path());
        let to = folder.path().join("copy");
        ask_and_leave(control(api), "/v1/audit/export", json!({ "to": to }).to_string());
        let copied = async {
            while !to.join("checkpoint").exists() {
                yield_now().await;
            }
        };
        timeout(LONGEST, copied).await.unwrap();
    }

    #[tokio::test]
    async fn a_base_backup_is_taken_and_told_of_although_whoever_asked_for_it_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let api = api(folder.path());
        ask_and_leave(backup(api.clone()), "/v1/base", "");
        let told = async {
            while api.keeper.status().await.unwrap().last_base.is_none() {
                yield_now().await;
            }
        };
        timeout(LONGEST, told).await.unwrap();
    }
}
