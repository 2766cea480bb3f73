//! Creating many records: one on each line (NDJSON), each for itself. What is wrong with a line is told with its number and
//! holds no other line up. The answer comes when the body has ended, since many clients read none before: so an import has
//! a bounded number of lines, and no more of it is in memory than those under way and what became of the others.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use coffre_core::ids::RequestId;
use coffre_core::record::Fields;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::answer::Answer;
use super::creator::Creator;
use super::ndjson::{self, Line, Lines};
use super::parameters::Parameters;
use super::path::Segments;
use super::problem::Problem;
use super::record_body::RecordBody;
use super::records::new_values;
use super::routes::Routes;
use super::{Api, body};
use crate::usecases::CreateRecord;

/// The most lines of one import.
const MOST_LINES: u64 = 10_000;
/// An import of which so many lines were refused is broken off: there is something wrong with the file.
const MOST_REFUSED: u64 = 1_000;
/// So many records are created at a time: they share their commits.
const TOGETHER: usize = 64;

pub(super) fn routes() -> Routes {
    Routes::new().post("/v1/records/{type}/import", import)
}

async fn import(
    State(api): State<Api>,
    creator: Creator,
    Segments(kind): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, sent) = request.into_parts();
    let mut query = Parameters::read(&parts.uri, &["purpose"], &["reason"])?;
    let (purpose, reason) = (query.text("purpose"), query.reason()?);
    // What would be wrong with every line is told once.
    api.keeper.check_declared(&kind, &purpose)?;
    body::check_type(&parts.headers, &[ndjson::MEDIA_TYPE])?;
    let mut import = Import { api, creator, parts, kind, purpose, reason, told: Told::default() };
    match import.run(sent).await {
        Some(problem) if import.told.counts.lines == 0 => Err(problem),
        stopped => import.answer(stopped),
    }
}

#[derive(Debug, Default)]
struct Counts {
    lines: u64,
    created: u64,
    repeated: u64,
    refused: u64,
}

struct Import {
    api: Api,
    creator: Creator,
    parts: Parts,
    kind: String,
    purpose: String,
    reason: Option<String>,
    told: Told,
}

/// What is answered: a line for each one that was tried.
#[derive(Debug, Default)]
struct Told {
    lines: Vec<u8>,
    counts: Counts,
}

impl Import {
    /// Goes through the lines; gives what stopped it before their end.
    async fn run(&mut self, sent: Body) -> Option<Problem> {
        let mut lines = Lines::of(sent, self.api.limits);
        loop {
            let page = match self.page(&mut lines).await {
                Ok(page) if page.is_empty() => return None,
                Ok(page) => page,
                Err(problem) => return Some(problem),
            };
            let created = join_all(page.iter().map(|line| self.create(line))).await;
            if let Err(problem) = self.told.page(self.creator.call().request, &page, created) {
                return Some(problem);
            }
        }
    }

    /// The next lines; the first one alone, for whoever may create nothing is told so by it.
    async fn page(&self, lines: &mut Lines) -> Result<Vec<Line>, Problem> {
        let left = usize::try_from(MOST_LINES.saturating_sub(self.told.counts.lines)).unwrap_or(usize::MAX);
        if left == 0 {
            return if lines.next().await?.is_some() { Err(too_many_lines()) } else { Ok(Vec::new()) };
        }
        let most = if self.told.counts.lines == 0 { 1 } else { TOGETHER.min(left) };
        some(lines, most, self.api.limits.json_bytes).await
    }

    async fn create(&self, line: &Line) -> Result<Value, Problem> {
        let text = line.text.as_deref().ok_or_else(|| too_long(self.api.limits.json_bytes))?;
        let values: RecordBody = body::parsed(text)?;
        let asked = CreateRecord {
            kind: self.kind.clone(),
            fields: Fields(new_values(values)?),
            purpose: self.purpose.clone(),
            reason: self.reason.clone(),
        };
        let call = self.creator.knowing_line(&self.parts, line.number, text);
        let (written, recorded) = self.api.keeper.create_record(&call, asked).await?;
        let (id, version, entry, repeated) = (written.id, written.version, recorded.entry, recorded.repeated);
        Ok(json!({ "line": line.number, "id": id, "version": version, "audit_entry": entry, "repeated": repeated }))
    }

    fn answer(self, stopped: Option<Problem>) -> Result<Response, Problem> {
        let Told { lines: mut told, counts: Counts { lines, created, repeated, refused } } = self.told;
        let mut last = json!({
            "complete": stopped.is_none(), "lines": lines, "created": created, "repeated": repeated, "refused": refused,
        });
        if let (Some(problem), Value::Object(members)) = (stopped, &mut last) {
            members.insert("problem".to_owned(), problem.body(self.creator.call().request));
        }
        told.extend(ndjson::lines(&[last]).map_err(unwritable)?);
        let ndjson = HeaderValue::from_static(ndjson::MEDIA_TYPE);
        Ok(Answer::new(StatusCode::OK).with(CONTENT_TYPE, Some(ndjson)).body(told))
    }
}

impl Told {
    /// Tells what became of each line of a page. They were all tried by then, so what stops the import is told of last:
    /// nothing that was created goes untold.
    fn page(&mut self, request: RequestId, page: &[Line], created: Vec<Result<Value, Problem>>) -> Result<(), Problem> {
        let mut stopped = Ok(());
        for (line, created) in page.iter().zip(created) {
            stopped = stopped.and(self.line(request, line.number, created));
        }
        stopped
    }

