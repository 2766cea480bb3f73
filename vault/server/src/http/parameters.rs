//! Query parameters, read strictly: an unknown or repeated one is refused, missing ones are named.

use std::collections::BTreeSet;
use std::str::FromStr;

use axum::http::Uri;
use coffre_core::ids::FilingId;
use coffre_core::record::FieldPath;

use super::percent;
use super::problem::Problem;

/// The most characters of a free-text reason.
const LONGEST_REASON: usize = 500;

/// The parameters of one request: each once, and so few that looking through them is the quickest.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads them; each is one of these names.
    pub(super) fn read(uri: &Uri, required: &[&str], optional: &[&str]) -> Result<Self, Problem> {
        let undecodable = || Problem::malformed("the query is not percent-encoded UTF-8");
        let read = percent::query(uri.query().unwrap_or_default()).ok_or_else(undecodable)?;
        // Whatever is wrong is met before there are more than there are names.
        for (place, (name, _)) in read.iter().enumerate() {
            if !required.contains(&name.as_str()) && !optional.contains(&name.as_str()) {
                let known: Vec<&str> = required.iter().chain(optional).copied().collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Problem::malformed(format!("an unknown query parameter; this route takes: {known}")));
            }
            if is_among(read.iter().take(place), name) {
                return Err(Problem::malformed(format!("the query parameter {name} is given twice: give it once"))
                    .with("parameter", name.as_str()));
            }
        }
        let missing: Vec<&str> = required.iter().copied().filter(|name| !is_among(read.iter(), name)).collect();
        if missing.is_empty() {
            Ok(Self(read))
        } else {
            let detail = format!("missing in the query: {}; say what is asked for, and why", missing.join(", "));
            Err(Problem::malformed(detail).with("missing", missing))
        }
    }

    /// None at all.
    pub(super) fn none(uri: &Uri) -> Result<(), Problem> {
        Self::read(uri, &[], &[]).map(drop)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.swap_remove(place).1)
    }

    /// A required one; empty where it was not required.
    pub(super) fn text(&mut self, name: &str) -> String {
        self.take(name).unwrap_or_default()
    }

    /// A required one that is parsed.
    pub(super) fn required<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<T, Problem> {
        parse(name, &self.text(name), expected)
    }

    /// One that is parsed, if it is there.
    pub(super) fn parsed<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        self.take(name).map(|text| parse(name, &text, expected)).transpose()
    }

    /// How many, within bounds.
    pub(super) fn limit(&mut self, usual: usize, most: usize) -> Result<usize, Problem> {
        let expected = format!("a number from 1 to {most}");
        let limit = self.parsed("limit", &expected)?.unwrap_or(usual);
        if (1..=most).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::malformed(format!("the query parameter limit is not {expected}")).with("parameter", "limit"))
        }
    }

    /// The fields asked for, separated by commas.
    pub(super) fn fields(&mut self) -> Result<BTreeSet<FieldPath>, Problem> {
        let text = self.text("fields");
        let wrong =
            |error| Problem::malformed(format!("in the query parameter fields: {error}")).with("parameter", "fields");
        text.split(',').map(|field| field.trim().parse().map_err(wrong)).collect()
    }

    /// The request that an act fulfils.
    pub(super) fn request(&mut self) -> Result<Option<FilingId>, Problem> {
        self.parsed("request", "a request's identifier")
    }

    /// The free-text reason.
    pub(super) fn reason(&mut self) -> Result<Option<String>, Problem> {
        self.take("reason").map(sound_reason).transpose()
    }

    /// The free-text reason, where one is required.
    pub(super) fn required_reason(&mut self) -> Result<String, Problem> {
        sound_reason(self.text("reason"))
    }
}

fn parse<T: FromStr>(name: &str, text: &str, expected: &str) -> Result<T, Problem> {
    let wrong = || Problem::malformed(format!("the query parameter {name} is not {expected}")).with("parameter", name);
    text.parse().map_err(|_| wrong())
}

/// Whether one of some parameters has this name.
fn is_among<'p>(mut given: impl Iterator<Item = &'p (String, String)>, name: &str) -> bool {
    given.any(|(given, _)| given == name)
}

/// A reason that can be kept: not empty, not long, on one line.
pub(super) fn sound_reason(reason: String) -> Result<String, Problem> {
    let length = reason.chars().count();
    if reason.trim().is_empty() || length > LONGEST_REASON || reason.contains(char::is_control) {
        let detail = format!("a reason has 1 to {LONGEST_REASON} characters on one line, or is left out");
        return Err(Problem::malformed(detail));
    }
    Ok(reason)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(query: &str) -> Result<Parameters, Problem> {
        Parameters::read(&format!("/x?{query}").parse().unwrap(), &["fields", "purpose"], &["reason", "limit"])
    }

    #[test]
    fn strict_reading() {
        let mut parameters = read("fields=contact.email,contact.phone&purpose=p&reason=called%20back&limit=5").unwrap();
        assert_eq!(parameters.fields().unwrap().len(), 2);
        assert_eq!(parameters.text("purpose"), "p");
        assert_eq!(parameters.reason().unwrap().unwrap(), "called back");
        assert_eq!(parameters.limit(100, 1000).unwrap(), 5);
        for wrong in ["", "fields=a.b", "purpose=p", "fields=a.b&purpose=p&x=1", "fields=a.b&purpose=p&purpose=q"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for wrong in ["fields=&purpose=p", "fields=email&purpose=p", "fields=contact.email,&purpose=p"] {
            assert!(read(wrong).unwrap().fields().is_err(), "{wrong}");
        }
        assert!(read("fields=a.b&purpose=p&limit=0").unwrap().limit(1, 10).is_err());
        assert_eq!(read("fields=a.b&purpose=7").unwrap().required::<u8>("purpose", "a number").unwrap(), 7);
        assert!(read("fields=a.b&purpose=p").unwrap().required::<u8>("purpose", "a number").is_err());
        assert!(read("fields=a.b&purpose=p&reason=%0a").unwrap().reason().is_err());
    }
}
