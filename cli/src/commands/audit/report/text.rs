//! The report as people read it, in French or English.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use coffre_core::audit::report::{Burst, Counted, Report, ReportScope};

use crate::figures;
use crate::language::Language;

/// So many identifiers are shown; `--json` lists more.
const SHOWN: usize = 20;

/// The whole text.
pub(super) fn of(report: &Report, language: Language) -> String {
    let mut page = Page { language, text: String::new() };
    page.heading(report);
    page.persons(report);
    for (french, english, lines) in [
        ("CATÉGORIE", "CATEGORY", &report.categories),
        ("FINALITÉ", "PURPOSE", &report.purposes),
        ("BASE LÉGALE", "LEGAL BASIS", &report.bases),
        ("OPÉRATEUR", "OPERATOR", &report.operators),
        ("APPLICATION", "APPLICATION", &report.applications),
    ] {
        page.table(french, english, lines);
    }
    page.refusals(report);
    page.unused(report);
    page.text.truncate(page.text.trim_end().len());
    page.text
}

struct Page {
    language: Language,
    text: String,
}

impl Page {
    fn say<'a>(&self, french: &'a str, english: &'a str) -> &'a str {
        self.language.pick(french, english)
    }

    fn line(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref().trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, report: &Report) {
        let about = self.about(&report.scope);
        self.line(format!("{} {about}", self.say("Accès", "Accesses")));
        let log = self.say("écritures dans le journal", "entries in the log");
        let here = self.say("concernées", "of them concerned");
        self.line(format!("{} {log}, {} {here}", report.log_size, report.entries));
        if report.minimum_index > 0 {
            let first = self.say("dont les", "of which the first");
            let pruned = self.say(
                "premières ont été purgées : ce qu'elles disaient n'est compté nulle part",
                "were pruned: what they said is counted nowhere",
            );
            self.line(format!("{first} {} {pruned}", report.minimum_index));
        }
        if let (Some(first), Some(last)) = (report.first, report.last) {
            let (from, to) = (figures::moment(first), figures::moment(last));
            self.line(format!("{} {from} {} {to}", self.say("du", "from"), self.say("au", "to")));
        }
        self.line("");
    }

    fn about(&self, scope: &ReportScope) -> String {
        let mut parts = Vec::new();
        let mut name = |word: &str, value: Option<String>| parts.extend(value.map(|value| format!("{word} {value}")));
        name(self.say("de l'opérateur", "of operator"), scope.operator.clone());
        name(self.say("par l'application", "through application"), scope.application.clone());
        name(self.say("à la personne", "to person"), scope.subject.map(|subject| subject.to_string()));
        name(self.say("depuis le", "since"), scope.from.map(figures::moment));
        name(self.say("avant le", "before"), scope.to.map(figures::moment));
        if parts.is_empty() { self.say("de tous", "of everybody").to_owned() } else { parts.join(", ") }
    }

    fn persons(&mut self, report: &Report) {
        let persons = self.say("personnes dont un contenu a été vu", "persons whose content was seen");
        let times = self.say("consultations", "accesses");
        let documents = self.say("documents ouverts", "documents opened");
        self.line(format!("{:>9}  {persons}", report.persons.count));
        self.line(format!("{:>9}  {times}", report.disclosures));
        self.line(format!("{:>9}  {documents}", report.documents));
        self.line("");
        for id in report.persons.ids.iter().take(SHOWN) {
            self.line(format!("  {id}"));
        }
        let hidden = report.persons.count.saturating_sub(report.persons.ids.len().min(SHOWN) as u64);
        if hidden > 0 {
            let more = self.say("autres (--json, --limit)", "more (--json, --limit)");
            self.line(format!("  … {hidden} {more}"));
        }
        self.blank_after(report.persons.count > 0);
    }

    fn blank_after(&mut self, anything: bool) {
        if anything {
            self.line("");
        }
    }

    fn table(&mut self, french: &str, english: &str, lines: &BTreeMap<String, Counted>) {
        if lines.is_empty() {
            return;
        }
        let heading = self.say(french, english).to_owned();
        let width = lines.keys().map(|name| name.chars().count()).chain([heading.chars().count()]).max().unwrap_or(0);
        let (times, persons) = (self.say("CONSULTATIONS", "ACCESSES"), self.say("PERSONNES", "PERSONS"));
        self.line(format!("{heading:<width$}  {times:>13}  {persons:>9}"));
        for (name, counted) in lines {
            self.line(format!("{name:<width$}  {:>13}  {:>9}", counted.disclosures, counted.persons));
        }
        self.line("");
    }

