//! What a change of one row costs on its way elsewhere: the bytes of the segments that it became, beside the frames of the
//! write-ahead logs that are in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use coffre_core::crypto::Scope;
use coffre_core::ids::VaultId;
use coffre_core::note::VerificationKey;
use coffre_core::spool::{Pinned, SegmentHeader};

use super::Figure;
use crate::arguments::Arguments;
use crate::load::Connection;
use crate::report::{Row, median};
use crate::vault::{Bench, CONFIGURATION};

pub(super) const FIGURE: Figure =
    Figure { name: "change", about: "bytes that are shipped for a change of one row", measure };

const PURPOSE: &str = "contract-administration";
/// How many changes, one after the other.
const CHANGES: usize = 11;

fn measure(bench: &mut Bench, _arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let pinned = pinned(bench)?;
    let (headers, address) = (bench.headers("legal"), bench.serve()?.address);
    let record = bench.targets("").into_iter().next().context("there is nobody")?;
    let main = bench.place.at("spool/main");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut shipped, mut frames) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        let mut connection = Connection::open(address, &headers).await?;
        let fields = format!("{record}?fields=contact.email&purpose={PURPOSE}");
        connection.send("GET", &fields, "", &[]).await?;
        let mut version = connection.answer().await?.version.context("a record without a version")?;
        until(|| Ok(files(&main, "note")?.len() + files(&main, "segment")?.len() > 1))?;
        for number in 0..CHANGES {
            let before = settled(&main)?;
            let body = format!(r#"{{"contact.email":"row{number}@example.org"}}"#);
            let more = format!("If-Match: \"{version}\"\r\nContent-Type: application/merge-patch+json\r\n");
            connection.send("PATCH", &format!("{record}?purpose={PURPOSE}"), &more, body.as_bytes()).await?;
            version = connection.answer().await?.version.context("a change without a version")?;
            until(|| Ok(files(&main, "segment")?.difference(&before).count() > 0))?;
            let (bytes, of_frames) = new_segments(&main, &before, &pinned)?;
            shipped.push(bytes);
            frames.push(of_frames);
        }
        anyhow::Ok(())
    })?;
    Ok(vec![Row {
        what: "a change of one row".to_owned(),
        unit: "bytes",
        coffre: median(shipped),
        baseline_is: "its frames in the logs",
        baseline: median(frames),
        less_is_better: true,
    }])
}

fn pinned(bench: &Bench) -> anyhow::Result<Pinned> {
    let configuration: toml::Table = fs::read_to_string(bench.place.at(CONFIGURATION))?.parse()?;
    let text = |name: &str| configuration.get(name).and_then(toml::Value::as_str).with_context(|| format!("no {name}"));
    let vault: VaultId = text("vault_id")?.parse()?;
    let key: VerificationKey = text("verification_key")?.parse()?;
    Ok(Pinned { scope: Scope { environment: text("environment")?.parse()?, vault }, key })
}

/// Waits until something holds.
fn until(holds: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_mins(1);
    while !holds()? {
        ensure!(Instant::now() < end, "a change became no segment");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The segments, once no more of them come.
fn settled(folder: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let end = Instant::now() + Duration::from_mins(1);
    let mut seen = files(folder, "segment")?;
    loop {
        thread::sleep(Duration::from_secs(1));
        let now = files(folder, "segment")?;
        if now == seen {
            return Ok(seen);
        }
        ensure!(Instant::now() < end, "segments keep coming");
        seen = now;
    }
}

fn files(folder: &Path, kind: &str) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, kind)?);
        } else if path.extension().is_some_and(|end| end == kind) {
            found.insert(path);
        }
    }
    Ok(found)
}

/// Bytes of the segments that are new, and of the frames in them.
fn new_segments(folder: &Path, before: &BTreeSet<PathBuf>, pinned: &Pinned) -> anyhow::Result<(f64, f64)> {
    let (mut bytes, mut frames) = (0, 0);
    for path in settled(folder)?.difference(before) {
        let content = fs::read(path)?;
        let (header, _) = SegmentHeader::parse(&content, pinned)?;
        bytes += content.len();
        frames += header.frames_length().context("a segment of impossible length")?;
    }
    Ok((f64::from(u32::try_from(bytes)?), f64::from(u32::try_from(frames)?)))
}
