//! Documents in and out over HTTP, one at a time, beside the AEAD alone on one core.

use std::time::Instant;

use coffre_core::crypto::{self, Label, Scope, SecretKey};
use coffre_core::document::CHUNK;
use coffre_core::ids::VaultId;
use coffre_store::clock::SystemEntropy;
use serde::Deserialize;

use super::{Figure, rate};
use crate::arguments::Arguments;
use crate::load::Connection;
use crate::report::{Row, median};
use crate::vault::Bench;

pub(super) const FIGURE: Figure =
    Figure { name: "documents", about: "documents of 32 MiB over one connection, durable when answered", measure };

const LENGTH: usize = 32 * 1024 * 1024;
const PURPOSE: &str = "?purpose=contract-administration";

#[derive(Deserialize)]
struct Stored {
    id: String,
}

fn measure(bench: &mut Bench, arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let record = bench.targets("").into_iter().next().unwrap_or_default();
    let (headers, address) = (bench.headers("legal"), bench.serve()?.address);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let content: Vec<u8> = (0..=u8::MAX).cycle().take(LENGTH).collect();
    let (mut sealed, mut into, mut out) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.rounds.max(1) {
        sealed.push(aead(&content)?);
        let (there, back) = runtime.block_on(async {
            let mut connection = Connection::open(address, &headers).await?;
            let begun = Instant::now();
            let upload = format!("{record}/documents{PURPOSE}");
            connection.send("POST", &upload, "Content-Type: application/pdf\r\n", &content).await?;
            let stored: Stored = serde_json::from_slice(connection.answer().await?.body)?;
            let there = begun.elapsed();
            let begun = Instant::now();
            connection.send("GET", &format!("{record}/documents/{}{PURPOSE}", stored.id), "", &[]).await?;
            let back = connection.answer().await?.body == content;
            anyhow::ensure!(back, "a document came back changed");
            Ok((there, begun.elapsed()))
        })?;
        into.push(rate(LENGTH as u64, there.as_secs_f64()));
        out.push(rate(LENGTH as u64, back.as_secs_f64()));
    }
    let baseline = median(sealed);
    let row = |what: &str, rates| Row {
        what: what.to_owned(),
        unit: "MB/s",
        coffre: median(rates),
        baseline_is: "AES-256-GCM on 64 KiB chunks, one core",
        baseline,
        less_is_better: false,
    };
    Ok(vec![row("in", into), row("out", out)])
}

fn aead(content: &[u8]) -> anyhow::Result<f64> {
    let mut entropy = SystemEntropy;
    let key = SecretKey::random(&mut entropy);
    let scope = Scope { environment: "recette".parse()?, vault: VaultId::random(&mut entropy) };
    let label = Label::new("coffre/bench", &scope);
    let begun = Instant::now();
    for chunk in content.chunks(CHUNK) {
        std::hint::black_box(crypto::seal(&key, &label, chunk, &mut entropy)?);
    }
    Ok(rate(content.len() as u64, begun.elapsed().as_secs_f64()))
}
