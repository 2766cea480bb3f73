//! Somebody at work with an application: asks the real server over HTTP, with a token and a name, and remembers nothing.
//! What is allowed is for the server to say; what is expected of its answers, for the steps of the story.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::Context as _;
use coffre_core::audit::{Decision, DocumentRef, Entry};
use coffre_core::grant::Grant;
use coffre_core::record::{FieldPath, Fields};
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_store::DocumentInfo;
use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::client::{Answer, Client, Endpoint};

const OPERATOR: HeaderName = HeaderName::from_static("coffre-operator");
const AUDIT_ENTRY: &str = "coffre-audit-entry";
/// The type of the records in the story.
pub(super) const RECORDS: &str = "/v1/records/policyholder";
/// Entries in one answer.
const PAGE: u64 = 1_000;

/// An operator with an application of a role.
pub(super) struct Staff {
    client: Client,
    pub(super) operator: &'static str,
    pub(super) role: Role,
    pub(super) token: String,
}

/// What was answered, and the entry of the log that says so.
pub(super) struct Logged<T> {
    pub(super) entry: u64,
    pub(super) content: T,
}

/// What a search answers.
#[derive(Deserialize)]
pub(super) struct Hits {
    pub(super) hits: Vec<Hit>,
}

/// One record that was found.
#[derive(Deserialize)]
pub(super) struct Hit {
    pub(super) id: String,
    pub(super) fields: Fields,
}

/// A refusal (RFC 9457).
#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) status: u16,
    #[serde(default)]
    pub(super) cause: Option<String>,
    #[serde(default)]
    pub(super) denied_by: Vec<String>,
    pub(super) audit_entry: u64,
}

/// What a read answers.
#[derive(Deserialize)]
pub(super) struct Record {
    pub(super) fields: Fields,
    pub(super) withheld: BTreeMap<String, String>,
}

/// One access to a person's record.
#[derive(Deserialize)]
pub(super) struct AccessLine {
    pub(super) index: u64,
    pub(super) time: Timestamp,
    pub(super) action: String,
    pub(super) decision: Decision,
    pub(super) role: Option<Role>,
    pub(super) operator: Option<String>,
    pub(super) purpose: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) fields: Vec<FieldPath>,
    pub(super) withheld: Vec<FieldPath>,
    #[serde(default)]
    pub(super) document: Option<DocumentRef>,
    pub(super) cause: Option<String>,
}

/// An entry of the log as it was signed.
#[derive(Deserialize)]
pub(super) struct LogLine {
    pub(super) index: u64,
    pub(super) entry: Entry,
}

impl Staff {
    /// Somebody at a server.
    pub(super) fn new(server: SocketAddr, operator: &'static str, role: Role, token: String) -> anyhow::Result<Self> {
        let client = Client::new(Endpoint::Address(server))
            .with_token(&token)?
            .with_header(OPERATOR, HeaderValue::from_static(operator));
        Ok(Self { client, operator, role, token })
    }

    /// Searches by an index, for fields of each hit.
    pub(super) async fn search(
        &self,
        index: &str,
        value: &str,
        fields: &[&str],
        purpose: &str,
    ) -> anyhow::Result<Logged<Hits>> {
        let body = json!({ "index": index, "value": value, "fields": fields, "purpose": purpose });
        logged(self.client.post(&format!("{RECORDS}/search"), Some(&body)).await?)
    }

    /// Reads fields, whether that is allowed or not.
    pub(super) async fn ask(&self, id: &str, fields: &[&str], purpose: &str) -> anyhow::Result<Answer> {
        Ok(self.client.get(&format!("{RECORDS}/{id}?fields={}&purpose={purpose}", fields.join(","))).await?)
    }

    /// Reads fields.
    pub(super) async fn read(&self, id: &str, fields: &[&str], purpose: &str) -> anyhow::Result<Logged<Record>> {
        logged(self.ask(id, fields, purpose).await?)
    }