    fn refusals(&mut self, report: &Report) {
        let refusals = &report.refusals;
        self.line(format!("{:>9}  {}", refusals.count, self.say("refus", "refusals")));
        for (cause, count) in &refusals.causes {
            self.line(format!("{count:>9}    {cause}"));
        }
        if !refusals.bursts.is_empty() {
            let title = "RAFALES DE REFUS (au moins dix, sans pause de plus de dix minutes)";
            self.line(format!("\n{}", self.say(title, "BURSTS OF REFUSALS (ten or more, no pause over ten minutes)")));
        }
        for burst in &refusals.bursts {
            self.line(self.burst(burst));
        }
        if refusals.more_bursts > 0 {
            let more = self.say("autres rafales, plus petites", "more bursts, smaller ones");
            self.line(format!("  … {} {more}", refusals.more_bursts));
        }
        self.line("");
    }

    fn burst(&self, burst: &Burst) -> String {
        let named = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
        let causes = burst.causes.iter().cloned().collect::<Vec<_>>().join(", ");
        let mut text = format!("{:>9}  ", burst.count);
        let (operator, application) = (named(&burst.operator), named(&burst.application));
        let (from, to) = (figures::moment(burst.first), figures::moment(burst.last));
        let persons = self.say("personnes", "persons");
        let _text_grows =
            write!(text, "{operator} / {application}, {from} – {to}, {} {persons}: {causes}", burst.subjects);
        text
    }

    fn unused(&mut self, report: &Report) {
        let unused = &report.unused;
        self.line(self.say("DROITS QUE PERSONNE N'A UTILISÉS", "RIGHTS THAT NOBODY USED"));
        let or_none = |names: Vec<String>| if names.is_empty() { "-".to_owned() } else { names.join(", ") };
        let roles = unused.roles.iter().map(ToString::to_string).collect();
        let (applications, role_word) = (self.say("applications :", "applications:"), self.say("rôles :", "roles:"));
        self.line(format!("  {applications} {}", or_none(unused.applications.clone())));
        self.line(format!("  {role_word} {}", or_none(roles)));
        self.line(format!("  {} {}", self.say("habilitations :", "grants:"), unused.grant_count));
        for grant in unused.grants.iter().take(SHOWN) {
            self.line(format!("    {}  {}, {}", grant.id, grant.role, grant.purpose));
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A report as the server answers it.
    fn report() -> Report {
        serde_json::from_value(serde_json::json!({
            "scope": {"operator": "b.petit", "from": "2026-11-01T00:00:00Z"},
            "log_size": 1204, "first": "2026-11-02T08:00:00Z", "last": "2026-11-22T15:32:00Z",
            "entries": 57, "disclosures": 43, "documents": 2,
            "persons": {"count": 21, "more": true, "ids": ["0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11"]},
            "categories": {"policyholder/contact": {"disclosures": 40, "persons": 21},
                           "policyholder/contract": {"disclosures": 3, "persons": 2}},
            "purposes": {"direct-marketing": {"disclosures": 43, "persons": 21}},
            "bases": {"consent": {"disclosures": 43, "persons": 21}},
            "operators": {"b.petit": {"disclosures": 43, "persons": 21}},
            "applications": {"crm": {"disclosures": 43, "persons": 21}},
            "actions": {"read": 41, "read-document": 2},
            "refusals": {"count": 14, "causes": {"never-for-role": 12, "no-grant": 2}, "more_bursts": 3, "bursts": [
                {"application": "crm", "operator": "b.petit", "first": "2026-11-03T08:00:00Z",
                 "last": "2026-11-03T08:04:00Z", "count": 12, "subjects": 9, "causes": ["never-for-role"]}]},
            "unused": {"applications": ["forgotten"], "roles": ["billing"], "grant_count": 1,
                       "grants": [{"id": "1b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11", "role": "sales", "purpose": "direct-marketing"}]},
        }))
        .unwrap()
    }

    #[test]
    fn the_report_in_french() {
        insta::assert_snapshot!(of(&report(), Language::French));
    }

    #[test]
    fn the_report_in_english() {
        insta::assert_snapshot!(of(&report(), Language::English));
    }

    #[test]
    fn a_report_over_a_pruned_log_says_what_it_lacks() {
        let pruned = Report { minimum_index: 512, ..report() };
        let english = of(&pruned, Language::English);
        assert!(
            english.contains("\nof which the first 512 were pruned: what they said is counted nowhere\n"),
            "{english}"
        );
        let french = of(&pruned, Language::French);
        assert!(french.contains("\ndont les 512 premières ont été purgées : ce qu'elles disaient"), "{french}");
    }

    #[test]
    fn a_report_of_nothing_is_short() {
        let mut nothing = report();
        nothing.scope = ReportScope::default();
        (nothing.entries, nothing.disclosures, nothing.documents) = (0, 0, 0);
        (nothing.first, nothing.last) = (None, None);
        nothing.persons = coffre_core::audit::report::Concerned::default();
        for lines in [&mut nothing.categories, &mut nothing.purposes, &mut nothing.bases] {
            lines.clear();
        }
        nothing.operators.clear();
        nothing.applications.clear();
        nothing.refusals = coffre_core::audit::report::Refusals::default();
        nothing.unused = coffre_core::audit::report::Unused::default();
        insta::assert_snapshot!(of(&nothing, Language::English));
    }
}
