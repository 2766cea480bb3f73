//! A vault with its spool, its destination and its repository, as they were at the end of one day and of the next.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::change::put;
use crate::evenings::{self, Evenings, Way};
use crate::picture::Picture;
use crate::server::Server;
use crate::transcript;

/// Both evenings, and what there was to be seen on the second.
pub(crate) struct House {
    pub(crate) evenings: Evenings,
    who: Applications,
    records: Vec<String>,
    pub(crate) picture: Picture,
}

/// Whoever asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Applications {
    legal: String,
    sales: String,
    dpo: String,
}

/// A copy of the second evening, to be changed.
pub(crate) struct Copy<'h> {
    pub(crate) house: &'h House,
    folder: tempfile::TempDir,
}

const BACKUP: &str = "vault = \"vault\"\n[server]\nreserve_mb = 0\n\
                      [backup]\nspool = \"spool\"\nstate = \"state\"\nobjective_hours = 1\n\
                      [[backup.destination]]\nname = \"building-b\"\npath = \"building-b\"\n";
/// A repository takes long to open, so only who is about it has one.
const REPOSITORY: &str = "[backup.restic]\nrepository = \"repository\"\npassword_file = \"password\"\n";
/// What is written once there, and replaced as a whole if at all.
const WRITTEN_ONCE: [&str; 5] = ["vault/documents", "spool/main", "spool/keyring", "building-b", "repository"];

/// Their records: enough that no table has one page alone that all of them share.
const CLIENTS: usize = 24;

static HOUSE: OnceLock<House> = OnceLock::new();

impl House {
    /// The one that all tests of this process share.
    pub(crate) fn get() -> &'static Self {
        HOUSE.get_or_init(Self::new)
    }

    fn new() -> Self {
        let after = tempfile::tempdir().expect("a temporary folder");
        let who = found(after.path());
        let server = serve(after.path());
        let records = first_day(&who.at(&server));
        backed_up(after.path());
        server.stop();
        let before = tempfile::tempdir().expect("a temporary folder");
        evenings::copy(after.path(), before.path(), &|_| Way::Copied);

        let server = serve(after.path());
        second_day(&who.at(&server), &records);
        // Many look at everything: a tile of the log is full then, and its root remembered.
        (0..2).for_each(|_| drop(Picture::take(&who.at(&server), &records)));
        succeeds(after.path(), &["key", "rotate"]);
        backed_up(after.path());
        evening(&who.at(&server), &records);
        backed_up_again(after.path());
        let picture = Picture::take(&who.at(&server), &records);
        // What is not in the database files yet stays in the write-ahead logs.
        server.kill();
        Self { evenings: Evenings { before, after }, who, records, picture }
    }

    /// What a file holds on the second evening.
    pub(crate) fn later(&self, file: &Path) -> Vec<u8> {
        self.evenings.later(file)
    }

    /// The files below a folder on the second evening, by their paths in the house.
    pub(crate) fn files(&self, below: &str) -> Vec<PathBuf> {
        self.evenings.files(below)
    }

    /// Without the repository.
    pub(crate) fn copy(&self) -> Copy<'_> {
        let copy = self.whole_copy();
        let text = fs::read_to_string(copy.path().join("coffre.toml")).expect("it is there");
        put(&copy.path().join("coffre.toml"), text.replace(REPOSITORY, "").as_bytes());
        copy
    }

    pub(crate) fn whole_copy(&self) -> Copy<'_> {
        let (folder, from) = (tempfile::tempdir().expect("a temporary folder"), self.evenings.after.path());
        let once = WRITTEN_ONCE.map(|below| from.join(below));
        evenings::copy(from, folder.path(), &|path| {
            if once.iter().any(|once| path.starts_with(once)) { Way::Linked } else { Way::Copied }
        });
        Copy { house: self, folder }
    }
}

impl House {
    /// A copy of some files and folders alone.
    pub(crate) fn of_those(&self, names: &[&str]) -> Copy<'_> {
        let (folder, from) = (tempfile::tempdir().expect("a temporary folder"), self.evenings.after.path());
        let those: Vec<_> = names.iter().map(|name| from.join(name)).collect();
        evenings::copy(from, folder.path(), &|path| {
            if those.iter().any(|one| path.starts_with(one)) { Way::Copied } else { Way::LeftOut }
        });
        Copy { house: self, folder }
    }
}