    /// Tells what became of a line. What the next lines would meet as well ends the import; where the first line meets
    /// it, nothing is told but that.
    fn line(&mut self, request: RequestId, number: u64, created: Result<Value, Problem>) -> Result<(), Problem> {
        let mut stopped = Ok(());
        let told = match created {
            Err(problem) => {
                let ends = problem.status().is_server_error() || problem.status() == StatusCode::UNAUTHORIZED;
                if self.counts.lines == 0 && (ends || problem.status() == StatusCode::FORBIDDEN) {
                    return Err(problem);
                }
                // What the caller is not told of a failure goes to the server's log, as it does for a request.
                if let Some(cause) = problem.logged() {
                    let problem = problem.name();
                    tracing::error!(%request, line = number, problem, cause, "a line of an import failed");
                }
                self.counts.refused += 1;
                let told = json!({ "line": number, "problem": problem.body(request) });
                if ends {
                    stopped = Err(problem);
                }
                told
            }
            Ok(told) => {
                self.counts.created += u64::from(told.get("repeated") == Some(&Value::Bool(false)));
                self.counts.repeated += u64::from(told.get("repeated") == Some(&Value::Bool(true)));
                told
            }
        };
        self.counts.lines += 1;
        self.lines.extend(ndjson::lines(&[told]).map_err(unwritable)?);
        stopped?;
        if self.counts.refused >= MOST_REFUSED { Err(too_many_refused()) } else { Ok(()) }
    }
}

/// The next lines, at most so many; no more of them once they have so many bytes together, as much as one line may have.
async fn some(lines: &mut Lines, most: usize, bytes: usize) -> Result<Vec<Line>, Problem> {
    let (mut page, mut taken) = (Vec::with_capacity(most), 0);
    while page.len() < most
        && taken < bytes
        && let Some(line) = lines.next().await?
    {
        taken += line.text.as_ref().map_or(0, Vec::len);
        page.push(line);
    }
    Ok(page)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn unwritable(error: std::io::Error) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is wrong in the server", "try again")
        .logged_as(format!("an answer could not be written: {error}"))
}

fn too_long(most: usize) -> Problem {
    let detail = format!("a line holds at most {most} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The line is too large", detail).with("most_bytes", most)
}

fn too_many_lines() -> Problem {
    let detail = format!("an import holds at most {MOST_LINES} lines: send the others as another one");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "There are too many lines", detail)
        .with("most_lines", MOST_LINES)
}

fn too_many_refused() -> Problem {
    let detail = format!(
        "at least {MOST_REFUSED} lines were refused, so those of which nothing is told were not tried: mend the file, \
         then send it again"
    );
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too-many-refused", "Too many lines are refused", detail)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::limits::Limits;

    fn lines(numbers: std::ops::RangeInclusive<u64>) -> Vec<Line> {
        numbers.map(|number| Line { number, text: Some(Vec::new()) }).collect()
    }

    #[tokio::test]
    async fn long_lines_are_tried_few_at_a_time() {
        let limits = Limits { json_bytes: 10, ..Limits::default() };
        let mut sent = Lines::of(Body::from("{\"a\": 1}\n".repeat(5)), limits);
        let mut pages = Vec::new();
        loop {
            let page = some(&mut sent, 64, limits.json_bytes).await.unwrap();
            if page.is_empty() {
                break;
            }
            pages.push(page.len());
        }
        assert_eq!(pages, [2, 2, 1]);
    }

    fn made(number: u64) -> Value {
        json!({ "line": number, "id": "x", "repeated": false })
    }

    fn unavailable() -> Result<Value, Problem> {
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The vault cannot serve", "try again"))
    }

    #[test]
    fn what_stops_an_import_hides_nothing_that_was_done_beside_it() {
        let (mut told, request) = (Told::default(), RequestId::from_bytes([1; 16]));
        told.page(request, &lines(1..=1), vec![Ok(made(1))]).unwrap();
        let wrong = Err(Problem::malformed("x"));
        let stopped =
            told.page(request, &lines(2..=5), vec![Ok(made(2)), unavailable(), wrong, Ok(made(5))]).unwrap_err();
        assert_eq!(stopped.name(), "unavailable");
        let text = String::from_utf8(told.lines).unwrap();
        let answered: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answered.iter().map(|line| line["line"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(answered[2]["problem"]["type"], "urn:coffre:problem:unavailable");
        let Counts { lines, created, repeated, refused } = told.counts;
        assert_eq!((lines, created, repeated, refused), (5, 3, 0, 2));
    }

    #[test]
    fn what_is_told_to_the_log_alone_is_told_there_for_each_line() {
        let log = Captured::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        let mut told = Told::default();
        let damaged = unavailable().map_err(|problem| problem.logged_as("a page is torn".to_owned()));
        tracing::subscriber::with_default(subscriber, || {
            told.page(RequestId::from_bytes([1; 16]), &lines(1..=2), vec![Ok(made(1)), damaged]).unwrap_err();
        });
        let line: Value = serde_json::from_slice(&log.0.lock().unwrap()).unwrap();
        let fields = &line["fields"];
        assert_eq!((&fields["line"], &fields["cause"]), (&json!(2), &json!("a page is torn")));
        assert_eq!(fields["request"], "01010101-0101-0101-0101-010101010101");
        assert!(!String::from_utf8(told.lines).unwrap().contains("torn"));
    }

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_the_first_line_meets_is_all_that_is_told() {
        let refused = |name| Err(Problem::new(StatusCode::FORBIDDEN, name, "It is refused", "ask for it"));
        let met = [unavailable(), refused("denied"), refused("application-not-approved")];
        for (met, name) in met.into_iter().zip(["unavailable", "denied", "application-not-approved"]) {
            let mut told = Told::default();
            let stopped = told.page(RequestId::from_bytes([1; 16]), &lines(1..=1), vec![met]).unwrap_err();
            assert_eq!((stopped.name(), told.counts.lines, told.lines.len()), (name, 0, 0));
        }
    }
}
