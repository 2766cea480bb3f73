//! The figures of every size as a plot: a small panel for each, both axes logarithmic, so that what grows in proportion rises by one square in ten
//! and what does not depend on the size lies flat. Text stays text; colours follow the reader's light or dark.

use std::fmt::Write as _;

use super::table::amount;
use super::{FIGURES, Figure, Growth, with_thousands};

const COLUMNS: usize = 3;
/// A panel with its words, and the square within it.
const PANEL: (f64, f64) = (260.0, 222.0);
const AREA: (f64, f64) = (190.0, 120.0);
/// Where the square begins in its panel.
const AT: (f64, f64) = (50.0, 54.0);

const STYLE: &str = "<style>\
    text{font:11px system-ui,sans-serif;fill:#24292f}\
    .what{font-weight:600;font-size:12px}.axis{fill:#57606a;font-size:10px}\
    .grid{stroke:#d0d7de;stroke-width:1}.line{stroke:#0550ae;stroke-width:2;fill:none}.dot{fill:#0550ae}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis{fill:#9198a1}.grid{stroke:#3d444d}.line{stroke:#79c0ff}.dot{fill:#79c0ff}}\
    </style>";

/// The whole plot.
pub(super) fn svg(growth: &Growth) -> String {
    let rows = FIGURES.len().div_ceil(COLUMNS);
    let (width, height) = (PANEL.0 * number(COLUMNS), PANEL.1 * number(rows));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-label=\"Each figure by the number of data subjects, both axes logarithmic\">\n{STYLE}\n"
    );
    for (at, figure) in FIGURES.iter().enumerate() {
        let corner = (PANEL.0 * number(at % COLUMNS), PANEL.1 * number(at / COLUMNS));
        panel(&mut svg, growth, figure, corner);
    }
    svg.push_str("</svg>\n");
    svg
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The powers of ten around some values.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    fn around(values: &[f64]) -> Self {
        let logarithms = || values.iter().map(|value| value.log10());
        let from = logarithms().fold(f64::INFINITY, f64::min).floor();
        let to = logarithms().fold(f64::NEG_INFINITY, f64::max).ceil();
        Self { from, to: to.max(from + 1.0) }
    }

    /// Where a value is, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value.log10() - self.from) / (self.to - self.from)
    }

    fn powers(&self) -> impl Iterator<Item = f64> + use<> {
        let (from, to) = (self.from, self.to);
        std::iter::successors(Some(from), |power| Some(power + 1.0)).take_while(move |power| *power <= to)
    }
}

/// Where a panel's square lies, and between which powers of ten its sides are.
struct Square {
    left: f64,
    top: f64,
    across: Axis,
    up: Axis,
}

impl Square {
    fn x(&self, value: f64) -> f64 {
        self.left + AREA.0 * self.across.place(value)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + AREA.1 * (1.0 - self.up.place(value))
    }
}

fn panel(svg: &mut String, growth: &Growth, figure: &Figure, corner: (f64, f64)) {
    let points = growth.sizes.iter().map(|(subjects, measured)| (*subjects, (figure.of)(&measured.size)));
    let points: Vec<(u64, f64)> = points.filter(|(_, value)| value.is_finite() && *value > 0.0).collect();
    if points.is_empty() {
        return;
    }
    let sizes: Vec<f64> = points.iter().map(|(subjects, _)| in_floats(*subjects)).collect();
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    let (left, top) = (corner.0 + AT.0, corner.1 + AT.1);
    let square = Square { left, top, across: Axis::around(&sizes), up: Axis::around(&values) };
    add(svg, &format!("<text class=\"what\" x=\"{left:.0}\" y=\"{:.0}\">{}</text>", corner.1 + 18.0, figure.what));
    add(svg, &format!("<text class=\"axis\" x=\"{left:.0}\" y=\"{:.0}\">{}</text>", corner.1 + 33.0, figure.unit));
    grid(svg, &square);
    curve(svg, &square, &points, figure.unit);
}

fn add(svg: &mut String, line: &str) {
    svg.push_str(line);
    svg.push('\n');
}

fn grid(svg: &mut String, square: &Square) {
    let (left, top, under) = (square.left, square.top, square.top + AREA.1 + 14.0);
    for power in square.up.powers() {
        let (value, at) = (plain(10_f64.powf(power)), square.y(10_f64.powf(power)));
        add(svg, &format!("<path class=\"grid\" d=\"M{left:.1} {at:.1}h{:.1}\"/>", AREA.0));
        let (x, y) = (left - 5.0, at + 3.0);
        add(svg, &format!("<text class=\"axis\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{value}</text>"));
    }
    for power in square.across.powers() {
        let (value, at) = (short(power), square.x(10_f64.powf(power)));
        add(svg, &format!("<path class=\"grid\" d=\"M{at:.1} {top:.1}v{:.1}\"/>", AREA.1));
        add(svg, &format!("<text class=\"axis\" x=\"{at:.1}\" y=\"{under:.1}\" text-anchor=\"middle\">{value}</text>"));
    }
}

fn curve(svg: &mut String, square: &Square, points: &[(u64, f64)], unit: &str) {
    let places = points.iter().map(|(subjects, value)| (square.x(in_floats(*subjects)), square.y(*value)));
    let places: Vec<(f64, f64)> = places.collect();
    let mut line = String::new();
    for (x, y) in &places {
        // Writing to a string does not fail.
        let _written = write!(line, "{}{x:.1} {y:.1}", if line.is_empty() { "M" } else { "L" });
    }
    add(svg, &format!("<path class=\"line\" d=\"{line}\"/>"));
    for ((subjects, value), (x, y)) in points.iter().zip(&places) {
        let (value, subjects) = (amount(*value), with_thousands(*subjects));
        let told = format!("{subjects} data subjects: {value} {unit}");
        add(
            svg,
            &format!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"><title>{told}</title></circle>"),
        );
        // Within the square, beside the words of its sides.
        let (anchor, x) = match *x - square.left {
            at if at < 20.0 => ("start", x + 6.0),
            at if at > AREA.0 - 20.0 => ("end", x - 6.0),
            _ => ("middle", *x),
        };
        add(svg, &format!("<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{value}</text>", y - 7.0));
    }
}

fn in_floats(count: u64) -> f64 {
    // Powers of ten, exact far beyond what a machine holds.
    #[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
    let count = count as f64;
    count
}

/// A power of ten at the side: `0.01`, `100`, `10,000`.
fn plain(value: f64) -> String {
    if value < 1.0 {
        format!("{value}")
    } else {
        amount(value).trim_end_matches(".00").trim_end_matches(".0").to_owned()
    }
}

/// A power of ten below: `10 k`, `1 M`.
fn short(power: f64) -> String {
    let of = |power: f64| format!("{:.0}", 10_f64.powf(power));
    match power {
        _ if power >= 6.0 => format!("{} M", of(power - 6.0)),
        _ if power >= 3.0 => format!("{} k", of(power - 3.0)),
        _ => of(power),
    }
}
