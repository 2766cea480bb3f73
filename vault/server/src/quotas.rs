//! How much one application, and one operator of it, may ask for: so many requests a minute, so many at a time. What is
//! beyond is refused before anything is looked at, and leaves a count, not an entry: anybody with a token could fill the
//! log otherwise. The time is passed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use coffre_core::ids::ApplicationId;

/// What one caller may ask for; no bound where none is stated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallerLimits {
    /// Requests of one application within a minute.
    pub application_per_minute: Option<u32>,
    /// Requests of one operator of an application within a minute.
    pub operator_per_minute: Option<u32>,
    /// Requests of one application that are answered at the same time.
    pub application_at_once: Option<u32>,
}

const MINUTE: Duration = Duration::from_mins(1);
/// What accounts of this host may ask for within a minute of that which leaves an entry and takes next to nothing. It is not
/// configured: nobody needs as much.
const AT_LEISURE: u32 = 300;
/// Beyond so many operators, those who have asked for nothing lately are forgotten, then all. Names may be made up.
const REMEMBERED: usize = 10_000;

/// Which bound a request is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bound {
    Application,
    Operator,
    AtOnce,
}

impl Bound {
    /// A stable code, for metrics and problems.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Application => "application-per-minute",
            Self::Operator => "operator-per-minute",
            Self::AtOnce => "application-at-once",
        }
    }
}

/// A request beyond a bound, and when it may come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) bound: Bound,
    pub(crate) again_after: Duration,
}

/// What is left of a minute's allowance; it fills up evenly (a token bucket).
#[derive(Debug, Clone, Copy)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    fn full(per_minute: u32, now: Instant) -> Self {
        Self { left: f64::from(per_minute), at: now }
    }

    fn refill(&mut self, per_minute: u32, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64();
        self.left = (self.left + passed * f64::from(per_minute)).min(f64::from(per_minute));
        self.at = now;
    }

    /// The allowance at this moment, if there is one to take; otherwise how long until there is.
    fn within(&mut self, per_minute: u32, now: Instant) -> Result<&mut Self, Duration> {
        self.refill(per_minute, now);
        if self.left < 1.0 { Err(self.wait(per_minute)) } else { Ok(self) }
    }

    /// How long until there is one to take.
    fn wait(&self, per_minute: u32) -> Duration {
        let minutes = (1.0 - self.left).max(0.0) / f64::from(per_minute.max(1));
        Duration::from_secs_f64(minutes * MINUTE.as_secs_f64())
    }
}

#[derive(Debug, Default)]
struct State {
    applications: HashMap<ApplicationId, Allowance>,
    operators: HashMap<(ApplicationId, String), Allowance>,
    at_once: HashMap<ApplicationId, u32>,
    at_leisure: Option<Allowance>,
}

/// Keeps callers within their bounds.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    limits: CallerLimits,
    state: Mutex<State>,
}

/// A request's place among those that are answered at the same time; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    quotas: Arc<Quotas>,
    application: ApplicationId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.quotas.lock();
        if let Some(taken) = state.at_once.get_mut(&self.application) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                state.at_once.remove(&self.application);
            }
        }
    }
}

