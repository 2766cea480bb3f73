//! How far a long job is: a bar on a terminal, nothing in a pipe or a log.

use std::borrow::Cow;
use std::time::Duration;

use coffre_backup::{Observer, Progress, Stage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::interrupt::Interrupt;

const SPINNER: &str = "{spinner} {msg}";
const BYTES: &str = "{spinner} {msg} {bar:30} {bytes}/{total_bytes} {eta}";
const COUNT: &str = "{spinner} {msg} {bar:30} {pos}/{len} {eta}";
/// How often the terminal is drawn to, at most.
const DRAWS_A_SECOND: u8 = 10;

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes.
    Bytes,
    /// Rows, records, entries.
    Things,
}

/// A bar that goes away when the job ends.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// A bar on standard error if that is a terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Shows how far something is; a total of 0 is not known.
    pub(crate) fn show(&self, doing: impl Into<Cow<'static, str>>, unit: Unit, done: u64, total: u64) {
        let template = match (total, unit) {
            (0, _) => SPINNER,
            (_, Unit::Bytes) => BYTES,
            (_, Unit::Things) => COUNT,
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.set_message(doing);
        self.0.set_length(total);
        self.0.set_position(done);
    }

    /// Does something that prints, with the bar out of the way.
    pub(crate) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Watches a backup job for the person at the terminal, and for the signal that stops it.
pub(crate) struct Watch {
    bar: Bar,
    interrupt: Interrupt,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self { bar: Bar::new(), interrupt: Interrupt::listen() }
    }

    /// The bar, for what is not a backup job.
    pub(crate) const fn bar(&self) -> &Bar {
        &self.bar
    }
}

impl Observer for Watch {
    fn progress(&mut self, Progress { stage, done, total }: Progress) {
        let doing = match stage {
            Stage::Surveying => "reading manifests",
            Stage::Copying => "copying",
            Stage::Snapshot => "making a snapshot",
            Stage::Checking => "checking the repository",
            Stage::Pruning => "pruning the repository",
            Stage::Reading => "reading the source",
            Stage::Fetching => "fetching",
            Stage::Verifying => "verifying",
            Stage::Expiring => "removing copies",
            Stage::Replaying => "putting segments in place",
        };
        self.bar.show(doing, Unit::Bytes, done, total);
    }

    fn cancelled(&self) -> bool {
        self.interrupt.asked()
    }
}
