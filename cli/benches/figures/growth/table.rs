//! The figures of every size as a table: for the terminal, and as a page of the documentation.

use super::{FIGURES, Growth, Measured, with_thousands};

/// As many digits as mean something: three.
pub(super) fn amount(value: f64) -> String {
    match value {
        _ if !value.is_finite() || value <= 0.0 => "–".to_owned(),
        _ if value >= 1_000.0 => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive figure")]
            let whole = value.round() as u64;
            with_thousands(whole)
        }
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn rows(growth: &Growth) -> Vec<Vec<String>> {
    let heads = growth.sizes.keys().map(|subjects| with_thousands(*subjects));
    let mut rows = vec![["data subjects".to_owned(), String::new()].into_iter().chain(heads).collect::<Vec<_>>()];
    let mut add = |what: &str, unit: &str, of: &dyn Fn(&super::Size) -> f64| {
        let values = growth.sizes.values().map(|measured| amount(of(&measured.size)));
        rows.push([what.to_owned(), unit.to_owned()].into_iter().chain(values).collect());
    };
    for figure in &FIGURES {
        add(figure.what, figure.unit, &figure.of);
    }
    add("capture lag, p50", "ms", &|size| size.lag_p50);
    add("write p99, 64 connections", "ms", &|size| size.writes_64.p99);
    add("the vault on disk", "MB", &|size| size.vault_megabytes);
    rows
}

/// For the terminal.
pub(super) fn text(growth: &Growth) -> String {
    let line = |row: Vec<String>| {
        let mut cells = row.into_iter();
        let (what, unit) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let values = cells.map(|cell| format!("{cell:>12}")).collect::<Vec<_>>().concat();
        format!("  {what:<28}{unit:<12}{values}")
    };
    rows(growth).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The page, which names the plot beside it.
pub(super) fn page(growth: &Growth) -> String {
    let mut rows = rows(growth).into_iter().map(|row| format!("| {} |\n", row.join(" | ")));
    let head = rows.next().unwrap_or_default();
    let rule = format!("|---|---|{}\n", "---:|".repeat(growth.sizes.len()));
    let machines = growth.sizes.iter().map(|(subjects, Measured { machine, load, .. })| {
        format!("- {} data subjects: {machine}; load {load:.1} when it began\n", with_thousands(*subjects))
    });
    format!(
        "# Growth\n\nWritten by `make bench ARGS=\"--growth\"`, from `growth.json`. What the figures mean, and why the slopes are what they are: \
         [PERFORMANCE.md](PERFORMANCE.md#growth).\n\n{head}{rule}{}\n![Each figure by the number of data subjects, both axes logarithmic](growth.svg)\n\n{}",
        rows.collect::<String>(),
        machines.collect::<String>(),
    )
}
