//! Whom to ask about: the data subjects whose grant opens fields to Sales, found in the log as its officer reads it.

use std::net::SocketAddr;

use coffre_core::audit::{Action, Entry};
use coffre_core::ids::SubjectId;
use serde::Deserialize;

use crate::load::Connection;

/// What Sales asks for.
pub(crate) const PURPOSE: &str = "direct-marketing";
/// Entries in one answer.
const PAGE: u64 = 1_000;

#[derive(Deserialize)]
struct Page {
    entries: Vec<Line>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    entry: Entry,
}

/// Everybody with a grant for this purpose.
pub(crate) async fn with_grants(server: SocketAddr, headers: &str) -> anyhow::Result<Vec<SubjectId>> {
    let mut connection = Connection::open(server, headers).await?;
    let (mut found, mut place) = (Vec::new(), Some("from=0".to_owned()));
    while let Some(here) = place {
        connection.send("GET", &format!("/v1/audit/entries?{here}&limit={PAGE}"), "", &[]).await?;
        let page: Page = serde_json::from_slice(connection.answer().await?.body)?;
        let given = page
            .entries
            .into_iter()
            .map(|line| line.entry.what)
            .filter(|what| what.action == Action::GiveGrant && what.purpose.as_deref() == Some(PURPOSE));
        found.extend(given.flat_map(|what| what.subjects));
        place = page.next.map(|next| format!("after={next}"));
    }
    Ok(found)
}
