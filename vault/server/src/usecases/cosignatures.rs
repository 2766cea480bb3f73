//! Cosignatures (C2SP tlog-cosignature): witnesses state that the log only grew. They are checked against the keys that
//! are configured, kept, and published with the head.

use std::sync::Arc;

use coffre_core::audit;
use coffre_core::note::{SignedNote, WitnessKey};
use coffre_core::time::Timestamp;
use coffre_core::tlog::TreeHead;
use coffre_policies::Action;
use coffre_store::{Receipt, Store};

use super::call::Call;
use super::failure::Failure;
use super::keeper::{Keeper, blocking};
use super::log_refusal::LogRefusal;
use super::look::{Look, Question};
use super::plan::Reading;
use super::published_head::PublishedHead;

/// Clocks may differ by so much.
const AHEAD: u64 = 300;

/// A head with the cosignatures that hold.
pub(crate) struct Cosigned {
    pub(crate) size: u64,
    pub(crate) witnesses: Vec<String>,
    /// When the last of them was made, in seconds since 1970.
    at: u64,
    note: SignedNote,
}

/// What became of it.
pub(crate) struct Taken {
    pub(crate) size: u64,
    pub(crate) witnesses: Vec<String>,
    /// Whether it is published; a later head may be.
    pub(crate) published: bool,
}

impl Keeper {
    /// Takes a signed head of this log that witnesses cosigned.
    pub(crate) async fn take_cosignatures(
        self: &Arc<Self>,
        call: &Call,
        sent: Vec<u8>,
    ) -> Result<(Taken, Receipt), Failure> {
        let look = |look: &Look<'_>| {
            let question = Question::whole(Action::ReadTreeHead, audit::Action::AddCosignature, None, None);
            look.at_large(&question, || Ok(()))
        };
        self.permit(call, look).await?;
        let keeper = Arc::clone(self);
        let now = self.store.now();
        let cosigned = blocking(move || Ok(verified(&keeper.store, &keeper.witnesses, &sent, now)?)).await?;
        let named = cosigned.witnesses.join(", ");
        let look = move |look: &Look<'_>| {
            let question = Question::whole(Action::ReadTreeHead, audit::Action::AddCosignature, None, None);
            let mut plan = look.at_large(&question, || Ok(Reading { claims: Vec::new(), content: () }))?;
            plan.draft.target = Some(named.clone());
            Ok(plan)
        };
        let ((), receipt) = self.disclose(call, look).await?;
        let Cosigned { size, witnesses, note, .. } = cosigned;
        let keeper = Arc::clone(self);
        let publish = move || {
            // Once it is answered, it is there after a restart.
            let keep = |note: &SignedNote| keeper.store.keep_cosigned_head(&note.to_string()).map_err(Failure::NotKept);
            keeper.published_head.offer_to_keep(now, size, note, keep)
        };
        let published = blocking(publish).await?;
        Ok((Taken { size, witnesses, published }, receipt))
    }
}

/// The head that was kept, published again after a start. One that does not hold any more is left.
pub(super) fn published_again(store: &Store, witnesses: &[WitnessKey]) -> PublishedHead {
    let published = PublishedHead::default();
    match store.cosigned_head() {
        Ok(None) => {}
        Ok(Some(note)) => match verified(store, witnesses, &note, store.now()) {
            Ok(cosigned) => {
                let seconds = i64::try_from(cosigned.at).unwrap_or(0);
                let at = Timestamp::from_micros(0).plus_seconds(seconds).min(store.now());
                published.offer(at, cosigned.size, cosigned.note);
            }
            Err(error) => tracing::warn!(%error, "the cosigned head that was kept is not published"),
        },
        Err(error) => tracing::warn!(%error, "the cosigned head that was kept cannot be read"),
    }
    published
}

/// The note with the vault's own signature and those of configured witnesses; others are ignored, as the
/// specification asks.
fn verified(store: &Store, witnesses: &[WitnessKey], sent: &[u8], now: Timestamp) -> Result<Cosigned, LogRefusal> {
    if witnesses.is_empty() {
        return Err(LogRefusal::NoWitnesses);
    }
    let note = SignedNote::parse(sent).map_err(LogRefusal::Note)?;
    let key = store.verification_key();
    let head = TreeHead::of_note(&note, key, Some(store.origin())).map_err(LogRefusal::Head)?;
    let have = store.tree_head().size;
    if head.size > have {
        return Err(LogRefusal::Beyond { have });
    }
    let mut cosigned = Cosigned { size: head.size, witnesses: Vec::new(), at: 0, note: note.only_by(key) };
    for signature in note.signatures() {
        let Some(witness) = witnesses.iter().find(|witness| witness.made(signature)) else { continue };
        let at = witness.cosigned_at(&note, signature).map_err(LogRefusal::Cosignature)?;
        let ahead = at.saturating_sub(now.as_seconds().unsigned_abs());
        let name = witness.name().to_string();
        if ahead > AHEAD {
            return Err(LogRefusal::Future { name, seconds: ahead });
        }
        if !cosigned.witnesses.contains(&name) {
            cosigned.witnesses.push(name);
            cosigned.at = cosigned.at.max(at);
            cosigned.note = cosigned.note.with_signature(signature.clone());
        }
    }
    if cosigned.witnesses.is_empty() { Err(LogRefusal::NoCosignature) } else { Ok(cosigned) }
}
