//! The result of a drill: a backup was fetched from where it is kept, opened beside the running vault, and checked. Said
//! in numbers, times and names of places; nothing of a record. Format: `docs/formats/drill.md`.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::canonical::{self, CanonicalError};
use crate::crypto::Scope;
use crate::ids::{Environment, GenerationId, RequestId, SubjectId, VaultId};
use crate::note::{NoteError, SignedNote, SigningKey};
use crate::spool::Pinned;
use crate::time::{CLOCKS_APART_SECONDS, Timestamp};

const FORMAT: &str = "coffre/drill/v1";

/// Which part of the vault a drill decrypts to the end: each drill takes the next one, so that after `of` drills
/// everything was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Which one, from 0.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

impl Slice {
    /// The whole.
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// The slice of the drill with this number.
    pub fn of_drill(number: u64, of: u32) -> Self {
        let of = of.max(1);
        Self { index: u32::try_from(number % u64::from(of)).unwrap_or(0), of }
    }

    /// Whether a record is in it. Identifiers are random, so slices are about equal.
    pub fn holds(&self, subject: SubjectId) -> bool {
        let [.., high, low] = *subject.as_bytes();
        u32::from(u16::from_be_bytes([high, low])) % self.of.max(1) == self.index
    }
}

/// What a drill was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Finding the newest state and all that belongs to it.
    Plan,
    /// Fetching base backups and documents.
    Fetch,
    /// Putting segments onto the base.
    Replay,
    /// Opening databases: pages, the log's tree, the hashes of values.
    Open,
    /// Decrypting the slice's records and documents.
    Documents,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 5] = [Self::Plan, Self::Fetch, Self::Replay, Self::Open, Self::Documents];

    /// The phase's stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Fetch => "fetch",
            Self::Replay => "replay",
            Self::Open => "open",
            Self::Documents => "documents",
        }
    }
}

/// Milliseconds that each phase took; 0 where the drill did not come to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Took {
    /// See [`Phase::Plan`].
    pub plan: u64,
    /// See [`Phase::Fetch`].
    pub fetch: u64,
    /// See [`Phase::Replay`].
    pub replay: u64,
    /// See [`Phase::Open`].
    pub open: u64,
    /// See [`Phase::Documents`].
    pub documents: u64,
}

impl Took {
    /// The time of one phase.
    pub const fn of(&self, phase: Phase) -> u64 {
        match phase {
            Phase::Plan => self.plan,
            Phase::Fetch => self.fetch,
            Phase::Replay => self.replay,
            Phase::Open => self.open,
            Phase::Documents => self.documents,
        }
    }

    /// Adds to the time of one phase.
    pub const fn add(&mut self, phase: Phase, milliseconds: u64) {
        let time = match phase {
            Phase::Plan => &mut self.plan,
            Phase::Fetch => &mut self.fetch,
            Phase::Replay => &mut self.replay,
            Phase::Open => &mut self.open,
            Phase::Documents => &mut self.documents,
        };
        *time = time.saturating_add(milliseconds);
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        Phase::ALL.iter().map(|phase| self.of(*phase)).sum()
    }
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchedState {
    /// The moment that was restored to.
    pub captured: Timestamp,
    /// The generation.
    pub generation: GenerationId,
    /// The number of the base backup that it rests on.
    pub base: u64,
    /// Files, segments and documents.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What was found inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedState {
    /// Entries of the log, which lead to the signed head.
    pub entries: u64,
    /// The root of that head, in hexadecimal.
    pub root: String,
    /// Values of records whose hash is the one that the log names.
    pub values: u64,
    /// Documents whose hash is the one that the log names.
    pub documents: u64,
    /// Records of the slice, all of whose values decrypt.
    pub slice_records: u64,
    /// Documents of the slice, which decrypt to their end.
    pub slice_documents: u64,
    /// Bytes of those documents.
    pub slice_document_bytes: u64,
}

/// Why a drill failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillFailure {
    /// In which phase.
    pub phase: Phase,
    /// In words, remedy included.
    pub cause: String,
    /// The exit code of `docs/OPERATIONS.md`.
    pub code: u8,
}

