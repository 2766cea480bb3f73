//! Listing what lies in a folder of a bucket, page after page.

use std::io::{self, Read};

use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Credentials, S3Action as _};
use ureq::http::Method;

use super::client::{Client, Failure, SIGNED_FOR};
use crate::destination::{Allowance, Contents};

/// Bytes of one page at most: a thousand names of the longest kind are a tenth of it. Whoever answers with more is not
/// listened to until memory is full.
const PAGE: u64 = 64 << 20;
/// So many pages are asked for, and one more for every ten names. Servers put a thousand on a page, or fewer now and then;
/// one that has ever another page with nothing on it has no end.
const PAGES: u64 = 100_000;

impl Client {
    /// What lies directly below a prefix, if it can be kept.
    pub(super) fn listed(&self, prefix: &str, mut allowance: Allowance) -> Result<Contents, Failure> {
        let (mut contents, mut next, mut pages) = (Contents::default(), None::<String>, 0);
        loop {
            let signed = |access: &Credentials| {
                let mut action = self.bucket.list_objects_v2(Some(access));
                action.with_prefix(prefix);
                action.with_delimiter("/");
                if let Some(token) = &next {
                    action.with_continuation_token(token.as_str());
                }
                action.sign(SIGNED_FOR)
            };
            let answer = self.send(&Method::GET, signed, &[], &[])?;
            let (objects, folders) = (contents.objects.len(), contents.folders.len());
            let after = page(answer.into_body().into_reader().take(PAGE), prefix, &mut contents)?;
            pages += 1;
            let objects = contents.objects.iter().skip(objects).map(|(name, _)| name);
            let mut new = objects.chain(contents.folders.iter().skip(folders));
            if !new.all(|name| allowance.name(name)) || has_no_end(pages, &contents) {
                return Err(Failure::Endless);
            }
            if after.is_some() && after == next {
                return Err(Failure::Answer(io::Error::other("a listing that goes round in a circle")));
            }
            match after {
                Some(token) => next = Some(token),
                None => return Ok(contents),
            }
        }
    }
}

fn has_no_end(pages: u64, contents: &Contents) -> bool {
    let names = contents.objects.len() + contents.folders.len();
    pages > PAGES + names as u64 / 10
}

/// Adds what is on a page; gives where the next one begins, if there is one.
fn page(answer: impl Read, prefix: &str, contents: &mut Contents) -> Result<Option<String>, Failure> {
    let page = ListObjectsV2::parse_response_from_reader(answer)
        .map_err(|_| Failure::Answer(io::Error::other("a listing that cannot be read")))?;
    let below = |name: &str| decoded(name).strip_prefix(prefix).map(str::to_owned);
    let objects = page.contents.iter().filter_map(|object| Some((below(&object.key)?, object.size)));
    contents.objects.extend(objects.filter(|(name, _)| !name.is_empty()));
    let folders = page.common_prefixes.iter().filter_map(|folder| below(&folder.prefix));
    contents.folders.extend(folders.map(|name| name.trim_end_matches('/').to_owned()));
    // Some servers say at the end that the next page has an empty name.
    Ok(page.next_continuation_token.filter(|token| !token.is_empty()))
}

/// A page for the fuzz targets: what is on it, and where the next one begins.
#[cfg(fuzzing)]
pub fn fuzzed(answer: &[u8], prefix: &str) -> Option<(Contents, Option<String>)> {
    let mut contents = Contents::default();
    let next = page(answer, prefix, &mut contents).ok()?;
    Some((contents, next))
}

/// A name as it is: a listing is asked for with names encoded as in addresses, and some servers encode every slash, too.
fn decoded(name: &str) -> String {
    let mut parts = name.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        // A sign is no digit, although the library reads it.
        let digits = part.get(..2).filter(|digits| !digits.starts_with('+'));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let (Some(byte), Some(rest)) = (byte, part.get(2..)) {
            bytes.push(byte);
            bytes.extend_from_slice(rest.as_bytes());
        } else {
            bytes.push(b'%');
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::scripted;
    use super::*;

    #[test]
    fn a_server_that_lists_without_an_end_is_not_listened_to_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        // It has ever another page, each with another name.
        let bucket = scripted::bucket(&scripted::key_file(folder.path()), |number, _| {
            let next = format!("<NextContinuationToken>{number}</NextContinuationToken>");
            (200, answer(&format!("a/{number}"), "a/b/", &next))
        });
        let listed = bucket.client.listed("a/", Allowance::of(4_000));
        assert!(matches!(listed, Err(Failure::Endless)), "{listed:?}");
        // Nor to one whose pages hold nothing, or hardly anything.
        let names = |count: usize| Contents { objects: vec![(String::new(), 1); count], folders: Vec::new() };
        assert!(!has_no_end(PAGES, &names(0)) && has_no_end(PAGES + 1, &names(0)));
        assert!(!has_no_end(PAGES + 20, &names(200)) && has_no_end(PAGES + 21, &names(200)));
    }

    fn answer(key: &str, folder: &str, next: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><MaxKeys>1000</MaxKeys>\
             <Contents><Key>{key}</Key><LastModified>2026-11-27T00:00:00.000Z</LastModified><ETag>\"e\"</ETag>\
             <Size>7</Size></Contents><CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>{next}\
             </ListBucketResult>"
        )
    }

    #[test]
    fn names_are_the_same_however_a_server_encodes_them() {
        for (key, folder) in [("a/b/object", "a/b/c/"), ("a%2Fb%2fobject", "a%2Fb%2Fc%2F")] {
            let mut contents = Contents::default();
            let next = page(answer(key, folder, "").as_bytes(), "a/b/", &mut contents).unwrap();
            assert_eq!(next, None);
            assert_eq!(contents.objects, [("object".to_owned(), 7)], "{key}");
            assert_eq!(contents.folders, ["c"], "{folder}");
        }
        assert_eq!(decoded("a%20b%zz%c3%a9%+1%"), "a b%zzé%+1%");
    }

    #[test]
    fn a_listing_ends_where_the_next_page_has_no_name() {
        let next = |text: &str| {
            let answer = answer("a/object", "a/b/", text);
            page(answer.as_bytes(), "a/", &mut Contents::default()).unwrap()
        };
        assert_eq!(next("<NextContinuationToken>t</NextContinuationToken>"), Some("t".to_owned()));
        for end in ["", "<NextContinuationToken></NextContinuationToken>", "<NextContinuationToken/>"] {
            assert_eq!(next(end), None, "{end}");
        }
    }
}