    /// A person's documents.
    pub(super) async fn documents(&self, id: &str, purpose: &str) -> anyhow::Result<Vec<DocumentInfo>> {
        #[derive(Deserialize)]
        struct Documents {
            documents: Vec<DocumentInfo>,
        }
        let Documents { documents } = self.get(&format!("{RECORDS}/{id}/documents?purpose={purpose}")).await?;
        Ok(documents)
    }

    /// A document's bytes.
    pub(super) async fn document(&self, id: &str, document: &str, purpose: &str) -> anyhow::Result<Logged<Vec<u8>>> {
        let path = format!("{RECORDS}/{id}/documents/{document}?purpose={purpose}");
        let answer = self.client.get(&path).await?.accepted()?;
        Ok(Logged { entry: entry_of(&answer)?, content: answer.body.to_vec() })
    }

    /// A person's grants.
    pub(super) async fn grants(&self, id: &str) -> anyhow::Result<Vec<Grant>> {
        #[derive(Deserialize)]
        struct Grants {
            grants: Vec<Grant>,
        }
        let Grants { grants } = self.get(&format!("{RECORDS}/{id}/grants")).await?;
        Ok(grants)
    }

    /// Withdraws a grant.
    pub(super) async fn withdraw(&self, grant: &str) -> anyhow::Result<Logged<Grant>> {
        logged(self.client.post(&format!("/v1/grants/{grant}/withdraw"), None).await?)
    }

    /// Habilitates an operator for a special category.
    pub(super) async fn habilitate(&self, operator: &str, category: &str, purpose: &str) -> anyhow::Result<()> {
        let body = json!({
            "operator": operator, "type": "policyholder", "categories": [category], "purposes": [purpose],
        });
        self.client.post("/v1/habilitations", Some(&body)).await?.accepted()?;
        Ok(())
    }

    /// Everybody who has asked for a person's data, newest first.
    pub(super) async fn accesses(&self, id: &str) -> anyhow::Result<Vec<AccessLine>> {
        #[derive(Deserialize)]
        struct Accesses {
            accesses: Vec<AccessLine>,
        }
        let Accesses { accesses } = self.get(&format!("{RECORDS}/{id}/accesses?limit={PAGE}")).await?;
        Ok(accesses)
    }

    /// The next page of the log: the first one for an empty place. None after the last.
    pub(super) async fn entries(&self, place: &mut Option<String>) -> anyhow::Result<Option<Vec<LogLine>>> {
        let Some(after) = place.take() else { return Ok(None) };
        let after = if after.is_empty() { after } else { format!("&after={after}") };
        let Entries { entries, next } = self.get(&format!("/v1/audit/entries?limit={PAGE}{after}")).await?;
        *place = next;
        Ok(Some(entries))
    }

    /// One entry of the log.
    pub(super) async fn entry(&self, index: u64) -> anyhow::Result<Entry> {
        let Entries { entries, .. } = self.get(&format!("/v1/audit/entries?from={index}&limit=1")).await?;
        let line = entries.into_iter().find(|line| line.index == index);
        Ok(line.with_context(|| format!("the log does not show entry {index}; this is a mistake in coffre"))?.entry)
    }

    /// The newest signed tree head.
    pub(super) async fn tree_head(&self) -> anyhow::Result<String> {
        let answer = self.client.get("/v1/audit/tree-head").await?.accepted()?;
        Ok(String::from_utf8(answer.body.to_vec())?)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Ok(self.client.get(path).await?.json()?)
    }
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<LogLine>,
    next: Option<String>,
}

fn logged<T: DeserializeOwned>(answer: Answer) -> anyhow::Result<Logged<T>> {
    let answer = answer.accepted()?;
    Ok(Logged { entry: entry_of(&answer)?, content: answer.json()? })
}

fn entry_of(answer: &Answer) -> anyhow::Result<u64> {
    let header =
        answer.headers.get(AUDIT_ENTRY).context("an answer names no entry of the log; this is a mistake in coffre")?;
    Ok(header.to_str()?.parse()?)
}

/// The refusal that an answer is.
pub(super) fn refused(answer: &Answer) -> anyhow::Result<Refused> {
    serde_json::from_slice(&answer.body)
        .with_context(|| format!("{} is no refusal with its entry; this is a mistake in coffre", answer.status))
}