impl Copy<'_> {
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A verb: exit code, output, errors.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        run(self.path(), arguments)
    }

    /// The arguments of a restore from a place into a folder.
    pub(crate) fn restore(&self, from: &str, to: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path().join("coffre.toml")).expect("it is there");
        let line = text.lines().find(|line| line.starts_with("verification_key")).expect("it is pinned");
        let key = line.split('"').nth(1).expect("a value");
        let identity = "vault.recovery-identity";
        let arguments = ["restore", "--from", from, "--to", to, "--identity", identity, "--vault-key", key];
        arguments.map(str::to_owned).to_vec()
    }

    /// Puts what was restored, if it was, where the vault is.
    pub(crate) fn take_the_place_of_the_vault(&self, restored: &str) {
        fs::remove_dir_all(self.path().join("vault")).expect("it is there");
        fs::rename(self.path().join(restored), self.path().join("vault")).ok();
    }

    /// Serves it; why not, if it refuses.
    pub(crate) fn serve(&self) -> Result<Server, String> {
        let server = start(self.path());
        if server.address().is_empty() { Err(server.log()) } else { Ok(server) }
    }

    /// Whether its log, as it is served, goes on from the head that was kept elsewhere.
    pub(crate) fn goes_on_from_the_head_known_elsewhere(&self) -> bool {
        let Ok(_server) = self.serve() else { return false };
        fs::remove_dir_all(self.path().join("log")).expect("ours");
        succeeds(self.path(), &["audit", "export", "--to", "log"]);
        self.run(&["audit", "verify", "--copy", "log", "--known-head", "head"]).0 != 12
    }

    /// What there is to be seen of it now.
    pub(crate) fn picture(&self, server: &Server) -> Picture {
        Picture::take(&self.house.who.at(server), &self.house.records)
    }
}

/// The applications at a server.
pub(crate) struct Callers {
    pub(crate) legal: Caller,
    pub(crate) sales: Caller,
    pub(crate) dpo: Caller,
}

impl Applications {
    fn at(&self, server: &Server) -> Callers {
        let [legal, sales, dpo] = [&self.legal, &self.sales, &self.dpo].map(|token| server.caller(token));
        Callers { legal, sales, dpo }
    }
}

/// A new vault in a folder, and who may call.
fn found(folder: &Path) -> Applications {
    let made = transcript::run(folder, &[], &["init", "vault", "--environment", "recette"]);
    assert!(made.status.success(), "{made:?}");
    for name in ["spool", "state", "building-b"] {
        fs::create_dir(folder.join(name)).expect("a folder");
    }
    fs::write(folder.join("password"), "correct horse").expect("written");
    fs::set_permissions(folder.join("password"), fs::Permissions::from_mode(0o600)).expect("ours");
    let pins = fs::read_to_string(folder.join("vault/coffre.toml")).expect("init wrote it");
    fs::write(folder.join("coffre.toml"), format!("{pins}{BACKUP}{REPOSITORY}")).expect("written");
    let [legal, sales, dpo] = ["legal", "sales", "dpo"].map(|role| {
        let added = succeeds(folder, &["application", "add", role, "--role", role, "--json"]);
        let added: Value = serde_json::from_str(&added).expect("one JSON object");
        added["token"].as_str().expect("a token").to_owned()
    });
    Applications { legal, sales, dpo }
}

fn done(answer: std::io::Result<Answer>) -> Answer {
    let answer = answer.expect("it answers");
    assert!((200..300).contains(&answer.status), "{answer:?}");
    answer
}

const CONTRACT: &str = "purpose=contract-administration";
const REQUEST: &str = "purpose=data-subject-request&reason=letter";

