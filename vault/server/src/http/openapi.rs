//! The API's description (`OpenAPI` 3.1), written by hand; a test compares it with the routes.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::answer::Answer;
use super::routes::Routes;

const TEXT: &str = include_str!("openapi.json");

pub(super) fn routes() -> Routes {
    Routes::new().get("/openapi.json", description)
}

async fn description() -> Response {
    let json = Some(HeaderValue::from_static("application/json"));
    Answer::new(StatusCode::OK).with(CONTENT_TYPE, json).body(TEXT)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn description() -> Value {
        serde_json::from_str(TEXT).unwrap()
    }

    #[test]
    fn every_route_is_described_and_every_description_is_a_route() {
        let served: BTreeSet<(String, String)> = crate::http::routes()
            .known
            .iter()
            // OpenAPI has no word for a parameter that holds slashes.
            .map(|(method, path)| (path.replace("{*", "{"), method.as_str().to_ascii_lowercase()))
            .collect();
        let operations = |(path, item): (&String, &Value)| {
            let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
            methods.into_iter().map(|method| (path.clone(), method)).collect::<Vec<_>>()
        };
        let described: BTreeSet<(String, String)> =
            description()["paths"].as_object().unwrap().iter().flat_map(operations).collect();
        assert_eq!(served, described);
    }

    /// Every object below, with where it is.
    fn walk<'v>(value: &'v Value, place: &str, see: &mut dyn FnMut(&str, &'v Value)) {
        see(place, value);
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, member)| walk(member, &format!("{place}/{name}"), see));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, place, see)),
            _ => {}
        }
    }

    #[test]
    fn whoever_must_be_known_can_ask_too_much_and_is_told_so() {
        let description = description();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for operation in methods.as_object().unwrap().values() {
                let answers = operation["responses"].as_object().unwrap();
                assert_eq!(answers.contains_key("401"), answers.contains_key("429"), "{path}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_component_is_used() {
        let description = description();
        let mut used = BTreeSet::new();
        walk(&description, "", &mut |place, value| {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(description.pointer(pointer).is_some(), "{place} refers to {reference}");
                used.insert(reference.to_owned());
            }
        });
        for kind in ["headers", "parameters", "responses", "schemas"] {
            for name in description["components"][kind].as_object().unwrap().keys() {
                assert!(used.contains(&format!("#/components/{kind}/{name}")), "{kind}/{name} is not used");
            }
        }
    }

    #[test]
    fn the_parameters_of_a_path_are_those_in_it() {
        let description = description();
        for (path, item) in description["paths"].as_object().unwrap() {
            let in_path: BTreeSet<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            for (method, operation) in item.as_object().unwrap() {
                let parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
                let resolved = |parameter: &Value| match parameter.get("$ref").and_then(Value::as_str) {
                    Some(reference) => description.pointer(reference.strip_prefix('#').unwrap()).unwrap().clone(),
                    None => parameter.clone(),
                };
                let resolved: Vec<Value> = parameters.iter().map(resolved).collect();
                let named: BTreeSet<&str> = resolved
                    .iter()
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                assert_eq!(in_path, named, "{method} {path}");
            }
        }
        walk(&description, "", &mut |place, value| {
            let in_path = value.get("in").is_some_and(|within| within == "path");
            assert!(!in_path || value["required"] == true, "{place} is in the path and not required");
        });
    }
}