/// A drill, whichever way it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillResult {
    format: String,
    /// The environment.
    pub environment: Environment,
    /// The vault.
    pub vault: VaultId,
    /// Counts the drills of this vault's directory, from 1.
    pub number: u64,
    /// Where it was restored from, by its name in the configuration.
    pub destination: String,
    /// When it began.
    pub started: Timestamp,
    /// When it had ended.
    pub ended: Timestamp,
    /// The call that asked for it, under which the audit log has it.
    pub request: RequestId,
    /// What was decrypted to the end.
    pub slice: Slice,
    /// How long each phase took.
    pub milliseconds: Took,
    /// What was fetched; absent if it did not come so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<FetchedState>,
    /// What was found inside; absent if it did not come so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<OpenedState>,
    /// Why it failed; absent if it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<DrillFailure>,
}

/// A result that cannot be written or believed.
#[derive(Debug, Error)]
pub enum DrillNoteError {
    /// Not signed by the vault.
    #[error("it is not signed by the vault")]
    Note(#[from] NoteError),
    /// Not the text that this format writes.
    #[error("its text is not a drill's result that this version can read: use the Coffre that made it, or a newer one")]
    Text(#[source] Option<serde_json::Error>),
    /// A number is too large.
    #[error("it cannot be written: a number is beyond 2^53")]
    Canonical(#[from] CanonicalError),
    /// Made by another vault.
    #[error("it is of vault {vault} ({environment}): nothing of one vault or environment stands for another")]
    OtherVault {
        /// Its environment.
        environment: Environment,
        /// Its vault.
        vault: VaultId,
    },
}

impl DrillResult {
    /// A drill that has just begun, and so far neither passed nor failed.
    pub fn begun(scope: &Scope, number: u64, destination: &str, started: Timestamp, request: RequestId) -> Self {
        Self {
            format: FORMAT.to_owned(),
            environment: scope.environment.clone(),
            vault: scope.vault,
            number,
            destination: destination.to_owned(),
            started,
            ended: started,
            request,
            slice: Slice::ALL,
            milliseconds: Took::default(),
            fetched: None,
            opened: None,
            failure: None,
        }
    }

    /// Whether the backup was restored, opened and found to be right.
    pub const fn passed(&self) -> bool {
        self.failure.is_none() && self.opened.is_some()
    }

    /// The result as a C2SP signed note: one line of canonical JSON, and the signature.
    pub fn sign(&self, key: &SigningKey) -> Result<String, DrillNoteError> {
        Ok(SignedNote::sign(self.text()?, key)?.to_string())
    }

    /// Reads the result of a drill of the pinned vault.
    pub fn open(bytes: &[u8], pinned: &Pinned) -> Result<Self, DrillNoteError> {
        let note = SignedNote::parse(bytes)?;
        let text = note.verify(&pinned.key)?;
        let result: Self = serde_json::from_str(text).map_err(|error| DrillNoteError::Text(Some(error)))?;
        if result.environment != pinned.scope.environment || result.vault != pinned.scope.vault {
            return Err(DrillNoteError::OtherVault { environment: result.environment, vault: result.vault });
        }
        if result.format != FORMAT || result.text()? != text {
            return Err(DrillNoteError::Text(None));
        }
        Ok(result)
    }

    fn text(&self) -> Result<String, DrillNoteError> {
        let mut bytes = canonical::to_vec(self)?;
        bytes.push(b'\n');
        String::from_utf8(bytes).map_err(|_| DrillNoteError::Text(None))
    }
}

/// The destination that a drill takes when none is named: the one whose last drill is longest ago, whichever way it
/// ended; one that was never drilled first of all.
pub fn next_destination<'n>(destinations: &'n [String], history: &[DrillResult]) -> Option<&'n str> {
    let last = |name: &str| history.iter().filter(|drill| drill.destination == name).map(|drill| drill.number).max();
    destinations.iter().min_by_key(|name| last(name)).map(String::as_str)
}

/// The last drill that passed. One that ended in the future proves nothing: a clock was wrong.
pub fn last_passed(history: &[DrillResult], now: Timestamp) -> Option<&DrillResult> {
    let latest = now.plus_seconds(CLOCKS_APART_SECONDS);
    let passed = history.iter().filter(|drill| drill.passed() && drill.ended <= latest);
    passed.max_by_key(|drill| (drill.ended, drill.number))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::note::KeyName;

    const GOLDEN: &str = include_str!("drill/golden.note");

    fn pinned() -> (Pinned, SigningKey) {
        let key = SigningKey::from_seed(KeyName::new("coffre.example/production").unwrap(), &[9; 32]);
        let scope = Scope { environment: "production".parse().unwrap(), vault: VaultId::from_bytes([7; 16]) };
        (Pinned { scope, key: key.verification_key() }, key)
    }

    fn passed(number: u64, destination: &str) -> DrillResult {
        let started = Timestamp::from_micros(1_800_000_000_000_000);
        let request = RequestId::from_bytes([2; 16]);
        let mut result = DrillResult::begun(&pinned().0.scope, number, destination, started, request);
        result.ended = started.plus_seconds(3);
        result.slice = Slice::of_drill(number, 30);
        result.milliseconds = Took { plan: 40, fetch: 1_900, replay: 60, open: 800, documents: 150 };
        let generation = GenerationId::from_bytes([5; 16]);
        result.fetched = Some(FetchedState {
            captured: started.plus_seconds(-2),
            generation,
            base: 4,
            files: 312,
            bytes: 48_000_000,
        });
        result.opened = Some(OpenedState {
            entries: 1_204,
            root: "03".repeat(32),
            values: 640,
            documents: 300,
            slice_records: 5,
            slice_documents: 11,
            slice_document_bytes: 700_000,
        });
        result
    }

    #[test]
    fn a_result_is_the_documented_bytes() {
        let (pinned, key) = pinned();
        let result = passed(12, "offsite");
        assert_eq!(result.sign(&key).unwrap(), GOLDEN);
        assert_eq!(DrillResult::open(GOLDEN.as_bytes(), &pinned).unwrap(), result);
    }

    #[test]
    fn a_result_of_another_vault_or_with_another_spelling_is_refused() {
        let (mut pinned, key) = pinned();
        let signed = |text: String| SignedNote::sign(text, &key).unwrap().to_string();
        let text = passed(12, "offsite").text().unwrap();
        let spaced = signed(text.replace("\"number\":12", "\"number\": 12"));
        assert!(matches!(DrillResult::open(spaced.as_bytes(), &pinned), Err(DrillNoteError::Text(None))));
        let other = signed(text.replace("drill/v1", "drill/v2"));
        assert!(matches!(DrillResult::open(other.as_bytes(), &pinned), Err(DrillNoteError::Text(None))));
        let changed = GOLDEN.replace("\"number\":12", "\"number\":13");
        assert!(matches!(DrillResult::open(changed.as_bytes(), &pinned), Err(DrillNoteError::Note(_))));
        pinned.scope.vault = VaultId::from_bytes([8; 16]);
        assert!(matches!(DrillResult::open(GOLDEN.as_bytes(), &pinned), Err(DrillNoteError::OtherVault { .. })));
    }

    #[test]
    fn every_record_is_in_exactly_one_slice_of_a_round() {
        for number in 0..500_u16 {
            let mut bytes = [3; 16];
            [bytes[14], bytes[15]] = number.wrapping_mul(131).to_be_bytes();
            let subject = SubjectId::from_bytes(bytes);
            let found = (100..130).filter(|drill| Slice::of_drill(*drill, 30).holds(subject)).count();
            assert_eq!(found, 1);
            assert!(Slice::ALL.holds(subject));
        }
    }

    #[test]
    fn the_destination_drilled_longest_ago_is_next_and_a_failure_is_no_success() {
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(next_destination(&names, &[]), Some("a"));
        let mut history = vec![passed(1, "a")];
        assert_eq!(next_destination(&names, &history), Some("b"));
        history.push(passed(2, "b"));
        assert_eq!(next_destination(&names, &history), Some("a"));
        assert_eq!(next_destination(&[], &history), None);
        let cause = DrillFailure { phase: Phase::Fetch, cause: "lost; try again".to_owned(), code: 75 };
        history.push(DrillResult { failure: Some(cause), opened: None, ..passed(3, "a") });
        let now = history.last().unwrap().ended;
        assert_eq!(last_passed(&history, now).unwrap().number, 2);
        history.get_mut(1).unwrap().ended = now.plus_seconds(CLOCKS_APART_SECONDS + 1);
        assert_eq!(last_passed(&history, now).unwrap().number, 1, "the future proves nothing");
    }
}
