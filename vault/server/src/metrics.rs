//! Counts and durations for Prometheus. Labels come from closed sets (route patterns, roles, status
//! codes, causes, names of destinations), never from a request's text: nothing here can name a person.

mod destinations;
mod drills;
mod rotation;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use coffre_core::audit::Action;
use coffre_core::role::Role;
use coffre_store::{CaptureStatus, Statistics};

pub(crate) use destinations::Destination;

use crate::quotas::Bound;
use crate::rotating::Standing;
use crate::usecases::DrillHistory;

/// Upper bounds of the histogram's buckets, in microseconds.
const BUCKETS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// An answered request, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Answered {
    /// The route's pattern; empty where none matched.
    pub(crate) route: &'static str,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
    pub(crate) role: Option<Role>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    micros: u64,
}

#[derive(Debug, Default)]
struct Series {
    answered: BTreeMap<Answered, u64>,
    durations: BTreeMap<&'static str, Histogram>,
    denied: BTreeMap<(Option<Role>, Action, String), u64>,
    unauthenticated: u64,
    operators_refused: BTreeMap<&'static str, u64>,
    beyond: BTreeMap<(Role, Bound), u64>,
    unusual: BTreeMap<Role, u64>,
    cut_off: u64,
    destinations: Vec<Destination>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Series>);

impl Metrics {
    /// Counts an answer and how long it took until its headers were ready.
    pub(crate) fn answered(&self, answered: Answered, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut series = self.lock();
        *series.answered.entry(answered).or_default() += 1;
        if answered.status == 401 {
            series.unauthenticated += 1;
        }
        let histogram = series.durations.entry(answered.route).or_default();
        histogram.count += 1;
        histogram.micros = histogram.micros.saturating_add(micros);
        for (bucket, _) in histogram.buckets.iter_mut().zip(BUCKETS).filter(|(_, bound)| micros <= *bound) {
            *bucket += 1;
        }
    }

    /// Counts a refusal by the policies. A cause is a stable code.
    pub(crate) fn denied(&self, role: Option<Role>, action: Action, cause: Option<&str>) {
        *self.lock().denied.entry((role, action, cause.unwrap_or_default().to_owned())).or_default() += 1;
    }

    /// Counts a token of an operator that vouched for nobody. The cause is a stable code.
    pub(crate) fn operator_refused(&self, cause: &'static str) {
        *self.lock().operators_refused.entry(cause).or_default() += 1;
    }

    /// Counts a request beyond a bound of its caller.
    pub(crate) fn beyond(&self, role: Role, bound: Bound) {
        *self.lock().beyond.entry((role, bound)).or_default() += 1;
    }

    /// Counts an hour in which somebody's reads left their usual range.
    pub(crate) fn unusual(&self, role: Role) {
        *self.lock().unusual.entry(role).or_default() += 1;
    }

    /// Counts an answer that was begun and not finished.
    pub(crate) fn cut_off(&self) {
        self.lock().cut_off += 1;
    }

    /// Takes how far each destination is.
    pub(crate) fn shipped(&self, destinations: Vec<Destination>) {
        let mut series = self.lock();
        let told = destinations.into_iter().map(|destination| destination.after(&series.destinations)).collect();
        series.destinations = told;
    }

