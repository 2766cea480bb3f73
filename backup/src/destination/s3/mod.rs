//! A bucket of an S3-compatible server as a destination. Every object is written under the condition that there is
//! none of its name; the credential needs to read, list and write, never to delete.
//!
//! What is durable when: a request that S3 answers with success. A large object exists from its completion on.

mod client;
mod credentials;
mod download;
mod listing;
mod remove;
#[cfg(test)]
pub(super) mod scripted;
mod upload;

use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use rusty_s3::{Bucket, UrlStyle};
use thiserror::Error;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use url::{Host, Url};

use super::queue::Queue;
use super::{Allowance, Contents, Destination, PutError, Source, SourceError, is_sound};
use client::{Client, Failure};
use credentials::Access;
pub use credentials::NoAccessKey;
#[cfg(fuzzing)]
pub use listing::fuzzed;
use upload::{NotWritten, PART, PARTS, read_part};

/// How many objects are sent side by side.
const SIDE_BY_SIDE: usize = 8;
/// Where Debian keeps the authorities that it trusts.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Which bucket, and how it is reached.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Where the server is: `https://HOST[:PORT]`; plain `http` on loopback only.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects begin with; may be empty.
    pub prefix: String,
    /// The file with the access key, in the format of AWS's shared credentials.
    pub credentials: PathBuf,
    /// The authorities that may vouch for the server, in PEM; the system's unless named.
    pub authorities: Option<PathBuf>,
}

/// A bucket that cannot be used as it is configured.
#[derive(Debug, Error)]
pub enum S3Error {
    /// The address is none.
    #[error("{endpoint:?} is no address of an S3 server: write https://HOST or https://HOST:PORT")]
    Endpoint {
        /// What stands there.
        endpoint: String,
    },
    /// The address is not protected.
    #[error("{endpoint} is plain http beyond this machine: use https")]
    NotProtected {
        /// The address.
        endpoint: String,
    },
    /// The prefix cannot be one.
    #[error("{prefix:?} is no prefix: use letters, digits and . - _ in parts separated by /")]
    Prefix {
        /// What stands there.
        prefix: String,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read ({source}): check the path and its permissions", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file with the access key holds none.
    #[error("{path} is not usable: {source}", path = path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        source: NoAccessKey,
    },
    /// The file with the authorities holds none.
    #[error("{path} holds no certificate in PEM: name the file of the authority that signed the server's", path = path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
    },
}

impl S3Error {
    /// What is wrong with a file that is to open the bucket; none where it is the configuration that is wrong.
    pub fn of_a_file(&self) -> Option<String> {
        match self {
            Self::File { path, source } => Some(format!("{} cannot be read, {source}", path.display())),
            Self::Credentials { path, source } => {
                Some(format!("{} has no {} under [default]", path.display(), source.missing))
            }
            Self::Authorities { path } => Some(format!("{} holds no certificate in PEM", path.display())),
            Self::Endpoint { .. } | Self::NotProtected { .. } | Self::Prefix { .. } => None,
        }
    }
}

/// A bucket that holds objects.
pub struct S3 {
    label: String,
    prefix: String,
    client: Client,
    queue: Queue,
}

