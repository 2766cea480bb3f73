//! The recovery kit: what a colleague who has never done it needs after a disaster, on paper and without a secret in it.

use std::collections::BTreeMap;

use coffre_core::key_share::Parts;

use super::share_page::VaultFacts;
use super::words::Words;
use crate::configuration::{Configuration, Printed};
use crate::language::Language;
use crate::paper::{Block, Paper, Step};

/// Where backups are, and what no backup holds.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    pub(crate) destinations: Vec<Printed>,
    /// The repository, its place as restic's `--repo`.
    pub(crate) repository: Option<Printed>,
    /// Whether the vault has a folder of policies of its own.
    pub(crate) policies: bool,
}

impl Whereabouts {
    /// What a configuration says.
    pub(crate) fn of(configuration: Option<&Configuration>) -> Self {
        let policies = configuration.is_some_and(|configuration| configuration.policies.is_some());
        let Some(backup) = configuration.and_then(|configuration| configuration.backup.as_ref()) else {
            return Self { policies, ..Self::default() };
        };
        Self {
            destinations: backup.destinations.iter().map(crate::configuration::Destination::printed).collect(),
            repository: backup.restic.as_ref().map(crate::configuration::Restic::for_kit),
            policies,
        }
    }
}

/// A kit.
pub(crate) struct Kit<'k> {
    pub(crate) vault: &'k VaultFacts,
    pub(crate) parts: Parts,
    pub(crate) holders: &'k [String],
    pub(crate) whereabouts: &'k Whereabouts,
    pub(crate) keepers: &'k BTreeMap<String, String>,
}

