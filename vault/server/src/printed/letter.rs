//! The letters about a request: acknowledgement, extension, refusal, and what is told a stranger.

use coffre_core::filing::FilingKind;
use maud::{Markup, html};

use super::{Language, document};
use crate::usecases::{Letter, LetterView};

/// A letter, on paper with the house's letterhead.
pub(crate) fn letter(view: &LetterView, language: Language) -> String {
    let title = match view.letter {
        Letter::Acknowledgement => {
            language.pick("Accusé de réception de votre demande", "We have received your request")
        }
        Letter::Extension => language.pick("Prolongation du délai de réponse", "We need more time to answer"),
        Letter::Refusal | Letter::NothingHeld | Letter::Unidentified => {
            language.pick("Réponse à votre demande", "Our answer to your request")
        }
    };
    let body = html! {
        p.to {
            @if view.addressee.is_empty() { (language.pick("À la personne concernée", "To the person concerned")) }
            @for (place, name) in view.addressee.iter().enumerate() { @if place > 0 { " " } (name) }
        }
        p.to { (language.day(view.today)) }
        p.ref { (language.pick("Référence : ", "Reference: ")) (view.filing.id) }
        h1 { (title) }
        p { (language.pick("Madame, Monsieur,", "Dear Sir or Madam,")) }
        (opening(view, language))
        (matter(view, language))
        p { (language.pick(
            "Nous vous prions d'agréer, Madame, Monsieur, l'expression de nos salutations distinguées.",
            "Yours faithfully,",
        )) }
    };
    document(language, title, &body)
}

fn opening(view: &LetterView, language: Language) -> Markup {
    let received = language.day(view.filing.received_on);
    let what = asked(view.filing.kind, language);
    html! {
        p {
            @match language {
                Language::French => { "Nous avons reçu le " (received) " votre demande " (what) "." }
                Language::English => { "On " (received) " we received your request " (what) "." }
            }
        }
    }
}

const fn asked(kind: FilingKind, language: Language) -> &'static str {
    match kind {
        FilingKind::Change => language.pick("de correction de vos données", "to correct your data"),
        FilingKind::Access => language.pick(
            "d'accès à vos données (article 15 du règlement général sur la protection des données)",
            "for access to your data (article 15 of the General Data Protection Regulation)",
        ),
        FilingKind::Rectification => language.pick(
            "de rectification de vos données (article 16 du règlement général sur la protection des données)",
            "to rectify your data (article 16 of the General Data Protection Regulation)",
        ),
        FilingKind::Erasure => language.pick(
            "d'effacement de vos données (article 17 du règlement général sur la protection des données)",
            "to erase your data (article 17 of the General Data Protection Regulation)",
        ),
        FilingKind::Restriction => language.pick(
            "de limitation du traitement de vos données (article 18 du règlement général sur la protection des données)",
            "to restrict the processing of your data (article 18 of the General Data Protection Regulation)",
        ),
        FilingKind::Portability => language.pick(
            "de portabilité de vos données (article 20 du règlement général sur la protection des données)",
            "for the portability of your data (article 20 of the General Data Protection Regulation)",
        ),
        FilingKind::Objection => language.pick(
            "d'opposition au traitement de vos données (article 21 du règlement général sur la protection des données)",
            "that your data no longer be processed, to which you object (article 21 of the General Data Protection Regulation)",
        ),
    }
}

fn matter(view: &LetterView, language: Language) -> Markup {
    let due = language.day(view.filing.due_on);
    let told = html! { @if let Some(told) = &view.told { blockquote { (told) } } };
    match view.letter {
        Letter::Acknowledgement => html! {
            p {
                @match language {
                    Language::French => {
                        "Nous y répondrons au plus tard le " (due) ". Si un doute raisonnable subsiste sur votre identité, "
                        "nous vous demanderons d'abord de quoi le lever."
                    }
                    Language::English => {
                        "We will answer by " (due) " at the latest. If there is a reasonable doubt about who you are, "
                        "we will first ask you for what removes it."
                    }
                }
            }
        },
        Letter::Extension => html! {
            p { (language.pick(
                "Le délai d'un mois ne nous suffit pas, pour la raison suivante :",
                "One month is not enough for us, for the following reason:",
            )) }
            (told)
            p {
                @match language {
                    Language::French => {
                        "Comme l'article 12, paragraphe 3, du règlement le permet, nous vous répondrons au plus tard le " (due) "."
                    }
                    Language::English => {
                        "As article 12(3) of the regulation allows, we will answer by " (due) " at the latest."
                    }
                }
            }
        },
        Letter::Refusal => html! {
            p { (language.pick(
                "Nous ne pouvons pas y donner suite, pour la raison suivante :",
                "We cannot grant it, for the following reason:",
            )) }
            (told)
            (remedies(language))
        },
        Letter::NothingHeld => html! {
            (nothing_held(view, language))
            (remedies(language))
        },
        Letter::Unidentified => html! {
            p { (language.pick(
                "Nous ne sommes pas en mesure de vous identifier parmi les personnes dont nous traitons des données, et ne pouvons donc \
                 pas donner suite à votre demande (articles 11, paragraphe 2, et 12, paragraphe 6, du règlement) :",
                "We are not in a position to identify you among the persons whose data we process, and so cannot act on your request \
                 (articles 11(2) and 12(6) of the regulation):",
            )) }
            (told)
            p { (language.pick(
                "Si vous nous donnez de quoi vous identifier, nous traiterons votre demande. Si nous vous demandons un justificatif \
                 d'identité, nous le détruirons dès que nous l'aurons vu.",
                "If you give us what identifies you, we will deal with your request. If we ask you for a proof of identity, we will \
                 destroy it as soon as we have seen it.",
            )) }
            (remedies(language))
        },
    }
}

