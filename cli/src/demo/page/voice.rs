//! In which language the page speaks, and the words for roles and actions. No facts, no markup.

use coffre_core::role::Role;
use coffre_policies::Labels;

use crate::demo::figures::Figures;
use crate::demo::typeset;
use crate::language::Language;
use crate::role_names::role_name;

/// Speaks one of the two languages, and can name a term in the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice(pub(super) Language);

impl Voice {
    pub(super) const fn figures(self) -> Figures {
        Figures(self.0)
    }

    /// The language's code.
    pub(super) const fn code(self) -> &'static str {
        match self.0 {
            Language::French => "fr",
            Language::English => "en",
        }
    }

    /// The other language's code.
    pub(super) const fn other_code(self) -> &'static str {
        match self.0 {
            Language::French => "en",
            Language::English => "fr",
        }
    }

    /// The text in this language.
    pub(super) fn say(self, french: &str, english: &str) -> String {
        typeset::set(self.0, self.0.pick(french, english))
    }

    pub(super) fn label(self, labels: &Labels) -> String {
        self.say(&labels.fr, &labels.en)
    }

    /// The label in the other language.
    pub(super) fn other(self, labels: &Labels) -> String {
        match self.0 {
            Language::French => typeset::set(Language::English, &labels.en),
            Language::English => typeset::set(Language::French, &labels.fr),
        }
    }

    pub(super) fn labels<'l>(self, labels: impl IntoIterator<Item = &'l Labels>) -> String {
        labels.into_iter().map(|labels| self.label(labels)).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn role(self, role: Role) -> String {
        typeset::set(self.0, role_name(self.0, role))
    }

    /// What an entry of the log says was done; entries of other actions keep their name.
    pub(super) fn action(self, action: &str) -> String {
        let (french, english) = match action {
            "read" => ("lecture", "read"),
            "search" => ("recherche", "search"),
            "read-document" => ("lecture de document", "read of a document"),
            "list-documents" => ("liste des documents", "list of documents"),
            "import" => ("reprise", "import"),
            "upload-document" => ("dépôt de document", "document stored"),
            "compare-import" => ("comparaison après reprise", "comparison after the import"),
            "give-grant" => ("octroi d'une habilitation", "grant given"),
            "list-grants" => ("liste des habilitations", "list of grants"),
            "withdraw-grant" => ("retrait d'une habilitation", "grant withdrawn"),
            "give-habilitation" => ("habilitation d'un opérateur", "operator habilitated"),
            "read-accesses" => ("consultation des accès", "accesses consulted"),
            other => return other.to_owned(),
        };
        self.say(french, english)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_knows_the_other() {
        let labels = Labels { fr: "santé : oui".to_owned(), en: "health".to_owned() };
        let (french, english) = (Voice(Language::French), Voice(Language::English));
        assert_eq!(
            (french.label(&labels), french.other(&labels)),
            ("santé\u{a0}: oui".to_owned(), "health".to_owned())
        );
        assert_eq!(english.other(&labels), "santé\u{a0}: oui");
        assert_eq!((english.code(), english.other_code()), ("en", "fr"));
    }
}