impl Kit<'_> {
    /// The whole of it.
    pub(crate) fn paper(&self, language: Language) -> Paper {
        let words = Words(language);
        let heading = |french: &str, english: &str| Block::Heading(words.pick(french, english).to_owned());
        let title = match language {
            Language::French => format!("Dossier de secours du coffre, environnement {}", self.vault.environment),
            Language::English => format!("Recovery kit of the vault, environment {}", self.vault.environment),
        };
        let blocks = vec![
            Block::Text(words.pick(WHAT.0, WHAT.1).to_owned()),
            Block::Facts(self.vault.rows(words)),
            heading("Qui ouvre", "Who opens it"),
            Block::Text(self.who(language)),
            self.holders(words),
            heading("Où sont les sauvegardes", "Where the backups are"),
            Block::Text(words.pick(WHERE.0, WHERE.1).to_owned()),
            self.places(words),
            heading("La marche à suivre", "What to do"),
            Block::Steps(self.before(language)),
            Block::File(self.configuration()),
            heading("La restauration", "The restore"),
            Block::Steps(self.restore(language)),
            heading("À consigner", "To write down"),
            Block::Blanks(blanks(words)),
        ];
        Paper { language, title, format: None, blocks }
    }

    fn who(&self, language: Language) -> String {
        let (need, count) = (self.parts.threshold(), self.parts.count());
        match language {
            Language::French => format!(
                "La clé de secours est partagée entre {count} détenteurs. {need} d'entre eux, quels qu'ils soient, ouvrent \
                 ensemble ; moins n'ouvrent rien. Chacun apporte sa page et tape lui-même ses quatre lignes."
            ),
            Language::English => format!(
                "The recovery key is shared among {count} holders. Any {need} of them open together; fewer open nothing. Each \
                 brings their page and types its four lines themselves."
            ),
        }
    }

    fn holders(&self, words: Words) -> Block {
        let headings = [
            ("Part", "Share"),
            ("Détenteur", "Holder"),
            ("Téléphone", "Telephone"),
            ("Où est la page", "Where the page is"),
        ];
        let rows =
            self.holders.iter().zip(1..).map(|(holder, number): (_, u8)| {
                vec![number.to_string(), holder.clone(), String::new(), String::new()]
            });
        Block::Table { headings: picked(words, headings), rows: rows.collect() }
    }

    fn places(&self, words: Words) -> Block {
        let headings = [
            ("Nom", "Name"),
            ("Lieu", "Place"),
            ("Ce qui l'ouvre", "What opens it"),
            ("Qui le garde", "Who keeps that"),
        ];
        let keeper = |name: &str| self.keepers.get(name).cloned().unwrap_or_default();
        let mut rows: Vec<Vec<String>> = self
            .whereabouts
            .destinations
            .iter()
            .map(|place| vec![place.name.clone(), place.place.clone(), place.credential.clone(), keeper(&place.name)])
            .collect();
        if let Some(repository) = &self.whereabouts.repository {
            let password = words.pick("mot de passe de restic", "restic's password");
            let opens = [password, repository.credential.as_str()].into_iter().filter(|opens| !opens.is_empty());
            let opens = opens.collect::<Vec<_>>().join(", ");
            rows.push(vec![repository.name.clone(), repository.place.clone(), opens, keeper(&repository.name)]);
        }
        if rows.is_empty() {
            rows = vec![vec![String::new(); 4]; 2];
        }
        Block::Table { headings: picked(words, headings), rows }
    }

    /// A configuration for the machine that restores and serves what was restored, without a secret.
    fn configuration(&self) -> String {
        let VaultFacts { environment, vault, verification_key, .. } = self.vault;
        let policies = if self.whereabouts.policies { "policies = \"policies\"\n" } else { "" };
        let mut text = format!(
            "environment = \"{environment}\"\nvault_id = \"{vault}\"\nverification_key = \"{verification_key}\"\n\
             vault = \"restored\"\n{policies}\n[backup]\nspool = \"spool\"\n"
        );
        for place in &self.whereabouts.destinations {
            text.push('\n');
            text.push_str(&place.section);
        }
        // Whoever does without the repository has nothing for it.
        let repository = self.whereabouts.repository.iter().filter(|repository| !repository.section.is_empty());
        for repository in repository {
            let lines = repository.section.lines().map(|line| format!("\n# {line}"));
            text.extend(lines);
        }
        text
    }

    /// The place that the commands name: the first, or a word to replace.
    fn from(&self) -> &str {
        self.whereabouts.destinations.first().map_or("DESTINATION", |place| &place.name)
    }

    fn before(&self, language: Language) -> Vec<Step> {
        let need = self.parts.threshold();
        let version = env!("CARGO_PKG_VERSION");
        let mut steps = match language {
            Language::French => vec![
                Step::new(format!("Appelez les détenteurs : il en faut {need}, présents, chacun avec sa page."), []),
                Step::new(
                    format!(
                        "Préparez une machine Linux saine et à l'heure juste, qui n'est pas celle qui est perdue, avec coffre (version {version} ou suivante)."
                    ),
                    ["coffre --version"],
                ),
                Step::new(
                    "Dans un dossier vide, écrivez le fichier coffre.toml ci-dessous. Placez les fichiers d'accès aux chemins qu'il nomme, lisibles de vous seul (chmod 600).",
                    [],
                ),
            ],
            Language::English => vec![
                Step::new(format!("Call the holders: it takes {need}, present, each with their page."), []),
                Step::new(
                    format!(
                        "Prepare a sound Linux machine whose clock is right, which is not the lost one, with coffre (version {version} or later)."
                    ),
                    ["coffre --version"],
                ),
                Step::new(
                    "In an empty folder, write the file coffre.toml below. Put the credentials where it names them, readable by you alone (chmod 600).",
                    [],
                ),
            ],
        };
        if self.whereabouts.policies {
            let text = language.pick(
                "Placez à côté la copie du dossier des politiques de ce coffre, sous le nom policies : aucune sauvegarde ne le contient.",
                "Put the copy of this vault's folder of policies beside it, under the name policies: no backup holds it.",
            );
            steps.push(Step::new(text, []));
        }
        steps
    }

    fn restore(&self, language: Language) -> Vec<Step> {
        let from = self.from();
        let verify = format!("coffre --config coffre.toml backup verify {from}");
        let plan = format!("coffre --config coffre.toml restore --from {from} --to restored --plan");
        let restore = format!("coffre --config coffre.toml restore --from {from} --to restored");
        let mut steps = match language {
            Language::French => vec![
                Step::new("Vérifiez ce qui s'y trouve. Cela ne demande aucune clé.", [verify.as_str()]),
                Step::new(
                    "Voyez ce qui serait restauré, et à quel instant. Cela ne demande aucune clé.",
                    [plan.as_str()],
                ),
                Step::new(
                    "Restaurez. Les détenteurs tapent leurs parts quand elles sont demandées, rien ne s'affiche. Une restauration interrompue se reprend par la même commande.",
                    [restore.as_str()],
                ),
            ],
            Language::English => vec![
                Step::new("Verify what is there. That takes no key.", [verify.as_str()]),
                Step::new("See what would be restored, and which moment that is. That takes no key.", [plan.as_str()]),
                Step::new(
                    "Restore. The holders type their shares when they are asked for; nothing is shown. A restore that was interrupted goes on with the same command.",
                    [restore.as_str()],
                ),
            ],
        };
        if let Some(step) = self.which_goes_furthest(language) {
            steps.insert(0, step);
        }
        steps.extend(self.through_the_repository(language));
        steps.extend(afterwards(language));
        steps
    }

    /// One that is late lacks what was written, withdrawn and erased since.
    fn which_goes_furthest(&self, language: Language) -> Option<Step> {
        let names: Vec<&str> = self.whereabouts.destinations.iter().map(|place| place.name.as_str()).collect();
        let command = format!("coffre --config coffre.toml backup verify --quick {}", names.join(" "));
        let text = language.pick(
            "Voyez jusqu'à quel instant va chaque destination, et nommez dans la suite celle qui va le plus loin : ce qui a été écrit ou effacé depuis n'est que là. Cela ne demande aucune clé.",
            "See up to which moment each destination goes, and name in what follows the one that goes furthest: what was written or erased since is there alone. That takes no key.",
        );
        (names.len() > 1).then(|| Step::new(text, [command.as_str()]))
    }

    fn through_the_repository(&self, language: Language) -> Option<Step> {
        let repository = self.whereabouts.repository.as_ref()?;
        let command = format!(
            "coffre --config coffre.toml restore --from '{}' --keyring {} --password-file PASSWORD --to restored",
            repository.place,
            self.from()
        );
        let text = language.pick(
            "Si aucune destination n'est lisible en entier, le dépôt restic contient l'historique ; le trousseau vient toujours d'une destination.",
            "If no destination can be read in full, the restic repository holds the history; the keyring always comes from a destination.",
        );
        let more = language.pick(
            " Ôtez d'abord dans coffre.toml les # devant [backup.restic] et les lignes qui suivent.",
            " First take the # in coffre.toml from [backup.restic] and the lines after it.",
        );
        let more = if repository.section.is_empty() { "" } else { more };
        Some(Step::new(format!("{text}{more}"), [command.as_str()]))
    }
}

