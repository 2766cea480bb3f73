//! How a line of the server's log is written. What says that a request was answered comes thousands of times a second: such lines are
//! written as the general way writes them, without its serializer.

use std::fmt::{self, Debug, Write as _};

use coffre_store::clock::{Clock as _, SystemClock};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Whether a line says no more than that a request was answered.
pub(super) fn says_answered(of: &Metadata<'_>) -> bool {
    of.target() == coffre_server::ANSWERED && *of.level() == Level::INFO
}

/// JSON, one object a line.
pub(super) struct Lines(Format<Json>);

impl Default for Lines {
    fn default() -> Self {
        Self(Format::default().json())
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if !says_answered(event.metadata()) || context.lookup_current().is_some() {
            return self.0.format_event(context, line, event);
        }
        let mut time = [0; 27];
        write!(line, r#"{{"timestamp":"{}","level":"INFO","fields":{{"#, SystemClock.now().text(&mut time))?;
        let mut members = Members { line: &mut line, comma: "", written: Ok(()) };
        event.record(&mut members);
        members.written?;
        writeln!(line, r#"}},"target":"{}"}}"#, event.metadata().target())
    }
}

/// The members of an object, being written.
struct Members<'w, 'l> {
    line: &'w mut Writer<'l>,
    comma: &'static str,
    written: fmt::Result,
}

impl Members<'_, '_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let comma = std::mem::replace(&mut self.comma, ",");
        if self.written.is_ok() {
            self.written = write!(self.line, r#"{comma}"{}":"#, field.name()).and_then(|()| value(self.line));
        }
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Escaped<'_, '_>) -> fmt::Result) {
        self.member(field, |line| {
            line.write_char('"')?;
            write(&mut Escaped(line))?;
            line.write_char('"')
        });
    }
}

impl Visit for Members<'_, '_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |text| text.write_str(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, |text| write!(text, "{value:?}"));
    }
}

/// The inside of a JSON string.
struct Escaped<'w, 'l>(&'w mut Writer<'l>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if part.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            return self.0.write_str(part);
        }
        let quoted = serde_json::to_string(part).map_err(|_| fmt::Error)?;
        let inside = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or(fmt::Error)?;
        self.0.write_str(inside)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Written {
        type Writer = Self;

        fn make_writer(&'w self) -> Self {
            self.clone()
        }
    }

    fn lines(subscriber: impl Subscriber + Send + Sync, written: &Written) -> Vec<Value> {
        tracing::subscriber::with_default(subscriber, || {
            let (request, status, late) = ("0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11", 200_u16, true);
            tracing::info!(target: coffre_server::ANSWERED, request, status, late, less = -3, problem = "", "answered");
            tracing::info!(target: coffre_server::ANSWERED, odd = "a\"b\\c\n\u{1}é", shown = %"\"x\t", debug = ?Some("y"), "answered");
            tracing::error!(target: coffre_server::ANSWERED, cause = "\"", "answered");
            tracing::info_span!("within", n = 1)
                .in_scope(|| tracing::info!(target: coffre_server::ANSWERED, "answered"));
            tracing::info!(number = 1.5, "something else");
        });
        let text = String::from_utf8(std::mem::take(&mut *written.0.lock().unwrap())).unwrap();
        let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        text.lines().map(read).collect()
    }

    #[test]
    fn a_line_says_what_the_general_way_says() {
        let written = Written::default();
        let usual = tracing_subscriber::fmt().json().with_writer(written.clone()).finish();
        let mut usual = lines(usual, &written);
        let ours =
            tracing_subscriber::fmt().json().event_format(Lines::default()).with_writer(written.clone()).finish();
        let mut ours = lines(ours, &written);
        assert_eq!(ours.len(), 5);
        for line in usual.iter_mut().chain(&mut ours) {
            let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert_eq!(time.as_str().unwrap().len(), 27);
        }
        assert_eq!(ours, usual);
    }
}