fn nothing_held(view: &LetterView, language: Language) -> Markup {
    if view.kept.is_none() && !view.filing.is_of_a_stranger() {
        // There was a record, which is erased.
        return html! {
            p { (language.pick(
                "Après vérification, nous ne traitons plus aucune donnée vous concernant : elles ont été effacées. Nous gardons, sans \
                 votre nom, la trace de cette demande et de notre réponse.",
                "We have looked, and no longer process any data about you: they were erased. We keep a trace, without your name, of \
                 this request and of our answer.",
            )) }
        };
    }
    let held = language.pick(
        "Après vérification, nous ne traitons aucune donnée vous concernant, hormis celles de cette demande : vos nom et coordonnées, \
         ce que vous nous avez écrit et notre réponse.",
        "We have looked, and process no data about you but those of this request: your name and contact details, what you wrote to \
         us and our answer.",
    );
    html! {
        p { (held) }
        @if let Some(kept) = view.kept {
            p {
                @match language {
                    Language::French => {
                        "Nous les conservons " (language.period(kept)) " à compter de notre réponse, à part et à seule fin de pouvoir la "
                        "prouver, puis nous les effaçons."
                    }
                    Language::English => {
                        "We keep them for " (language.period(kept)) " from our answer on, apart and only to be able to prove it, and then "
                        "erase them."
                    }
                }
            }
        }
    }
}

/// What can be done against an answer (GDPR article 12(4)).
fn remedies(language: Language) -> Markup {
    html! {
            p { (language.pick(
                "Vous pouvez vous adresser à notre délégué à la protection des données, introduire une réclamation auprès de la \
                 Commission nationale de l'informatique et des libertés (CNIL, 3 place de Fontenoy, TSA 80715, 75334 Paris Cedex 07, \
                 www.cnil.fr) et former un recours juridictionnel.",
                "You may turn to our data protection officer, lodge a complaint with the French supervisory authority (CNIL, 3 place \
                 de Fontenoy, TSA 80715, 75334 Paris Cedex 07, www.cnil.fr), and seek a judicial remedy.",
            )) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::filing::{Channel, Filing, FilingState, IdentityCheck};
    use coffre_core::ids::{ApplicationId, FilingId, SubjectId};
    use coffre_core::role::Role;
    use coffre_core::time::Timestamp;
    use coffre_policies::Period;

    use super::*;

    fn view(letter: Letter, told: Option<&str>) -> LetterView {
        let filing = Filing {
            id: FilingId::from_bytes([7; 16]),
            record_type: "policyholder".parse().unwrap(),
            subject: SubjectId::from_bytes([1; 16]),
            linked: false,
            kind: FilingKind::Erasure,
            fields: Vec::new(),
            channel: Channel::Letter,
            identity: IdentityCheck::Document,
            received_on: "2026-11-01".parse().unwrap(),
            due_on: "2026-12-01".parse().unwrap(),
            state: FilingState::Open,
            assignee: None,
            filer: ApplicationId::from_bytes([2; 16]),
            filer_role: Role::Legal,
            filed_at: Timestamp::from_micros(0),
            extended_at: None,
            closed_at: None,
            closed_in: None,
        };
        LetterView {
            letter,
            filing,
            addressee: vec!["Anne".to_owned(), "Lefèvre <script>".to_owned()],
            told: told.map(str::to_owned),
            kept: Some(Period { years: 5, months: 0, days: 0 }),
            today: "2026-11-25".parse().unwrap(),
        }
    }

    #[test]
    fn letters_in_both_languages() {
        let told = Some("Le contrat C-1 court encore & <b>vous oblige</b>.\nVoir article 17(3)(b).");
        for (name, letter, told) in [
            ("acknowledgement", Letter::Acknowledgement, None),
            ("extension", Letter::Extension, Some("La demande porte sur douze contrats.")),
            ("refusal", Letter::Refusal, told),
            ("nothing-held", Letter::NothingHeld, None),
            ("unidentified", Letter::Unidentified, Some("Plusieurs personnes portent ce nom.")),
        ] {
            for language in [Language::French, Language::English] {
                let page = super::letter(&view(letter, told), language);
                insta::assert_snapshot!(format!("{name}-{}", language.code()), page);
            }
        }
    }

    #[test]
    fn whoever_was_erased_is_not_told_that_a_name_is_kept() {
        let view = LetterView { kept: None, addressee: Vec::new(), ..view(Letter::NothingHeld, None) };
        for (language, told, not) in [
            (Language::French, "elles ont été effacées", "coordonnées"),
            (Language::English, "they were erased", "contact details"),
        ] {
            let page = super::letter(&view, language);
            assert!(page.contains(told) && !page.contains(not), "{page}");
        }
    }

    #[test]
    fn an_objection_is_named_with_its_article() {
        let mut view = view(Letter::Acknowledgement, None);
        view.filing.kind = FilingKind::Objection;
        for (language, told) in [
            (Language::French, "votre demande d'opposition au traitement de vos données (article 21"),
            (Language::English, "your request that your data no longer be processed, to which you object (article 21"),
        ] {
            let page = super::letter(&view, language);
            assert!(page.contains(told), "{page}");
        }
    }

    #[test]
    fn nothing_is_run_or_fetched_whatever_is_written() {
        let page = super::letter(&view(Letter::Refusal, Some("<img onerror=x>")), Language::French);
        for wrong in ["<script", "<img", "http:", "https:", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(wrong), "{wrong}");
        }
        assert!(page.contains("&lt;img onerror=x&gt;"));
        assert!(page.contains("Lefèvre &lt;script&gt;"));
    }
}
