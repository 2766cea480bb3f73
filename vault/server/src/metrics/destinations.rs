//! How far each destination is, as the backup account told it last: what the vault's process cannot see for itself.

use coffre_core::erasure::PlaceName;
use coffre_core::time::Timestamp;
use serde::Deserialize;

use super::Exposition;

const CAPTURED: &str = "coffre_destination_captured_timestamp_seconds";
const LAG: &str = "coffre_destination_lag_seconds";
const BYTES: &str = "coffre_destination_behind_bytes";

/// One destination.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    name: PlaceName,
    /// The newest moment that it holds.
    captured: Option<Timestamp>,
    /// Bytes in the spool that are newer; absent where they were not counted this time.
    #[serde(default)]
    behind_bytes: Option<u64>,
}

impl Destination {
    /// The same with the bytes that were told before, where none are told now.
    pub(super) fn after(self, before: &[Self]) -> Self {
        let former = before.iter().find(|former| former.name == self.name);
        Self { behind_bytes: self.behind_bytes.or(former.and_then(|former| former.behind_bytes)), ..self }
    }
}

impl Exposition {
    /// `newest` is the newest moment in the spool.
    pub(super) fn expose_destinations(&mut self, destinations: &[Destination], newest: Option<Timestamp>) {
        if destinations.is_empty() {
            return;
        }
        self.head(CAPTURED, "gauge", "The newest moment that a destination holds; 0 for none.");
        for destination in destinations {
            let captured = destination.captured.map_or(0, Timestamp::as_seconds);
            self.sample(CAPTURED, &label(destination), &captured);
        }
        self.head(LAG, "gauge", "Seconds that a destination is behind the spool.");
        for destination in destinations {
            let Some(captured) = destination.captured else { continue };
            let behind = newest.map_or(0, |newest| (newest.as_seconds() - captured.as_seconds()).max(0));
            self.sample(LAG, &label(destination), &behind);
        }
        self.head(BYTES, "gauge", "Bytes that a destination lacked when they were counted last.");
        for destination in destinations {
            if let Some(bytes) = destination.behind_bytes {
                self.sample(BYTES, &label(destination), &bytes);
            }
        }
    }
}

fn label(destination: &Destination) -> String {
    format!("destination=\"{}\"", destination.name)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn told(text: &str) -> Destination {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_destination_lags_behind_the_newest_in_the_spool_and_keeps_its_bytes() {
        let near = told(r#"{"name":"near","captured":"2026-11-26T12:00:00Z","behind_bytes":7}"#);
        let again = told(r#"{"name":"near","captured":"2026-11-26T12:00:00Z"}"#).after(&[near]);
        let never = told(r#"{"name":"far","captured":null}"#);
        let mut text = Exposition(String::new());
        text.expose_destinations(&[again, never], Some("2026-11-26T12:00:09.5Z".parse().unwrap()));
        for line in [
            r#"coffre_destination_lag_seconds{destination="near"} 9"#,
            r#"coffre_destination_behind_bytes{destination="near"} 7"#,
            r#"coffre_destination_captured_timestamp_seconds{destination="far"} 0"#,
        ] {
            assert!(text.0.lines().any(|found| found == line), "{line} is missing in {}", text.0);
        }
        assert!(!text.0.contains(r#"lag_seconds{destination="far"}"#), "nothing is known of it");
    }
}
