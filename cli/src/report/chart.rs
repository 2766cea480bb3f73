//! A chart of series over 90 days: inline SVG that takes its colours from the page. Each series ends in its name, so that
//! colour alone tells nothing apart.

use coffre_backup::measure::KEPT_DAYS;
use maud::{Markup, html};

use super::series::Series;
use super::words::Words;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 82.0;
const RIGHT: f64 = 120.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 28.0;
/// The height of a name.
const LINE: f64 = 14.0;
/// Series that are told apart by their stroke.
const STROKES: usize = 4;

/// A chart with its title; a word instead of it where nothing was measured yet.
pub(super) fn chart(title: &str, series: &[Series], figure: &dyn Fn(u64) -> String, words: Words) -> Markup {
    let most = series.iter().flat_map(|series| &series.points).map(|(_, value)| *value).max();
    html! {
        figure.chart {
            figcaption { (title) }
            @if let Some(most) = most {
                (drawing(title, series, most.max(1), figure, words))
            } @else {
                p.soft { (words.pick("Pas encore de mesures.", "No measurements yet.")) }
            }
        }
    }
}

fn drawing(title: &str, series: &[Series], most: u64, figure: &dyn Fn(u64) -> String, words: Words) -> Markup {
    let (floor, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) {
            @for share in [0.0, 0.5, 1.0] {
                @let y = floor - share * (floor - TOP);
                line.grid x1=(LEFT) x2=(right) y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
                text.axis x=(LEFT - 8.0) y=(format!("{y:.1}")) text-anchor="end" dominant-baseline="central" {
                    (figure(part(most, share)))
                }
            }
            @for days in [90, 60, 30, 0] {
                text.axis x=(format!("{:.1}", x_of(days))) y=(HEIGHT - 8.0) text-anchor="middle" {
                    @if days == 0 { (words.pick("auj.", "today")) } @else { (format!("−{days} {}", words.pick("j", "d"))) }
                }
            }
            @for (index, (series, label)) in series.iter().zip(labels(series, most)).enumerate() {
                g class=(format!("series s{}", index % STROKES)) {
                    polyline points=(points(series, most)) {}
                    @for (days, value) in &series.points {
                        circle cx=(format!("{:.1}", x_of(*days))) cy=(format!("{:.1}", y_of(*value, most))) r="2" {}
                    }
                    text.name x=(right + 8.0) y=(format!("{label:.1}")) dominant-baseline="central" { (series.name) }
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "days of a quarter")]
fn x_of(days_ago: i64) -> f64 {
    let share = 1.0 - days_ago as f64 / KEPT_DAYS as f64;
    LEFT + share * (WIDTH - RIGHT - LEFT)
}

#[expect(clippy::cast_precision_loss, reason = "a drawing of some hundred dots' height")]
fn y_of(value: u64, most: u64) -> f64 {
    let floor = HEIGHT - BOTTOM;
    floor - value as f64 / most as f64 * (floor - TOP)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a label on an axis, of a value that is not negative"
)]
fn part(most: u64, share: f64) -> u64 {
    (most as f64 * share) as u64
}

fn points(series: &Series, most: u64) -> String {
    let point = |(days, value): &(i64, u64)| format!("{:.1},{:.1}", x_of(*days), y_of(*value, most));
    series.points.iter().map(point).collect::<Vec<_>>().join(" ")
}

/// Where each series' name stands: at the height of its last point, and never over another one.
fn labels(series: &[Series], most: u64) -> Vec<f64> {
    // A height that was rounded down is not too near: it would be chosen again and again.
    const NEAR: f64 = LINE - 0.01;
    let mut taken: Vec<f64> = Vec::new();
    for series in series {
        let mut y = series.points.last().map_or(HEIGHT - BOTTOM, |(_, value)| y_of(*value, most));
        while let Some(other) = taken.iter().find(|other| (**other - y).abs() < NEAR) {
            y = other + LINE;
        }
        taken.push(y);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_series_that_end_alike_stand_below_each_other() {
        // Of the first four, height and line add up to less than they should.
        for (value, most) in [(7, 20), (5, 14), (14, 47), (15, 44), (1, 3), (0, 1), (1, 1), (991, 1000)] {
            let of = |name: &str| Series { name: name.to_owned(), points: vec![(0, value)] };
            let heights = labels(&["a", "b", "c", "d"].map(of), most);
            assert!(heights.is_sorted_by(|one, other| other - one > LINE - 0.02), "{heights:?}");
        }
    }
}