/// Records with documents and consents.
fn first_day(callers: &Callers) -> Vec<String> {
    let create = |number: usize| {
        let phone = format!("+3319900{number:04}");
        let contact = json!({
            "family_name": format!("Client {number}"), "given_name": "Anne",
            "email": format!("client{number}@example.fr"), "phone": phone,
        });
        let path = format!("/v1/records/policyholder?{CONTRACT}");
        let made = done(callers.legal.send("POST", &path, "", &json!({ "contact": contact })));
        let record = format!("/v1/records/policyholder/{}", made.json()["id"].as_str().expect("an identifier"));
        if number.is_multiple_of(4) {
            done(callers.legal.upload(&record, format!("contract {number}\n").repeat(9000).as_bytes()));
        }
        let consent = json!({
            "role": "sales", "fields": ["contact.email"], "purpose": "direct-marketing", "basis": "consent",
        });
        done(callers.legal.send("POST", &format!("{record}/grants"), "", &consent));
        record
    };
    (0..CLIENTS).map(create).collect()
}

/// Records that change, consents that are withdrawn, one person who is erased and one whose data are restricted.
fn second_day(callers: &Callers, records: &[String]) {
    for (number, record) in records.iter().enumerate() {
        match number % 6 {
            0 => amend(callers, record, 1, &format!("Renamed {number}")),
            1 => withdraw(callers, record),
            2 => drop(done(callers.legal.upload(record, b"a second paper"))),
            _ => {}
        }
    }
    let path = format!("{}/restrict?{REQUEST}&ground=a", records[3]);
    done(callers.legal.ask("POST", &path, "", b""));
    erase(callers, &records[4]);
}

/// What is still in the write-ahead logs.
fn evening(callers: &Callers, records: &[String]) {
    amend(callers, &records[6], 2, "Renamed again");
    amend(callers, &records[5], 1, "Late");
    withdraw(callers, &records[9]);
}

fn amend(callers: &Callers, record: &str, version: u64, name: &str) {
    let headers = format!("If-Match: \"{version}\"\r\nContent-Type: application/merge-patch+json\r\n");
    let body = json!({ "contact.family_name": name }).to_string();
    done(callers.legal.ask("PATCH", &format!("{record}?{CONTRACT}"), &headers, body.as_bytes()));
}

fn withdraw(callers: &Callers, record: &str) {
    let grants = done(Ok(callers.legal.get(&format!("{record}/grants")))).json();
    let grant = grants["grants"][0]["id"].as_str().unwrap_or_else(|| panic!("{grants}"));
    done(callers.legal.ask("POST", &format!("/v1/grants/{grant}/withdraw"), "", b""));
}

fn erase(callers: &Callers, record: &str) {
    for (operator, step) in [("a.martin", "erase"), ("b.durand", "erase/confirm")] {
        let path = format!("{record}/{step}?{REQUEST}");
        done(callers.legal.for_operator(operator).ask("POST", &path, "", b""));
    }
}

fn start(folder: &Path) -> Server {
    Server::start_under(folder, &[("COFFRE_CONFIG", "coffre.toml".as_ref())])
}

fn serve(folder: &Path) -> Server {
    let server = start(folder);
    assert!(!server.address().is_empty(), "it serves");
    server
}

/// Everything is in the files, in the spool, at the destination and in the repository, and a copy of the log beside them. A drill
/// was held.
fn backed_up(folder: &Path) {
    succeeds(folder, &["backup", "run", "--base", "--init"]);
    succeeds(folder, &["drill", "--from", "building-b"]);
    copy_of_the_log(folder);
}

/// The same by segments alone.
fn backed_up_again(folder: &Path) {
    succeeds(folder, &["backup", "run"]);
    copy_of_the_log(folder);
}

/// A copy of the log, and a head of it that somebody keeps elsewhere.
fn copy_of_the_log(folder: &Path) {
    fs::remove_dir_all(folder.join("log")).ok();
    fs::remove_file(folder.join("head")).ok();
    succeeds(folder, &["audit", "head", "--out", "head"]);
    succeeds(folder, &["audit", "export", "--to", "log"]);
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = transcript::run(folder, &[("COFFRE_CONFIG", "coffre.toml")], arguments);
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or_else(|| panic!("{arguments:?} was killed: {told}")), told)
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let (code, told) = run(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {told}");
    told
}