    fn lock(&self) -> MutexGuard<'_, Series> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exposition text (Prometheus text format 0.0.4).
    pub(crate) fn exposition(
        &self,
        ready: bool,
        reserve: Option<bool>,
        statistics: Option<Statistics>,
        capture: &CaptureStatus,
        drills: &DrillHistory,
        (epoch, rotation): (u32, &Standing),
    ) -> String {
        let mut text = Exposition(String::with_capacity(4096));
        text.gauge("coffre_ready", "1 while the vault can serve.", u64::from(ready));
        text.gauge("coffre_sealed", "1 while the vault has no keys.", 0);
        text.expose_capture(capture);
        if let Some(whole) = reserve {
            text.gauge(
                "coffre_disk_reserve_whole",
                "1 while the reserve of disk takes up its space.",
                u64::from(whole),
            );
        }
        text.expose_drills(drills);
        text.expose_rotation(epoch, rotation);
        text.expose_destinations(&self.lock().destinations, capture.newest);
        if let Some(statistics) = statistics {
            text.gauge("coffre_records", "Records that are not erased.", statistics.records);
            text.gauge("coffre_document_versions", "Stored versions of documents.", statistics.documents);
            text.gauge("coffre_audit_entries", "Entries of the audit log.", statistics.entries);
            text.gauge("coffre_wal_bytes", "Bytes of the write-ahead logs.", statistics.wal_bytes);
            let requests = statistics.requests;
            text.gauge("coffre_requests_pending", "Requests that wait for an answer.", requests.pending);
            text.gauge("coffre_requests_due_soon", "Requests to be answered within a week.", requests.due_soon);
            text.gauge("coffre_requests_overdue", "Requests whose time to be answered is over.", requests.overdue);
            let approvals = statistics.approvals;
            text.gauge("coffre_officers", "Officers; 0 where nobody approves.", approvals.officers);
            let waiting = approvals.applications_waiting;
            text.gauge("coffre_applications_waiting", "Applications that wait for approval.", waiting);
            let waiting = u64::from(approvals.policies_waiting);
            text.gauge("coffre_policies_waiting", "1 when approved policies wait for a restart.", waiting);
        }
        let series = self.lock();
        series.expose(&mut text);
        text.0
    }
}

impl Series {
    fn expose(&self, text: &mut Exposition) {
        text.head("coffre_requests_total", "counter", "Answered requests.");
        for (answered, count) in &self.answered {
            let Answered { route, method, status, role } = answered;
            let role = role.map_or("none", Role::as_str);
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\",role=\"{role}\"");
            text.sample("coffre_requests_total", &labels, count);
        }
        text.head("coffre_denials_total", "counter", "Requests that the policies refused.");
        for ((role, action, cause), count) in &self.denied {
            let role = role.map_or("none", Role::as_str);
            let labels = format!("role=\"{role}\",action=\"{}\",cause=\"{cause}\"", action.name());
            text.sample("coffre_denials_total", &labels, count);
        }
        text.head("coffre_unauthenticated_total", "counter", "Requests without a token in force.");
        text.sample("coffre_unauthenticated_total", "", &self.unauthenticated);
        text.head("coffre_operator_tokens_refused_total", "counter", "Operators' tokens that vouched for nobody.");
        for (cause, count) in &self.operators_refused {
            text.sample("coffre_operator_tokens_refused_total", &format!("cause=\"{cause}\""), count);
        }
        text.head("coffre_beyond_limit_total", "counter", "Requests refused because their caller asked for too much.");
        for ((role, bound), count) in &self.beyond {
            let labels = format!("role=\"{role}\",limit=\"{}\"", bound.code());
            text.sample("coffre_beyond_limit_total", &labels, count);
        }
        text.head(
            "coffre_unusual_reads_total",
            "counter",
            "Hours in which an operator's reads left their usual range.",
        );
        for (role, count) in &self.unusual {
            text.sample("coffre_unusual_reads_total", &format!("role=\"{role}\""), count);
        }
        text.head("coffre_cut_off_total", "counter", "Documents and exports whose sending was broken off.");
        text.sample("coffre_cut_off_total", "", &self.cut_off);
        self.expose_durations(text);
    }

    fn expose_durations(&self, text: &mut Exposition) {
        const NAME: &str = "coffre_request_duration_seconds";
        text.head(NAME, "histogram", "Time until an answer's headers were ready.");
        for (route, histogram) in &self.durations {
            for (bound, count) in BUCKETS.into_iter().zip(histogram.buckets) {
                let labels = format!("route=\"{route}\",le=\"{}\"", Seconds(bound));
                text.sample("coffre_request_duration_seconds_bucket", &labels, &count);
            }
            let labels = format!("route=\"{route}\"");
            let infinite = format!("{labels},le=\"+Inf\"");
            text.sample("coffre_request_duration_seconds_bucket", &infinite, &histogram.count);
            text.sample("coffre_request_duration_seconds_sum", &labels, &Seconds(histogram.micros));
            text.sample("coffre_request_duration_seconds_count", &labels, &histogram.count);
        }
    }
}

/// Microseconds, written as seconds.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

