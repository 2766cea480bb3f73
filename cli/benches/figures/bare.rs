//! The baseline of everything over HTTP: the same routes, answers of the same size, and nothing behind them. No token,
//! no decision, no decryption, no log: what axum can do on this machine.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use axum::extract::{Path, Query, State};
use axum::http::header::ETAG;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// An answer like that of a read.
#[derive(Serialize)]
struct Record {
    r#type: String,
    id: String,
    version: u32,
    fields: Arc<BTreeMap<&'static str, &'static str>>,
    withheld: BTreeMap<&'static str, &'static str>,
}

type Fields = Arc<BTreeMap<&'static str, &'static str>>;

/// Serves until it is ended.
pub(crate) fn serve() -> anyhow::Result<()> {
    let fields: Fields = Arc::new(BTreeMap::from([
        ("contact.email", "geraldine.lefebvre@example.org"),
        ("contact.phone", "+33612345678"),
    ]));
    let app = Router::new().route("/v1/records/{type}/{id}", get(read).patch(amend)).with_state(fields);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        writeln!(io::stdout().lock(), "bare at http://{}", listener.local_addr()?)?;
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), app).await?;
        Ok(())
    })
}

async fn read(
    State(fields): State<Fields>,
    Path((kind, id)): Path<(String, String)>,
    Query(_asked): Query<BTreeMap<String, String>>,
) -> Json<Record> {
    Json(Record { r#type: kind, id, version: 1, fields, withheld: BTreeMap::new() })
}

async fn amend(
    Path((kind, id)): Path<(String, String)>,
    Json(_changes): Json<BTreeMap<String, Value>>,
) -> ([(axum::http::HeaderName, &'static str); 1], Json<Value>) {
    ([(ETAG, "\"1\"")], Json(json!({ "type": kind, "id": id, "version": 1 })))
}
