//! A vault in a temporary folder, for the tests of this crate.

use std::path::Path;
use std::sync::Arc;

use coffre_core::audit::{Action, Decision, Draft};
use coffre_core::ids::{RequestId, SubjectId};
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_core::search::{SearchIndex, SearchKind};
use coffre_store::clock::{SystemClock, SystemEntropy};
use coffre_store::transactions::CreateRecord;
use coffre_store::{Depends, Disclosure, Identity, InitPlan, Layout, OpenOptions, Receipt, Store, init};
use serde_json::json;

pub(crate) fn kind() -> RecordTypeName {
    "policyholder".parse().unwrap()
}

pub(crate) fn path(text: &str) -> FieldPath {
    text.parse().unwrap()
}

pub(crate) fn index(field: &str, kind_of: SearchKind) -> SearchIndex {
    SearchIndex { record_type: kind(), field: path(field), kind: kind_of }
}

pub(crate) fn options() -> OpenOptions {
    let indexes = vec![
        index("contact.family_name", SearchKind::Name),
        index("contact.email", SearchKind::Exact),
        index("legacy.client_number", SearchKind::Exact),
    ];
    OpenOptions { indexes, clock: Arc::new(SystemClock), readers: 2 }
}

/// Makes a vault in `dir/vault`.
pub(crate) fn make(dir: &Path) {
    let plan = InitPlan {
        environment: "test".parse().unwrap(),
        recovery_recipient: None,
        recovery_identity_file: dir.join("recovery.identity"),
    };
    init(&dir.join("vault"), &plan, &SystemClock, &mut SystemEntropy).unwrap();
}

pub(crate) fn open(dir: &Path) -> Store {
    let vault = dir.join("vault");
    let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
    Store::open(&vault, &identity, &options()).unwrap()
}

pub(crate) fn draft(action: Action) -> Draft {
    Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy))
}

pub(crate) fn sample(number: u32) -> Fields {
    let values = [
        ("contact.family_name", json!("Lefèvre")),
        ("contact.email", json!(format!("client{number}@example.fr"))),
        ("health.illnesses", json!(["asthme"])),
        ("legacy.client_number", json!(format!("{number:08}"))),
    ];
    Fields(values.into_iter().map(|(field, value)| (path(field), value)).collect())
}

pub(crate) fn create(store: &Store, number: u32) -> SubjectId {
    let transaction = CreateRecord { record_type: kind(), subject: store.new_subject(), fields: sample(number) };
    store.transact(transaction, draft(Action::Create), None, Depends::default()).wait().unwrap().0
}

/// Reads fields the way a caller must: with an entry that names them.
pub(crate) fn read(store: &Store, subject: SubjectId, fields: &[&str]) -> Fields {
    let fields: Vec<FieldPath> = fields.iter().map(|field| path(field)).collect();
    let snapshot = store.snapshot().unwrap();
    let content = snapshot.fields(&kind(), subject, &fields).unwrap();
    drop(snapshot);
    let receipt = note(store, subject, &fields, &content).unwrap();
    content.open(&receipt).unwrap()
}

pub(crate) fn note<T>(
    store: &Store,
    subject: SubjectId,
    fields: &[FieldPath],
    content: &coffre_store::Undisclosed<T>,
) -> Result<Receipt, coffre_store::CommitError<std::convert::Infallible>> {
    let mut draft = draft(Action::Read);
    draft.record_type = Some(kind());
    draft.subjects = vec![subject];
    draft.fields = fields.to_vec();
    let claims = vec![content.claim().clone()];
    store.disclose(Disclosure { draft, reason: None, claims, depends: Depends::default() }).wait()
}
