//! Decisions with the policies that ship: what is opened, by which grants, and what a refusal may say.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use coffre_core::grant::{Basis, Grant, GrantTerms};
use coffre_core::ids::{GrantId, SubjectId};
use coffre_core::record::{Category, FieldPath, RecordTypeName};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_policies::{Action, OperatorFacts, Policies, Reason};

use super::decider::NOTHING;
use super::{Asked, Decided, Decider, Refusal, Standing};

const NOW: i64 = 1_000_000;

fn decider() -> &'static Decider {
    static DECIDER: OnceLock<Decider> = OnceLock::new();
    DECIDER.get_or_init(|| Decider::new(Arc::new(Policies::embedded().unwrap())))
}

fn set(fields: &str) -> BTreeSet<FieldPath> {
    fields.split_whitespace().map(|field| field.parse().unwrap()).collect()
}

fn grant(id: u8, role: Role, purpose: &str, fields: &str) -> Grant {
    Grant {
        id: GrantId::from_bytes([id; 16]),
        subject: SubjectId::from_bytes([1; 16]),
        terms: Arc::new(GrantTerms {
            role,
            purpose: purpose.to_owned(),
            fields: set(fields),
            basis: Basis::Consent,
            article9: None,
            valid_from: Timestamp::from_micros(0),
            valid_until: None,
            evidence: None,
        }),
        version: 1,
        withdrawn_at: None,
    }
}

fn ending(at: i64, mut grant: Grant) -> Grant {
    Arc::make_mut(&mut grant.terms).valid_until = Some(Timestamp::from_micros(at));
    grant
}

fn withdrawn(mut grant: Grant) -> Grant {
    grant.withdrawn_at = Some(Timestamp::from_micros(1));
    grant
}

/// Reading fields for a purpose; `None` is a record that does not exist.
fn read(role: Role, purpose: &str, fields: &str, grants: Option<&[Grant]>) -> Decided {
    let kind: RecordTypeName = "policyholder".parse().unwrap();
    let asked = Asked {
        role,
        action: Action::Read,
        record_type: Some(&kind),
        fields: &set(fields),
        entire: false,
        purpose: Some(purpose),
        operator: OperatorFacts::default(),
    };
    let now = Timestamp::from_micros(NOW);
    decider().decide(&asked, grants.map(|grants| Standing { grants, restricted: false, archived: &NOTHING, now }))
}

fn marketing(grants: Option<&[Grant]>, fields: &str) -> Decided {
    read(Role::Sales, "direct-marketing", fields, grants)
}

#[test]
fn grants_are_added_up_until_everything_is_open() {
    let sales = |id, fields| grant(id, Role::Sales, "direct-marketing", fields);
    let grants = [
        ending(NOW + 9, sales(1, "contact.email contact.phone")),
        ending(NOW + 5, sales(2, "contact.family_name")),
        sales(3, "contact.given_name"),
        withdrawn(sales(4, "contact.availability")),
    ];
    let decided = marketing(Some(&grants), "contact.email contact.phone contact.family_name contact.availability");
    assert_eq!(decided.refusal, None);
    assert_eq!(decided.opened, set("contact.email contact.phone contact.family_name"));
    assert_eq!(decided.withheld.keys().cloned().collect::<BTreeSet<_>>(), set("contact.availability"));
    let relied_on: Vec<GrantId> = decided.grants.iter().map(|grant| grant.id).collect();
    assert_eq!(relied_on, [grants[0].id, grants[1].id], "the third opens nothing that was asked for");
    assert_eq!(decided.valid_until, Some(Timestamp::from_micros(NOW + 5)), "when the first of them ends");
    assert!(decided.policies.contains("grant-opens-its-fields"));
}

#[test]
fn a_grant_of_another_role_or_purpose_opens_nothing() {
    let grants = [
        grant(1, Role::CustomerService, "customer-support", "contact.email"),
        grant(2, Role::Billing, "billing", "contact.email"),
    ];
    let decided = marketing(Some(&grants), "contact.email");
    assert_eq!((decided.refusal, decided.cause), (Some(Refusal::Hidden), Some(Reason::NoGrant)));
    assert!(decided.grants.is_empty());
}

