//! Whether another destination of the configuration, or a spool that outlived its vault, goes further than the place that is
//! restored from: what was written, withdrawn and erased since is there alone, and whoever restores must know it before. One that
//! does not answer is told, and holds up no restore.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use coffre_backup::Observer;
use coffre_backup::destination::{FileSystem, SourceError};
use coffre_backup::list::{NewestHead, newest_head};
use coffre_backup::restore::Plan;
use coffre_core::ids::GenerationId;
use coffre_core::spool::Pinned;
use coffre_core::time::Timestamp;

use super::origin;
use crate::arguments::Global;
use crate::complaint;
use crate::configuration::Destination;
use crate::figures;
use crate::look::Look;
use crate::output;
use crate::progress::Watch;

/// How long destinations may take to tell how far they go, all of them.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a place told.
type Told = anyhow::Result<Option<NewestHead>>;

/// Tells of each place that goes further, and of each that could not be looked at.
pub(super) fn tell(plan: &Plan, pinned: &Pinned, from: &str, global: &Global, watch: &Watch) -> anyhow::Result<()> {
    let here = (plan.point.main.manifest.heading.generation, plan.newest);
    let others = origin::destinations(global).into_iter().filter(|destination| destination.name != from);
    let mut looks: Vec<_> = others.map(|destination| (destination.name.clone(), begin(destination, pinned))).collect();
    if let Some(spool) = origin::spool(global) {
        looks.push((format!("the spool ({})", spool.display()), begin_spool(spool, pinned)));
    }
    let until = Instant::now() + PATIENCE;
    for (name, look) in looks {
        let note = match ended(&look, until, watch)? {
            Ok(Some(head)) if goes_further(&head, here) => {
                let moment = figures::moment(head.time);
                format!("{name} goes further, to {moment}: restore from there, or all since then is lost, erasures too")
            }
            Ok(_) => continue,
            Err(error) => {
                let cause = complaint::chain(error.as_ref());
                format!("whether {name} goes further is not known: {cause}")
            }
        };
        watch.bar().beside(|| output::note(&note))?;
    }
    Ok(())
}

fn begin(destination: Destination, pinned: &Pinned) -> Look<Told> {
    let pinned = pinned.clone();
    Look::begin(move |observer| Ok(newest_head(&*destination.open()?, &pinned, observer)?))
}

fn begin_spool(spool: PathBuf, pinned: &Pinned) -> Look<Told> {
    let pinned = pinned.clone();
    Look::begin(move |observer| {
        // A new machine has none yet.
        let there = spool.is_dir();
        if there { Ok(newest_head(&FileSystem::new(spool), &pinned, observer)?) } else { Ok(None) }
    })
}

/// What came of a look; an error where it was asked to stop meanwhile.
fn ended(look: &Look<Told>, until: Instant, observer: &dyn Observer) -> anyhow::Result<Told> {
    let late = || Err(anyhow!("it has not answered in time: look at it before you rely on what is restored"));
    Ok(look.ended(until, observer).map_err(SourceError::from)?.unwrap_or_else(late))
}

/// Whether a head is of the same history as a state of a generation, and later.
fn goes_further(head: &NewestHead, (generation, newest): (GenerationId, Timestamp)) -> bool {
    head.time > newest && (head.generation == generation || head.ancestors.contains(&generation))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Stop;

    impl Observer for Stop {
        fn cancelled(&self) -> bool {
            true
        }
    }

    #[test]
    fn what_is_later_and_of_the_same_history_goes_further() {
        let (of, at) = (|n| GenerationId::from_bytes([n; 16]), Timestamp::from_micros);
        let head = |time, generation, ancestors: &[u8]| NewestHead {
            note: String::new(),
            time: at(time),
            generation: of(generation),
            ancestors: ancestors.iter().copied().map(of).collect(),
        };
        let further = |head: &NewestHead| goes_further(head, (of(1), at(10)));
        let heads = [head(11, 1, &[]), head(11, 2, &[1]), head(10, 1, &[]), head(9, 1, &[]), head(11, 2, &[3])];
        assert_eq!(heads.each_ref().map(further), [true, true, false, false, false]);
    }

    #[test]
    fn a_destination_that_never_answers_holds_up_no_restore() {
        let (answer, asked) = mpsc::channel::<()>();
        let look = Look::begin(move |_| {
            let _answered = asked.recv();
            Ok(None)
        });
        let late = |until| ended(&look, until, &()).ok().and_then(Result::err).map(|error| error.to_string());
        let text = late(Instant::now() + Duration::from_millis(5)).unwrap_or_default();
        assert!(text.starts_with("it has not answered in time"), "{text}");
        assert!(ended(&look, Instant::now() + PATIENCE, &Stop).is_err(), "and is not waited for by whoever stops");
        assert!(answer.send(()).is_ok());
        assert!(late(Instant::now() + PATIENCE).is_none());
    }
}