impl Quotas {
    pub(crate) fn new(limits: CallerLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Takes a place for a request, or says which bound it is beyond. A refused request uses up nothing. Where no bound is stated
    /// nothing is counted.
    pub(crate) fn enter(
        self: &Arc<Self>,
        application: ApplicationId,
        operator: Option<&str>,
        now: Instant,
    ) -> Result<Option<Place>, Beyond> {
        if self.limits == CallerLimits::default() {
            return Ok(None);
        }
        let mut state = self.lock();
        let taken = state.at_once.get(&application).copied().unwrap_or(0);
        if self.limits.application_at_once.is_some_and(|most| taken >= most) {
            return Err(Beyond { bound: Bound::AtOnce, again_after: Duration::from_secs(1) });
        }
        state.take(application, operator, &self.limits, now)?;
        state.at_once.insert(application, taken + 1);
        Ok(Some(Place { quotas: Arc::clone(self), application }))
    }

    /// Takes one of what accounts of this host may ask for, or says when there is one again.
    pub(crate) fn at_leisure(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.lock();
        let allowance = state.at_leisure.get_or_insert_with(|| Allowance::full(AT_LEISURE, now));
        allowance.within(AT_LEISURE, now)?.left -= 1.0;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(
        &mut self,
        application: ApplicationId,
        operator: Option<&str>,
        limits: &CallerLimits,
        now: Instant,
    ) -> Result<(), Beyond> {
        let beyond = |bound| move |again_after| Beyond { bound, again_after };
        let mut of_application = None;
        if let Some(most) = limits.application_per_minute {
            let allowance = self.applications.entry(application).or_insert_with(|| Allowance::full(most, now));
            of_application = Some(allowance.within(most, now).map_err(beyond(Bound::Application))?);
        }
        if let (Some(most), Some(operator)) = (limits.operator_per_minute, operator) {
            if self.operators.len() >= REMEMBERED {
                self.operators.retain(|_, allowance| now.saturating_duration_since(allowance.at) < MINUTE);
            }
            // Names made up faster than that would cost every request a look at all of them.
            if self.operators.len() >= REMEMBERED {
                self.operators.clear();
            }
            let key = (application, operator.to_owned());
            let allowance = self.operators.entry(key).or_insert_with(|| Allowance::full(most, now));
            allowance.within(most, now).map_err(beyond(Bound::Operator))?.left -= 1.0;
        }
        if let Some(allowance) = of_application {
            allowance.left -= 1.0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRM: ApplicationId = ApplicationId::from_bytes([1; 16]);
    const DESK: ApplicationId = ApplicationId::from_bytes([2; 16]);

    fn quotas(application: Option<u32>, operator: Option<u32>, at_once: Option<u32>) -> Arc<Quotas> {
        Arc::new(Quotas::new(CallerLimits {
            application_per_minute: application,
            operator_per_minute: operator,
            application_at_once: at_once,
        }))
    }

    #[test]
    fn a_minute_holds_so_many_requests_and_fills_up_evenly() {
        let (quotas, start) = (quotas(Some(6), None, None), Instant::now());
        for _ in 0..6 {
            assert!(quotas.enter(CRM, None, start).is_ok());
        }
        let beyond = quotas.enter(CRM, None, start).err();
        let again_after = Duration::from_secs(10);
        assert_eq!(beyond, Some(Beyond { bound: Bound::Application, again_after }));
        assert!(quotas.enter(DESK, None, start).is_ok(), "another application has its own");
        assert!(quotas.enter(CRM, None, start + again_after / 2).is_err());
        assert!(quotas.enter(CRM, None, start + again_after).is_ok(), "refusals use nothing up");
        assert!(quotas.enter(CRM, None, start + again_after).is_err());
    }

    #[test]
    fn one_operator_does_not_use_up_what_the_others_have() {
        let (quotas, now) = (quotas(Some(5), Some(2), None), Instant::now());
        for _ in 0..2 {
            assert!(quotas.enter(CRM, Some("a.martin"), now).is_ok());
        }
        for _ in 0..9 {
            assert_eq!(
                quotas.enter(CRM, Some("a.martin"), now).err().map(|beyond| beyond.bound),
                Some(Bound::Operator)
            );
        }
        assert!(quotas.enter(CRM, Some("j.bond"), now).is_ok());
        assert!(quotas.enter(DESK, Some("a.martin"), now).is_ok(), "the same name for another application");
    }

    #[test]
    fn places_are_given_back() {
        let (quotas, now) = (quotas(None, None, Some(2)), Instant::now());
        let first = quotas.enter(CRM, None, now);
        let second = quotas.enter(CRM, None, now);
        assert_eq!(quotas.enter(CRM, None, now).err().map(|beyond| beyond.bound), Some(Bound::AtOnce));
        assert!(quotas.enter(DESK, None, now).is_ok());
        drop(second);
        assert!(quotas.enter(CRM, None, now).is_ok());
        drop(first);
        assert!(quotas.lock().at_once.is_empty(), "nobody is remembered who asks for nothing");
    }

    #[test]
    fn accounts_of_this_host_leave_no_more_entries_than_anybody_needs() {
        let (quotas, start) = (quotas(None, None, None), Instant::now());
        let taken = |now| (0..2 * AT_LEISURE).filter(|_| quotas.at_leisure(now).is_ok()).count();
        assert_eq!(taken(start), AT_LEISURE as usize);
        assert_eq!(quotas.at_leisure(start), Err(MINUTE / AT_LEISURE));
        assert_eq!(taken(start + 2 * MINUTE), AT_LEISURE as usize, "it fills up, and no further");
    }

    #[test]
    fn without_a_bound_nobody_is_counted() {
        let (quotas, now) = (quotas(None, None, None), Instant::now());
        let places = [quotas.enter(CRM, Some("a.martin"), now), quotas.enter(CRM, None, now)];
        assert!(places.iter().all(|place| matches!(place, Ok(None))), "{places:?}");
        assert!(quotas.lock().at_once.is_empty());
    }

    #[test]
    fn made_up_names_are_forgotten() {
        let (quotas, start) = (quotas(None, Some(1), None), Instant::now());
        for n in 0..REMEMBERED {
            drop(quotas.enter(CRM, Some(&n.to_string()), start));
        }
        assert!(quotas.enter(CRM, Some("late"), start + MINUTE).is_ok());
        assert_eq!(quotas.lock().operators.len(), 1);
        for n in 0..2 * REMEMBERED {
            drop(quotas.enter(CRM, Some(&n.to_string()), start + MINUTE));
        }
        assert!(quotas.lock().operators.len() <= REMEMBERED, "however fast they come");
    }
}
