//! What a person reads in place of the vault's own words: services, acts, legal bases, and how long data are kept.

use coffre_core::grant::Basis;
use coffre_core::restriction::Ground;
use coffre_core::role::Role;
use coffre_core::source::Source;
use coffre_policies::Period;

use super::Language;
use crate::usecases::{Term, ToldAct};

impl Language {
    /// The service that an application has the role of; without an application it was done on the vault's own host.
    pub(super) const fn service(self, role: Option<Role>) -> &'static str {
        match role {
            Some(Role::Dpo) => self.pick("délégué à la protection des données", "data protection officer"),
            Some(role) => self.pick(role.french(), role.english()),
            None => self.pick("service informatique", "IT department"),
        }
    }

    /// What was done.
    pub(super) const fn act(self, act: ToldAct) -> &'static str {
        match act {
            ToldAct::Read => self.pick("consultation", "read"),
            ToldAct::Search => self.pick("recherche", "found by a search"),
            ToldAct::Create => self.pick("création du dossier", "record created"),
            ToldAct::Amend => self.pick("modification", "changed"),
            ToldAct::ReadVersions => self.pick("consultation de versions antérieures", "former versions read"),
            ToldAct::RestoreVersion => self.pick("retour à une version antérieure", "former version restored"),
            ToldAct::Import => self.pick("reprise d'un ancien système", "taken over from a former system"),
            ToldAct::ImportChange => {
                self.pick("mise à jour depuis un ancien système", "brought up to date from a former system")
            }
            ToldAct::UploadDocument => self.pick("dépôt d'un document", "document stored"),
            ToldAct::ReadDocument => self.pick("consultation d'un document", "document read"),
            ToldAct::ListDocuments => self.pick("consultation de la liste des documents", "list of documents read"),
            ToldAct::RestoreDocument => {
                self.pick("retour à une version antérieure d'un document", "former version of a document restored")
            }
            ToldAct::CheckContactable => {
                self.pick("vérification que nous pouvons vous contacter", "check whether you may be contacted")
            }
            ToldAct::FileRequest => self.pick("enregistrement d'une demande", "request taken down"),
            ToldAct::ReadRequest => self.pick("consultation d'une demande", "request read"),
            ToldAct::WriteLetter => self.pick("rédaction d'un courrier", "letter written"),
            ToldAct::ExportAccess => {
                self.pick("relevé de ce que nous détenons sur vous", "statement of what we hold about you")
            }
            ToldAct::ExportPortable => {
                self.pick("copie de vos données à emporter", "copy of your data to be taken elsewhere")
            }
            ToldAct::BulkExport => self.pick("extraction avec d'autres dossiers", "extracted with other records"),
            ToldAct::PseudonymisedExport => self.pick(
                "lecture pour produire un jeu d'essai qui ne concerne personne",
                "read to make test data that are about nobody",
            ),
        }
    }

    /// A legal basis of GDPR article 6(1).
    pub(super) const fn basis(self, basis: Basis) -> &'static str {
        match basis {
            Basis::Consent => self.pick("votre consentement", "your consent"),
            Basis::Contract => self.pick("un contrat", "a contract"),
            Basis::LegalObligation => self.pick("une obligation légale", "a legal obligation"),
            Basis::VitalInterests => self.pick("la sauvegarde d'intérêts vitaux", "vital interests"),
            Basis::PublicTask => self.pick("une mission d'intérêt public", "a task in the public interest"),
            Basis::LegitimateInterests => self.pick("des intérêts légitimes", "legitimate interests"),
        }
    }

    /// Where data come from.
    pub(super) const fn source(self, source: Source) -> &'static str {
        match source {
            Source::Import => self.pick("reprise d'un ancien système", "a former system"),
            Source::Service(role) => self.service(Some(role)),
        }
    }

    /// Why processing is restricted, in GDPR article 18(1).
    pub(super) const fn ground(self, ground: Ground) -> &'static str {
        match ground {
            Ground::Accuracy => self.pick("vous en contestez l'exactitude", "you contest their accuracy"),
            Ground::Unlawful => self.pick(
                "leur traitement est illicite et vous n'en voulez pas l'effacement",
                "their processing is unlawful and you do not want them erased",
            ),
            Ground::Claims => {
                self.pick("vous en avez besoin pour défendre vos droits en justice", "you need them for legal claims")
            }
            Ground::Objection => self.pick(
                "vous vous opposez à leur traitement et nous vérifions si nos motifs prévalent",
                "you object to their processing and we are verifying whether our grounds override yours",
            ),
        }
    }

    /// How long data are kept.
    pub(super) fn term(self, term: Term) -> String {
        match term {
            Term::Until { until } => format!("{}{}", self.pick("jusqu'au ", "until "), self.day(until)),
            Term::Contract { then } => {
                self.followed(self.pick("tant que le contrat court", "as long as the contract runs"), then)
            }
            Term::Membership { then } => {
                self.followed(self.pick("tant que dure l'adhésion", "as long as the membership lasts"), then)
            }
            Term::Answer { then } => {
                self.followed(self.pick("jusqu'à la réponse à votre demande", "until your request is answered"), then)
            }
            Term::NotBegun { then } => {
                let begins = self.pick(
                    "jusqu'à ce que leur durée de conservation commence",
                    "until the period for which they are kept begins",
                );
                self.followed(begins, then)
            }
            Term::Hold => self
                .pick(
                    "leur durée de conservation est écoulée, mais un litige ou une procédure oblige encore à les garder",
                    "the period for which they are kept is over, but a dispute or proceedings still require them",
                )
                .to_owned(),
            Term::Restriction => self
                .pick(
                    "leur durée de conservation est écoulée ; gardées tant que leur traitement est limité, puis effacées",
                    "the period for which they are kept is over; kept as long as their processing is restricted, then erased",
                )
                .to_owned(),
            Term::Requests => self
                .pick(
                    "leur durée de conservation est écoulée ; gardées jusqu'à la réponse à vos demandes, puis effacées",
                    "the period for which they are kept is over; kept until your requests are answered, then erased",
                )
                .to_owned(),
            Term::Over => self
                .pick(
                    "leur durée de conservation est écoulée ; elles vont être effacées",
                    "the period for which they are kept is over; they are about to be erased",
                )
                .to_owned(),
            Term::Open => self.pick("sans échéance fixée", "no end is set").to_owned(),
        }
    }

    /// What is waited for, and how long data are kept after that.
    fn followed(self, what: &str, then: Period) -> String {
        let then = self.period(then);
        if then.is_empty() { what.to_owned() } else { format!("{what}{}{then}", self.pick(", puis ", ", then for ")) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn period(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn how_long_is_said_in_both_languages() {
        let until = "2030-06-01".parse().unwrap();
        let then = period("P5Y");
        for (term, french, english) in [
            (Term::Until { until }, "jusqu'au 1er juin 2030", "until 1 June 2030"),
            (
                Term::Contract { then },
                "tant que le contrat court, puis 5 ans",
                "as long as the contract runs, then for 5 years",
            ),
            (Term::Contract { then: period("P0D") }, "tant que le contrat court", "as long as the contract runs"),
            (
                Term::Membership { then: period("P13M") },
                "tant que dure l'adhésion, puis 13 mois",
                "as long as the membership lasts, then for 13 months",
            ),
            (
                Term::Answer { then },
                "jusqu'à la réponse à votre demande, puis 5 ans",
                "until your request is answered, then for 5 years",
            ),
            (
                Term::NotBegun { then },
                "jusqu'à ce que leur durée de conservation commence, puis 5 ans",
                "until the period for which they are kept begins, then for 5 years",
            ),
        ] {
            assert_eq!(
                (Language::French.term(term).as_str(), Language::English.term(term).as_str()),
                (french, english)
            );
        }
    }

    #[test]
    fn nothing_but_a_contract_that_runs_is_said_to_run() {
        let then = period("P5Y");
        for term in [
            Term::Membership { then },
            Term::Answer { then },
            Term::NotBegun { then },
            Term::Hold,
            Term::Restriction,
            Term::Requests,
            Term::Over,
            Term::Open,
        ] {
            let (french, english) = (Language::French.term(term), Language::English.term(term));
            assert!(!french.contains("contrat") && !english.contains("contract"), "{french} / {english}");
        }
    }

    #[test]
    fn no_service_or_basis_is_named_by_its_identifier() {
        for language in [Language::French, Language::English] {
            for basis in Basis::ALL {
                assert_ne!(language.basis(basis), basis.as_str());
            }
            for role in Role::ALL {
                assert!(
                    language.service(Some(role)) != role.as_str() && language.service(Some(role)) != "DPO",
                    "{role}"
                );
            }
        }
        assert_eq!(Language::French.service(Some(Role::CustomerService)), "service client");
        assert_eq!(Language::French.act(ToldAct::ReadDocument), "consultation d'un document");
    }
}
