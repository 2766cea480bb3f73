//! `coffre policy matrix`: who may read what: role against category, by purpose: without a grant, with one, or never and
//! by which policy. As text, Markdown, HTML or JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use coffre_core::record::FieldPath;
use coffre_policies::{Access, Cell, Labels, Matrix, Policies};
use maud::{DOCTYPE, Markup, html};

use crate::arguments::Global;
use crate::exit::Exit;
use crate::language::Language;
use crate::output;
use crate::role_names::role_name;

/// The arguments of `coffre policy matrix`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy folder; otherwise the configuration's, then the policies that the binary was built with
    #[arg(value_name = "DIR")]
    policies: Option<PathBuf>,
    /// As Markdown, for documents
    #[arg(long, conflicts_with_all = ["html", "json"])]
    markdown: bool,
    /// As one HTML page
    #[arg(long, conflicts_with = "json")]
    html: bool,
    /// As one JSON object, with the access of each purpose
    #[arg(long)]
    json: bool,
}

/// Computes and shows it, in the reader's language.
pub(crate) fn run(arguments: &Arguments, global: &Global) -> anyhow::Result<Exit> {
    let folder = super::folder(arguments.policies.as_deref(), global)?;
    let policies = super::load(folder.as_deref())?;
    let matrices: Vec<Matrix> = policies.record_types().map(|record_type| policies.matrix(record_type)).collect();
    let show = Show(Language::of_environment());
    if arguments.json {
        output::json(&serde_json::json!({ "policy_set": policies.hash().to_string(), "record_types": matrices }))?;
    } else if arguments.html {
        output::line(show.page(&policies, &matrices).into_string())?;
    } else if arguments.markdown {
        output::line(show.markdown(&matrices).trim_end())?;
    } else {
        output::line(show.text(&matrices).trim_end())?;
    }
    Ok(Exit::Success)
}

