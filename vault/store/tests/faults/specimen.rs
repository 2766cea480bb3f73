//! A vault whose whole contents are known: copies of it are damaged, and whatever they still tell must be
//! what was stored.

use std::path::{Path, PathBuf};

use coffre_core::audit::Action;
use coffre_core::ids::{DocumentId, GrantId, SubjectId};
use coffre_core::record::Fields;
use coffre_core::search::SearchKind;
use coffre_store::transactions::{AmendRecord, CreateRecord, EraseSubject, GiveGrant, ImportItem, ImportRecords};
use coffre_store::{Depends, Disclosure, Identity, Layout, OpenError, Receipt, Store, Undisclosed};
use serde_json::json;

use crate::grants::consent;
use crate::papers::{content, download, upload};
use crate::support::{draft, index, kind, make, open, options, path, sample};
use crate::told;
use crate::torn_groups::copy;

const PEOPLE: u32 = 30;
const FIELDS: [&str; 4] = ["contact.family_name", "contact.email", "health.illnesses", "legacy.client_number"];

struct Person {
    subject: SubjectId,
    number: u32,
    now: Fields,
    former: Fields,
    grant: GrantId,
    document: Option<(DocumentId, u32)>,
}

pub(crate) struct Specimen {
    dir: tempfile::TempDir,
    people: Vec<Person>,
    erased: SubjectId,
    leaves: Vec<Vec<u8>>,
    reasons: Vec<u64>,
}

/// What a damaged copy told: how much of it, and the errors.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) right: usize,
    pub(crate) errors: Vec<String>,
}

impl Told {
    /// Takes in an answer: right, or an error, and never anything else.
    fn hear<T, E: Into<String>>(&mut self, answer: Result<T, E>, is_right: impl FnOnce(&T) -> bool) -> Option<T> {
        match answer {
            Ok(value) => {
                assert!(is_right(&value), "something else than what was stored");
                self.right += 1;
                Some(value)
            }
            Err(error) => {
                self.errors.push(error.into());
                None
            }
        }
    }
}
