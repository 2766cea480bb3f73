//! Whether another destination of the configuration goes further than the place that is restored from: what was written,
//! withdrawn and erased since is there alone, and whoever restores must know it before.

use coffre_backup::destination::SourceError;
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
use crate::output;
use crate::progress::Watch;

/// Tells of each destination that goes further, and of each that could not be looked at.
pub(super) fn tell(plan: &Plan, pinned: &Pinned, from: &str, global: &Global, watch: &mut Watch) -> anyhow::Result<()> {
    let here = (plan.point.main.manifest.heading.generation, plan.newest);
    for destination in origin::destinations(global).into_iter().filter(|destination| destination.name != from) {
        let name = &destination.name;
        let note = match look(&destination, pinned, watch) {
            Ok(Some(head)) if goes_further(&head, here) => {
                let moment = figures::moment(head.time);
                format!("{name} goes further, to {moment}: restore from there, or all since then is lost, erasures too")
            }
            Ok(_) => continue,
            Err(error) if matches!(error.downcast_ref(), Some(SourceError::Cancelled(_))) => return Err(error),
            Err(error) => {
                let cause = complaint::chain(error.as_ref());
                format!("whether {name} goes further is not known: {cause}")
            }
        };
        watch.bar().beside(|| output::note(&note))?;
    }
    Ok(())
}

fn look(destination: &Destination, pinned: &Pinned, watch: &mut Watch) -> anyhow::Result<Option<NewestHead>> {
    Ok(newest_head(&*destination.open()?, pinned, watch)?)
}

/// Whether a head is of the same history as a state of a generation, and later.
fn goes_further(head: &NewestHead, (generation, newest): (GenerationId, Timestamp)) -> bool {
    head.time > newest && (head.generation == generation || head.ancestors.contains(&generation))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
