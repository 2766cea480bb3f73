//! What holds of every decision, whatever the question; and that nothing is allowed where a policy
//! could not be evaluated.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use coffre_core::grant::{Basis, GrantState};
use coffre_core::record::FieldPath;
use coffre_core::role::Role;
use coffre_policies::{Action, Condition, GrantFacts, OperatorFacts, Policies, Question, Reason, Sources};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::embedded().unwrap());

fn field(path: &str) -> FieldPath {
    path.parse().unwrap()
}

/// Legal reads an e-mail address: allowed, by one policy.
fn legal_reads() -> Question {
    Question {
        role: Role::Legal,
        action: Action::Read,
        record_type: Some("policyholder".parse().unwrap()),
        fields: BTreeSet::from([field("contact.email"), field("contact.phone")]),
        purpose: Some("contract-administration".to_owned()),
        grant: None,
        restricted: false,
        archived: BTreeSet::new(),
        operator: OperatorFacts::default(),
    }
}

/// The embedded policies and one more.
fn with_policy(text: &str) -> Policies {
    let text = format!("@id(\"added\")\n@description_en(\"en\")\n@description_fr(\"fr\")\n{text}");
    Policies::from_sources(&Sources::embedded().with("cedar/added.cedar", &text)).unwrap()
}

#[test]
fn an_erroring_forbid_cannot_leave_allow_standing() {
    assert!(POLICIES.decide(&legal_reads()).allowed);
    // It passes strict validation and overflows whenever it is evaluated; Cedar alone would skip it.
    let policies = with_policy(
        "@reason(\"restricted\")\nforbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };",
    );
    let decision = policies.decide(&legal_reads());
    assert!(!decision.allowed);
    assert_eq!(decision.denied, Some(Reason::EvaluationError));
    assert!(decision.opened.is_empty() && decision.policies.is_empty());
    let steps = policies.explain(&legal_reads()).steps;
    assert!(steps.iter().all(|step| step.failures.iter().any(|failure| failure.contains("added"))), "{steps:?}");
}

#[test]
fn an_error_on_one_field_refuses_them_all() {
    let policies = with_policy(
        "@reason(\"restricted\")\nforbid (principal, action, resource is Field) when { resource == Field::\"policyholder/contact.phone\" && 9223372036854775807 + 1 == 0 };",
    );
    let decision = policies.decide(&legal_reads());
    assert_eq!((decision.allowed, decision.opened.len(), decision.withheld.len()), (false, 0, 2));
    let email = Question { fields: BTreeSet::from([field("contact.email")]), ..legal_reads() };
    assert!(policies.decide(&email).allowed);
}

#[test]
fn an_erroring_permit_opens_nothing() {
    let policies = with_policy("permit (principal, action, resource) when { 9223372036854775807 + 1 == 0 };");
    assert_eq!(policies.decide(&legal_reads()).denied, Some(Reason::EvaluationError));
}

#[test]
fn names_of_reasons_are_the_same_in_text_and_json() {
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
    }
    for action in Action::ALL {
        assert_eq!(serde_json::to_string(&action).unwrap(), format!("\"{action}\""));
        assert_eq!(action.as_str().parse(), Ok(action));
    }
}

/// Where an identity provider vouches for operators, one policy more makes that a condition of health.
#[test]
fn a_verified_operator_can_be_required() {
    let policies = with_policy(
        "@reason(\"no-habilitation\")\nforbid (principal, action in [Action::\"disclose-content\"], resource is Field) \
         when { resource.special } unless { context.operator.verified };",
    );
    let mut question = Question {
        fields: BTreeSet::from([field("health.illnesses")]),
        operator: OperatorFacts::habilitated(["health".parse().unwrap()]),
        ..legal_reads()
    };
    assert!(POLICIES.decide(&question).allowed);
    assert_eq!(policies.decide(&question).denied, Some(Reason::NoHabilitation));
    question.operator.verified = true;
    assert!(policies.decide(&question).allowed);
}

const STATES: [GrantState; 4] =
    [GrantState::Valid, GrantState::NotYetValid, GrantState::Expired, GrantState::Withdrawn];

fn purposes() -> impl Strategy<Value = String> {
    let mut names: Vec<String> = POLICIES.purposes().map(|purpose| purpose.name.clone()).collect();
    names.push("curiosity".to_owned());
    select(names)
}

fn fields() -> impl Strategy<Value = BTreeSet<FieldPath>> {
    let mut paths: Vec<FieldPath> = POLICIES
        .record_types()
        .flat_map(|record_type| record_type.fields().iter().map(|field| field.path.clone()))
        .collect();
    paths.sort_unstable();
    paths.dedup();
    subsequence(paths, 0..6).prop_map(|paths| paths.into_iter().collect())
}

