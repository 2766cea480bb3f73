//! The API's description as a page to read and to try it from. All of it comes from here: the page is shown by a vendored
//! library (`RapiDoc`, MIT), runs no script but that file, and can reach no other place. A token that is typed into it stays
//! in the page's memory.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use super::answer::Answer;
use super::routes::Routes;

const PAGE: &str = include_str!("docs/index.html");
const LIBRARY: &str = include_str!("docs/rapidoc-9.3.8.js");

/// Scripts from this server's files alone, none within the page; styles within it, which the library makes.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Routes {
    Routes::new().get("/docs", page).get("/docs/rapidoc-9.3.8.js", library)
}

async fn page() -> Response {
    let with = |name: HeaderName, value: &'static str| (name, Some(HeaderValue::from_static(value)));
    let headers = [
        with(CONTENT_TYPE, "text/html; charset=utf-8"),
        with(CONTENT_SECURITY_POLICY, POLICY),
        with(REFERRER_POLICY, "no-referrer"),
    ];
    let answer = Answer::new(StatusCode::OK);
    headers.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value)).body(PAGE)
}

async fn library() -> Response {
    let script = HeaderValue::from_static("text/javascript; charset=utf-8");
    Answer::new(StatusCode::OK).with(CONTENT_TYPE, Some(script)).body(LIBRARY)
}

#[cfg(test)]
mod tests {
    use coffre_core::crypto::{hex, sha256};

    use super::*;

    /// As `dist/rapidoc-min.js` is in the package `rapidoc` 9.3.8 of the npm registry.
    const SHA256: &str = "affbd173a65e870e18f392cca963113bcdafb6e50e88cd2f6a834a65b22db94d";

    #[test]
    fn the_library_is_what_its_authors_published() {
        assert_eq!(hex(&sha256(LIBRARY.as_bytes())), SHA256);
        let licence = include_str!("docs/rapidoc-9.3.8.LICENSE.txt");
        assert!(licence.starts_with("MIT License") && licence.contains("Mrinmoy Majumdar"));
    }

    #[test]
    fn the_page_names_nothing_outside_and_runs_nothing_of_its_own() {
        assert!(!PAGE.contains("://"), "an address");
        let scripts: Vec<&str> = PAGE.split("<script").skip(1).collect();
        assert_eq!(scripts.len(), 1);
        assert!(scripts.iter().all(|script| script.contains("src=\"/docs/rapidoc-9.3.8.js\"></script>")));
        for handler in ["onclick", "onload", "javascript:", " style=", "<style"] {
            assert!(!PAGE.contains(handler), "{handler}");
        }
        assert!(PAGE.contains("persist-auth=\"false\"") && PAGE.contains("load-fonts=\"false\""));
    }
}
