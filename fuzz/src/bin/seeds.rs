//! Writes the seed corpora to the folder given, `fuzz/corpus`.

// What the instrumentation calls is in there; this program is built with the targets' flags, or with `--cfg fuzzing` alone.
use libfuzzer_sys as _;

fn main() -> std::io::Result<()> {
    let corpus = std::env::args_os().nth(1).unwrap_or_else(|| "fuzz/corpus".into());
    let seeds = coffre_fuzz::seeds::write(std::path::Path::new(&corpus))?;
    println!("seeds: wrote {seeds}");
    Ok(())
}
