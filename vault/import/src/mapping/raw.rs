//! The shape of a mapping file. What the shape means is checked in `validate`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

use crate::document::DocumentFormat;
use crate::translate::Encoding;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawMapping {
    pub(super) name: String,
    pub(super) record_type: Spanned<String>,
    pub(super) encoding: Encoding,
    pub(super) subject: RawSubject,
    #[serde(default)]
    pub(super) one_to_one: Vec<RawOneToOne>,
    #[serde(default)]
    pub(super) one_to_many: Vec<RawOneToMany>,
    #[serde(default)]
    pub(super) consents: BTreeMap<Spanned<String>, RawRule>,
}

pub(super) type RawFields = BTreeMap<Spanned<String>, RawRule>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawSubject {
    pub(super) table: Spanned<String>,
    pub(super) key: String,
    pub(super) key_field: Spanned<String>,
    #[serde(default)]
    pub(super) fields: RawFields,
    pub(super) document: Option<RawDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawOneToOne {
    pub(super) table: Spanned<String>,
    pub(super) key: String,
    #[serde(default)]
    pub(super) fields: RawFields,
    pub(super) document: Option<RawDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawOneToMany {
    pub(super) table: Spanned<String>,
    pub(super) key: String,
    pub(super) id: String,
    #[serde(default)]
    pub(super) fields: RawFields,
    pub(super) document: Option<RawDocument>,
    pub(super) current: RawCurrent,
    #[serde(default)]
    pub(super) others: BTreeMap<Spanned<String>, Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawCurrent {
    pub(super) ends: Option<Spanned<String>>,
    pub(super) prefer: Option<RawPreference>,
    pub(super) latest: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawPreference {
    pub(super) field: Spanned<String>,
    pub(super) values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawDocument {
    pub(super) field: Option<Spanned<String>>,
    pub(super) blob: Option<Spanned<String>>,
    pub(super) path: Option<Spanned<String>>,
    pub(super) folder: Option<Spanned<String>>,
    pub(super) name: Spanned<String>,
    pub(super) formats: Vec<DocumentFormat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRule {
    pub(super) column: Option<Spanned<String>>,
    pub(super) constant: Option<Spanned<Value>>,
    pub(super) encoding: Option<Encoding>,
    pub(super) date: Option<Spanned<String>>,
    pub(super) values: Option<Spanned<BTreeMap<String, Value>>>,
    pub(super) separator: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) absent: Vec<String>,
}
