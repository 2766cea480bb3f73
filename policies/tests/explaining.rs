//! An explanation names, for each field, the policies that made the decision, in words.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write;

use coffre_policies::{Policies, Question};

fn explained(question: &str) -> String {
    let question: Question = toml::from_str(question).unwrap();
    let explanation = Policies::embedded().unwrap().explain(&question);
    let mut text = format!("allowed: {}\n", explanation.decision.allowed);
    for step in explanation.steps {
        let reason = step.refused.map_or_else(|| "open".to_owned(), |reason| reason.to_string());
        writeln!(text, "{}: {reason}", step.resource).unwrap();
        for note in step.policies {
            writeln!(text, "  {:?} {} ({})", note.effect, note.id, note.place).unwrap();
            writeln!(text, "    {}\n    {}", note.description.en, note.description.fr).unwrap();
        }
    }
    text
}

#[test]
fn sales_asks_for_an_address_and_for_health() {
    let explanation = explained(
        r#"
        role = "sales"
        action = "read"
        record-type = "policyholder"
        fields = ["contact.email", "contact.phone", "health.illnesses"]
        purpose = "direct-marketing"
        grant = { role = "sales", purpose = "direct-marketing", fields = ["contact.email"], basis = "consent", state = "valid" }
        "#,
    );
    insta::assert_snapshot!(explanation);
}

#[test]
fn the_officer_asks_for_the_log() {
    let explanation = explained("role = \"dpo\"\naction = \"read-audit\"");
    insta::assert_snapshot!(explanation);
}
