//! What the vault knows of holds, erasures and copies of the keyring: the readers' side of the
//! transactions that serve a data subject's rights.

use coffre_core::audit::OperatorKnown;
use coffre_core::erasure::{Act, Certificate, Copies};
use coffre_core::four_eyes::KnownOperator;
use coffre_core::ids::{HoldId, RequestId, SubjectId};
use coffre_core::keyset::SubjectKeys;
use coffre_core::note::SignedNote;
use coffre_core::record::RecordTypeName;
use coffre_core::restriction::Restriction;
use coffre_core::source::Sources;
use coffre_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::disclosure::{Claim, Undisclosed};
use crate::error::ReadError;
use crate::readers::Reader;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::transactions::PROPOSAL_SECONDS;

/// What the reason of a hold is, among the notes about a subject.
pub(crate) const HOLD_NOTE: &str = "hold";

/// Whether somebody was erased, as `vault.db` knows it.
pub(crate) fn is_erased(vault: &Connection, subject: SubjectId) -> rusqlite::Result<bool> {
    vault.prepare_cached("SELECT 1 FROM tombstones WHERE subject = ?1")?.exists([subject.as_bytes()])
}

/// A legal hold on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The hold.
    pub id: HoldId,
    /// Since when it stands.
    pub placed_at: Timestamp,
    /// Since when it no longer does.
    pub lifted_at: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// What a person objected to (GDPR article 21).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Objection {
    /// The purpose.
    pub purpose: String,
    /// When, the last time.
    pub at: Timestamp,
}

/// An erasure that was proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// When.
    pub at: Timestamp,
    /// In which call.
    pub request: RequestId,
    /// By whom.
    pub by: KnownOperator,
}

impl Proposal {
    /// Until when it can be confirmed.
    pub fn until(&self) -> Timestamp {
        self.at.plus_seconds(PROPOSAL_SECONDS)
    }

    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        now < self.until()
    }
}

/// How the erasure of a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasure {
    /// It is proposed.
    Proposed(Proposal),
    /// The key is destroyed.
    Done {
        /// The proposal, where it is known.
        proposed: Option<Act>,
        /// The erasure.
        erased: Act,
        /// The places that hold copies, by name.
        places: Vec<Copies>,
    },
}