fn afterwards(language: Language) -> Vec<Step> {
    let examine = ["coffre doctor --vault restored", "coffre audit verify --vault restored"];
    let text = |french, english| language.pick(french, english);
    vec![
        Step::new(text("Examinez le coffre restauré.", "Examine the restored vault."), examine),
        Step::new(
            text(
                "Mettez-le en service d'après docs/OPERATIONS.md (« After a disaster »), puis prenez aussitôt, dans un autre terminal, une nouvelle sauvegarde complète. Pas lors d'un exercice : le vrai coffre ne pourrait plus démarrer.",
                "Put it into service by docs/OPERATIONS.md (\"After a disaster\"), then, at another terminal, take a new base backup at once. Not in an exercise: the real vault could not start any more.",
            ),
            ["coffre --config coffre.toml serve", "coffre --config coffre.toml backup run --base"],
        ),
        Step::new(
            text(
                "Les parts ont été tapées sur une machine : remplacez la clé de secours, distribuez les nouvelles parts, détruisez les anciennes pages quand plus aucune sauvegarde n'est ouverte par elles seules.",
                "The shares were typed on a machine: replace the recovery key, hand out the new shares, and destroy the old pages once no backup is left that only they open.",
            ),
            ["coffre --config coffre.toml key rotate --recovery-shares M/N --shares-to DIR"],
        ),
    ]
}

fn picked<const N: usize>(words: Words, texts: [(&str, &str); N]) -> Vec<String> {
    texts.into_iter().map(|(french, english)| words.pick(french, english).to_owned()).collect()
}

fn blanks(words: Words) -> Vec<String> {
    let blanks = [
        ("date et heure", "date and time"),
        ("personnes présentes", "who was present"),
        ("parts tapées", "shares that were typed"),
        ("machine", "machine"),
        ("instant restauré", "moment that was restored"),
        ("signatures", "signatures"),
    ];
    picked(words, blanks)
}

const WHAT: (&str, &str) = (
    "Ce dossier dit comment rétablir les données de ce coffre après la perte de sa machine. Il ne contient aucun secret : \
     gardez-en un exemplaire imprimé dans chaque lieu où l'on pourrait devoir restaurer. Imprimez-le de nouveau quand un \
     détenteur, une destination ou la clé de secours change (coffre key kit).",
    "This kit says how to bring the data of this vault back after its machine is lost. It holds no secret: keep a printed copy \
     in every place where one might have to restore. Print it anew when a holder, a destination or the recovery key changes \
     (coffre key kit).",
);

const WHERE: (&str, &str) = (
    "Chaque destination contient tout ce qu'il faut. Les accès ne figurent pas ici : écrivez à la main qui les garde.",
    "Each destination holds all that is needed. The credentials are not in here: write by hand who keeps them.",
);
