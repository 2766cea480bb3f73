//! Data subjects that were looked at lately, as the databases have them: values encrypted, keys wrapped. A look at one of
//! them brings no page in (each is authenticated and decrypted) and waits for nobody, so it may be done anywhere.
//!
//! Nothing here outlives what it was read from. Whoever remembers somebody names the moment before their view began; what
//! a group has changed since then is not taken in. The writer forgets whom a group concerned once it is committed, before
//! it raises the access point again and before anybody is answered: a decision that rests on something older moves. Of whom
//! the group changed values and nothing else, it knows what they are now, and puts them in the place of what they were.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coffre_core::grant::{Grant, GrantTerms};
use coffre_core::ids::SubjectId;
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_core::time::Timestamp;

use crate::error::ReadError;
use crate::keyring::WrappedKey;
use crate::model::RecordState;
use crate::subject_keys;
use crate::terms::Tag;
use crate::values::{self, OfCategory};
use crate::writer::Shared;

/// Subjects are spread over so many parts, so that those who ask at the same time seldom meet.
const PARTS: usize = 64;
/// What a data subject takes besides ciphertexts and grants, in bytes: the structures and their places.
const FRAME: usize = 320;
/// What a field that a grant names takes, in bytes: its name and its place among the others.
const FIELD: usize = 80;
/// Different terms that are kept in common; beyond them it starts again.
const TERMS: usize = 4096;

/// A data subject, as far as anybody looked.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) kind: RecordTypeName,
    pub(crate) subject: SubjectId,
    pub(crate) state: RecordState,
    pub(crate) grants: Arc<[Grant]>,
    pub(crate) key: WrappedKey,
    /// The newest value of each category that was asked for; none where there is none.
    pub(crate) values: Vec<OfCategory>,
    /// Under what they are found, where a change has told.
    pub(crate) tags: Option<Arc<[Tag]>>,
}

impl Known {
    /// The named fields as they are now; `None` if they are not all known.
    pub(crate) fn fields(&self, shared: &Shared, fields: &[FieldPath]) -> Result<Option<Fields>, ReadError> {
        let known = |field: &FieldPath| values::find_category(&self.values, field.category_str()).is_some();
        if !fields.iter().all(known) {
            return Ok(None);
        }
        let of_vault = shared.keys();
        let key = self.key.open(&shared.scope, &of_vault, &self.kind, self.subject)?;
        let keys = subject_keys(&shared.scope, &of_vault, &self.kind, self.subject, &key);
        values::open_fields(&keys, &self.values, fields).map(Some)
    }

    /// With what somebody else knows of the same version.
    fn and(mut self, other: &Self) -> Self {
        if (self.kind == other.kind) && self.state.version == other.state.version {
            let more = other
                .values
                .iter()
                .filter(|(category, _)| values::find_category(&self.values, category.as_str()).is_none());
            let more: Vec<_> = more.cloned().collect();
            self.values.extend(more);
            self.tags = self.tags.or_else(|| other.tags.clone());
        }
        self
    }

    /// With what an amendment made of it; `None` where that was made of another version.
    fn amended(&self, amended: &Amended) -> Option<Self> {
        if self.state.version != amended.before {
            return None;
        }
        let state = RecordState { version: amended.version, updated_at: amended.at, ..self.state.clone() };
        let mut now = amended.values.clone();
        let is_the_same =
            |(category, _): &&OfCategory| values::find_category(&amended.values, category.as_str()).is_none();
        now.extend(self.values.iter().filter(is_the_same).cloned());
        Some(Self { state, values: now, tags: amended.tags.clone(), ..self.clone() })
    }

    fn size(&self) -> usize {
        let values = self.values.iter().map(|(_, value)| 96 + value.as_ref().map_or(0, |value| value.bytes.len()));
        let grants = self.grants.iter().map(|grant| size_of::<Grant>() + size_of_own(&grant.terms));
        let tags = self.tags.as_ref().map_or(0, |tags| size_of_val::<[Tag]>(tags));
        FRAME + grants.sum::<usize>() + self.key.length() + values.sum::<usize>() + tags
    }
}

/// What a transaction made of the values of a data subject.
pub(crate) struct Amended {
    pub(crate) subject: SubjectId,
    /// The version that it was made of.
    pub(crate) before: u32,
    pub(crate) version: u32,
    pub(crate) at: Timestamp,
    /// The values of this version: those that were changed, and those that were looked at.
    pub(crate) values: Vec<OfCategory>,
    /// Under what they are found in this version, if that is known.
    pub(crate) tags: Option<Arc<[Tag]>>,
}

