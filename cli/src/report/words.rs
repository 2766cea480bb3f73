//! The words of a report, in French and English, and figures as each language writes them.

use coffre_backup::objective;
use coffre_core::time::Timestamp;

use super::facts::{JobFact, Problem, RepositoryFact};
use crate::figures;
use crate::language::Language;

/// Speaks one of the two languages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words(pub(super) Language);

impl Words {
    pub(super) const fn code(self) -> &'static str {
        self.0.pick("fr", "en")
    }

    pub(super) const fn pick(self, french: &'static str, english: &'static str) -> &'static str {
        self.0.pick(french, english)
    }

    /// French sets a space before it, which no line may break at.
    pub(super) const fn colon(self) -> &'static str {
        self.pick("\u{a0}:", ":")
    }

    pub(super) fn bytes(self, bytes: u64) -> String {
        let text = figures::bytes(bytes);
        match self.0 {
            Language::French => text.replace('.', ",").replace(" B", " o").replace('B', "o"),
            Language::English => text,
        }
    }

    /// `2 h 5 min`; of a moment in the future no age is known.
    pub(super) fn age(self, seconds: i64) -> String {
        if objective::is_in_future(seconds) {
            return self.in_future().to_owned();
        }
        let text = figures::age(seconds.max(0));
        match self.0 {
            Language::French => text.replace(" d", " j"),
            Language::English => text,
        }
    }

    /// What is said of a moment that has not come yet.
    pub(super) const fn in_future(self) -> &'static str {
        self.pick("dans le futur : une horloge était fausse", "in the future: a clock was wrong")
    }

    pub(super) fn seconds(self, milliseconds: u64) -> String {
        let text = format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100);
        match self.0 {
            Language::French => text.replace('.', ","),
            Language::English => text,
        }
    }

    pub(super) fn moment(self, time: Option<Timestamp>) -> String {
        time.map_or_else(|| self.pick("jamais", "never").to_owned(), figures::moment)
    }

    /// The work that a repository lacks, by its verbs.
    pub(super) fn neglected(self, repository: &RepositoryFact) -> Option<String> {
        let mut lacking: Vec<String> = repository.late.iter().map(|work| work.as_str().to_owned()).collect();
        match repository.overdue {
            0 => {}
            1 => lacking.push(self.pick("1 partie à relire", "1 part to be read again").to_owned()),
            parts => lacking.push(format!("{parts} {}", self.pick("parties à relire", "parts to be read again"))),
        }
        if lacking.is_empty() { None } else { Some(lacking.join(", ")) }
    }

    /// What its figures do not say of a job.
    pub(super) const fn remark(self, job: &JobFact) -> Option<&'static str> {
        if job.in_future {
            return Some(self.in_future());
        }
        if job.cut_off {
            return Some(self.pick("interrompue avant son terme", "did not come to its end"));
        }
        None
    }

    pub(super) fn problem(self, problem: &Problem) -> String {
        match (self.0, problem) {
            (Language::French, Problem::NoCopies) => "aucune destination n'est configurée".to_owned(),
            (Language::French, Problem::Copy(name)) => format!("la copie « {name} » n'est pas à jour ou est en défaut"),
            (Language::French, Problem::Source(name)) => format!("le système « {name} » n'a pas de sauvegarde récente"),
            (Language::French, Problem::Repository(name)) => {
                format!("le dépôt « {name} » n'est pas entretenu (`coffre backup repositories`)")
            }
            (Language::French, Problem::DrillFailed(cause)) => {
                format!("le dernier exercice de restauration a échoué : {cause}")
            }
            (Language::French, Problem::DrillOverdue) => {
                "aucun exercice de restauration n'a réussi depuis trop longtemps".to_owned()
            }
            (Language::French, Problem::VaultSilent(cause)) => format!("le coffre ne répond pas : {cause}"),
            (Language::French, Problem::JobFailed(job)) => format!("la tâche « {job} » a échoué"),
            (Language::French, Problem::JobLate(job)) => format!("la tâche « {job} » n'a pas réussi à ses heures"),
            (Language::English, Problem::NoCopies) => "no destination is configured".to_owned(),
            (Language::English, Problem::Copy(name)) => format!("the copy \"{name}\" is not up to date or at fault"),
            (Language::English, Problem::Source(name)) => format!("the system \"{name}\" has no recent backup"),
            (Language::English, Problem::Repository(name)) => {
                format!("the repository \"{name}\" is not looked after (`coffre backup repositories`)")
            }
            (Language::English, Problem::DrillFailed(cause)) => format!("the last drill failed: {cause}"),
            (Language::English, Problem::DrillOverdue) => "no drill has passed for too long".to_owned(),
            (Language::English, Problem::VaultSilent(cause)) => format!("the vault does not answer: {cause}"),
            (Language::English, Problem::JobFailed(job)) => format!("the job \"{job}\" failed"),
            (Language::English, Problem::JobLate(job)) => format!("the job \"{job}\" did not succeed at its times"),
        }
    }
}