#[test]
fn a_refusal_admits_only_what_is_no_secret() {
    let open = [grant(1, Role::Sales, "direct-marketing", "contact.email")];
    let closed = [withdrawn(open[0].clone())];
    for (grants, fields, refusal, cause) in [
        // The same for every record, known or not.
        (Some(open.as_slice()), "health.illnesses", Refusal::Outright, Reason::NeverForRole),
        (Some(&[]), "health.illnesses", Refusal::Outright, Reason::NeverForRole),
        (None, "health.illnesses", Refusal::Outright, Reason::NeverForRole),
        // Another field of the record is open.
        (Some(open.as_slice()), "contact.phone", Refusal::OfReadable, Reason::NotInGrant),
        // Nothing of it is.
        (Some(closed.as_slice()), "contact.email", Refusal::Hidden, Reason::GrantWithdrawn),
        (Some(&[]), "contact.email", Refusal::Hidden, Reason::NoGrant),
        (None, "contact.email", Refusal::Hidden, Reason::NoGrant),
        (None, "contact.email health.illnesses", Refusal::Hidden, Reason::NeverForRole),
    ] {
        let decided = marketing(grants, fields);
        assert_eq!((decided.refusal, decided.cause), (Some(refusal), Some(cause)), "{fields} with {grants:?}");
        assert!(decided.opened.is_empty());
    }
}

#[test]
fn what_is_refused_whatever_the_record_tells_nothing_of_how_it_stands() {
    let (kind, fields): (RecordTypeName, _) = ("policyholder".parse().unwrap(), set("health.illnesses"));
    let asked = Asked {
        role: Role::Sales,
        action: Action::Read,
        record_type: Some(&kind),
        fields: &fields,
        entire: false,
        purpose: Some("direct-marketing"),
        operator: OperatorFacts::default(),
    };
    let told = |standing: Option<Standing<'_>>| {
        let Decided { refusal, cause, withheld, policies, .. } = decider().decide(&asked, standing);
        (refusal, cause, withheld, policies)
    };
    let of_nobody = told(None);
    assert_eq!(of_nobody.0, Some(Refusal::Outright));
    let apart: BTreeSet<Category> = BTreeSet::from(["health".parse().unwrap()]);
    let now = Timestamp::from_micros(NOW);
    for (restricted, archived) in [(true, &NOTHING), (false, &apart), (true, &apart)] {
        assert_eq!(told(Some(Standing { grants: &[], restricted, archived, now })), of_nobody);
    }
}

#[test]
fn who_needs_no_grant_is_told_why_not() {
    let decided = read(Role::Legal, "direct-marketing", "contact.email", Some(&[]));
    assert_eq!((decided.refusal, decided.cause), (Some(Refusal::Outright), Some(Reason::PurposeNotForRole)));
    let kind: RecordTypeName = "policyholder".parse().unwrap();
    let asked = Asked {
        role: Role::Legal,
        action: Action::Amend,
        record_type: Some(&kind),
        fields: &set("contact.email"),
        entire: true,
        purpose: Some("contract-administration"),
        operator: OperatorFacts::default(),
    };
    let now = Timestamp::from_micros(NOW);
    let decided = decider().decide(&asked, Some(Standing { grants: &[], restricted: true, archived: &NOTHING, now }));
    assert_eq!((decided.refusal, decided.cause), (Some(Refusal::OfReadable), Some(Reason::Restricted)));
}

#[test]
fn what_must_be_entire_is_refused_for_one_field() {
    let kind: RecordTypeName = "policyholder".parse().unwrap();
    let entire = |fields: &str| {
        let asked = Asked {
            role: Role::Sales,
            action: Action::Search,
            record_type: Some(&kind),
            fields: &set(fields),
            entire: true,
            purpose: Some("direct-marketing"),
            operator: OperatorFacts::default(),
        };
        let grants = [grant(1, Role::Sales, "direct-marketing", "contact.email")];
        let now = Timestamp::from_micros(NOW);
        decider().decide(&asked, Some(Standing { grants: &grants, restricted: false, archived: &NOTHING, now })).refusal
    };
    assert_eq!(entire("contact.email"), None);
    assert_eq!(entire("contact.email contact.phone"), Some(Refusal::OfReadable));
}