/// What a cell says: a heading and what it is about, each at most once.
type Said = Vec<(&'static str, String)>;

#[derive(Clone, Copy)]
struct Show(Language);

impl Show {
    const fn say(self, french: &'static str, english: &'static str) -> &'static str {
        self.0.pick(french, english)
    }

    fn label(self, labels: &Labels) -> &str {
        self.0.pick(&labels.fr, &labels.en)
    }

    fn title(self, matrix: &Matrix) -> String {
        format!("{} ({})", self.label(&matrix.labels), matrix.record_type)
    }

    const fn heading(self) -> &'static str {
        self.say("Qui peut lire quoi", "Who may read what")
    }

    const fn role(self) -> &'static str {
        self.say("rôle", "role")
    }

    const fn note(self) -> &'static str {
        self.say(
            "Calculé à partir des politiques : chaque case est leur réponse à la question elle-même. Une catégorie est \
             ouverte si tous ses champs le sont. L'article 9 du RGPD protège les catégories marquées d'un astérisque.",
            "Computed from the policies: each cell is their answer to the question itself. A category is open if all of \
             its fields are. GDPR article 9 protects the categories marked with an asterisk.",
        )
    }

    fn cell(self, cell: &Cell) -> Said {
        let purposes = |access| cell.with(access).map(|labels| self.label(labels)).collect::<Vec<_>>().join(", ");
        let mut said = vec![
            (self.say("sans habilitation", "without a grant"), purposes(Access::Free)),
            (self.say("avec une habilitation", "with a grant"), purposes(Access::Grant)),
        ];
        let fields = |fields: &BTreeSet<FieldPath>| fields.iter().map(FieldPath::as_str).collect::<Vec<_>>().join(", ");
        let free = self.say("ces champs seulement, sans habilitation", "these fields only, without a grant");
        let granted = self.say("ces champs seulement, avec une habilitation", "these fields only, with a grant");
        said.extend([(free, fields(&cell.free_fields)), (granted, fields(&cell.granted_fields))]);
        said.retain(|(_, what)| !what.is_empty());
        if cell.habilitation {
            said.push((self.say("opérateur habilité seulement", "habilitated operators only"), String::new()));
        }
        if cell.verification {
            said.push((self.say("opérateur vérifié seulement", "verified operators only"), String::new()));
        }
        if cell.is_closed() {
            said.push((self.say("jamais", "never"), cell.forbidden_by.join(", ")));
        }
        said
    }

    fn columns(self, matrix: &Matrix) -> Vec<String> {
        let mark = |special| if special { "*" } else { "" };
        matrix.columns.iter().map(|column| format!("{}{}", self.label(&column.labels), mark(column.special))).collect()
    }

    fn text(self, matrices: &[Matrix]) -> String {
        let mut text = String::new();
        for matrix in matrices {
            text.push_str(&self.title(matrix));
            text.push('\n');
            let columns = self.columns(matrix);
            for row in &matrix.rows {
                let _ = writeln!(text, "  {}", role_name(self.0, row.role));
                for (column, cell) in columns.iter().zip(&row.cells) {
                    let said = self.cell(cell).into_iter().map(together).collect::<Vec<_>>().join("; ");
                    let _ = writeln!(text, "    {column}: {said}");
                }
            }
            text.push('\n');
        }
        text
    }

    fn markdown(self, matrices: &[Matrix]) -> String {
        let mut text = format!("# {}\n\n{}\n", self.heading(), self.note());
        for matrix in matrices {
            let columns = self.columns(matrix);
            let head = columns.iter().map(|column| column.replace('*', "\\*")).collect::<Vec<_>>().join(" | ");
            let _ = write!(text, "\n## {}\n\n| {} | {head} |\n|---|", self.title(matrix), self.role());
            text.push_str(&"---|".repeat(columns.len()));
            text.push('\n');
            for row in &matrix.rows {
                let _ = write!(text, "| {} |", role_name(self.0, row.role));
                for cell in &row.cells {
                    let said = self.cell(cell).into_iter().map(emphasized).collect::<Vec<_>>().join("<br>");
                    let _ = write!(text, " {said} |");
                }
                text.push('\n');
            }
        }
        text
    }

    fn page(self, policies: &Policies, matrices: &[Matrix]) -> Markup {
        html! {
            (DOCTYPE)
            html lang=(self.say("fr", "en")) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.heading()) }
                    style { "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}\
                             th,td{border:1px solid;padding:.4rem .6rem;text-align:left;vertical-align:top}td p{margin:0}" }
                }
                body {
                    h1 { (self.heading()) }
                    p { (self.note()) }
                    @for matrix in matrices { (self.table(matrix)) }
                    p { (self.say("Jeu de politiques", "Policy set")) " " code { (policies.hash()) } }
                }
            }
        }
    }

    fn table(self, matrix: &Matrix) -> Markup {
        html! {
            h2 { (self.title(matrix)) }
            table {
                thead { tr {
                    th scope="col" { (self.role()) }
                    @for column in self.columns(matrix) { th scope="col" { (column) } }
                } }
                tbody { @for row in &matrix.rows { tr {
                    th scope="row" { (role_name(self.0, row.role)) }
                    @for cell in &row.cells {
                        td { @for said in self.cell(cell) { p { strong { (said.0) } " " (said.1) } } }
                    }
                } } }
            }
        }
    }
}

fn together((heading, text): (&'static str, String)) -> String {
    if text.is_empty() { heading.to_owned() } else { format!("{heading} ({text})") }
}

fn emphasized((heading, text): (&'static str, String)) -> String {
    if text.is_empty() { format!("**{heading}**") } else { format!("**{heading}**: {text}") }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn matrices() -> (Policies, Vec<Matrix>) {
        let policies = Policies::embedded().unwrap();
        let matrices = policies.record_types().map(|record_type| policies.matrix(record_type)).collect();
        (policies, matrices)
    }

    /// To renew it: `LANG=C coffre policy matrix --markdown > docs/ACCESS-MATRIX.md`.
    #[test]
    fn the_documents_show_the_matrix_of_the_policies_that_ship() {
        let (_, matrices) = matrices();
        let documented = include_str!("../../../../docs/ACCESS-MATRIX.md");
        assert_eq!(Show(Language::English).markdown(&matrices).trim_end(), documented.trim_end());
    }

    #[test]
    fn every_form_says_the_same_in_both_languages() {
        let (policies, matrices) = matrices();
        for (language, habilitated, never) in [
            (Language::English, "habilitated operators only", "never"),
            (Language::French, "opérateur habilité seulement", "jamais"),
        ] {
            let show = Show(language);
            for form in [show.text(&matrices), show.markdown(&matrices), show.page(&policies, &matrices).into_string()]
            {
                assert!(
                    form.contains(habilitated) && form.contains(never) && form.contains("sales-never-health"),
                    "{form}"
                );
            }
        }
    }
}
