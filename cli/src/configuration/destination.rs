//! One `[[backup.destination]]`: a folder, a folder on an SFTP server, or a bucket of an S3-compatible server.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use coffre_backup::destination::{
    Closed, Destination as Writable, FileSystem, Limited, Removing, S3, S3Settings, Sftp, SftpSettings,
};
use coffre_core::erasure::PlaceName;
use serde::Deserialize;

use super::{credential, joined};
use crate::complaint::Complaint;

/// A place for objects, of whatever kind.
pub(crate) type Opened = Box<dyn Writable + Send + Sync>;

/// One `[[backup.destination]]`, on another machine or disk. Exactly one of `path`, `sftp` and `s3` is set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    /// Its name in reports.
    pub(crate) name: String,
    /// Kilobytes a second that it is written to at most.
    bandwidth_kb: Option<NonZeroU64>,
    /// A folder: a disk, a mounted share.
    pub(crate) path: Option<PathBuf>,
    /// A folder on an SFTP server.
    pub(crate) sftp: Option<SftpPlace>,
    /// A bucket.
    pub(crate) s3: Option<S3Place>,
}

/// The section `[backup.destination.sftp]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SftpPlace {
    host: String,
    #[serde(default = "ssh")]
    port: u16,
    user: String,
    folder: PathBuf,
    /// Our private key; the account that backs up must be able to read it, and nobody else.
    pub(crate) private_key: PathBuf,
    known_hosts: PathBuf,
}

const fn ssh() -> u16 {
    22
}

/// The section `[backup.destination.s3]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3Place {
    endpoint: String,
    #[serde(default = "first_region")]
    region: String,
    bucket: String,
    #[serde(default)]
    prefix: String,
    /// The file with the access key, as AWS's shared credentials.
    pub(crate) credentials_file: Option<PathBuf>,
    /// The systemd credential that holds it.
    credentials_credential: Option<String>,
    authorities: Option<PathBuf>,
}

/// What servers other than Amazon's expect where they do not care.
fn first_region() -> String {
    "us-east-1".to_owned()
}

impl Destination {
    /// What makes no sense.
    pub(super) fn check(&self, spool: Option<&Path>) -> Result<(), &'static str> {
        if matches!(self.name.as_str(), "" | "spool" | "restic") {
            return Err("a destination has no name, or that of the spool or of restic; name it after its place");
        }
        if self.name.parse::<PlaceName>().is_err() {
            return Err(
                "a destination's name is not 1 to 64 letters, digits, `.`, `_` and `-`; name it after its place",
            );
        }
        let kinds = [self.path.is_some(), self.sftp.is_some(), self.s3.is_some()];
        if kinds.iter().filter(|kind| **kind).count() != 1 {
            return Err("a destination is not in one place; set exactly one of `path`, `sftp` and `s3`");
        }
        let both = self.path.as_ref().zip(spool);
        if both.is_some_and(|(path, spool)| path.starts_with(spool) || spool.starts_with(path)) {
            return Err("a destination and the spool lie in one another; a copy belongs on another disk");
        }
        match &self.s3 {
            Some(s3) if s3.credentials_file.is_some() == s3.credentials_credential.is_some() => {
                Err("s3 needs one source of its access key; set either `credentials_file` or `credentials_credential`")
            }
            _ => Ok(()),
        }
    }

    /// Whether systemd hands over what opens it.
    pub(crate) fn is_opened_by_credential(&self) -> bool {
        self.s3.as_ref().is_some_and(|s3| s3.credentials_credential.is_some())
    }

    /// Every path in it, from a folder on.
    pub(super) fn paths_from(&mut self, folder: &Path) {
        let sftp = self.sftp.iter_mut().flat_map(|sftp| [&mut sftp.private_key, &mut sftp.known_hosts]);
        let s3 = self.s3.iter_mut().flat_map(|s3| s3.credentials_file.iter_mut().chain(&mut s3.authorities));
        for path in self.path.iter_mut().chain(sftp).chain(s3) {
            *path = joined(folder, path);
        }
    }

    /// A place, written to no faster than it may be.
    fn limited(&self, place: impl Writable + Send + Sync + 'static) -> Opened {
        match self.bandwidth_kb.map(|limit| limit.saturating_mul(NonZeroU64::MIN.saturating_add(999))) {
            Some(a_second) => Box::new(Limited::new(place, a_second)),
            None => Box::new(place),
        }
    }

    /// The place itself. A server is not asked for anything yet.
    pub(crate) fn open(&self) -> anyhow::Result<Opened> {
        match (&self.path, &self.sftp, &self.s3) {
            (Some(path), ..) => Ok(self.limited(FileSystem::new(path))),
            (None, Some(sftp), _) => Ok(self.limited(Sftp::new(sftp.settings()))),
            (None, None, Some(s3)) => Ok(self.limited(self.bucket(s3)?)),
            (None, None, None) => Err(nowhere().into()),
        }
    }

    /// The same among others: one whose files do not open it is closed until they do, which keeps nobody from the rest.
    pub(crate) fn open_or_closed(&self) -> anyhow::Result<Opened> {
        match self.closed()? {
            Some(closed) => Ok(self.limited(closed)),
            None => self.open(),
        }
    }

    fn closed(&self) -> Result<Option<Closed>, Complaint> {
        let Some(s3) = &self.s3 else { return Ok(None) };
        let settings = s3.settings()?;
        let is_closed = S3::new(&settings).is_err_and(|error| error.of_a_file().is_some());
        Ok(is_closed.then(|| Closed::new(self.printed().place, settings)))
    }

    /// The place itself among others, to remove from it.
    pub(crate) fn open_to_remove(&self) -> anyhow::Result<Box<dyn Removing>> {
        match (&self.path, &self.sftp, &self.s3) {
            (Some(path), ..) => Ok(Box::new(FileSystem::new(path))),
            (None, Some(sftp), _) => Ok(Box::new(Sftp::new(sftp.settings()))),
            (None, None, Some(s3)) => match self.closed()? {
                Some(closed) => Ok(Box::new(closed)),
                None => Ok(Box::new(self.bucket(s3)?)),
            },
            (None, None, None) => Err(nowhere().into()),
        }
    }

    fn bucket(&self, s3: &S3Place) -> Result<S3, Complaint> {
        S3::new(&s3.settings()?).map_err(|error| {
            Complaint::usage(
                format!("the destination {} cannot be used as it is configured: {error}", self.name),
                "correct [backup.destination.s3], see docs/OPERATIONS.md",
            )
        })
    }
}

