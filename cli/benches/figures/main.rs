//! `make bench`: what Coffre does per second, each figure beside a baseline of the same run on the same machine.
//!
//! Benchmarks, not tests: nothing here fails because a machine is slow. Real processes on loopback: the `coffre` that was
//! built with these, a bare handler to compare with, and a load generator of its own, so that neither server pays for it.

mod arguments;
mod bare;
mod bases;
mod elsewhere;
mod figure;
mod followed;
mod growth;
mod load;
mod machine;
mod openbao;
mod place;
mod process;
mod report;
mod subjects;
mod thinned;
mod vault;

use std::fs;

use anyhow::Context as _;
use clap::Parser as _;

use crate::arguments::{Arguments, Verb};
use crate::machine::Machine;
use crate::report::Report;
use crate::vault::{Bench, Filling};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.verb {
        Some(Verb::Load) => load::serve_one_job(),
        Some(Verb::LoadPaced) => load::serve_one_paced_job(),
        Some(Verb::LoadMixed) => load::serve_one_mixed_job(),
        Some(Verb::Bare) => bare::serve(),
        None => measure(&arguments),
    }
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let machine = Machine::here();
    report::say(&machine.to_string())?;
    if arguments.growth {
        return growth::measure(arguments, &machine);
    }
    let mut bench = Bench::prepare(arguments, arguments.subjects, Filling::Whole)?;
    let mut report = Report::new(machine, arguments.clone());
    let usual = figure::all().into_iter().filter(|figure| arguments.wants(figure.name));
    for figure in usual.chain(figure::long().into_iter().filter(|figure| arguments.names(figure.name))) {
        report::say(&format!("\n{}: {}", figure.name, figure.about))?;
        let rows = (figure.measure)(&mut bench, arguments).with_context(|| format!("measuring {}", figure.name))?;
        report.add(figure.name, rows)?;
    }
    drop(bench);
    let json = serde_json::to_string_pretty(&report)?;
    let file = arguments.file();
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, &json).with_context(|| format!("{} cannot be written", file.display()))?;
    let told =
        if arguments.json { report::print(&json) } else { report::say(&format!("\nwritten to {}", file.display())) };
    Ok(told?)
}