impl S3 {
    /// Reads the access key; nothing is asked of the server yet.
    pub fn new(settings: &S3Settings) -> Result<Self, S3Error> {
        let S3Settings { endpoint, region, bucket, prefix, credentials, authorities } = settings;
        let no_address = || S3Error::Endpoint { endpoint: endpoint.clone() };
        let url = Url::parse(endpoint).map_err(|_| no_address())?;
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(S3Error::NotProtected { endpoint: endpoint.clone() });
        }
        let agent = agent(&url, authorities.as_deref())?;
        let bucket = Bucket::new(url, UrlStyle::Path, bucket.clone(), region.clone()).map_err(|_| no_address())?;
        let prefix = checked_prefix(prefix)?;
        let label = format!("{endpoint}/{}/{prefix}", bucket.name());
        let client = Client { agent, bucket, access: Access::read(credentials)?, conditions: OnceLock::new() };
        Ok(Self { label, prefix, client, queue: Queue::default() })
    }

    fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    fn source_error(&self, path: &str, failure: Failure) -> SourceError {
        let place = self.label.clone();
        match failure {
            Failure::NotFound { bucket: true } => SourceError::Absent { place },
            Failure::NotFound { bucket: false } => SourceError::NotFound { place, path: path.to_owned() },
            Failure::Refused(source) => SourceError::Refused { place, source },
            Failure::Endless => SourceError::TooMany { place, folder: path.to_owned() },
            failure => SourceError::Unreachable { place, source: failure.into_io() },
        }
    }

    fn put_error(&self, path: &str, error: NotWritten) -> PutError {
        let (place, path) = (self.label.clone(), path.to_owned());
        match error {
            NotWritten::Content(source) => PutError::Content { path, source },
            NotWritten::TooLarge => PutError::TooLarge { place, path },
            NotWritten::Failure(Failure::Exists { .. }) => PutError::Exists { place, path },
            NotWritten::Failure(Failure::NotFound { .. }) => PutError::Absent { place },
            NotWritten::Failure(Failure::Refused(source)) => PutError::Refused { place, source },
            NotWritten::Failure(failure) => PutError::Unreachable { place, source: failure.into_io() },
        }
    }

    fn writable_key(&self, path: &str) -> Result<String, PutError> {
        if is_sound(path) { Ok(self.key(path)) } else { Err(PutError::Path { path: path.to_owned() }) }
    }

    /// Refuses a name that is taken, also by servers that know no conditions.
    fn refuse_taken(&self, path: &str, key: &str) -> Result<(), PutError> {
        match self.client.size(key) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(PutError::Exists { place: self.label.clone(), path: path.to_owned() }),
            Err(failure) => Err(self.put_error(path, failure.into())),
        }
    }

    fn put_one(&self, path: &str, content: &[u8]) -> Result<(), PutError> {
        let key = self.writable_key(path)?;
        // A server that was seen to know conditions refuses by itself: a journey less for each object.
        if !self.client.knows_conditions() {
            self.refuse_taken(path, &key)?;
        }
        self.client.put_whole(&key, content).map_err(|failure| self.put_error(path, failure.into()))
    }

    fn put_from(&self, path: &str, first: Vec<u8>, content: &mut dyn Read) -> Result<u64, PutError> {
        if first.len() < PART {
            return self.put_one(path, &first).map(|()| first.len() as u64);
        }
        let key = self.writable_key(path)?;
        self.refuse_taken(path, &key)?;
        self.client.put_in_parts(&key, first, content).map_err(|error| self.put_error(path, error))
    }
}

impl Source for S3 {
    fn label(&self) -> String {
        self.label.clone()
    }

    fn open(&self, path: &str, range: Option<Range<u64>>) -> Result<Box<dyn Read + '_>, SourceError> {
        if !is_sound(path) {
            return Err(SourceError::Path { path: path.to_owned() });
        }
        match self.client.download(self.key(path), range.as_ref()) {
            Ok(download) => Ok(Box::new(download)),
            Err(failure) => Err(self.source_error(path, failure)),
        }
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        if !is_sound(path) {
            return Err(SourceError::Path { path: path.to_owned() });
        }
        self.client.size(&self.key(path)).map_err(|failure| self.source_error(path, failure))
    }

    fn list(&self, folder: &str) -> Result<Contents, SourceError> {
        if !folder.is_empty() && !is_sound(folder) {
            return Err(SourceError::Path { path: folder.to_owned() });
        }
        let prefix = if folder.is_empty() { self.prefix.clone() } else { format!("{}{folder}/", self.prefix) };
        let listed = self.client.listed(&prefix, Allowance::default());
        let mut contents = listed.map_err(|failure| self.source_error(folder, failure))?;
        contents.objects.sort_unstable();
        contents.folders.sort_unstable();
        Ok(contents)
    }
}

impl Destination for S3 {
    fn put(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        let first = read_part(content).map_err(|source| PutError::Content { path: path.to_owned(), source })?;
        self.put_from(path, first, content)
    }