/// Bytes of what a grant says, if no other one says the same: one that is given by itself says from when it is valid.
fn size_of_own(terms: &Arc<GrantTerms>) -> usize {
    // The grant has them, and so may the terms in common.
    let is_shared = Arc::strong_count(terms) > 2;
    let texts = || terms.purpose.len() + terms.article9.as_ref().map_or(0, String::len);
    if is_shared { 0 } else { size_of::<GrantTerms>() + texts() + terms.fields.len() * FIELD }
}

/// A part: those asked for lately, and those before them, who go first.
#[derive(Default)]
struct Part {
    recent: HashMap<SubjectId, Arc<Known>>,
    before: HashMap<SubjectId, Arc<Known>>,
    /// Bytes of the recent ones.
    bytes: usize,
    /// The newest moment at which somebody of this part was forgotten.
    changed: u64,
}

impl Part {
    fn find(&self, subject: SubjectId) -> Option<&Arc<Known>> {
        self.recent.get(&subject).or_else(|| self.before.get(&subject))
    }

    fn forget(&mut self, subject: SubjectId) {
        if let Some(known) = self.recent.remove(&subject) {
            self.bytes = self.bytes.saturating_sub(known.size());
        }
        self.before.remove(&subject);
    }

    /// Adds one of the recent; gives those who have to go.
    fn add(&mut self, known: Arc<Known>, most: usize) -> HashMap<SubjectId, Arc<Known>> {
        self.bytes += known.size();
        if let Some(former) = self.recent.insert(known.subject, known) {
            self.bytes = self.bytes.saturating_sub(former.size());
        }
        if self.bytes <= most {
            return HashMap::new();
        }
        self.bytes = 0;
        let recent = std::mem::take(&mut self.recent);
        std::mem::replace(&mut self.before, recent)
    }
}

/// Everybody who is remembered.
pub(crate) struct Remembered {
    parts: [Mutex<Part>; PARTS],
    /// Bytes of the recent ones of a part.
    most: usize,
    moment: AtomicU64,
    terms: Mutex<HashMap<Box<str>, Arc<GrantTerms>>>,
}