impl Snapshot<'_> {
    /// A record's holds, oldest first, lifted ones included. The claim has no fields: reasons are
    /// content.
    pub fn holds(&self, kind: &RecordTypeName, subject: SubjectId) -> Result<Undisclosed<Vec<Hold>>, ReadError> {
        let sql = "SELECT id, placed_at, lifted_at, epoch, sealed FROM holds WHERE subject = ?1 ORDER BY placed_at, id";
        let rows = self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(sql)?;
            let rows = statement.query_map([subject.as_bytes()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?;
            Ok(rows.collect::<Result<Vec<HoldRow>, _>>()?)
        })?;
        let open = |_: &Reader, keys: &SubjectKeys<'_>| rows.into_iter().map(|row| hold_of(row, keys)).collect();
        let holds = self.with_keys(kind, subject, Vec::new(), open)?;
        Ok(Undisclosed::new(Claim::fields(subject, Vec::new()), holds))
    }

    /// What a person objected to.
    pub fn objections(&self, subject: SubjectId) -> Result<Vec<Objection>, ReadError> {
        let sql = "SELECT purpose, at FROM objections WHERE subject = ?1 ORDER BY purpose";
        let read = |row: &Row<'_>| Ok(Objection { purpose: row.get(0)?, at: Timestamp::from_micros(row.get(1)?) });
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(sql)?;
            let rows = statement.query_map([subject.as_bytes()], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Where the data of a record come from, as far as it was written down.
    pub fn sources(&self, subject: SubjectId) -> Result<Sources, ReadError> {
        let stored = self.of_record("SELECT sources FROM records WHERE subject = ?1", subject)?;
        Ok(Sources::from_stored(stored))
    }

    /// How processing of a record is restricted.
    pub fn restriction(&self, subject: SubjectId) -> Result<Restriction, ReadError> {
        let stored = self.of_record("SELECT restricted FROM records WHERE subject = ?1", subject)?;
        Ok(Restriction::from_stored(stored))
    }

    /// A number in a record's row; 0 where there is no record.
    fn of_record(&self, sql: &str, subject: SubjectId) -> Result<i64, ReadError> {
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(sql)?;
            let found = statement.query_row([subject.as_bytes()], |row| row.get::<_, i64>(0)).optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// The record that a hold stands on.
    pub fn held(&self, hold: HoldId) -> Result<Option<(RecordTypeName, SubjectId)>, ReadError> {
        let sql = "SELECT record_type, subject FROM holds JOIN records USING (subject) WHERE id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, SubjectId::from_bytes(row.get(1)?)));
        let row =
            self.ask(|reader| Ok(reader.vault.prepare_cached(sql)?.query_row([hold.as_bytes()], read).optional()?))?;
        let Some((kind, subject)) = row else { return Ok(None) };
        Ok(Some((kind.parse().map_err(|_| ReadError::Format { what: "record type" })?, subject)))
    }

    /// How the erasure of a record stands; `None` for one that is neither proposed nor done.
    pub fn erasure(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        now: Timestamp,
    ) -> Result<Option<Erasure>, ReadError> {
        let sql = "SELECT proposed_at, proposed_in, operator, operator_known FROM erasure_proposals
                   JOIN records USING (subject) WHERE subject = ?1 AND record_type = ?2";
        let parameters = params![subject.as_bytes(), kind.as_str()];
        let proposed =
            self.ask(|reader| Ok(reader.vault.prepare_cached(sql)?.query_row(parameters, proposal_row).optional()?))?;
        if let Some(row) = proposed {
            let proposal = proposal_of(row)?;
            return Ok(if proposal.is_in_force(now) { Some(Erasure::Proposed(proposal)) } else { None });
        }
        let sql = "SELECT erased_at, erased_in, proposed_at, proposed_in FROM tombstones
                   LEFT JOIN erasures USING (subject) WHERE subject = ?1 AND record_type = ?2";
        let act = |time: i64, request: Option<[u8; 16]>| Act {
            time: Timestamp::from_micros(time),
            request: request.map(RequestId::from_bytes),
        };
        let read = |row: &Row<'_>| {
            let proposed: Option<i64> = row.get(2)?;
            let request = row.get(3)?;
            Ok((act(row.get(0)?, row.get(1)?), proposed.map(|time| act(time, request))))
        };
        let done =
            self.ask(|reader| Ok(reader.vault.prepare_cached(sql)?.query_row(parameters, read).optional()?))?;
        let Some((erased, proposed)) = done else { return Ok(None) };
        Ok(Some(Erasure::Done { proposed, erased, places: self.copies()? }))
    }

    /// What every place that was ever reported holds of the keyring, by name.
    pub fn copies(&self) -> Result<Vec<Copies>, ReadError> {
        let sql = "SELECT place, looked_at, oldest, unaccounted FROM keyring_copies ORDER BY place";
        let rows = self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?, row.get(3)?))
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })?;
        let copies = rows.into_iter().map(|row| {
            let (place, looked_at, oldest, unaccounted) = row;
            Ok(Copies {
                place: place.parse().map_err(|_| ReadError::Format { what: "name of a place" })?,
                looked_at: Timestamp::from_micros(looked_at),
                oldest: oldest.map(Timestamp::from_micros),
                unaccounted,
            })
        });
        copies.collect()
    }
}

impl Store {
    /// A certificate, signed by the vault's key: a C2SP signed note.
    pub fn certify(&self, certificate: &Certificate) -> Result<String, ReadError> {
        let note = SignedNote::sign(certificate.text(), &self.shared().signer);
        Ok(note.map_err(|_| ReadError::Format { what: "certificate" })?.to_string())
    }
}

type HoldRow = ([u8; 16], i64, Option<i64>, u32, Vec<u8>);

fn hold_of((id, placed_at, lifted_at, epoch, sealed): HoldRow, keys: &SubjectKeys<'_>) -> Result<Hold, ReadError> {
    let plain = keys.open_note(HOLD_NOTE, &id, epoch, &sealed);
    let plain = plain.map_err(|source| ReadError::Value { subject: keys.subject, source })?;
    Ok(Hold {
        id: HoldId::from_bytes(id),
        placed_at: Timestamp::from_micros(placed_at),
        lifted_at: lifted_at.map(Timestamp::from_micros),
        reason: String::from_utf8(plain.to_vec()).map_err(|_| ReadError::Format { what: "reason of a hold" })?,
    })
}

pub(crate) type ProposalRow = (i64, [u8; 16], String, String);

