//! Requests as callers see them.

use coffre_core::day::Day;
use coffre_core::filing::{Filing, REQUESTER};
use coffre_core::time::Timestamp;
use coffre_store::FilingStep;
use serde_json::{Value, json};

use crate::http::cursor::Cursor;
use crate::usecases::{RequestView, Requests};

/// How a request stands.
pub(super) fn standing(filing: &Filing, now: Timestamp) -> Value {
    let mut view = json!(filing);
    if let Value::Object(members) = &mut view {
        members.insert("overdue".to_owned(), filing.is_overdue(Day::of(now)).into());
    }
    view
}

/// How a request stands, for the application that filed it. A stranger's looks the same before and after the person was
/// found: whether somebody has a record is told to nobody else.
pub(super) fn standing_for_filer(filing: &Filing, now: Timestamp) -> Value {
    let mut view = standing(filing, now);
    if let (true, Value::Object(members)) = (filing.came_from_a_stranger(), &mut view) {
        members.insert("type".to_owned(), REQUESTER.into());
        members.remove("subject");
        members.remove("linked");
    }
    view
}

/// A page of them.
pub(super) fn requests(page: &Requests, now: Timestamp) -> Value {
    let shown = if page.to_filer { standing_for_filer } else { standing };
    let listed: Vec<Value> = page.listed.iter().map(|filing| shown(filing, now)).collect();
    json!({ "requests": listed, "next": page.next.map(|place| Cursor(place).to_string()) })
}

/// One with its steps.
pub(super) fn one(view: RequestView, now: Timestamp) -> Value {
    let RequestView { filing, steps, to_filer, withheld } = view;
    let mut shown = if to_filer { standing_for_filer(&filing, now) } else { standing(&filing, now) };
    if let Value::Object(members) = &mut shown {
        members.insert("steps".to_owned(), steps.into_iter().map(step).collect());
        members.insert("withheld".to_owned(), json!(withheld));
    }
    shown
}

fn step(step: FilingStep) -> Value {
    let mut view = json!({ "act": step.act, "at": step.at, "operator": step.operator, "call": step.call });
    if let (Value::Object(members), Some(content)) = (&mut view, step.content) {
        if let Some(text) = content.text {
            members.insert("text".to_owned(), text.into());
        }
        if !content.requester.is_empty() {
            members.insert("requester".to_owned(), json!(content.requester));
        }
        if !content.changes.is_empty() {
            members.insert("changes".to_owned(), json!(content.changes));
        }
    }
    view
}
