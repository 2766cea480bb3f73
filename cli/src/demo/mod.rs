//! `coffre demo`: the whole way of a record, from the legacy database to a restored vault, told as a story in which every
//! figure is computed and every sentence was made sure of. All data are fictitious; everything else is the real thing.

mod child;
mod facts;
mod figures;
mod interruption;
mod inventory;
mod json;
mod keep;
pub(crate) mod legacy;
mod legacy_verb;
mod officers;
mod out;
mod page;
mod pdf_text;
mod place;
mod plaintext;
#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod sample;
mod scene;
mod staff;
mod story;
mod tell;
mod typeset;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::language::Language;
use crate::output;

use json::Summary;
use out::Out;
use scene::Scene;
use tell::Teller;

/// The arguments of `coffre demo`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// How many fictitious clients the legacy database has
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    clients: u64,
    /// Where the page and a copy of the audit log are left
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    out: PathBuf,
    /// Leave the restored vault where it is, and say how to serve it and what to ask it
    #[arg(long)]
    keep: bool,
    /// Print one JSON object instead of the story
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Only make the fictitious legacy database
    Legacy(legacy_verb::Arguments),
}

/// Tells the story, or makes the database only.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some(Verb::Legacy(legacy)) = &arguments.verb {
        return legacy_verb::run(legacy);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let told = runtime.block_on(async {
        tokio::select! {
            // Dropping the story ends its processes and removes its place.
            biased;
            interrupted = interruption::interrupted() => Err(interrupted),
            told = tell(arguments) => told,
        }
    });
    // What still runs on blocking threads ends with the process.
    runtime.shutdown_background();
    told.map(|()| Exit::Success)
}

async fn tell(arguments: &Arguments) -> anyhow::Result<()> {
    let language = Language::of_environment();
    let teller = Teller(language);
    let out = Out::prepare(&arguments.out)?;
    let say = |text: String| if arguments.json { Ok(()) } else { output::line(text) };
    say(teller.opening())?;
    let mut scene = Scene::set(arguments.clients, out).await?;
    let (facts, crew) = story::live(&mut scene, teller, |line| say(line.to_string())).await?;
    let page = scene.out.write_page(&page::page(&facts, language))?;
    say(teller.closing(&page))?;
    let kept = if arguments.keep { Some(keep::keep(scene, &facts, &crew).await?) } else { None };
    if arguments.json {
        return output::json(&Summary::of(&facts, &page, kept.as_ref()));
    }
    if let Some(kept) = &kept {
        output::line(kept.told(language))?;
    }
    Ok(())
}
