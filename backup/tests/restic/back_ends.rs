//! The same life of a repository in every kind of place: a folder, a real SSH server, an append-only REST server, a server
//! of the S3 protocol. On every restic that is there.

use std::fs;
use std::process::{Command, Stdio};

use coffre_backup::maintenance::{self, MaintenanceError, Rotation, Upkeep};
use coffre_backup::restic::{Every, ForgetError, PruneError, Retention, Selection};
use coffre_core::time::Timestamp;

use super::bucket::Moto;
use super::listening::{Listening, free_port};
use super::sshd::Sshd;
use super::*;

fn clock() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

fn selection() -> Selection {
    Selection { hosts: vec!["production".to_owned()], tags: vec!["coffre".to_owned()] }
}

/// Keeps the newest only.
fn newest() -> Retention {
    Retention {
        within: vec![(Every::Snapshot, "1h".parse().unwrap())],
        numbers: vec![(Every::Snapshot, 1.try_into().unwrap())],
    }
}

fn upkeep<'a>(bench: &'a Bench, restic: &'a Restic, repository: &'a Repository, of: &'a Selection) -> Upkeep<'a> {
    Upkeep { memory: bench.folder.path(), name: "restic", repository, restic: Some(restic.program()), selection: of }
}

fn snapshot(bench: &Bench, restic: &Restic, repository: &Repository, content: &str) {
    fs::write(bench.path("spool/main/a/one"), content).unwrap();
    let root = bench.path("spool");
    let subject =
        Subject { root: &root, folder: "main", host: "production", tag: "coffre", compression: Compression::Off };
    restic.backup(repository, &subject, &mut ()).unwrap();
}

/// Made, filled, read, reduced, read again.
fn lives(bench: &Bench, restic: &Restic, repository: &Repository) {
    let of = selection();
    let upkeep = upkeep(bench, restic, repository, &of);
    assert!(!restic.is_there(repository, &mut ()).unwrap());
    restic.init(repository, &mut ()).unwrap();
    assert!(restic.is_there(repository, &mut ()).unwrap());
    snapshot(bench, restic, repository, "first");
    snapshot(bench, restic, repository, "second");
    let keep_one = Retention { within: Vec::new(), ..newest() };
    let forgotten = maintenance::forget(&upkeep, &keep_one, false, &clock, &mut ()).unwrap();
    assert_eq!((forgotten.removed.len(), forgotten.kept.len()), (1, 1));
    maintenance::prune(&upkeep, false, &clock, &mut ()).unwrap();
    let rotation = Rotation { days: 28, parts: 28 };
    let checked = maintenance::check(&upkeep, rotation, true, &clock, &mut ()).unwrap();
    assert_eq!(checked.overdue, 0);
    let [left] = &restic.select(repository, &of, &mut ()).unwrap()[..] else { panic!("one stays") };
    assert_eq!(restic.dump(repository, &left.id, "/main/a/one", &mut ()).unwrap(), b"second");
    assert_eq!(restic.locks(repository, &mut ()).unwrap(), []);
}

#[test]
fn a_folder() {
    on_each_restic(|restic| {
        let bench = Bench::new();
        lives(&bench, &restic, &bench.repository());
    });
}

#[test]
fn an_ssh_server() {
    let sshd = Sshd::start();
    on_each_restic(|restic| {
        let bench = Bench::new();
        let settings = sshd.settings();
        let folder = sshd.folder().join(format!("restic-{}", restic.version()));
        let ssh = format!(
            "sftp.command=ssh -F none -i {} -o UserKnownHostsFile={} -p {} {}@{} -s sftp",
            settings.private_key.display(),
            settings.known_hosts.display(),
            settings.port,
            settings.user,
            settings.host
        );
        let location = format!("sftp:{}@{}:{}", settings.user, settings.host, folder.display());
        let repository = Repository { location, options: vec![ssh], ..bench.repository() };
        lives(&bench, &restic, &repository);
        assert!(folder.join("config").is_file(), "it lies on the server");
    });
}

#[test]
fn s3_a_bucket() {
    let moto = Moto::start();
    on_each_restic(|restic| {
        let bench = Bench::new();
        let settings = moto.settings("");
        let location = format!("s3:{}/{}/{}", settings.endpoint, settings.bucket, restic.version());
        let credentials = [("AWS_ACCESS_KEY_ID", "AKIATEST"), ("AWS_SECRET_ACCESS_KEY", "not-a-secret")];
        let credentials = credentials.map(|(name, value)| (name.to_owned(), value.into())).to_vec();
        let repository = Repository { location, credentials, ..bench.repository() };
        lives(&bench, &restic, &repository);
    });
    moto.stop();
}

/// An append-only REST server on a folder.
fn append_only(folder: &Path) -> Listening {
    let port = free_port();
    let mut command = Command::new("rclone");
    command.args(["serve", "restic", "--append-only", "--config", "/dev/null", "--addr"]);
    command
        .arg(format!("127.0.0.1:{port}"))
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Listening::start(&mut command, port)
}

#[test]
fn an_append_only_rest_server_takes_all_and_gives_nothing_up() {
    on_each_restic(|restic| {
        let bench = Bench::new();
        fs::create_dir(bench.path("repository")).unwrap();
        let server = append_only(&bench.path("repository"));
        let location = format!("rest:http://127.0.0.1:{}/", server.port);
        let (adding, of) = (Repository { location, ..bench.repository() }, selection());
        restic.init(&adding, &mut ()).unwrap();
        for content in ["first", "second"] {
            snapshot(&bench, &restic, &adding, content);
        }
        let keep_one = Retention { within: Vec::new(), ..newest() };
        let by_adding = upkeep(&bench, &restic, &adding, &of);
        let error = maintenance::forget(&by_adding, &keep_one, false, &clock, &mut ()).unwrap_err();
        assert!(matches!(error, MaintenanceError::Forget(ForgetError::NotRemoved { left: 1, .. })), "{error}");
        assert_eq!(restic.select(&adding, &of, &mut ()).unwrap().len(), 2);

        // The credential that may remove: here, the folder itself.
        let removing = bench.repository();
        let by_removing = upkeep(&bench, &restic, &removing, &of);
        maintenance::forget(&by_removing, &keep_one, false, &clock, &mut ()).unwrap();
        let error = maintenance::prune(&by_adding, false, &clock, &mut ()).unwrap_err();
        assert!(matches!(error, MaintenanceError::Prune(PruneError::NotRemoved { .. })), "{error}");
        maintenance::prune(&by_removing, false, &clock, &mut ()).unwrap();
        let rotation = Rotation { days: 28, parts: 1 };
        maintenance::check(&by_adding, rotation, false, &clock, &mut ()).unwrap();
        assert_eq!(restic.locks(&adding, &mut ()).unwrap(), [], "locks may be removed all the same");
        server.stop();
    });
}
