//! The page of one share: what its holder keeps, and types in a disaster.

use coffre_core::day::Day;
use coffre_core::key_share::{KeyShare, SharePage};

use super::words::Words;
use crate::language::Language;
use crate::paper::{Block, Paper};

/// Which vault a page is of.
#[derive(Debug, Clone)]
pub(crate) struct VaultFacts {
    pub(crate) environment: String,
    pub(crate) vault: String,
    pub(crate) verification_key: String,
    /// Whom the backups are encrypted to, where it is known.
    pub(crate) recipient: Option<String>,
    pub(crate) made: Day,
}

impl VaultFacts {
    /// As they stand on every page.
    pub(super) fn rows(&self, words: Words) -> Vec<(String, String)> {
        let row = |french: &str, english: &str, fact: &str| (words.pick(french, english).to_owned(), fact.to_owned());
        vec![
            row("environnement", "environment", &self.environment),
            row("identifiant du coffre", "vault id", &self.vault),
            row("clé de vérification", "verification key", &self.verification_key),
            row("destinataire de secours", "recovery recipient", self.recipient.as_deref().unwrap_or_default()),
            row("établi le", "made on", &self.made.to_string()),
        ]
    }
}

/// The page of a share for its holder.
pub(super) fn page(share: &KeyShare, holder: &str, vault: &VaultFacts, language: Language) -> Paper {
    let words = Words(language);
    let (number, count) = (share.header.number, share.header.parts.count());
    let need = share.header.parts.threshold();
    let title = match language {
        Language::French => format!("Part {number} sur {count} de la clé de secours"),
        Language::English => format!("Share {number} of {count} of the recovery key"),
    };
    let among = match language {
        Language::French => format!("{number} sur {count} ; {need} parts quelconques ouvrent ensemble"),
        Language::English => format!("{number} of {count}; any {need} open together"),
    };
    let row = |french: &str, english: &str, fact: String| (words.pick(french, english).to_owned(), fact);
    let mut facts = vec![row("détenteur", "holder", holder.to_owned()), row("part", "share", among)];
    facts.extend(vault.rows(words));
    let blocks = vec![
        Block::Facts(facts),
        Block::Text(words.pick(KEEP.0, KEEP.1).to_owned()),
        Block::Code(share.to_lines().into()),
        Block::Text(words.pick(USE.0, USE.1).to_owned()),
        Block::Text(words.pick(LOST.0, LOST.1).to_owned()),
    ];
    Paper { language, title, format: Some(SharePage::title()), blocks }
}

const KEEP: (&str, &str) = (
    "Cette page est une part de la clé qui ouvre les sauvegardes de ce coffre. Seule, elle n'ouvre rien et ne dit rien. \
     Gardez-la dans une enveloppe scellée, là où vous seul pouvez la prendre, loin des autres parts. Ne la photographiez pas, \
     ne la recopiez pas dans un ordinateur, ne l'envoyez pas.",
    "This page is one part of the key that opens the backups of this vault. Alone it opens nothing and tells nothing. Keep it \
     in a sealed envelope, where only you can take it, apart from the other shares. Do not photograph it, do not copy it into \
     a computer, do not send it.",
);

const USE: (&str, &str) = (
    "Après un sinistre, apportez cette page : vous tapez vous-même les quatre lignes, rien ne s'affiche, et chaque ligne est \
     contrôlée aussitôt. Les lettres I, L, O et U n'y figurent pas ; majuscules et espaces sont indifférents. Ne dictez jamais \
     ces lignes au téléphone. La marche à suivre est dans le dossier de secours.",
    "After a disaster, bring this page: you type the four lines yourself, nothing is shown, and each line is checked at once. \
     There is no letter I, L, O or U in them; capitals and spaces do not matter. Never read these lines out on the telephone. \
     What to do is in the recovery kit.",
);

const LOST: (&str, &str) = (
    "Si cette page est perdue, ou si quelqu'un d'autre l'a vue, dites-le aussitôt au délégué à la protection des données et à \
     l'informatique : la clé de secours est alors remplacée.",
    "If this page is lost, or somebody else has seen it, tell the data protection officer and IT at once: the recovery key is \
     then replaced.",
);
