//! The tables of the fictitious COBOL application and how it fills them: fixed-width Latin-1 in
//! columns that `SQLite` believes to be UTF-8, flags `O` and `N`, French dates.

use coffre_store::plain::SourceValue;

use super::client::{Client, Contract, Date};

/// What the application created. No keys: it kept them unique itself, most of the time.
pub(crate) const SCHEMA: &str = "\
CREATE TABLE CLIENT (NUMCLI CHAR(10), NOM CHAR(30), PRENOM CHAR(25), DNAISS CHAR(10), EMAIL CHAR(60), TEL CHAR(20),
                     DISPO CHAR(30), OPTMKT CHAR(1), FILLER CHAR(8));
CREATE TABLE COMPORT (NUMCLI CHAR(10), TABAC CHAR(1), ALCOOL CHAR(1), MALADIES CHAR(120));
CREATE TABLE CONTRAT (NUMCTR CHAR(12), NUMCLI CHAR(8), PRODUIT CHAR(3), DTEFFET CHAR(8), DTFIN CHAR(8), STATUT CHAR(1),
                      PDF BLOB, FICHIER CHAR(40));
CREATE INDEX IXCLI ON CLIENT (NUMCLI);
CREATE INDEX IXCPT ON COMPORT (NUMCLI);
CREATE INDEX IXCTR ON CONTRAT (NUMCLI);";

/// A row of `CLIENT`.
pub(crate) fn client_row(client: &Client) -> Vec<SourceValue> {
    vec![
        padded(&client.number, 10),
        padded(&client.family, 30),
        padded(&client.given, 25),
        padded(&client.birth.french(), 10),
        padded(&client.email, 60),
        padded(&client.phone, 20),
        padded(client.availability, 30),
        flag(client.marketing),
        padded("", 8),
    ]
}

/// A row of `COMPORT`.
pub(crate) fn behaviour_row(client: &Client) -> Vec<SourceValue> {
    let illnesses = if client.illnesses.is_empty() { "NEANT".to_owned() } else { client.illnesses.join(";") };
    vec![padded(&client.number, 10), flag(client.tobacco), flag(client.alcohol), padded(&illnesses, 120)]
}

/// A row of `CONTRAT`, without its copy.
pub(crate) fn contract_row(client: &str, contract: &Contract) -> Vec<SourceValue> {
    let end = contract.end.map_or_else(|| "00000000".to_owned(), Date::digits);
    vec![
        padded(&contract.number, 12),
        padded(client, 8),
        padded(contract.product().0, 3),
        padded(&contract.start.digits(), 8),
        padded(&end, 8),
        padded(contract.status, 1),
        SourceValue::Null,
        padded("", 40),
    ]
}

/// A text of fixed width, filled with blanks.
pub(crate) fn padded(text: &str, width: usize) -> SourceValue {
    let mut bytes = latin1(text);
    bytes.resize(bytes.len().max(width), b' ');
    SourceValue::Text(bytes)
}

fn flag(value: bool) -> SourceValue {
    padded(if value { "O" } else { "N" }, 1)
}

/// The text in Latin-1; what it does not have becomes a question mark, as the application wrote it.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}