impl Remembered {
    /// Within so many bytes, about.
    pub(crate) fn within(bytes: usize) -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            most: bytes / PARTS / 2,
            moment: AtomicU64::new(0),
            terms: Mutex::default(),
        }
    }

    fn part(&self, subject: SubjectId) -> MutexGuard<'_, Part> {
        // Identifiers are random.
        let ([first, ..], [.., last]) = (&self.parts, subject.as_bytes());
        lock(self.parts.get(usize::from(*last) % PARTS).unwrap_or(first))
    }

    /// Now: to be named by whoever begins a view from here on.
    pub(crate) fn moment(&self) -> u64 {
        self.moment.load(Ordering::SeqCst)
    }

    /// A data subject, if they are remembered.
    pub(crate) fn recall(&self, subject: SubjectId) -> Option<Arc<Known>> {
        let mut part = self.part(subject);
        if let Some(known) = part.recent.get(&subject) {
            return Some(Arc::clone(known));
        }
        let known = part.before.remove(&subject)?;
        let gone = part.add(Arc::clone(&known), self.most);
        drop(part);
        drop(gone);
        Some(known)
    }

    /// Remembers what a view showed that began after a moment, unless it has changed since.
    pub(crate) fn remember(&self, known: Known, moment: u64) {
        let mut part = self.part(known.subject);
        if part.changed > moment {
            return;
        }
        let known = match part.find(known.subject) {
            Some(former) => known.and(former),
            None => known,
        };
        let gone = part.add(Arc::new(known), self.most);
        drop(part);
        drop(gone);
    }

    /// Forgets whom a group concerned that is committed now.
    pub(crate) fn forget(&self, subjects: impl IntoIterator<Item = SubjectId>) {
        let now = self.moment.fetch_add(1, Ordering::SeqCst) + 1;
        for subject in subjects {
            let mut part = self.part(subject);
            part.changed = now;
            part.forget(subject);
        }
    }

    /// Goes on with a data subject whose values a group changed that is committed now, in this order, and nothing else of them.
    pub(crate) fn amend(&self, subject: SubjectId, amendments: &[&Amended]) {
        let now = self.moment.fetch_add(1, Ordering::SeqCst) + 1;
        let mut part = self.part(subject);
        part.changed = now;
        let before = part.find(subject).cloned();
        part.forget(subject);
        let mut after = before.map(|known| Known::clone(&known));
        for amended in amendments {
            after = after.and_then(|known| known.amended(amended));
        }
        let gone = after.map(|known| part.add(Arc::new(known), self.most));
        drop(part);
        drop(gone);
    }

    /// Forgets everybody.
    pub(crate) fn clear(&self) {
        let now = self.moment.fetch_add(1, Ordering::SeqCst) + 1;
        for part in &self.parts {
            *lock(part) = Part { changed: now, ..Part::default() };
        }
    }

    /// The terms that a text says, in common with all who have the same.
    pub(crate) fn terms(&self, text: &str) -> Result<Arc<GrantTerms>, serde_json::Error> {
        if let Some(known) = lock(&self.terms).get(text) {
            return Ok(Arc::clone(known));
        }
        let terms = Arc::new(serde_json::from_str::<GrantTerms>(text)?);
        let mut known = lock(&self.terms);
        if known.len() >= TERMS {
            known.clear();
        }
        known.insert(text.into(), Arc::clone(&terms));
        Ok(terms)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whatever a panic leaves is whole: maps of finished entries.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;

    use coffre_core::ids::GrantId;
    use coffre_core::time::Timestamp;

    use super::*;

    fn somebody(number: u32) -> Known {
        let mut id = [0; 16];
        id.split_at_mut(12).1.copy_from_slice(&number.to_be_bytes());
        let at = Timestamp::from_micros(0);
        let state = RecordState {
            version: 1,
            created_at: at,
            updated_at: at,
            restricted: false,
            archived: BTreeSet::new(),
            objects: false,
        };
        let (kind, grants) = ("policyholder".parse().unwrap(), Arc::new([]));
        let (subject, key) = (SubjectId::from_bytes(id), WrappedKey::of_nobody());
        Known { kind, subject, state, grants, key, values: Vec::new(), tags: None }
    }

    #[test]
    fn memory_is_bounded_and_keeps_those_asked_for() {
        let (often, remembered) = (somebody(0), Remembered::within(1024 * 1024));
        let most = u32::try_from(1024 * 1024 / often.size()).unwrap();
        for number in 0..10 * most {
            remembered.remember(somebody(number), remembered.moment());
            assert!(remembered.recall(often.subject).is_some(), "asked for after {number}");
        }
        let kept = (0..10 * most).filter(|number| {
            let part = remembered.part(somebody(*number).subject);
            part.find(somebody(*number).subject).is_some()
        });
        let kept = u32::try_from(kept.count()).unwrap();
        assert!((most / 3..=most + 64).contains(&kept), "{kept} of {most}");
    }

    #[test]
    fn what_a_grant_says_counts_where_no_other_says_it() {
        let remembered = Remembered::within(0);
        let text = |moment: &str| {
            format!(
                r#"{{"role":"sales","purpose":"support","fields":["contact.email","contact.phone"],"basis":"contract","valid_from":"{moment}"}}"#
            )
        };
        let grant = |moment: &str| Grant {
            id: GrantId::from_bytes([1; 16]),
            subject: somebody(1).subject,
            terms: remembered.terms(&text(moment)).unwrap(),
            version: 1,
            withdrawn_at: None,
        };
        let with = |grants: Vec<Grant>| Known { grants: grants.into(), ..somebody(1) };
        let nothing = with(Vec::new()).size();
        let one = with(vec![grant("2026-01-01T00:00:00Z")]).size();
        assert!(one > nothing + size_of::<Grant>() + 2 * FIELD, "{one}");
        let own = with(vec![grant("2026-01-01T00:00:00Z"), grant("2026-01-02T00:00:00Z")]);
        assert_eq!(own.size(), nothing + 2 * (one - nothing));
        let alike = with(vec![grant("2026-01-01T00:00:00Z"), grant("2026-01-01T00:00:00Z")]);
        assert_eq!(alike.size(), nothing + 2 * size_of::<Grant>());
    }

    #[test]
    fn what_a_view_showed_counts_until_it_changes() {
        let (one, remembered) = (somebody(1), Remembered::within(1024 * 1024));
        let before = remembered.moment();
        remembered.forget([one.subject]);
        remembered.remember(one.clone(), before);
        assert!(remembered.recall(one.subject).is_none(), "changed since");
        remembered.remember(one.clone(), remembered.moment());
        assert!(remembered.recall(one.subject).is_some());
        let before = remembered.moment();
        remembered.clear();
        assert!(remembered.recall(one.subject).is_none());
        remembered.remember(one.clone(), before);
        assert!(remembered.recall(one.subject).is_none(), "nor anything else that was seen before");
    }

    #[test]
    fn terms_that_say_the_same_are_one() {
        let text =
            r#"{"role":"sales","purpose":"p","fields":[],"basis":"consent","valid_from":"2026-01-01T00:00:00Z"}"#;
        let remembered = Remembered::within(0);
        let one = remembered.terms(text).unwrap();
        assert!(Arc::ptr_eq(&one, &remembered.terms(text).unwrap()));
        assert!(remembered.terms("{}").is_err());
    }
}
