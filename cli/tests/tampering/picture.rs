//! What may be seen of a vault by those who may see it: every record, grant and document, and the log.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::caller::Answer;
use crate::house::Callers;

/// How many records one of those who look at a vault looks at.
const AT_A_TIME: usize = 6;

/// Each question with its answer.
#[derive(Debug, Clone)]
pub(crate) struct Picture(BTreeMap<String, Seen>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Told(u16, String),
    /// An answer that says that the vault cannot answer.
    Unavailable,
}

/// How two pictures compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Likeness {
    Same,
    /// Some questions were refused, all others answered as before.
    Refused,
    /// Something else was told.
    Other(String),
}

impl Seen {
    fn of(answer: &Answer) -> Self {
        match answer.status {
            500..=599 => Self::Unavailable,
            status if status < 400 => Self::Told(status, answer.text().to_owned()),
            // A refusal names its entry, which is another one each time.
            status => Self::Told(status, answer.json()["type"].to_string()),
        }
    }
}

impl Picture {
    pub(crate) fn take(callers: &Callers, records: &[String]) -> Self {
        let mut picture = Self(BTreeMap::new());
        // The log first: every question adds to it.
        picture.log(callers);
        // Some at a time, so that one commit of the vault answers some.
        let numbered: Vec<_> = records.iter().enumerate().collect();
        let parts = std::thread::scope(|scope| {
            let see = |some: &[(usize, &String)]| {
                let mut part = Self(BTreeMap::new());
                for (number, record) in some {
                    part.record(callers, record, *number);
                }
                part
            };
            let seeing: Vec<_> = numbered.chunks(AT_A_TIME).map(|some| scope.spawn(move || see(some))).collect();
            seeing.into_iter().map(|part| part.join().expect("it only looks")).collect::<Vec<_>>()
        });
        picture.0.extend(parts.into_iter().flat_map(|part| part.0));
        picture
    }

    fn see(&mut self, question: &str, answer: std::io::Result<Answer>) -> Option<Value> {
        // A server that went down in the middle has answered nothing.
        let seen = answer.map_or(Seen::Unavailable, |answer| Seen::of(&answer));
        let value = if let Seen::Told(200, text) = &seen { serde_json::from_str(text).ok() } else { None };
        self.0.insert(question.to_owned(), seen);
        value
    }

    /// Its beginning, which never changes.
    fn log(&mut self, callers: &Callers) {
        for from in (0..80).step_by(10) {
            let page = callers.dpo.ask("GET", &format!("/v1/audit/entries?from={from}&limit=10"), "", b"");
            let seen = match page {
                Ok(page) if page.status == 200 => Seen::Told(200, page.json()["entries"].to_string()),
                Ok(page) => Seen::of(&page),
                Err(_) => Seen::Unavailable,
            };
            self.0.insert(format!("log from {from}"), seen);
        }
        // It rests on the root of the first full tile.
        let proof = callers.dpo.ask("GET", "/v1/audit/proof/consistency?from=256&to=257", "", b"");
        self.see("log proof", proof);
    }

    fn record(&mut self, callers: &Callers, record: &str, number: usize) {
        let purpose = "purpose=contract-administration";
        let legal = |path: &str| callers.legal.ask("GET", path, "", b"");
        let fields = "contact.family_name,contact.given_name,contact.email,contact.phone";
        self.see(&format!("{record} legal"), legal(&format!("{record}?fields={fields}&{purpose}")));
        let former = format!("{record}?fields={fields}&{purpose}&version=1");
        self.see(&format!("{record} former"), legal(&former));
        self.see(&format!("{record} versions"), legal(&format!("{record}/versions?{purpose}")));
        self.see(&format!("{record} grants"), legal(&format!("{record}/grants")));
        let marketing = format!("{record}?fields=contact.email&purpose=direct-marketing");
        self.see(&format!("{record} sales"), callers.sales.ask("GET", &marketing, "", b""));
        let question = json!({
            "index": "contact.email", "value": format!("client{number}@example.fr"), "fields": ["contact.email"],
            "purpose": "contract-administration",
        });
        let hits = callers.legal.send("POST", "/v1/records/policyholder/search", "", &question);
        self.see(&format!("{record} search"), hits);
        let listed = self.see(&format!("{record} documents"), legal(&format!("{record}/documents?{purpose}")));
        for document in listed.iter().filter_map(|listed| listed["documents"].as_array()).flatten() {
            let id = document["id"].as_str().expect("an identifier");
            self.see(&format!("{record} {id}"), legal(&format!("{record}/documents/{id}?{purpose}")));
        }
    }

    /// What is told otherwise by a vault that was restored, whose log goes on.
    pub(crate) fn likeness_of_content(&self, other: &Self) -> Option<String> {
        let mut content = self.clone();
        content.0.retain(|question, _| !question.starts_with("log"));
        match content.likeness(other) {
            Likeness::Same => None,
            other => Some(format!("{other:?}")),
        }
    }

    /// How another one compares with this.
    pub(crate) fn likeness(&self, other: &Self) -> Likeness {
        let mut likeness = Likeness::Same;
        for (question, seen) in &self.0 {
            match other.0.get(question) {
                Some(found) if found == seen => {}
                // A document that is not asked for, because its list was refused.
                Some(Seen::Unavailable) | None => likeness = Likeness::Refused,
                Some(found) => return Likeness::Other(format!("{question}: {found:?} instead of {seen:?}")),
            }
        }
        likeness
    }
}
