//! What holders of shares read, who are seldom from IT: in French or English.

use coffre_core::key_share::{Accepted, CodeError, GROUP, GROUPS, QuorumError};

use crate::language::Language;

/// The words of one language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words(pub(super) Language);

impl Words {
    pub(super) const fn pick<'t>(self, french: &'t str, english: &'t str) -> &'t str {
        self.0.pick(french, english)
    }

    pub(super) const fn introduction(self) -> &'static str {
        self.pick(
            "Tapez les parts de la clé de secours, l'une après l'autre. Rien de ce qui est tapé ne s'affiche.\n\
             Une ligne vide abandonne une part, Ctrl-C abandonne tout.",
            "Type the shares of the recovery key, one after the other. Nothing that is typed is shown.\n\
             An empty line gives up a share, Ctrl-C gives up everything.",
        )
    }

    pub(super) const fn who(self) -> &'static str {
        self.pick(
            "\nQui détient la part suivante (Entrée : non précisé) ? ",
            "\nWho holds the next share (Enter: not said)? ",
        )
    }

    pub(super) fn line(self, number: usize) -> String {
        format!("  {} {number}{} ", self.pick("ligne", "line"), self.pick(" :", ":"))
    }

    pub(super) const fn given_up(self) -> &'static str {
        self.pick("Part abandonnée.", "Share given up.")
    }

    pub(super) fn accepted(self, accepted: Accepted, holder: Option<&str>) -> String {
        let Accepted { have, need } = accepted;
        match (self.0, holder) {
            (Language::French, Some(holder)) => format!("Part {have} sur {need} acceptée, détenteur : {holder}."),
            (Language::French, None) => format!("Part {have} sur {need} acceptée."),
            (Language::English, Some(holder)) => format!("Share {have} of {need} accepted, {holder}'s."),
            (Language::English, None) => format!("Share {have} of {need} accepted."),
        }
    }

    pub(super) fn not_accepted(self, error: QuorumError) -> String {
        let (french, english) = match error {
            QuorumError::OtherVault => (
                "Cette part est d'un autre coffre ou d'un autre environnement : comparez l'identifiant et la clé de vérification imprimés.",
                "This share is of another vault or environment: compare the vault id and the verification key on its page.",
            ),
            QuorumError::OtherSplitting => (
                "Cette part est d'un autre partage que les précédentes : comparez les dates, et prenez des parts de même date.",
                "This share is of another splitting than those before: compare the dates, and take shares of one date.",
            ),
            QuorumError::Twice { .. } => (
                "Cette part a déjà été donnée : il faut celle d'un autre détenteur.",
                "This share was given already: it takes one of another holder.",
            ),
        };
        self.pick(french, english).to_owned()
    }

    pub(super) fn mistyped(self, error: CodeError) -> String {
        let french = self.0 == Language::French;
        match error {
            CodeError::Length { line, found } if french => {
                format!(
                    "la ligne {line} a {found} caractères au lieu de {GROUPS} groupes de {GROUP} : tapez-la de nouveau"
                )
            }
            CodeError::Length { line, found } => {
                format!("line {line} has {found} characters instead of {GROUPS} groups of {GROUP}: type it again")
            }
            CodeError::Character { line, group } if french => {
                format!(
                    "ligne {line}, groupe {group} : un caractère qu'aucune part ne contient ; tapez la ligne de nouveau"
                )
            }
            CodeError::Character { line, group } => {
                format!("line {line}, group {group}: a character that no share has; type the line again")
            }
            CodeError::Mistyped { line } if french => {
                format!("faute de frappe dans la ligne {line} : tapez-la de nouveau")
            }
            CodeError::Mistyped { line } => format!("line {line} is mistyped: type it again"),
            CodeError::OtherLine { line, found } if french => {
                format!("c'est la ligne {found} d'une part : tapez la ligne {line}")
            }
            CodeError::OtherLine { line, found } => format!("that is line {found} of a share: type line {line}"),
            CodeError::Version { .. } => self
                .pick(
                    "cette part a été faite par une version plus récente de coffre : utilisez celle-là",
                    "this share was made by a later version of coffre: use that one",
                )
                .to_owned(),
            CodeError::Numbers => {
                self.pick("cette part n'a pas été faite par coffre", "this share was not made by coffre").to_owned()
            }
            CodeError::Mixed => self
                .pick(
                    "les quatre lignes ne sont pas de la même part : tapez-les toutes depuis la même page",
                    "the four lines are not of one share: type all of them from one page",
                )
                .to_owned(),
        }
    }
}