fn grants() -> impl Strategy<Value = GrantFacts> {
    let parts = (
        select(&Role::ALL[..]),
        purposes(),
        fields(),
        select(&Basis::ALL[..]),
        proptest::option::of(select(&Condition::ALL[..])),
        select(&STATES[..]),
    );
    parts.prop_map(|(role, purpose, fields, basis, article9, state)| GrantFacts {
        role,
        purpose,
        fields,
        basis,
        article9,
        state,
    })
}

/// Half of them habilitated for health.
fn operators() -> impl Strategy<Value = OperatorFacts> {
    let habilitated = select(vec![vec![], vec!["health"], vec!["contact"], vec!["health", "lifestyle"]]);
    (habilitated, any::<bool>()).prop_map(|(categories, verified)| OperatorFacts {
        habilitated: categories.into_iter().map(|category| category.parse().unwrap()).collect(),
        verified,
    })
}

/// Questions of every shape; half of them with a grant that suits, so that many are allowed.
fn questions() -> impl Strategy<Value = Question> {
    let parts = (
        select(&Role::ALL[..]),
        select(&Action::ALL[..]),
        proptest::option::weighted(0.9, select(vec!["policyholder", "merchant", "requester", "supplier"])),
        fields(),
        proptest::option::weighted(0.9, purposes()),
        proptest::option::weighted(0.9, grants()),
        any::<bool>(),
        any::<bool>(),
        operators(),
    );
    parts.prop_map(|(role, action, record_type, fields, purpose, mut grant, suits, restricted, operator)| {
        if let (Some(grant), Some(purpose), true) = (&mut grant, &purpose, suits) {
            let fields = grant.fields.union(&fields).cloned().collect();
            *grant = GrantFacts { role, purpose: purpose.clone(), state: GrantState::Valid, fields, ..grant.clone() };
        }
        let record_type = record_type.map(|name| name.parse().unwrap());
        let restricted = restricted && suits;
        Question { role, action, record_type, fields, purpose, grant, restricted, archived: BTreeSet::new(), operator }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_holds_of_every_decision(question in questions()) {
        let decision = POLICIES.decide(&question);

        // It is a function, and its explanation says the same.
        prop_assert_eq!(&POLICIES.explain(&question).decision, &decision);
        // Every field asked for is either open or withheld, never both.
        let answered: BTreeSet<FieldPath> = decision.opened.iter().chain(decision.withheld.keys()).cloned().collect();
        prop_assert!(question.fields.is_subset(&answered));
        prop_assert_eq!(answered.len(), decision.opened.len() + decision.withheld.len());
        // A refusal has a reason, an allowance has a policy.
        prop_assert_eq!(decision.allowed, decision.denied.is_none());
        prop_assert!(!decision.allowed || !decision.policies.is_empty());
        prop_assert_ne!(decision.denied, Some(Reason::EvaluationError));

        // Who files a request or proposes values is heard, and reads nothing.
        let special = |field: &FieldPath| field.category_str() == "health";
        if matches!(question.action, Action::ProposeChange | Action::FileRequest | Action::FollowRequests) {
            let never = matches!(question.role, Role::Sales | Role::Billing);
            prop_assert!(!never || !decision.opened.iter().any(special));
            prop_assert!(question.role != Role::Backup || !decision.allowed);
            return Ok(());
        }
        let opened_special = decision.opened.iter().any(special);
        let habilitated = question.operator.habilitated.iter().any(|category| category.as_str() == "health");
        prop_assert!(!opened_special || habilitated);
        // Whoever only made a request is answered, and served by no grant.
        if question.record_type.as_ref().is_some_and(|kind| kind.as_str() == "requester") && !decision.opened.is_empty() {
            prop_assert_eq!(question.role, Role::Legal);
            prop_assert!(matches!(question.purpose.as_deref(), Some("legal-defence" | "data-subject-request")));
        }
        match question.role {
            Role::Legal => {}
            Role::CustomerService | Role::Sales | Role::Billing => {
                prop_assert!(!decision.allowed || question.fields.is_empty() || question.grant.is_some());
                if let Some(grant) = question.grant.as_ref().filter(|_| decision.allowed) {
                    prop_assert!(decision.opened.is_subset(&grant.fields));
                    prop_assert_eq!(grant.state, GrantState::Valid);
                    prop_assert_eq!(grant.role, question.role);
                    prop_assert_eq!(Some(&grant.purpose), question.purpose.as_ref());
                    prop_assert!(!opened_special || (question.role == Role::CustomerService && grant.article9.is_some()));
                }
            }
            Role::Dpo | Role::Backup => prop_assert!(decision.opened.is_empty()),
        }
        if question.restricted && !decision.opened.is_empty() {
            prop_assert_eq!(question.role, Role::Legal);
            let purpose = question.purpose.as_deref();
            prop_assert!(matches!(purpose, Some("legal-defence" | "data-subject-request")));
        }
    }
}