fn nowhere() -> Complaint {
    Complaint::usage("a destination is nowhere", "set its `path`")
}

/// A destination as it stands in a recovery kit: no secret, only where one is expected.
#[derive(Debug, Clone)]
pub(crate) struct Printed {
    pub(crate) name: String,
    pub(crate) place: String,
    /// What opens it.
    pub(crate) credential: String,
    /// Its section of a configuration, for the machine that restores; credentials lie beside that.
    pub(crate) section: String,
}

impl Destination {
    /// For a recovery kit.
    pub(crate) fn printed(&self) -> Printed {
        let name = self.name.clone();
        let head = format!("[[backup.destination]]\nname = {}\n", quoted(&name));
        let (place, credential, section) = match (&self.path, &self.sftp, &self.s3) {
            (Some(path), ..) => {
                let path = path.display().to_string();
                (path.clone(), String::new(), format!("{head}path = {}\n", quoted(&path)))
            }
            (None, Some(sftp), _) => {
                let SftpPlace { host, port, user, folder, .. } = sftp;
                let folder = folder.display().to_string();
                let section = format!(
                    "{head}[backup.destination.sftp]\nhost = {}\nport = {port}\nuser = {}\nfolder = {}\n\
                     private_key = {}\nknown_hosts = {}\n",
                    quoted(host),
                    quoted(user),
                    quoted(&folder),
                    quoted(&format!("{name}.key")),
                    quoted(&format!("{name}.known_hosts")),
                );
                (format!("sftp://{user}@{host}:{port}{folder}"), format!("{name}.key, {name}.known_hosts"), section)
            }
            (None, None, Some(s3)) => {
                let S3Place { endpoint, region, bucket, prefix, .. } = s3;
                let authorities = s3.authorities.as_ref().map(|_| format!("{name}.ca.pem"));
                let more = authorities.as_ref().map(|file| format!("authorities = {}\n", quoted(file)));
                let section = format!(
                    "{head}[backup.destination.s3]\nendpoint = {}\nregion = {}\nbucket = {}\nprefix = {}\n\
                     credentials_file = {}\n{}",
                    quoted(endpoint),
                    quoted(region),
                    quoted(bucket),
                    quoted(prefix),
                    quoted(&format!("{name}.credentials")),
                    more.unwrap_or_default(),
                );
                let opens: Vec<String> = [format!("{name}.credentials")].into_iter().chain(authorities).collect();
                (format!("{endpoint} {bucket}/{prefix}"), opens.join(", "), section)
            }
            (None, None, None) => (String::new(), String::new(), head),
        };
        Printed { name, place, credential, section }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

impl SftpPlace {
    fn settings(&self) -> SftpSettings {
        let Self { host, port, user, folder, private_key, known_hosts } = self.clone();
        SftpSettings { host, port, user, folder, private_key, known_hosts }
    }
}

impl S3Place {
    fn settings(&self) -> Result<S3Settings, Complaint> {
        let Self { endpoint, region, bucket, prefix, authorities, .. } = self.clone();
        let credentials = match (&self.credentials_file, &self.credentials_credential) {
            (Some(file), _) => file.clone(),
            (None, Some(name)) => credential(name, "credentials_file")?,
            (None, None) => return Err(Complaint::usage("s3 has no access key", "set `credentials_file`")),
        };
        Ok(S3Settings { endpoint, region, bucket, prefix, credentials, authorities })
    }
}
