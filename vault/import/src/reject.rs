//! What could not be brought, and why, in words that Legal reads in French or English. Names the
//! row and the column, never the value: the source still has it.

use std::fmt;

use crate::document::DocumentFault;

/// Why a row was not brought, or why what it says was not taken over. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The row has no key.
    MissingKey,
    /// Other rows have the same key, and nothing says which one is right.
    DuplicateKey,
    /// The key has white space at its ends that is no padding.
    KeySpacing,
    /// A row of a joined table whose key no data subject has.
    Orphan,
    /// A field that every record must have is empty.
    MissingRequired,
    /// Bytes that are no text in the declared encoding.
    UndecodableText,
    /// No such day, or not written in the declared form.
    ImpossibleDate,
    /// Not an e-mail address.
    BadEmail,
    /// Not a phone number.
    BadPhone,
    /// A code that the mapping does not translate.
    UnknownValue,
    /// A text longer than its field.
    TooLong,
    /// More items or rows than the field holds.
    TooMany,
    /// A document that cannot be read.
    UnreadableDocument(DocumentFault),
    /// Two documents that the mapping gives one name.
    DocumentNames,
    /// The source has changed since it was imported, and changes are not applied in this run.
    Changed,
    /// The record was changed in the vault since it was imported, and differs from the source.
    ChangedInVault,
    /// Processing of the record is restricted, and it differs from the source.
    Restricted,
    /// What differs from the source is set apart in the intermediate archive.
    Archived,
    /// The source lacks a consent that is in force in the vault and that no import gave.
    ConsentInVault,
}

impl Reason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::MissingKey => "missing-key",
            Self::DuplicateKey => "duplicate-key",
            Self::KeySpacing => "key-spacing",
            Self::Orphan => "orphan",
            Self::MissingRequired => "missing-required",
            Self::UndecodableText => "undecodable-text",
            Self::ImpossibleDate => "impossible-date",
            Self::BadEmail => "bad-email",
            Self::BadPhone => "bad-phone",
            Self::UnknownValue => "unknown-value",
            Self::TooLong => "too-long",
            Self::TooMany => "too-many",
            Self::UnreadableDocument(_) => "unreadable-document",
            Self::DocumentNames => "document-names",
            Self::Changed => "changed",
            Self::ChangedInVault => "changed-in-vault",
            Self::Restricted => "restricted",
            Self::Archived => "archived",
            Self::ConsentInVault => "consent-in-vault",
        }
    }

    /// Whether the row itself is at fault: such a row makes the run end with rejects. The others say
    /// that a row differs from a record that is in the vault already.
    pub const fn is_fault(self) -> bool {
        !matches!(self, Self::Changed | Self::ChangedInVault | Self::Restricted | Self::Archived | Self::ConsentInVault)
    }

    /// What is wrong and what to do, in French.
    pub const fn french(self) -> &'static str {
        match self {
            Self::MissingKey => "numéro de client absent : le renseigner",
            Self::DuplicateKey => {
                "numéro porté par plusieurs lignes, sans que rien dise laquelle est la bonne : en garder une"
            }
            Self::KeySpacing => {
                "numéro de client bordé d'une tabulation, d'un saut de ligne ou d'une espace insécable : l'en débarrasser"
            }
            Self::Orphan => "aucun client ne porte ce numéro : rétablir le client ou corriger le numéro",
            Self::MissingRequired => "valeur obligatoire absente : la renseigner",
            Self::UndecodableText => "texte illisible dans l'encodage déclaré : le ressaisir",
            Self::ImpossibleDate => "date impossible ou mal écrite : la corriger",
            Self::BadEmail => "adresse électronique invalide : la corriger ou l'effacer",
            Self::BadPhone => "numéro de téléphone invalide : le corriger ou l'effacer",
            Self::UnknownValue => "code inconnu de la correspondance : le corriger, ou l'ajouter à la correspondance",
            Self::TooLong => "texte plus long que le champ : l'abréger",
            Self::TooMany => "plus de valeurs que le champ n'en admet : en retirer",
            Self::UnreadableDocument(fault) => fault.french(),
            Self::DocumentNames => "deux documents recevraient le même nom : mettre dans `name` ce qui les distingue",
            Self::Changed => {
                "modifié dans l'ancien système depuis l'import : relancer avec --apply-changes pour reprendre la modification"
            }
            Self::ChangedInVault => {
                "modifié dans le coffre depuis l'import, ou le journal ne le dit plus, et différent de l'ancien système : corriger l'un des deux"
            }
            Self::Restricted => {
                "différent de l'ancien système, et son traitement est limité : rien n'est repris tant que dure la limitation"
            }
            Self::Archived => {
                "différent de l'ancien système, et en archivage intermédiaire : rien n'est repris ; au service légal de juger"
            }
            Self::ConsentInVault => {
                "consentement en vigueur dans le coffre et absent de l'ancien système : l'y porter, ou le retirer dans le coffre si la personne l'a retiré"
            }
        }
    }

    /// What is wrong and what to do, in English.
    pub const fn english(self) -> &'static str {
        match self {
            Self::MissingKey => "no client number: fill it in",
            Self::DuplicateKey => "several rows have this number and nothing says which is right: keep one",
            Self::KeySpacing => "a client number with a tab, a line break or a no-break space at an end: take it away",
            Self::Orphan => "no client has this number: restore the client or correct the number",
            Self::MissingRequired => "a required value is missing: fill it in",
            Self::UndecodableText => "text that cannot be read in the declared encoding: type it again",
            Self::ImpossibleDate => "an impossible or misspelt date: correct it",
            Self::BadEmail => "not an e-mail address: correct or clear it",
            Self::BadPhone => "not a phone number: correct or clear it",
            Self::UnknownValue => "a code that the mapping does not know: correct it, or add it to the mapping",
            Self::TooLong => "text longer than its field: shorten it",
            Self::TooMany => "more values than the field holds: remove some",
            Self::UnreadableDocument(fault) => fault.english(),
            Self::DocumentNames => {
                "two documents would get one name: put into the mapping's `name` what tells them apart"
            }
            Self::Changed => {
                "changed in the legacy system since it was imported: run again with --apply-changes to take the change over"
            }
            Self::ChangedInVault => {
                "changed in the vault since it was imported, or the log no longer tells, and different from the legacy system: correct one of the two"
            }
            Self::Restricted => {
                "different from the legacy system, and its processing is restricted: nothing is taken over while that lasts"
            }
            Self::Archived => {
                "different from the legacy system, and in the intermediate archive: nothing is taken over; it is for Legal to judge"
            }
            Self::ConsentInVault => {
                "a consent in force in the vault that the legacy system lacks: enter it there, or withdraw it in the vault if the person did"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.english())
    }
}

/// A row that was not brought, or that differs from its record. `Debug` leaves out the key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject {
    /// The table.
    pub table: String,
    /// `SQLite`'s row id.
    pub row: i64,
    /// The row's key, as far as it can be shown; empty when there is none.
    pub key: String,
    /// The column at fault; none when it is the row as a whole.
    pub column: Option<String>,
    /// Why.
    pub reason: Reason,
}

impl fmt::Debug for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.column.as_deref().unwrap_or("*");
        write!(f, "Reject({} row {} column {column}: {})", self.table, self.row, self.reason.code())
    }
}

/// A key as it can be shown: ASCII as it is, anything else escaped.
pub(crate) fn shown(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}