struct Exposition(String);

impl Exposition {
    fn expose_capture(&mut self, capture: &CaptureStatus) {
        self.gauge("coffre_capture_on", "1 while commits are captured continuously.", u64::from(capture.on));
        if capture.on {
            let lag = Seconds(u64::try_from(capture.lag.as_micros()).unwrap_or(u64::MAX));
            self.head("coffre_capture_lag_seconds", "gauge", "Age of the oldest commit that is not in the spool.");
            self.sample("coffre_capture_lag_seconds", "", &lag);
            let trouble = u64::from(capture.trouble.is_some());
            self.gauge("coffre_capture_trouble", "1 while commits cannot be captured.", trouble);
            let anew = "coffre_capture_begun_anew_total";
            self.head(anew, "counter", "Times that the chains could not be gone on with, and a base backup was taken.");
            self.sample(anew, "", &capture.times_anew);
            self.gauge("coffre_spool_bytes", "Bytes in the spool.", capture.spool_bytes);
        }
        if let Some(limit) = capture.spool_limit {
            self.gauge("coffre_spool_limit_bytes", "Bytes that the spool may take.", limit);
            let nearly = u64::from(capture.spool_is_nearly_full());
            self.gauge("coffre_spool_nearly_full", "1 when four fifths of that are taken.", nearly);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "gauge", help);
        self.sample(name, "", &value);
    }

    fn sample(&mut self, name: &str, labels: &str, value: &dyn std::fmt::Display) {
        if labels.is_empty() {
            self.line(format_args!("{name} {value}\n"));
        } else {
            self.line(format_args!("{name}{{{labels}}} {value}\n"));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _infallible = self.0.write_fmt(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotating::State;

    #[test]
    fn the_exposition_is_what_prometheus_reads() {
        let metrics = Metrics::default();
        let answered =
            Answered { route: "/v1/records/{type}/{id}", method: "GET", status: 200, role: Some(Role::Legal) };
        metrics.answered(answered, Duration::from_micros(700));
        metrics.answered(Answered { status: 401, role: None, ..answered }, Duration::from_micros(30));
        metrics.denied(Some(Role::Sales), Action::Read, Some("never-for-role"));
        let lag = Duration::from_millis(1_250);
        let trouble = Some("the spool is full".to_owned());
        let (spool_bytes, spool_limit) = (800, Some(1_000));
        let capture = CaptureStatus {
            on: true,
            lag,
            trouble,
            spool_bytes,
            spool_limit,
            times_anew: 2,
            ..CaptureStatus::default()
        };
        let drills =
            DrillHistory { drills: Vec::new(), objective_seconds: Some(86_400), overdue: true, last_success: None };
        let rotation = Standing { state: State::UnderWay, percent: 40, documents: 3, ..Standing::default() };
        let text = metrics.exposition(true, Some(false), None, &capture, &drills, (2, &rotation));
        for line in [
            "coffre_capture_on 1",
            "coffre_capture_lag_seconds 1.250000",
            "coffre_capture_trouble 1",
            "coffre_capture_begun_anew_total 2",
            "coffre_spool_bytes 800",
            "coffre_spool_limit_bytes 1000",
            "coffre_spool_nearly_full 1",
            "coffre_disk_reserve_whole 0",
            "coffre_drill_overdue 1",
            "coffre_ready 1",
            "coffre_data_epoch 2",
            "coffre_data_rotation_under_way 1",
            "coffre_data_rotation_percent 40",
            r#"coffre_reencrypted_total{kind="document"} 3"#,
            r#"coffre_requests_total{route="/v1/records/{type}/{id}",method="GET",status="200",role="legal"} 1"#,
            r#"coffre_denials_total{role="sales",action="read",cause="never-for-role"} 1"#,
            "coffre_unauthenticated_total 1",
            r#"coffre_request_duration_seconds_bucket{route="/v1/records/{type}/{id}",le="0.000500"} 1"#,
            r#"coffre_request_duration_seconds_bucket{route="/v1/records/{type}/{id}",le="0.001000"} 2"#,
            r#"coffre_request_duration_seconds_sum{route="/v1/records/{type}/{id}"} 0.000730"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
        }
    }
}
