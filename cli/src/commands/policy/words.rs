//! How actions, circumstances and kinds of declarations read in French and English. Facts come from the policies.

use coffre_policies::{Action, Circumstance, Declared, GrantCase};

use crate::language::Language;

/// What somebody wants to do, as an infinitive.
pub(super) const fn action(language: Language, action: Action) -> &'static str {
    match action {
        Action::Read => language.pick("lire", "read"),
        Action::Search => language.pick("chercher", "search"),
        Action::ReadVersions => language.pick("lire les versions antérieures", "read former versions"),
        Action::ListDocuments => language.pick("lister les documents", "list documents"),
        Action::ReadDocument => language.pick("ouvrir un document", "open a document"),
        Action::Create => language.pick("créer", "create"),
        Action::Amend => language.pick("modifier", "amend"),
        Action::UploadDocument => language.pick("déposer un document", "store a document"),
        Action::RestoreVersion => language.pick("rétablir une version", "restore a version"),
        Action::GiveGrant => language.pick("accorder une habilitation", "give a grant"),
        Action::ListGrants => language.pick("lister les habilitations", "list grants"),
        Action::WithdrawGrant => language.pick("retirer une habilitation", "withdraw a grant"),
        Action::ReadAudit => language.pick("consulter le journal", "read the log"),
        Action::ReadAccesses => language.pick("voir les accès", "see accesses"),
        Action::ReadTreeHead => language.pick("lire la tête du journal", "read the log's head"),
        Action::Seal => language.pick("sceller le coffre", "seal the vault"),
        Action::LookupSubject => language.pick("retrouver une personne", "find a person"),
        Action::Erase => language.pick("effacer un dossier", "erase a record"),
        Action::ReadErasure => language.pick("suivre un effacement", "follow an erasure"),
        Action::Restrict => language.pick("limiter le traitement", "restrict processing"),
        Action::Unrestrict => language.pick("lever la limitation", "end the restriction"),
        Action::PlaceHold => language.pick("imposer une conservation", "place a legal hold"),
        Action::LiftHold => language.pick("lever une conservation", "lift a legal hold"),
        Action::ListHolds => language.pick("lister les conservations", "list legal holds"),
        Action::ProposeChange => language.pick("proposer une modification", "propose a change"),
        Action::FileRequest => language.pick("déposer une demande", "file a request"),
        Action::FollowRequests => language.pick("suivre ses demandes", "follow its requests"),
        Action::ListRequests => language.pick("voir les demandes", "see requests"),
        Action::DecideRequests => language.pick("traiter les demandes", "decide requests"),
        Action::Export => language.pick("remettre ses données à la personne", "export for the person"),
        Action::BulkExport => language.pick("exporter en nombre", "export in bulk"),
        Action::Pseudonymise => language.pick("produire un jeu d'essai", "make test data"),
        Action::PlanRetention => language.pick("prévoir la conservation", "plan retention"),
        Action::RunRetention => language.pick("appliquer la conservation", "run retention"),
        Action::CheckContactable => language.pick("demander qui est joignable", "ask who may be contacted"),
        Action::GiveHabilitation => language.pick("habiliter un opérateur", "habilitate an operator"),
        Action::ListHabilitations => language.pick("lister les opérateurs habilités", "list habilitated operators"),
        Action::WithdrawHabilitation => {
            language.pick("retirer l'habilitation d'un opérateur", "withdraw an operator's habilitation")
        }
    }
}

/// When.
pub(super) fn circumstance(language: Language, circumstance: Circumstance) -> String {
    let grant = match circumstance.grant {
        GrantCase::None => language.pick("sans habilitation", "without a grant"),
        GrantCase::Consent => language.pick("avec un consentement valide", "with a valid consent"),
        GrantCase::ConsentWithoutArticle9 => language.pick(
            "avec un consentement sans condition de l'article 9",
            "with a consent without an article 9 condition",
        ),
        GrantCase::Contract => {
            language.pick("avec une habilitation fondée sur un contrat", "with a grant on the basis of a contract")
        }
        GrantCase::NotYetValid => {
            language.pick("avec un consentement pas encore valide", "with a consent not yet valid")
        }
        GrantCase::Expired => language.pick("avec un consentement expiré", "with an expired consent"),
        GrantCase::Withdrawn => language.pick("avec un consentement retiré", "with a withdrawn consent"),
        GrantCase::OtherFields => {
            language.pick("avec un consentement pour d'autres champs", "with a consent for other fields")
        }
        GrantCase::OtherRole => {
            language.pick("avec le consentement donné à un autre rôle", "with another role's consent")
        }
    };
    let mut text = grant.to_owned();
    for (holds, french, english) in [
        (!circumstance.habilitated, ", opérateur non habilité", ", operator not habilitated"),
        (circumstance.verified, ", opérateur vérifié", ", operator verified"),
        (circumstance.restricted, ", traitement limité", ", processing restricted"),
        (circumstance.archived, ", en archivage intermédiaire", ", in the archive"),
    ] {
        if holds {
            text.push_str(language.pick(french, english));
        }
    }
    text
}

/// What is declared.
pub(super) const fn declared(language: Language, what: Declared) -> &'static str {
    match what {
        Declared::RecordType => language.pick("type de dossier", "record type"),
        Declared::Category => language.pick("catégorie", "category"),
        Declared::Field => language.pick("champ", "field"),
        Declared::Purpose => language.pick("finalité", "purpose"),
        Declared::Retention => language.pick("durée de conservation", "retention"),
        Declared::Policy => language.pick("politique", "policy"),
    }
}