    fn enqueue(&self, path: &str, content: &mut dyn Read) -> Result<u64, PutError> {
        self.writable_key(path)?;
        let first = read_part(content).map_err(|source| PutError::Content { path: path.to_owned(), source })?;
        if first.len() == PART {
            return self.put_from(path, first, content);
        }
        let length = first.len();
        if self.queue.push(path, first) {
            self.flush()?;
        }
        Ok(length as u64)
    }

    fn flush(&self) -> Result<(), PutError> {
        self.queue.send(&self.label, SIDE_BY_SIDE, |path, content| self.put_one(path, content))
        // Durable: every object that was enqueued, if this succeeds.
    }

    fn largest(&self) -> Option<u64> {
        Some(PART as u64 * PARTS as u64)
    }

    fn tidy(&self) -> Result<(), PutError> {
        self.queue.clear();
        Ok(())
    }
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3({})", self.label)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// With a slash at its end, unless it is empty.
fn checked_prefix(prefix: &str) -> Result<String, S3Error> {
    let prefix = prefix.trim_end_matches('/');
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/".contains(&byte);
    match prefix {
        "" => Ok(String::new()),
        _ if is_sound(prefix) && prefix.bytes().all(known) => Ok(format!("{prefix}/")),
        _ => Err(S3Error::Prefix { prefix: prefix.to_owned() }),
    }
}

fn agent(endpoint: &Url, authorities: Option<&Path>) -> Result<Agent, S3Error> {
    let wait = Some(Duration::from_mins(1));
    let mut settings = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent("coffre")
        .max_idle_connections_per_host(SIDE_BY_SIDE)
        .timeout_resolve(Some(Duration::from_secs(10)))
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(wait)
        .timeout_per_read(wait)
        .timeout_per_write(wait);
    if endpoint.scheme() == "https" {
        settings = settings.https_only(true).tls_config(tls(authorities)?);
    }
    Ok(settings.build().new_agent())
}

fn tls(authorities: Option<&Path>) -> Result<TlsConfig, S3Error> {
    let path = authorities.unwrap_or(Path::new(AUTHORITIES));
    let pem = fs::read(path).map_err(|source| S3Error::File { path: path.to_owned(), source })?;
    let trusted: Vec<Certificate<'static>> = CertificateDer::pem_slice_iter(&pem)
        .filter_map(Result::ok)
        .map(|certificate| Certificate::from_der(&certificate).to_owned())
        .collect();
    if trusted.is_empty() {
        return Err(S3Error::Authorities { path: path.to_owned() });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCerts::new_with_certs(&trusted);
    Ok(TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(roots).build())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_file_that_opens_nothing_is_told_from_a_wrong_configuration() {
        let path = || PathBuf::from("key");
        let source = NoAccessKey { missing: "aws_access_key_id" };
        let of = |error: S3Error| error.of_a_file();
        assert_eq!(
            of(S3Error::Credentials { path: path(), source }).unwrap(),
            "key has no aws_access_key_id under [default]"
        );
        let unread = S3Error::File { path: path(), source: io::ErrorKind::NotFound.into() };
        assert!(of(unread).unwrap().starts_with("key cannot be read, "));
        assert_eq!(of(S3Error::Prefix { prefix: "/a".to_owned() }), None);
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = scripted::key_file(folder.path());
        let with = |endpoint: &str, prefix: &str| {
            S3::new(&S3Settings {
                endpoint: endpoint.to_owned(),
                region: "eu".to_owned(),
                bucket: "coffre".to_owned(),
                prefix: prefix.to_owned(),
                credentials: credentials.clone(),
                authorities: None,
            })
        };
        for endpoint in ["http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"] {
            assert_eq!(with(endpoint, "a/b/").unwrap().label(), format!("{endpoint}/coffre/a/b/"));
        }
        assert!(matches!(with("http://s3.example", ""), Err(S3Error::NotProtected { .. })));
        for endpoint in ["", "s3.example", "ftp://s3.example", "https://"] {
            assert!(matches!(with(endpoint, ""), Err(S3Error::Endpoint { .. } | S3Error::File { .. })), "{endpoint}");
        }
        for prefix in ["/a", "a//b", "../a", "a b"] {
            assert!(matches!(with("http://localhost", prefix), Err(S3Error::Prefix { .. })), "{prefix}");
        }
    }
}
