//! What comes of a decision that is made again.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use coffre_core::audit::Decision;
use coffre_core::ids::SubjectId;
use coffre_core::time::Timestamp;
use coffre_store::CaptureStatus;
use futures_util::FutureExt as _;

use super::*;
use crate::rotating::Standing;
use crate::usecases::DrillHistory;
use crate::usecases::new_vault::{READERS, call_of, keeper};

#[tokio::test]
async fn a_read_that_was_decided_again_is_watched_once() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper(folder.path());
    let call = call_of(&keeper, "cobol", Role::Legal).await;
    let moved = AtomicBool::new(false);
    let look = move |look: &Look<'_>| {
        let draft = look.call.draft(look.application(), Action::Read, Decision::Allow);
        let subjects = (0..101).map(|number| SubjectId::from_bytes([number; 16])).collect();
        let draft = Draft { subjects, ..draft };
        // The first time it rests on what has ended.
        let ended = (!moved.swap(true, Ordering::SeqCst)).then_some(Timestamp::from_micros(0));
        let depends = Depends { valid_until: ended, ..Depends::default() };
        Ok(Plan { draft, reason: None, depends, then: Ok(Reading { claims: Vec::new(), content: () }) })
    };
    let ((), receipt) = keeper.disclose(&call, look).await.unwrap();
    let unusual = keeper.watch.count(call.application, None, 100, receipt.time());
    assert_eq!(unusual, Some(Unusual { reads: 201, usual: 0 }));
}

#[tokio::test]
async fn for_whoever_has_gone_meanwhile_nothing_is_decided() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper(folder.path());
    let call = call_of(&keeper, "cobol", Role::Legal).await;
    let (gate, decided) = (Arc::new(RwLock::new(())), Arc::new(AtomicBool::new(false)));
    let closed = gate.write().unwrap();
    for _ in 0..READERS {
        let gate = Arc::clone(&gate);
        keeper.look(move |_, _| drop(gate.read().unwrap()));
    }
    let told = Arc::clone(&decided);
    let look = move |look: &Look<'_>| {
        told.store(true, Ordering::SeqCst);
        let draft = look.call.draft(look.application(), Action::Read, Decision::Allow);
        let then = Ok(Reading { claims: Vec::new(), content: () });
        Ok(Plan { draft, reason: None, depends: Depends::default(), then })
    };
    assert!(keeper.disclose(&call, look).now_or_never().is_none(), "it waits for a view, and goes");
    drop(closed);
    for _ in 0..2 * READERS {
        keeper.view(|_, _| Ok(())).await.unwrap();
    }
    assert!(!decided.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_refusal_that_was_decided_again_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = keeper(folder.path());
    let call = call_of(&keeper, "crm", Role::Sales).await;
    let moves = AtomicUsize::new(2);
    let look = move |look: &Look<'_>| {
        let draft = look.call.draft(look.application(), Action::Read, Decision::Deny);
        let moves = moves.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let depends = Depends { valid_until: moves.then_some(Timestamp::from_micros(0)), ..Depends::default() };
        Ok(Plan::<Reading<()>> { draft, reason: None, depends, then: Err(Refused::Hidden) })
    };
    assert!(matches!(keeper.disclose(&call, look).await, Err(Failure::NotFound { .. })));
    let drills = DrillHistory { drills: Vec::new(), objective_seconds: None, overdue: false, last_success: None };
    let rotation = (1, &Standing::default());
    let text = keeper.metrics.exposition(true, None, None, &CaptureStatus::default(), &drills, rotation);
    let counted = r#"coffre_denials_total{role="sales",action="read",cause="hidden"} 1"#;
    assert!(text.lines().any(|line| line == counted), "{text}");
}