pub(crate) fn proposal_row(row: &Row<'_>) -> rusqlite::Result<ProposalRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

pub(crate) fn proposal_of((at, request, name, known): ProposalRow) -> Result<Proposal, ReadError> {
    let known = [OperatorKnown::Asserted, OperatorKnown::Verified, OperatorKnown::LocalAccount]
        .into_iter()
        .find(|candidate| known_name(*candidate) == known)
        .ok_or(ReadError::Format { what: "proposal" })?;
    Ok(Proposal {
        at: Timestamp::from_micros(at),
        request: RequestId::from_bytes(request),
        by: KnownOperator { name, known },
    })
}

/// How an operator is known, as it is stored.
pub(crate) const fn known_name(known: OperatorKnown) -> &'static str {
    match known {
        OperatorKnown::Asserted => "asserted",
        OperatorKnown::Verified => "verified",
        OperatorKnown::LocalAccount => "local-account",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::path::Path;
    use std::sync::Arc;

    use coffre_core::audit::{Action, Decision, Draft};
    use coffre_core::record::Fields;

    use super::*;
    use crate::clock::{SystemClock, SystemEntropy};
    use crate::connection::{self, Use};
    use crate::layout::{Database, Layout};
    use crate::transactions::{CreateRecord, EraseSubject, PlaceHold};
    use crate::{Depends, Identity, InitPlan, OpenOptions, init, root};

    fn kind() -> RecordTypeName {
        "policyholder".parse().unwrap()
    }

    fn make(dir: &Path) -> Layout {
        let vault = dir.join("vault");
        let plan = InitPlan {
            environment: "test".parse().unwrap(),
            recovery_recipient: None,
            recovery_identity_file: dir.join("recovery.identity"),
        };
        init(&vault, &plan, &SystemClock, &mut SystemEntropy).unwrap();
        Layout::new(&vault)
    }

    fn open(layout: &Layout) -> Store {
        let identity = Identity::read(&layout.server_identity()).unwrap();
        let options = OpenOptions { indexes: Vec::new(), clock: Arc::new(SystemClock), readers: 1 };
        Store::open(layout.root(), &identity, &options).unwrap()
    }

    fn database(layout: &Layout) -> rusqlite::Connection {
        let identity = Identity::read(&layout.server_identity()).unwrap();
        let keys = root::unwrap(layout, &layout.root_server(), &identity).unwrap().keys;
        connection::open(&layout.database(Database::Vault), &keys.databases.vault, Use::Write).unwrap()
    }

    fn draft(action: Action) -> Draft {
        Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy))
    }

    fn hold(store: &Store, subject: SubjectId) {
        let place = PlaceHold { record_type: kind(), subject, reason: "a dispute of May".to_owned() };
        store.transact(place, draft(Action::PlaceHold), None, Depends::default()).wait().unwrap();
    }

    fn create(store: &Store) -> SubjectId {
        let fields = Fields([("contact.family_name".parse().unwrap(), "Moreau".into())].into());
        let create = CreateRecord { record_type: kind(), subject: store.new_subject(), fields };
        store.transact(create, draft(Action::Create), None, Depends::default()).wait().unwrap().0
    }

    #[test]
    fn nothing_of_a_hold_stands_in_clear_and_nothing_of_it_outlives_its_subject() {
        let dir = tempfile::tempdir().unwrap();
        let layout = make(dir.path());
        let store = open(&layout);
        let subject = create(&store);
        hold(&store, subject);
        let held = |store: &Store| store.snapshot().unwrap().holds(&kind(), subject).unwrap().into_inner();
        assert_eq!(held(&store)[0].reason, "a dispute of May");
        store.close();
        drop(store);
        let sealed: Vec<u8> = database(&layout).query_row("SELECT sealed FROM holds", [], |row| row.get(0)).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"dispute"));

        let store = open(&layout);
        let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
        store.transact(erase, draft(Action::Erase), None, Depends::default()).wait().unwrap();
        assert_eq!(held(&store), []);
        let state = store.snapshot().unwrap().erasure(&kind(), subject, store.now()).unwrap().unwrap();
        assert!(matches!(state, Erasure::Done { proposed: None, erased: Act { request: None, .. }, .. }), "{state:?}");
        drop(store);
        let left: u64 = database(&layout).query_row("SELECT count(*) FROM holds", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }
}
