//! What every use case works with: the open store, the policies, and what is remembered of both.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use coffre_core::drill::DrillResult;
use coffre_core::note::WitnessKey;
use coffre_policies::Policies;
use coffre_store::{Application, LogTree, Snapshot, Store};
use tokio::sync::oneshot;

use super::cosignatures::published_again;
use super::drill::kept;
use super::export::{AgreedExport, ExportProposal};
use super::failure::Failure;
use super::health::{Counted, LastBase};
use super::log_sessions::LogSessions;
use super::once::UnderWay;
use super::published_head::PublishedHead;
use super::seal::SealProposal;
use super::seats::{Seat, seat};
use super::viewers::{View, Viewers, Waiting};
use crate::authentication::{Applications, Credential};
use crate::authorization::Decider;
use crate::metrics::Metrics;
use crate::rotating::Rotating;
use crate::unusual::{AlertLimits, Watch};

/// Keeps the vault: whoever wants something of it goes through a use case of this.
pub(crate) struct Keeper {
    pub(super) store: Store,
    pub(super) policies: Arc<Policies>,
    pub(super) policy_set: String,
    /// Set once it is settled that the policies may be gone by.
    pub(super) policies_may: tokio::sync::OnceCell<()>,
    pub(super) decider: Decider,
    pub(super) applications: Applications,
    pub(crate) metrics: Arc<Metrics>,
    pub(super) watch: Watch,
    pub(super) counted: Counted,
    last_base: Mutex<Option<LastBase>>,
    pub(super) seal_proposed: Mutex<Option<SealProposal>>,
    /// Oldest first.
    pub(super) exports_proposed: Mutex<Vec<ExportProposal>>,
    /// Oldest first.
    pub(super) exports_agreed: Mutex<Vec<AgreedExport>>,
    viewers: Viewers,
    pub(super) under_way: Arc<UnderWay>,
    /// Held by the one import that is under way.
    pub(super) importing: Mutex<()>,
    /// The keys whose cosignatures are believed.
    pub(super) witnesses: Vec<WitnessKey>,
    pub(super) published_head: PublishedHead,
    pub(super) log_tree: LogTree,
    pub(super) log_sessions: LogSessions,
    /// Held by the one report that is made.
    pub(super) reporting: Arc<tokio::sync::Mutex<()>>,
    /// Held by the one drill that is held.
    pub(super) drilling: tokio::sync::Mutex<()>,
    pub(super) rotating: Rotating,
    /// The drills so far, oldest first.
    pub(super) held_drills: Mutex<Vec<DrillResult>>,
}

impl Keeper {
    pub(crate) fn new(store: Store, policies: Arc<Policies>, readers: usize, witnesses: Vec<WitnessKey>) -> Self {
        let held_drills = Mutex::new(kept(&store));
        // To look is work for a processor: more viewers than there are of them only get into each other's way.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (published_head, log_tree) = (published_again(&store, &witnesses), LogTree::of(&store));
        Self {
            policy_set: policies.hash().to_string(),
            policies_may: tokio::sync::OnceCell::new(),
            decider: Decider::new(Arc::clone(&policies)),
            policies,
            store,
            applications: Applications::default(),
            metrics: Arc::default(),
            watch: Watch::default(),
            counted: Counted::default(),
            last_base: Mutex::default(),
            seal_proposed: Mutex::default(),
            exports_proposed: Mutex::default(),
            exports_agreed: Mutex::default(),
            viewers: Viewers::new(readers.min(cores)),
            under_way: Arc::default(),
            importing: Mutex::new(()),
            published_head,
            log_tree,
            witnesses,
            log_sessions: LogSessions::default(),
            reporting: Arc::default(),
            drilling: tokio::sync::Mutex::default(),
            rotating: Rotating::default(),
            held_drills,
        }
    }

    /// Tells reads that leave other ranges than the usual ones.
    pub(crate) fn watching(self, limits: AlertLimits) -> Self {
        Self { watch: Watch::new(limits), ..self }
    }

    /// Looks at the vault once, on a thread that may block. No more views are open at a time than there
    /// are readers, so waiting callers hold no thread.
    pub(super) fn look(self: &Arc<Self>, look: impl FnOnce(&Self, View<'_>) + Send + 'static) {
        self.viewers.serve(Waiting::new(self, look));
    }

    /// Looks at the vault once, and waits for what comes of it.
    pub(super) async fn view<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&Self, &Snapshot<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, answered) = oneshot::channel();
        self.look(move |keeper, view| {
            // For whoever has gone meanwhile nothing is looked up.
            if !answer.is_closed() {
                let _gone = answer.send(view.and_then(|snapshot| look(keeper, snapshot)));
            }
        });
        answered.await.unwrap_or_else(|_| Err(lost()))
    }

    /// The last base backup that this process took.
    pub(super) fn last_base(&self) -> Option<LastBase> {
        self.last_base.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn base_taken(&self, base: LastBase) {
        *self.last_base.lock().unwrap_or_else(PoisonError::into_inner) = Some(base);
    }

    /// The application behind a credential, before anything else is done for it.
    pub(crate) async fn identify(self: &Arc<Self>, credential: &Credential) -> Result<Arc<Application>, Failure> {
        if let Some(application) = self.applications.recall(credential, self.store.now()) {
            return Ok(application);
        }
        let credential = credential.clone();
        let identify = move |keeper: &Self, snapshot: &Snapshot<'_>| {
            let found = keeper.applications.identify(snapshot, &credential, keeper.store.now())?;
            found.ok_or(Failure::Unauthenticated)
        };
        Ok(self.view(identify).await?.application)
    }
}

/// A look that gave no answer, because it panicked.
pub(super) fn lost() -> Failure {
    Failure::Internal { what: "a look at the vault was lost".to_owned() }
}

/// Runs on a thread that may block, once there is a seat.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    seated(seat().await, work).await
}

/// Runs on a thread that may block, and has the seat until it has ended.
pub(super) async fn seated<T: Send + 'static>(
    seat: Seat,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let lost = |error: tokio::task::JoinError| Failure::Internal { what: format!("a task was lost: {error}") };
    let work = move || {
        let _seat = seat;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}
