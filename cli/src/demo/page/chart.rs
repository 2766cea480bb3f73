//! The restore as a timeline: one bar a phase, each beginning where the one before ended. Inline SVG that takes its
//! colours from the page; the table beside it says the same to those who do not see it.

use maud::{Markup, html};

use super::voice::Voice;
use crate::demo::facts::Loss;

const WIDTH: f64 = 720.0;
const LABELS: f64 = 250.0;
const VALUES: f64 = 70.0;
const ROW: f64 = 30.0;
const BAR: f64 = 14.0;
/// So thin that a phase of no length is still seen.
const HAIR: f64 = 2.0;

pub(super) fn timeline(voice: Voice, loss: &Loss) -> Markup {
    let total: f64 = loss.phases.iter().map(|phase| phase.took.as_secs_f64()).sum();
    let scale = if total > 0.0 { (WIDTH - LABELS - VALUES) / total } else { 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "a handful of phases")]
    let height = loss.phases.len() as f64 * ROW + 8.0;
    let mut elapsed = 0.0;
    let mut top = 4.0;
    let title = voice.say("Durée de chaque étape de la restauration", "Time taken by each phase of the restore");
    html! {
        figure.chart {
            svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(title) {
                @for phase in &loss.phases {
                    @let seconds = phase.took.as_secs_f64();
                    @let x = LABELS + elapsed * scale;
                    @let width = (seconds * scale).max(HAIR);
                    @let middle = top + ROW / 2.0;
                    text x=(LABELS - 14.0) y=(middle) text-anchor="end" dominant-baseline="central" { (voice.label(&phase.name)) }
                    line x1=(LABELS) x2=(format!("{x:.1}")) y1=(middle) y2=(middle) {}
                    rect x=(format!("{x:.1}")) y=(middle - BAR / 2.0) width=(format!("{width:.1}")) height=(BAR) rx="2" {}
                    text.value x=(format!("{:.1}", x + width + 8.0)) y=(middle) dominant-baseline="central" { (voice.figures().duration(phase.took)) }
                    @let () = { elapsed += seconds; top += ROW; };
                }
            }
            figcaption { (title) }
        }
    }
}
